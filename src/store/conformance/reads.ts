// Values and lists, of now and of earlier revisions.
import { expect, it } from 'vitest';
import { FutureRevisionError, type Store } from '../port.ts';
import { put, remove, text, write } from './tools.ts';

export function reads(store: () => Store): void {
  it('hands out the same object as long as it is current', async () => {
    await write(store(), put('/a', 0));
    const one = await store().get('/a');
    expect(await store().get('/a')).toBe(one);
    expect((await store().list({ prefix: '/' })).items[0]).toBe(one);
  });

  it('lists a prefix in byte order and no more', async () => {
    for (const key of ['/p/b', '/p/a', '/p/a/x', '/p', '/q/a', '/p/é', '/p/\ufffd', '/p/😀'])
      await write(store(), put(key, 0));
    const { items, more, remaining } = await store().list({ prefix: '/p/' });
    expect(items.map((item) => item.key)).toEqual(['/p/a', '/p/a/x', '/p/b', '/p/é', '/p/\ufffd', '/p/😀']);
    expect({ more, remaining }).toEqual({ more: false, remaining: 0 });
  });

  it('pages through thousands of keys written in any order', async () => {
    const keys = Array.from({ length: 3000 }, (_, i) => `/k/${(i * 7919) % 3000}`);
    await Promise.all(keys.map((key) => write(store(), put(key, 0))));
    const seen: string[] = [];
    let startAfter: string | undefined;
    const revision = await store().revision();
    for (;;) {
      const page = await store().list({ prefix: '/k/', limit: 700, revision, startAfter });
      expect(page.remaining).toBe(3000 - seen.length - page.items.length);
      seen.push(...page.items.map((item) => item.key));
      if (!page.more) break;
      startAfter = page.items.at(-1)?.key;
    }
    expect(seen).toEqual([...keys].sort());
  });

  it('shows the state of an old revision: values replaced, made and deleted since', async () => {
    const a1 = await write(store(), put('/a', 0, 'a'));
    const b1 = await write(store(), put('/b', 0, 'b'));
    await write(store(), put('/a', a1, 'a2'));
    await write(store(), remove('/b', b1));
    await write(store(), put('/c', 0, 'c'));
    const old = await store().list({ prefix: '/', revision: b1 });
    expect(old.items.map(text)).toEqual([`a@${a1}`, `b@${b1}`]);
    expect(old.revision).toBe(b1);
    expect(text(await store().get('/b', b1))).toBe(`b@${b1}`);
    expect(await store().get('/c', b1)).toBeUndefined();
    expect(await store().get('/b')).toBeUndefined();
  });

  it('keeps the pages of an old revision stable while keys come and go', async () => {
    const made = new Map<string, number>();
    for (const key of ['/a', '/b', '/c', '/d']) made.set(key, await write(store(), put(key, 0)));
    const first = await store().list({ prefix: '/', limit: 2 });
    await write(store(), remove('/c', made.get('/c') ?? 0));
    await write(store(), put('/bb', 0));
    const second = await store().list({ prefix: '/', limit: 2, startAfter: '/b', revision: first.revision });
    expect(second.items.map((item) => item.key)).toEqual(['/c', '/d']);
    expect(second).toMatchObject({ more: false, remaining: 0, revision: first.revision });
  });

  it('refuses a revision that is not there yet', async () => {
    const revision = await write(store(), put('/a', 0));
    await expect(store().get('/a', revision + 1)).rejects.toThrow(FutureRevisionError);
    await expect(store().list({ prefix: '/', revision: revision + 1 })).rejects.toThrow(FutureRevisionError);
    await expect(store().watch({ prefix: '/', afterRevision: revision + 1, onEvents: () => {} })).rejects.toThrow(
      FutureRevisionError,
    );
  });

  it('counts its keys', async () => {
    const a = await write(store(), put('/a', 0));
    await write(store(), put('/b', 0));
    await write(store(), remove('/a', a));
    expect((await store().size()).keys).toBe(1);
  });
}
