// The store's ports: narrow interfaces between the API server and whatever keeps its objects (memory, LMDB, etcd).
// A revision is one number for the whole store that grows by one with each transaction that wrote; it becomes resourceVersion.

/** One key as it is at some revision. Immutable; while a revision of a key is current, the same JavaScript object is handed out
 *  for it, so that it may serve as a WeakMap key for what is derived from it (the parsed object, labels). */
export interface StoredValue {
  readonly key: string;
  /** UTF-8 JSON of the object, resourceVersion included: what GET, LIST and every watcher send. Never changed in place. */
  readonly value: Uint8Array;
  /** The revision that made the key. */
  readonly createRevision: number;
  /** The revision of this value. */
  readonly modRevision: number;
}

/** `[prefix + startAfter …)`: keys that begin with `prefix`, in byte order. */
export interface RangeRequest {
  readonly prefix: string;
  /** Only keys greater than this one (a full key). */
  readonly startAfter?: string;
  /** At most so many values. */
  readonly limit?: number;
  /** The state as of this revision; now when absent. Throws CompactedError when it is gone, FutureRevisionError when it is not there yet. */
  readonly revision?: number;
}

export interface RangeResult {
  readonly items: readonly StoredValue[];
  /** The store's revision that the answer shows. */
  readonly revision: number;
  /** True when `limit` cut the answer. */
  readonly more: boolean;
  /** How many keys of the range follow the last one given. */
  readonly remaining: number;
}

export interface StoreReader {
  /** The newest revision that is on the disk and visible. */
  revision(): Promise<number>;
  get(key: string, revision?: number): Promise<StoredValue | undefined>;
  list(range: RangeRequest): Promise<RangeResult>;
}

/** One compare-and-swap write. */
export type Write =
  | {
      readonly kind: 'put';
      readonly key: string;
      /** The modRevision the key must have; 0 means it must not exist. */
      readonly expected: number;
      /** Makes the bytes, given the revision the write will have (so that they carry their own resourceVersion). Pure and quick. */
      readonly encode: (revision: number) => Uint8Array;
    }
  | {
      readonly kind: 'delete';
      readonly key: string;
      readonly expected: number;
      /** The bytes that watchers of the deletion see as the last state (they carry the deletion's resourceVersion). */
      readonly encode: (revision: number) => Uint8Array;
    };

export type TxnResult =
  | { readonly ok: true; readonly revision: number; readonly values: readonly (StoredValue | undefined)[] }
  /** Some key was not at its expected revision: nothing was written. `current` is that key's value now. */
  | { readonly ok: false; readonly key: string; readonly current: StoredValue | undefined };

export type TxnDone = Extract<TxnResult, { readonly ok: true }>;

export interface StoreWriter {
  /** All or nothing. Resolves only when the writes are on the disk; readers and watchers see them from then on. With `next`, a
   *  transaction that succeeds is followed by another, of the next revision, made of its result: nobody writes between the two, and
   *  they go to the disk together; the answer is that of the second. */
  txn(writes: readonly Write[], next?: (done: TxnDone) => readonly Write[]): Promise<TxnResult>;
}

export interface StoreEvent {
  readonly type: 'put' | 'delete';
  readonly revision: number;
  /** The value after a put; for a delete, the last state with the deletion's revision in it. */
  readonly current: StoredValue;
  /** What was there before; absent for a key that was made. */
  readonly previous: StoredValue | undefined;
}

export interface WatchRequest {
  readonly prefix: string;
  /** Events with a revision greater than this. Throws CompactedError when some of them are gone, FutureRevisionError when beyond the present. */
  readonly afterRevision: number;
  /** Called in order of revision, without a gap, in batches as they become visible; must not block. */
  readonly onEvents: (events: readonly StoreEvent[]) => void;
  /** Called when the store closes or can no longer follow. */
  readonly onEnd?: (error?: unknown) => void;
}

export interface StoreWatcher {
  /** Past events are replayed before this resolves, then live ones follow. The returned function ends the watch. */
  watch(request: WatchRequest): Promise<() => void>;
}

export interface StoreMaintenance {
  /** Forgets history before `revision`: older lists and watches are answered with CompactedError. */
  compact(revision: number): Promise<void>;
  compactedRevision(): Promise<number>;
  /** Bytes on the disk and keys held. */
  size(): Promise<{ readonly bytes: number; readonly keys: number }>;
  close(): Promise<void>;
}

export type Store = StoreReader & StoreWriter & StoreWatcher & StoreMaintenance;

/** The revision asked for has been compacted away. */
export class CompactedError extends Error {
  constructor(
    readonly requested: number,
    readonly compacted: number,
  ) {
    super(`revision ${requested} has been compacted; the oldest kept is ${compacted}`);
    this.name = 'CompactedError';
  }
}

/** The revision asked for does not exist yet. */
export class FutureRevisionError extends Error {
  constructor(
    readonly requested: number,
    readonly current: number,
  ) {
    super(`revision ${requested} is beyond the current revision ${current}`);
    this.name = 'FutureRevisionError';
  }
}

/** The disk refused a write (full, read-only, broken). Nothing was acknowledged; the store reads on and may be written again later. */
export class StoreWriteError extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'StoreWriteError';
  }
}
