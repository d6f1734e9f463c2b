// Every change once, in order, from any revision that is still known.
import { expect, it } from 'vitest';
import type { Store, StoreEvent } from '../port.ts';
import { collect, put, remove, text, write } from './tools.ts';

export function watches(store: () => Store): void {
  it('tells of puts and deletes with what was there before', async () => {
    const events: StoreEvent[] = [];
    await store().watch({ prefix: '/a/', afterRevision: await store().revision(), onEvents: collect(events) });
    const r1 = await write(store(), put('/a/x', 0, 'one'));
    await write(store(), put('/b/x', 0));
    const r2 = await write(store(), put('/a/x', r1, 'two'));
    const r3 = await write(store(), remove('/a/x', r2, 'last'));
    const seen = events.map((e) => [e.type, e.revision, text(e.current), text(e.previous)]);
    expect(seen).toEqual([
      ['put', r1, `one@${r1}`, undefined],
      ['put', r2, `two@${r2}`, `one@${r1}`],
      ['delete', r3, `last@${r3}`, `two@${r2}`],
    ]);
  });

  it('shows a write to watchers no later than to its writer', async () => {
    const events: StoreEvent[] = [];
    await store().watch({ prefix: '/', afterRevision: await store().revision(), onEvents: collect(events) });
    const revision = await write(store(), put('/a', 0));
    expect(events.map((event) => event.revision)).toEqual([revision]);
  });

  it('resumes anywhere in the past without a gap, while writes go on', async () => {
    const start = await store().revision();
    let writing = true;
    const writer = (async () => {
      for (let i = 0; writing; i++) await write(store(), put(`/k/${i}`, 0), put(`/other/${i}`, 0));
    })();
    const all: { from: number; events: StoreEvent[] }[] = [];
    for (let i = 0; i < 30; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      const from = i % 3 === 0 ? start : start + Math.floor(((await store().revision()) - start) / 2);
      const one = { from, events: [] as StoreEvent[] };
      all.push(one);
      await store().watch({ prefix: '/k/', afterRevision: from, onEvents: collect(one.events) });
    }
    writing = false;
    await writer;
    const end = await store().revision();
    for (const { from, events } of all)
      expect(events.map((e) => e.revision)).toEqual(Array.from({ length: end - from }, (_, i) => from + 1 + i));
  });

  it('replays a long past with the values of then', async () => {
    const start = await store().revision();
    let revision = 0;
    for (let round = 0; round < 3; round++) {
      const rounds = Array.from({ length: 2000 }, (_, i) => i);
      const before = new Map((await store().list({ prefix: '/k/' })).items.map((item) => [item.key, item.modRevision]));
      await Promise.all(rounds.map((i) => write(store(), put(`/k/${i}`, before.get(`/k/${i}`) ?? 0, `r${round}`))));
    }
    revision = await store().revision();
    const events: StoreEvent[] = [];
    await store().watch({ prefix: '/k/', afterRevision: start, onEvents: collect(events) });
    expect(events).toHaveLength(6000);
    expect(events.map((e) => e.revision)).toEqual(Array.from({ length: 6000 }, (_, i) => start + 1 + i));
    for (const event of events) {
      const round = Math.floor((event.revision - start - 1) / 2000);
      expect(text(event.current)).toBe(`r${round}@${event.revision}`);
      expect(text(event.previous)?.startsWith(`r${round - 1}@`)).toBe(round === 0 ? undefined : true);
    }
    expect(revision).toBe(start + 6000);
  });

  it('hands out the current object in replayed events', async () => {
    const start = await store().revision();
    await write(store(), put('/a', 0));
    const events: StoreEvent[] = [];
    await store().watch({ prefix: '/', afterRevision: start, onEvents: collect(events) });
    expect(events[0]?.current).toBe(await store().get('/a'));
  });

  it('stops telling when it is ended, and says when the store closes', async () => {
    const events: StoreEvent[] = [];
    const stop = await store().watch({
      prefix: '/',
      afterRevision: await store().revision(),
      onEvents: collect(events),
    });
    let ended = false;
    await store().watch({
      prefix: '/',
      afterRevision: await store().revision(),
      onEvents: () => {},
      onEnd: () => {
        ended = true;
      },
    });
    stop();
    await write(store(), put('/a', 0));
    expect(events).toEqual([]);
    await store().close();
    expect(ended).toBe(true);
  });

  it('ends a watcher that throws, and no other', async () => {
    const start = await store().revision();
    const ends: unknown[] = [];
    const events: StoreEvent[] = [];
    const onEvents = (): never => {
      throw new Error('broken watcher');
    };
    await store().watch({ prefix: '/', afterRevision: start, onEvents, onEnd: (error) => ends.push(error) });
    await store().watch({ prefix: '/', afterRevision: start, onEvents: collect(events) });
    await write(store(), put('/a', 0));
    await write(store(), put('/b', 0));
    expect(ends).toHaveLength(1);
    expect(events).toHaveLength(2);
  });
}
