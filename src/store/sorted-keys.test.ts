// Tests of the ordered list of keys.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compareBytes, SortedKeys } from './sorted-keys.ts';

it('keeps any keys in the order of their UTF-8 bytes, through inserts and removals', () => {
  const key = fc.string({ unit: 'grapheme-composite', maxLength: 6 });
  fc.assert(
    fc.property(fc.uniqueArray(key, { maxLength: 60 }), fc.array(fc.nat(59)), key, (keys, removed, after) => {
      const sorted = new SortedKeys<{ key: string }>();
      for (const one of keys) sorted.add({ key: one });
      const left = new Set(keys);
      for (const i of removed) {
        const one = keys[i];
        if (one === undefined) continue;
        sorted.remove(one);
        left.delete(one);
      }
      const expected = [...left].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      expect([...sorted.range('')].map((e) => e.key)).toEqual(expected);
      const greater = expected.filter((one) => compareBytes(one, after) > 0);
      expect([...sorted.range('', after)].map((e) => e.key)).toEqual(greater);
    }),
  );
});

it('finds a range among many blocks', () => {
  const sorted = new SortedKeys<{ key: string }>();
  for (let i = 0; i < 10_000; i++) sorted.add({ key: `/k/${String((i * 7919) % 10_000).padStart(5, '0')}` });
  const found = [...sorted.range('/k/012', '/k/01250')].map((e) => e.key);
  expect(found).toEqual(Array.from({ length: 49 }, (_, i) => `/k/012${51 + i}`));
});
