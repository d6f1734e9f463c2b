// A store in memory: for tests, for clusters in a test, and for clusters nobody wants to keep.
import { Engine } from '../engine.ts';
import type { Store } from '../port.ts';
import { MemoryJournal } from './journal.ts';

export function openMemoryStore(): Store {
  return new Engine(new MemoryJournal());
}
