// The LMDB driver: the suite of all drivers, restarts, one process per directory, writes flushed together.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { put, remove, storeConformance, write } from '../conformance/index.ts';
import { followingConformance } from '../conformance-following.ts';
import { CompactedError, type Store, type StoreEvent } from '../port.ts';
import { StoreLockedError } from './lock.ts';
import { openLmdbStore } from './open.ts';

const made: string[] = [];
async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'minke-store-'));
  made.push(directory);
  return directory;
}
afterAll(async () => {
  for (const directory of made) await rm(directory, { recursive: true, force: true });
});

async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const gc: () => void = runInNewContext('gc');
  for (let i = 0; i < 3; i++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

storeConformance('the store on LMDB', async () => openLmdbStore({ directory: await newDirectory() }));
followingConformance(async () => openLmdbStore({ directory: await newDirectory() }));

describe('a store on LMDB', () => {
  let directory: string;
  let store: Store;
  beforeEach(async () => {
    directory = await newDirectory();
    store = await openLmdbStore({ directory });
  });
  afterEach(() => store.close());

  async function reopen(): Promise<void> {
    await store.close();
    store = await openLmdbStore({ directory });
  }

  it('is after a restart as it was before: values, revision, history', async () => {
    const a1 = await write(store, put('/a', 0, 'one'));
    const b1 = await write(store, put('/b', 0));
    const a2 = await write(store, put('/a', a1, 'two'));
    const b2 = await write(store, remove('/b', b1));
    await reopen();
    expect(await store.revision()).toBe(b2);
    expect(await store.get('/a')).toMatchObject({ createRevision: a1, modRevision: a2 });
    expect(await store.get('/b')).toBeUndefined();
    expect((await store.list({ prefix: '/', revision: b1 })).items.map((i) => i.modRevision)).toEqual([a1, b1]);
    const events: StoreEvent[] = [];
    await store.watch({ prefix: '/', afterRevision: a1, onEvents: (batch) => events.push(...batch) });
    await write(store, put('/c', 0));
    expect(events.map((e) => [e.revision, e.type, e.previous?.modRevision])).toEqual([
      [b1, 'put', undefined],
      [a2, 'put', a1],
      [b2, 'delete', b1],
      [b2 + 1, 'put', undefined],
    ]);
  });

  it('remembers after a restart what was compacted, and its revision though the newest record was a forgotten deletion', async () => {
    const a1 = await write(store, put('/a', 0));
    const gone = await write(store, remove('/a', a1));
    await store.compact(gone);
    await reopen();
    expect(await store.revision()).toBe(gone);
    expect(await store.compactedRevision()).toBe(gone);
    await expect(store.get('/a', a1)).rejects.toThrow(CompactedError);
    expect(await write(store, put('/a', 0))).toBe(gone + 1);
  });

  it('gives back the space of what it forgot', async () => {
    let at = await write(store, put('/a', 0, 'x'.repeat(100_000)));
    for (let i = 0; i < 50; i++) {
      at = await write(store, put('/a', at, 'x'.repeat(100_000)));
      await store.compact(at);
    }
    expect((await store.size()).bytes).toBeLessThan(3_000_000);
  });

  it('holds only current values in memory', async () => {
    const used = (): number => process.memoryUsage().arrayBuffers;
    let at = await write(store, put('/a', 0));
    const before = used();
    for (let i = 0; i < 300; i++) at = await write(store, put('/a', at, 'x'.repeat(200_000)));
    await collectGarbage();
    // 60 MB went through; the newest events may be left.
    expect(used() - before).toBeLessThan(15_000_000);
  });

  it('lets one process at a time open a directory', async () => {
    await expect(openLmdbStore({ directory })).rejects.toThrow(StoreLockedError);
    await expect(openLmdbStore({ directory })).rejects.toThrow(`is in use by process ${process.pid}`);
    await reopen();
  });

  it('flushes the writes of 32 writers together: they get more done than as many one after the other', async () => {
    const value = Buffer.alloc(1000, 'x');
    const writer = async (name: string, writes: number): Promise<void> => {
      for (let i = 0; i < writes; i++)
        await store.txn([{ kind: 'put', key: `/k/${name}/${i}`, expected: 0, encode: () => value }]);
    };
    const timed = async (work: Promise<unknown>): Promise<number> => {
      const start = performance.now();
      await work;
      return performance.now() - start;
    };
    const alone = await timed(writer('alone', 640));
    const together = await timed(Promise.all(Array.from({ length: 32 }, (_, w) => writer(String(w), 20))));
    expect(together).toBeLessThan(alone / 2);
  });
});
