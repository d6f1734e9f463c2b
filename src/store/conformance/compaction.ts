// What is forgotten, and what stays.
import { expect, it } from 'vitest';
import { CompactedError, FutureRevisionError, type Store, type StoreEvent } from '../port.ts';
import { collect, put, remove, text, write } from './tools.ts';

export function compaction(store: () => Store): void {
  it('forgets older revisions and keeps all that is current', async () => {
    const a1 = await write(store(), put('/a', 0, 'a'));
    const b1 = await write(store(), put('/b', 0, 'b'));
    const a2 = await write(store(), put('/a', a1, 'a'));
    const b2 = await write(store(), remove('/b', b1));
    const c1 = await write(store(), put('/c', 0, 'c'));
    await store().compact(b2);
    expect(await store().compactedRevision()).toBe(b2);
    await expect(store().get('/a', a2)).rejects.toThrow(CompactedError);
    await expect(store().list({ prefix: '/', revision: a2 })).rejects.toThrow(CompactedError);
    await expect(store().watch({ prefix: '/', afterRevision: a2, onEvents: () => {} })).rejects.toThrow(CompactedError);
    expect((await store().list({ prefix: '/', revision: b2 })).items.map(text)).toEqual([`a@${a2}`]);
    expect((await store().list({ prefix: '/' })).items.map(text)).toEqual([`a@${a2}`, `c@${c1}`]);
    const events: StoreEvent[] = [];
    await store().watch({ prefix: '/', afterRevision: b2, onEvents: collect(events) });
    expect(events.map((event) => event.revision)).toEqual([c1]);
  });

  it('keeps what later revisions need of the past', async () => {
    const a1 = await write(store(), put('/a', 0, 'a'));
    const mark = await write(store(), put('/x', 0));
    const a2 = await write(store(), put('/a', a1, 'b'));
    await write(store(), put('/a', a2, 'c'));
    await store().compact(mark);
    expect(text(await store().get('/a', mark))).toBe(`a@${a1}`);
    const events: StoreEvent[] = [];
    await store().watch({ prefix: '/a', afterRevision: mark, onEvents: collect(events) });
    expect(events.map((event) => text(event.previous))).toEqual([`a@${a1}`, `b@${a2}`]);
  });

  it('refuses to compact the future and to go back', async () => {
    const first = await write(store(), put('/a', 0));
    const second = await write(store(), put('/b', 0));
    await expect(store().compact(second + 1)).rejects.toThrow(FutureRevisionError);
    await store().compact(second);
    await expect(store().compact(first)).rejects.toThrow(CompactedError);
  });

  it('goes on beside writes and loses none', async () => {
    const latest = new Map<string, number>();
    for (let round = 0; round < 30; round++) {
      const keys = Array.from({ length: 40 }, (_, i) => `/k/${i}`);
      const compaction = store().compact(await store().revision());
      await Promise.all(
        keys.map(async (key, i) => {
          const at = latest.get(key) ?? 0;
          if (at !== 0 && (i + round) % 5 === 0) {
            await write(store(), remove(key, at));
            latest.set(key, 0);
          } else latest.set(key, await write(store(), put(key, at)));
        }),
      );
      await compaction;
    }
    const { items } = await store().list({ prefix: '/k/' });
    const expected = [...latest].filter(([, revision]) => revision > 0);
    expect(new Map(items.map((item) => [item.key, item.modRevision]))).toEqual(new Map(expected));
  });
}
