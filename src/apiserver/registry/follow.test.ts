// What follows a collection hears of all that was there, then of each change with what was before it, and of nothing else.
import { expect, test } from 'vitest';
import { openMemoryStore, type Store, type StoredValue } from '../../store/index.ts';
import { followCollection } from './follow.ts';

const text = (value: StoredValue | undefined) => (value === undefined ? '-' : Buffer.from(value.value).toString());

async function write(store: Store, key: string, expected: number, words?: string): Promise<number> {
  const encode = () => Buffer.from(words ?? 'last');
  const result = await store.txn([{ kind: words === undefined ? 'delete' : 'put', key, expected, encode }]);
  if (!result.ok) throw new Error(`${key} is not at ${expected}`);
  return result.revision;
}

test('a collection is told as it is, then change by change', async () => {
  const store = openMemoryStore();
  const first = await write(store, '/a/x', 0, 'one');
  await write(store, '/b/x', 0, 'of others');
  const heard: string[] = [];
  const stop = await followCollection(store, '/a/', {
    put: (key, value, before) => heard.push(`put ${key} ${text(value)} ${text(before)}`),
    gone: (key, before) => heard.push(`gone ${key} ${text(before)}`),
    settled: () => heard.push('settled'),
  });
  expect(heard.splice(0)).toEqual(['put x one -', 'settled']);
  const second = await write(store, '/a/x', first, 'two');
  await write(store, '/b/y', 0, 'of others');
  await write(store, '/a/y', 0, 'new');
  await write(store, '/a/x', second);
  const told = () => heard.filter((line) => line !== 'settled');
  await expect.poll(told).toEqual(['put x two one', 'put y new -', 'gone x two']);
  expect(heard.at(-1)).toBe('settled');
  stop();
  await write(store, '/a/z', 0, 'unheard');
  await new Promise((resolve) => setImmediate(resolve));
  expect(told()).toHaveLength(3);
  await store.close();
});
