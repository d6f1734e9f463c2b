// What every driver of the store must do, as one suite of tests that each driver's test file runs.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CompactedError,
  FutureRevisionError,
  type Store,
  type StoreEvent,
  type TxnResult,
  type Write,
} from './port.ts';

const decoder = new TextDecoder();

/** A put whose value is the text and the revision it was written at. */
export function put(key: string, expected: number, text = ''): Write {
  return { kind: 'put', key, expected, encode: (revision) => Buffer.from(`${text}@${revision}`) };
}

export function remove(key: string, expected: number, text = 'gone'): Write {
  return { kind: 'delete', key, expected, encode: (revision) => Buffer.from(`${text}@${revision}`) };
}

export async function write(store: Store, ...writes: Write[]): Promise<number> {
  const result = await store.txn(writes);
  if (!result.ok) throw new Error(`conflict at ${result.key}`);
  return result.revision;
}

const text = (value: { readonly value: Uint8Array } | undefined): string | undefined =>
  value === undefined ? undefined : decoder.decode(value.value);

function collect(events: StoreEvent[]): (batch: readonly StoreEvent[]) => void {
  return (batch) => {
    events.push(...batch);
  };
}

/** `open` gives a new empty store; the suite closes it. */
export function storeConformance(name: string, open: () => Promise<Store>): void {
  describe(`${name} keeps the contract of the store`, () => {
    let store: Store;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(async () => {
      await store.close();
    });

    describe('writes', () => {
      it('begins at revision 0 and grows by one with each transaction that wrote', async () => {
        const start = await store.revision();
        expect(await write(store, put('/a', 0))).toBe(start + 1);
        expect(await write(store, put('/b', 0), put('/c', 0))).toBe(start + 2);
        expect(await store.revision()).toBe(start + 2);
      });

      it('hands the revision to the encoder and keeps the bytes as they are', async () => {
        const revision = await write(store, put('/a', 0, 'x'));
        const value = await store.get('/a');
        expect(text(value)).toBe(`x@${revision}`);
        expect(value).toMatchObject({ key: '/a', createRevision: revision, modRevision: revision });
      });

      it('refuses a create of what exists and tells what is there', async () => {
        const revision = await write(store, put('/a', 0, 'x'));
        const result = await store.txn([put('/a', 0, 'y')]);
        expect(result.ok).toBe(false);
        if (!result.ok) expect(text(result.current)).toBe(`x@${revision}`);
        expect(await store.revision()).toBe(revision);
      });

      it('refuses an update from an old revision, and of a key that is not there', async () => {
        const first = await write(store, put('/a', 0));
        await write(store, put('/a', first));
        expect((await store.txn([put('/a', first)])).ok).toBe(false);
        expect(await store.txn([put('/none', first)])).toMatchObject({ ok: false, key: '/none', current: undefined });
      });

      it('keeps createRevision through updates and makes a new one after a deletion', async () => {
        const made = await write(store, put('/a', 0));
        const updated = await write(store, put('/a', made));
        expect(await store.get('/a')).toMatchObject({ createRevision: made, modRevision: updated });
        await write(store, remove('/a', updated));
        expect(await store.get('/a')).toBeUndefined();
        const again = await write(store, put('/a', 0));
        expect(await store.get('/a')).toMatchObject({ createRevision: again, modRevision: again });
      });

      it('writes all of a transaction or nothing', async () => {
        await write(store, put('/a', 0));
        const result = await store.txn([put('/b', 0), put('/a', 0)]);
        expect(result).toMatchObject({ ok: false, key: '/a' });
        expect(await store.get('/b')).toBeUndefined();
      });

      it('lets exactly one of many racing writers win', async () => {
        const results = await Promise.all(Array.from({ length: 50 }, (_, i) => store.txn([put('/a', 0, String(i))])));
        const winners = results.filter((result) => result.ok);
        expect(winners).toHaveLength(1);
        const losers = results.filter((result): result is Extract<TxnResult, { ok: false }> => !result.ok);
        const current = await store.get('/a');
        for (const loser of losers) expect(text(loser.current)).toBe(text(current));
      });

      it('counts up without a loss when many add to one key', async () => {
        await write(store, put('/n', 0));
        let done = 0;
        const add = async (): Promise<void> => {
          for (;;) {
            const before = await store.get('/n');
            if ((await store.txn([put('/n', before?.modRevision ?? 0)])).ok) break;
          }
          done++;
        };
        const start = await store.revision();
        await Promise.all(Array.from({ length: 20 }, add));
        expect(done).toBe(20);
        expect(await store.revision()).toBe(start + 20);
      });

      it('rejects a transaction whose encoder throws and harms no other', async () => {
        const bad: Write = {
          kind: 'put',
          key: '/bad',
          expected: 0,
          encode: () => {
            throw new Error('no bytes');
          },
        };
        const [good, failed, after] = await Promise.allSettled([
          store.txn([put('/a', 0)]),
          store.txn([bad]),
          store.txn([put('/b', 0)]),
        ]);
        expect(good.status).toBe('fulfilled');
        expect(failed.status).toBe('rejected');
        expect(after.status).toBe('fulfilled');
        expect(await store.revision()).toBe((await store.get('/b'))?.modRevision);
      });

      it('takes keys and values of any characters', async () => {
        const key = '/x/ключ/名前/😀/__proto__';
        const bytes = Buffer.from([0, 255, 1, 128]);
        await write(store, { kind: 'put', key, expected: 0, encode: () => bytes });
        expect(Buffer.from((await store.get(key))?.value ?? [])).toEqual(bytes);
        expect((await store.list({ prefix: '/x/' })).items.map((item) => item.key)).toEqual([key]);
      });
    });

    describe('reads', () => {
      it('hands out the same object as long as it is current', async () => {
        await write(store, put('/a', 0));
        const one = await store.get('/a');
        expect(await store.get('/a')).toBe(one);
        expect((await store.list({ prefix: '/' })).items[0]).toBe(one);
      });

      it('lists a prefix in byte order and no more', async () => {
        for (const key of ['/p/b', '/p/a', '/p/a/x', '/p', '/q/a', '/p/é', '/p/\ufffd', '/p/😀'])
          await write(store, put(key, 0));
        const { items, more, remaining } = await store.list({ prefix: '/p/' });
        expect(items.map((item) => item.key)).toEqual(['/p/a', '/p/a/x', '/p/b', '/p/é', '/p/\ufffd', '/p/😀']);
        expect({ more, remaining }).toEqual({ more: false, remaining: 0 });
      });

      it('pages through thousands of keys written in any order', async () => {
        const keys = Array.from({ length: 3000 }, (_, i) => `/k/${(i * 7919) % 3000}`);
        await Promise.all(keys.map((key) => write(store, put(key, 0))));
        const seen: string[] = [];
        let startAfter: string | undefined;
        const revision = await store.revision();
        for (;;) {
          const page = await store.list({ prefix: '/k/', limit: 700, revision, startAfter });
          expect(page.remaining).toBe(3000 - seen.length - page.items.length);
          seen.push(...page.items.map((item) => item.key));
          if (!page.more) break;
          startAfter = page.items.at(-1)?.key;
        }
        expect(seen).toEqual([...keys].sort());
      });

      it('shows the state of an old revision: values replaced, made and deleted since', async () => {
        const a1 = await write(store, put('/a', 0, 'a'));
        const b1 = await write(store, put('/b', 0, 'b'));
        await write(store, put('/a', a1, 'a2'));
        await write(store, remove('/b', b1));
        await write(store, put('/c', 0, 'c'));
        const old = await store.list({ prefix: '/', revision: b1 });
        expect(old.items.map(text)).toEqual([`a@${a1}`, `b@${b1}`]);
        expect(old.revision).toBe(b1);
        expect(text(await store.get('/b', b1))).toBe(`b@${b1}`);
        expect(await store.get('/c', b1)).toBeUndefined();
        expect(await store.get('/b')).toBeUndefined();
      });

      it('keeps the pages of an old revision stable while keys come and go', async () => {
        const made = new Map<string, number>();
        for (const key of ['/a', '/b', '/c', '/d']) made.set(key, await write(store, put(key, 0)));
        const first = await store.list({ prefix: '/', limit: 2 });
        await write(store, remove('/c', made.get('/c') ?? 0));
        await write(store, put('/bb', 0));
        const second = await store.list({ prefix: '/', limit: 2, startAfter: '/b', revision: first.revision });
        expect(second.items.map((item) => item.key)).toEqual(['/c', '/d']);
        expect(second).toMatchObject({ more: false, remaining: 0, revision: first.revision });
      });

      it('refuses a revision that is not there yet', async () => {
        const revision = await write(store, put('/a', 0));
        await expect(store.get('/a', revision + 1)).rejects.toThrow(FutureRevisionError);
        await expect(store.list({ prefix: '/', revision: revision + 1 })).rejects.toThrow(FutureRevisionError);
        await expect(store.watch({ prefix: '/', afterRevision: revision + 1, onEvents: () => {} })).rejects.toThrow(
          FutureRevisionError,
        );
      });
    });

    describe('watches', () => {
      it('tells of puts and deletes with what was there before', async () => {
        const events: StoreEvent[] = [];
        await store.watch({ prefix: '/a/', afterRevision: await store.revision(), onEvents: collect(events) });
        const r1 = await write(store, put('/a/x', 0, 'one'));
        await write(store, put('/b/x', 0));
        const r2 = await write(store, put('/a/x', r1, 'two'));
        const r3 = await write(store, remove('/a/x', r2, 'last'));
        const seen = events.map((e) => [e.type, e.revision, text(e.current), text(e.previous)]);
        expect(seen).toEqual([
          ['put', r1, `one@${r1}`, undefined],
          ['put', r2, `two@${r2}`, `one@${r1}`],
          ['delete', r3, `last@${r3}`, `two@${r2}`],
        ]);
      });

      it('shows a write to watchers no later than to its writer', async () => {
        const events: StoreEvent[] = [];
        await store.watch({ prefix: '/', afterRevision: await store.revision(), onEvents: collect(events) });
        const revision = await write(store, put('/a', 0));
        expect(events.map((event) => event.revision)).toEqual([revision]);
      });

      it('resumes anywhere in the past without a gap, while writes go on', async () => {
        const start = await store.revision();
        let writing = true;
        const writer = (async () => {
          for (let i = 0; writing; i++) await write(store, put(`/k/${i}`, 0), put(`/other/${i}`, 0));
        })();
        const all: { from: number; events: StoreEvent[] }[] = [];
        for (let i = 0; i < 30; i++) {
          await new Promise((resolve) => setTimeout(resolve, 5));
          const from = i % 3 === 0 ? start : start + Math.floor(((await store.revision()) - start) / 2);
          const one = { from, events: [] as StoreEvent[] };
          all.push(one);
          await store.watch({ prefix: '/k/', afterRevision: from, onEvents: collect(one.events) });
        }
        writing = false;
        await writer;
        const end = await store.revision();
        for (const { from, events } of all)
          expect(events.map((e) => e.revision)).toEqual(Array.from({ length: end - from }, (_, i) => from + 1 + i));
      });

      it('replays a long past with the values of then', async () => {
        const start = await store.revision();
        let revision = 0;
        for (let round = 0; round < 3; round++) {
          const rounds = Array.from({ length: 2000 }, (_, i) => i);
          const before = new Map(
            (await store.list({ prefix: '/k/' })).items.map((item) => [item.key, item.modRevision]),
          );
          await Promise.all(rounds.map((i) => write(store, put(`/k/${i}`, before.get(`/k/${i}`) ?? 0, `r${round}`))));
        }
        revision = await store.revision();
        const events: StoreEvent[] = [];
        await store.watch({ prefix: '/k/', afterRevision: start, onEvents: collect(events) });
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
        const start = await store.revision();
        await write(store, put('/a', 0));
        const events: StoreEvent[] = [];
        await store.watch({ prefix: '/', afterRevision: start, onEvents: collect(events) });
        expect(events[0]?.current).toBe(await store.get('/a'));
      });

      it('stops telling when it is ended, and says when the store closes', async () => {
        const events: StoreEvent[] = [];
        const stop = await store.watch({
          prefix: '/',
          afterRevision: await store.revision(),
          onEvents: collect(events),
        });
        let ended = false;
        await store.watch({
          prefix: '/',
          afterRevision: await store.revision(),
          onEvents: () => {},
          onEnd: () => {
            ended = true;
          },
        });
        stop();
        await write(store, put('/a', 0));
        expect(events).toEqual([]);
        await store.close();
        expect(ended).toBe(true);
      });

      it('ends a watcher that throws, and no other', async () => {
        const start = await store.revision();
        const ends: unknown[] = [];
        const events: StoreEvent[] = [];
        const onEvents = (): never => {
          throw new Error('broken watcher');
        };
        await store.watch({ prefix: '/', afterRevision: start, onEvents, onEnd: (error) => ends.push(error) });
        await store.watch({ prefix: '/', afterRevision: start, onEvents: collect(events) });
        await write(store, put('/a', 0));
        await write(store, put('/b', 0));
        expect(ends).toHaveLength(1);
        expect(events).toHaveLength(2);
      });
    });

    describe('compaction', () => {
      it('forgets older revisions and keeps all that is current', async () => {
        const a1 = await write(store, put('/a', 0, 'a'));
        const b1 = await write(store, put('/b', 0, 'b'));
        const a2 = await write(store, put('/a', a1, 'a'));
        const b2 = await write(store, remove('/b', b1));
        const c1 = await write(store, put('/c', 0, 'c'));
        await store.compact(b2);
        expect(await store.compactedRevision()).toBe(b2);
        await expect(store.get('/a', a2)).rejects.toThrow(CompactedError);
        await expect(store.list({ prefix: '/', revision: a2 })).rejects.toThrow(CompactedError);
        await expect(store.watch({ prefix: '/', afterRevision: a2, onEvents: () => {} })).rejects.toThrow(
          CompactedError,
        );
        expect((await store.list({ prefix: '/', revision: b2 })).items.map(text)).toEqual([`a@${a2}`]);
        expect((await store.list({ prefix: '/' })).items.map(text)).toEqual([`a@${a2}`, `c@${c1}`]);
        const events: StoreEvent[] = [];
        await store.watch({ prefix: '/', afterRevision: b2, onEvents: collect(events) });
        expect(events.map((event) => event.revision)).toEqual([c1]);
      });

      it('keeps what later revisions need of the past', async () => {
        const a1 = await write(store, put('/a', 0, 'a'));
        const mark = await write(store, put('/x', 0));
        const a2 = await write(store, put('/a', a1, 'b'));
        await write(store, put('/a', a2, 'c'));
        await store.compact(mark);
        expect(text(await store.get('/a', mark))).toBe(`a@${a1}`);
        const events: StoreEvent[] = [];
        await store.watch({ prefix: '/a', afterRevision: mark, onEvents: collect(events) });
        expect(events.map((event) => text(event.previous))).toEqual([`a@${a1}`, `b@${a2}`]);
      });

      it('refuses to compact the future and to go back', async () => {
        const first = await write(store, put('/a', 0));
        const second = await write(store, put('/b', 0));
        await expect(store.compact(second + 1)).rejects.toThrow(FutureRevisionError);
        await store.compact(second);
        await expect(store.compact(first)).rejects.toThrow(CompactedError);
      });

      it('goes on beside writes and loses none', async () => {
        const latest = new Map<string, number>();
        for (let round = 0; round < 30; round++) {
          const keys = Array.from({ length: 40 }, (_, i) => `/k/${i}`);
          const compaction = store.compact(await store.revision());
          await Promise.all(
            keys.map(async (key, i) => {
              const at = latest.get(key) ?? 0;
              if (at !== 0 && (i + round) % 5 === 0) {
                await write(store, remove(key, at));
                latest.set(key, 0);
              } else latest.set(key, await write(store, put(key, at)));
            }),
          );
          await compaction;
        }
        const { items } = await store.list({ prefix: '/k/' });
        const expected = [...latest].filter(([, revision]) => revision > 0);
        expect(new Map(items.map((item) => [item.key, item.modRevision]))).toEqual(new Map(expected));
      });
    });

    it('counts its keys', async () => {
      const a = await write(store, put('/a', 0));
      await write(store, put('/b', 0));
      await write(store, remove('/a', a));
      expect((await store.size()).keys).toBe(1);
    });
  });
}
