// What a transaction writes, and when it is refused.
import { expect, it } from 'vitest';
import type { Store, TxnResult, Write } from '../port.ts';
import { put, remove, text, write } from './tools.ts';

export function writes(store: () => Store): void {
  it('begins at revision 0 and grows by one with each transaction that wrote', async () => {
    const start = await store().revision();
    expect(await write(store(), put('/a', 0))).toBe(start + 1);
    expect(await write(store(), put('/b', 0), put('/c', 0))).toBe(start + 2);
    expect(await store().revision()).toBe(start + 2);
  });

  it('hands the revision to the encoder and keeps the bytes as they are', async () => {
    const revision = await write(store(), put('/a', 0, 'x'));
    const value = await store().get('/a');
    expect(text(value)).toBe(`x@${revision}`);
    expect(value).toMatchObject({ key: '/a', createRevision: revision, modRevision: revision });
  });

  it('refuses a create of what exists and tells what is there', async () => {
    const revision = await write(store(), put('/a', 0, 'x'));
    const result = await store().txn([put('/a', 0, 'y')]);
    expect(result.ok).toBe(false);
    if (!result.ok) expect(text(result.current)).toBe(`x@${revision}`);
    expect(await store().revision()).toBe(revision);
  });

  it('refuses an update from an old revision, and of a key that is not there', async () => {
    const first = await write(store(), put('/a', 0));
    await write(store(), put('/a', first));
    expect((await store().txn([put('/a', first)])).ok).toBe(false);
    expect(await store().txn([put('/none', first)])).toMatchObject({ ok: false, key: '/none', current: undefined });
  });

  it('keeps createRevision through updates and makes a new one after a deletion', async () => {
    const made = await write(store(), put('/a', 0));
    const updated = await write(store(), put('/a', made));
    expect(await store().get('/a')).toMatchObject({ createRevision: made, modRevision: updated });
    await write(store(), remove('/a', updated));
    expect(await store().get('/a')).toBeUndefined();
    const again = await write(store(), put('/a', 0));
    expect(await store().get('/a')).toMatchObject({ createRevision: again, modRevision: again });
  });

  it('writes all of a transaction or nothing', async () => {
    await write(store(), put('/a', 0));
    const result = await store().txn([put('/b', 0), put('/a', 0)]);
    expect(result).toMatchObject({ ok: false, key: '/a' });
    expect(await store().get('/b')).toBeUndefined();
  });

  it('lets exactly one of many racing writers win', async () => {
    const results = await Promise.all(Array.from({ length: 50 }, (_, i) => store().txn([put('/a', 0, String(i))])));
    const winners = results.filter((result) => result.ok);
    expect(winners).toHaveLength(1);
    const losers = results.filter((result): result is Extract<TxnResult, { ok: false }> => !result.ok);
    const current = await store().get('/a');
    for (const loser of losers) expect(text(loser.current)).toBe(text(current));
  });

  it('counts up without a loss when many add to one key', async () => {
    await write(store(), put('/n', 0));
    let done = 0;
    const add = async (): Promise<void> => {
      for (;;) {
        const before = await store().get('/n');
        if ((await store().txn([put('/n', before?.modRevision ?? 0)])).ok) break;
      }
      done++;
    };
    const start = await store().revision();
    await Promise.all(Array.from({ length: 20 }, add));
    expect(done).toBe(20);
    expect(await store().revision()).toBe(start + 20);
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
      store().txn([put('/a', 0)]),
      store().txn([bad]),
      store().txn([put('/b', 0)]),
    ]);
    expect(good.status).toBe('fulfilled');
    expect(failed.status).toBe('rejected');
    expect(after.status).toBe('fulfilled');
    expect(await store().revision()).toBe((await store().get('/b'))?.modRevision);
  });

  it('takes keys and values of any characters', async () => {
    const key = '/x/ключ/名前/😀/__proto__';
    const bytes = Buffer.from([0, 255, 1, 128]);
    await write(store(), { kind: 'put', key, expected: 0, encode: () => bytes });
    expect(Buffer.from((await store().get(key))?.value ?? [])).toEqual(bytes);
    expect((await store().list({ prefix: '/x/' })).items.map((item) => item.key)).toEqual([key]);
  });

  it('leaves others their turn while many write again as soon as they are answered', async () => {
    let turns = 0;
    const count = (): void => {
      turns++;
      timer = setImmediate(count);
    };
    let timer = setImmediate(count);
    // They refuse one another: nothing of most of these goes to a disk.
    const insist = async (): Promise<void> => {
      for (let i = 0; i < 50; i++) await store().txn([put('/contested', 0)]);
    };
    await Promise.all(Array.from({ length: 8 }, insist));
    clearImmediate(timer);
    expect(turns).toBeGreaterThan(20);
  });
}
