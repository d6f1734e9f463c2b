// Tests of the recorder of events: what is written, counted, put together and dropped.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Event, Pod } from '../resources/generated/core-v1.ts';
import { createClient } from './client.ts';
import { EventRecorder } from './event-recorder.ts';
import { type FakeApi, fakeApi } from './fake/fake-api.ts';
import { HandClock } from './fake/hand-clock.ts';
import type { Client } from './port.ts';
import { EVENTS } from './refs.ts';

let api: FakeApi;
let client: Client;
let clock: HandClock;
beforeEach(() => {
  api = fakeApi();
  client = createClient({ transport: api.transport, userAgent: 'test' });
  clock = new HandClock();
});

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'ns', uid: 'u1', resourceVersion: '7' },
};

const events = (): Event[] => api.objects<Event>('events');

describe('a recorder of events', () => {
  it('writes an event as kubelets do', async () => {
    const recorder = new EventRecorder({ client, clock, component: 'kubelet', host: 'n1' });
    recorder.event(pod, 'Normal', 'Started', 'Started container c', { fieldPath: 'spec.containers{c}' });
    await recorder.flushed();
    expect(events()).toHaveLength(1);
    expect(events()[0]).toMatchObject({
      involvedObject: {
        kind: 'Pod',
        apiVersion: 'v1',
        namespace: 'ns',
        name: 'p',
        uid: 'u1',
        resourceVersion: '7',
        fieldPath: 'spec.containers{c}',
      },
      type: 'Normal',
      reason: 'Started',
      message: 'Started container c',
      source: { component: 'kubelet', host: 'n1' },
      reportingComponent: 'kubelet',
      reportingInstance: 'n1',
      firstTimestamp: '2026-01-02T03:04:05Z',
      lastTimestamp: '2026-01-02T03:04:05Z',
      count: 1,
    });
    expect(events()[0]?.metadata.name).toMatch(/^p\.[0-9a-f]{16}$/);
    expect(events()[0]?.metadata.namespace).toBe('ns');
  });

  it('gets by with others that tell of the same object in the same moment', async () => {
    const tell = (component: string) => {
      const recorder = new EventRecorder({ client, clock, component });
      recorder.event(pod, 'Normal', 'Scheduled', `${component} says`);
      return recorder;
    };
    await Promise.all([tell('kubelet'), tell('kubelet'), tell('scheduler')].map((r) => r.flushed()));
    expect(
      events()
        .map((e) => e.message)
        .sort(),
    ).toEqual(['kubelet says', 'kubelet says', 'scheduler says']);
    expect(new Set(events().map((e) => e.metadata.name)).size).toBe(3);
  });

  it('counts what happens again onto the same event', async () => {
    const recorder = new EventRecorder({ client, clock, component: 'kubelet' });
    for (let i = 0; i < 3; i++) {
      recorder.event(pod, 'Warning', 'BackOff', 'Back-off restarting failed container');
      await clock.advance(10_000);
    }
    await recorder.flushed();
    expect(events()).toHaveLength(1);
    expect(events()[0]).toMatchObject({
      count: 3,
      firstTimestamp: '2026-01-02T03:04:05Z',
      lastTimestamp: '2026-01-02T03:04:25Z',
    });
  });

  it('goes on counting under a new name when the event has expired', async () => {
    const recorder = new EventRecorder({ client, clock, component: 'kubelet' });
    recorder.event(pod, 'Normal', 'Pulled', 'again');
    await recorder.flushed();
    await client.resource(EVENTS).delete('ns', events()[0]?.metadata.name ?? '');
    recorder.event(pod, 'Normal', 'Pulled', 'again');
    await recorder.flushed();
    expect(events().map((event) => event.count)).toEqual([2]);
  });

  it('puts many messages of one reason together', async () => {
    const recorder = new EventRecorder({ client, clock, component: 'c' });
    for (let i = 0; i < 14; i++) recorder.event(pod, 'Warning', 'Failed', `error ${i}`);
    await recorder.flushed();
    const messages = events().map((event) => event.message);
    expect(messages).toHaveLength(10);
    expect(messages.at(-1)).toBe('(combined from similar events): error 13');
    expect(events().at(-1)?.count).toBe(5);
  });

  it('drops a flood about one object and lets one through every five minutes', async () => {
    const recorder = new EventRecorder({ client, clock, component: 'c' });
    for (let i = 0; i < 100; i++) recorder.event(pod, 'Warning', 'Failed', 'the same');
    await recorder.flushed();
    expect(events()[0]?.count).toBe(25);
    await clock.advance(300_000);
    for (let i = 0; i < 10; i++) recorder.event(pod, 'Warning', 'Failed', 'the same');
    await recorder.flushed();
    expect(events()[0]?.count).toBe(26);
  });

  it('writes series as the scheduler does', async () => {
    const recorder = new EventRecorder({ client, clock, component: 'default-scheduler', style: 'series' });
    recorder.event(pod, 'Warning', 'FailedScheduling', '0/1 nodes are available', { action: 'Scheduling' });
    await recorder.flushed();
    expect(events()[0]).toMatchObject({ eventTime: '2026-01-02T03:04:05.000000Z', action: 'Scheduling' });
    expect(events()[0]).not.toHaveProperty('source');
    expect(events()[0]).not.toHaveProperty('count');
    await clock.advance(1000);
    recorder.event(pod, 'Warning', 'FailedScheduling', '0/1 nodes are available', { action: 'Scheduling' });
    await recorder.flushed();
    expect(events()[0]?.series).toEqual({ count: 2, lastObservedTime: '2026-01-02T03:04:06.000000Z' });
  });

  it('gives cluster-scoped objects their events in the namespace default', async () => {
    const recorder = new EventRecorder({ client, clock, component: 'c' });
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n', uid: 'n' } };
    recorder.event(node, 'Normal', 'Ready', 'is ready');
    await recorder.flushed();
    expect(events()[0]?.metadata.namespace).toBe('default');
  });
});
