// The port between the store's engine and whatever keeps its records: an append-only journal of puts and deletes.

/** Several writes of one transaction share a revision; a sequence number tells them apart and keeps their order. */
export const WRITES_PER_REVISION = 4096;

export function revisionOf(seq: number): number {
  return Math.floor(seq / WRITES_PER_REVISION);
}

export function firstSeq(revision: number): number {
  return revision * WRITES_PER_REVISION;
}

/** One write as it is kept. */
export interface JournalRecord {
  readonly seq: number;
  readonly key: string;
  readonly deleted: boolean;
  readonly createRevision: number;
  /** Sequence number of the key's record before this one; 0 when there was none or when it was a deletion. */
  readonly previous: number;
  readonly value: Uint8Array;
}

export interface JournalState {
  readonly revision: number;
  readonly compacted: number;
}

export interface Journal {
  state(): JournalState;
  /** All records kept, oldest first. */
  scan(): Iterable<JournalRecord>;
  /** Resolves when the records are on the disk; all or none are. Rejects when the disk refused; the journal may be used again. */
  append(records: readonly JournalRecord[]): Promise<void>;
  read(seq: number): JournalRecord | undefined;
  /** Records with `seq` greater than or equal to `from`, oldest first, at most `limit`. */
  since(from: number, limit: number): JournalRecord[];
  /** Forgets these records and remembers the state. */
  remove(seqs: readonly number[], state: JournalState): Promise<void>;
  /** Bytes in use. */
  bytes(): number;
  close(): Promise<void>;
}
