// What every driver of the store must do, as one suite of tests that each driver's test file runs.
import { afterEach, beforeEach, describe } from 'vitest';
import type { Store } from '../port.ts';
import { compaction } from './compaction.ts';
import { reads } from './reads.ts';
import { watches } from './watches.ts';
import { writes } from './writes.ts';

export { put, remove, write } from './tools.ts';

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
    describe('writes', () => writes(() => store));
    describe('reads', () => reads(() => store));
    describe('watches', () => watches(() => store));
    describe('compaction', () => compaction(() => store));
  });
}
