// The face of the store: the port, its drivers, and the policy that keeps history short.
export { type AutoCompactionOptions, startAutoCompaction } from './auto-compaction.ts';
export { StoreLockedError } from './lmdb/lock.ts';
export { type LmdbStoreOptions, openLmdbStore } from './lmdb/open.ts';
export { openMemoryStore } from './memory/open.ts';
export {
  CompactedError,
  FutureRevisionError,
  type RangeRequest,
  type RangeResult,
  type Store,
  type StoredValue,
  type StoreEvent,
  type StoreMaintenance,
  type StoreReader,
  type StoreWatcher,
  StoreWriteError,
  type StoreWriter,
  type TxnDone,
  type TxnResult,
  type WatchRequest,
  type Write,
} from './port.ts';
