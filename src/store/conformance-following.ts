// What every store must do with a transaction that follows another.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { put, remove, write } from './conformance/index.ts';
import type { Store, StoreEvent } from './port.ts';

export function followingConformance(open: () => Promise<Store>): void {
  describe('a transaction that follows another', () => {
    let store: Store;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store.close());

    it('is of the next revision, is made of what the first wrote, and answers for both', async () => {
      const first = await write(store, put('/a', 0, 'x'));
      const result = await store.txn([put('/a', first, 'marked')], ({ revision, values: [value] }) => {
        expect([revision, value?.modRevision]).toEqual([first + 1, first + 1]);
        return [remove('/a', revision)];
      });
      expect(result).toEqual({ ok: true, revision: first + 2, values: [undefined] });
      expect(await store.get('/a')).toBeUndefined();
      expect(await store.revision()).toBe(first + 2);
      expect((await store.get('/a', first + 1))?.modRevision).toBe(first + 1);
    });

    it('lets watchers see both, in order, and nothing of others between them', async () => {
      const events: StoreEvent[] = [];
      const start = await store.revision();
      await store.watch({ prefix: '/', afterRevision: start, onEvents: (batch) => events.push(...batch) });
      await Promise.all([
        store.txn([put('/a', 0)], ({ revision }) => [remove('/a', revision)]),
        store.txn([put('/b', 0)]),
        store.txn([put('/c', 0)], ({ revision }) => [put('/c', revision)]),
      ]);
      expect(events.map((e) => [e.revision - start, e.type, e.current.key, e.previous?.key])).toEqual([
        [1, 'put', '/a', undefined],
        [2, 'delete', '/a', '/a'],
        [3, 'put', '/b', undefined],
        [4, 'put', '/c', undefined],
        [5, 'put', '/c', '/c'],
      ]);
    });

    it('is not asked for when the first is refused', async () => {
      await write(store, put('/a', 0));
      const result = await store.txn([put('/a', 0)], () => {
        throw new Error('asked for');
      });
      expect(result.ok).toBe(false);
    });

    it('takes the first with it when it cannot be made', async () => {
      const start = await store.revision();
      const broken = store.txn([put('/a', 0)], () => {
        throw new Error('no idea');
      });
      await expect(broken).rejects.toThrow('no idea');
      await expect(store.txn([put('/a', 0)], () => [put('/a', 0)])).rejects.toThrow('/a is not at revision 0');
      expect([await store.get('/a'), await store.revision()]).toEqual([undefined, start]);
    });
  });
}
