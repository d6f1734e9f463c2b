// A store on the disk: what it acknowledged is flushed, and its history survives a restart.
import { mkdirSync } from 'node:fs';
import { Engine } from '../engine.ts';
import type { Store } from '../port.ts';
import { LmdbJournal } from './journal.ts';
import { lockDirectory } from './lock.ts';

export interface LmdbStoreOptions {
  /** Made when absent, readable by its owner alone: the store holds secrets. */
  readonly directory: string;
}

/** Throws StoreLockedError when another process has the directory open. */
export async function openLmdbStore(options: LmdbStoreOptions): Promise<Store> {
  mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  const unlock = await lockDirectory(options.directory);
  try {
    const engine = new Engine(new LmdbJournal(options.directory));
    return withUnlock(engine, unlock);
  } catch (error) {
    await unlock();
    throw error;
  }
}

function withUnlock(engine: Engine, unlock: () => Promise<void>): Store {
  const close = engine.close.bind(engine);
  engine.close = async () => {
    await close();
    await unlock();
  };
  return engine;
}
