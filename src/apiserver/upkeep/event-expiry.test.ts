// Tests of the end of events: when they were last written, and that they go without anybody's asking.
import { describe, expect, it } from 'vitest';
import { HandClock } from '../../client/index.ts';
import type { Event } from '../../resources/generated/core-v1.ts';
import { startTestServer, TestSink } from '../test-fixture.ts';
import { lastWritten } from './event-expiry.ts';

const start = Date.UTC(2026, 0, 1);

describe('an event', () => {
  const event = (more: object): Event => ({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'e', creationTimestamp: '2026-01-01T00:00:00Z' },
    involvedObject: {},
    ...more,
  });

  it('was last written when its newest time says so', () => {
    expect(lastWritten(event({}))).toBe(start);
    expect(lastWritten(event({ lastTimestamp: '2026-01-01T01:00:00Z' }))).toBe(start + 3_600_000);
    const series = { eventTime: '2026-01-01T00:00:00.000000Z', series: { lastObservedTime: '2026-01-01T00:30:00.5Z' } };
    expect(lastWritten(event(series))).toBe(start + 1_800_500);
  });

  it('is forgotten an hour after that, whoever watches sees it go, and younger ones stay', async () => {
    const clock = new HandClock(start);
    const server = await startTestServer({ clock });
    const events = '/api/v1/namespaces/default/events';
    const post = (name: string, lastTimestamp: string) =>
      server.call(
        'POST',
        events,
        event({ metadata: { name }, involvedObject: { namespace: 'default' }, lastTimestamp }),
      );
    const names = async () => {
      const { items = [] } = (await server.call('GET', events)).body;
      return items.map((one) => (one.metadata as { name: string }).name);
    };
    expect((await post('old', '2026-01-01T00:00:00Z')).status).toBe(201);
    expect((await post('young', '2026-01-01T00:30:00Z')).status).toBe(201);
    await clock.advance(55 * 60_000);
    expect(await names()).toEqual(['old', 'young']);
    // The clock that is moved by hand ends watches too: this one begins late.
    const { body } = await server.call('GET', events);
    const watched = await server.raw('GET', `${events}?watch=1&resourceVersion=${body.metadata?.resourceVersion}`);
    const sink = new TestSink();
    if (!('start' in watched.body)) throw new Error('no stream');
    watched.body.start(sink);
    await clock.advance(10 * 60_000);
    expect(await names()).toEqual(['young']);
    await expect.poll(() => sink.events()).toMatchObject([{ type: 'DELETED', object: { metadata: { name: 'old' } } }]);
    sink.end();
    await server.api.close();
  });
});
