// A bounded share of the fuzzing; `npm run fuzz -- --count 1000000` is the long run.
import { expect, test } from 'vitest';
import { FAMILIES } from './requests.ts';
import { fuzz } from './run.ts';

test.each(FAMILIES)('no made-up %s breaks the API server', async (family) => {
  const { findings, statuses } = await fuzz({ families: [family], count: 400, seed: 1, watchTime: false });
  expect(findings.slice(0, 3)).toEqual([]);
  expect(statuses.size).toBeGreaterThan(2);
});
