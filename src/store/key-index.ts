// What the store knows of each key in memory: its current value, and where the journal keeps the older ones.
import { firstSeq, type Journal, type JournalRecord, revisionOf } from './journal.ts';
import type { RangeRequest, StoredValue } from './port.ts';
import { SortedKeys } from './sorted-keys.ts';

interface Entry {
  readonly key: string;
  /** Absent after a deletion, until compaction forgets the key. */
  current: StoredValue | undefined;
  /** The newest record of the key. */
  seq: number;
  /** Older records still kept, oldest first; deletions are negative. Absent for the many keys that have none. */
  past: number[] | undefined;
}

export class KeyIndex {
  private readonly entries = new Map<string, Entry>();
  private readonly order = new SortedKeys<Entry>();
  private live = 0;

  constructor(private readonly journal: Journal) {}

  /** Keys that have a value now. */
  get size(): number {
    return this.live;
  }

  current(key: string): StoredValue | undefined {
    return this.entries.get(key)?.current;
  }

  currentSeq(key: string): number {
    return this.entries.get(key)?.seq ?? 0;
  }

  at(key: string, revision: number): StoredValue | undefined {
    const entry = this.entries.get(key);
    return entry === undefined ? undefined : this.entryAt(entry, revision);
  }

  list(range: RangeRequest, revision: number | undefined): { items: StoredValue[]; more: boolean; remaining: number } {
    const items: StoredValue[] = [];
    const limit = range.limit ?? Number.POSITIVE_INFINITY;
    let remaining = 0;
    for (const entry of this.order.range(range.prefix, range.startAfter)) {
      if (items.length < limit) {
        const value = revision === undefined ? entry.current : this.entryAt(entry, revision);
        if (value !== undefined) items.push(value);
      } else if (revision === undefined ? entry.current !== undefined : livesAt(entry, revision)) remaining++;
    }
    return { items, more: remaining > 0, remaining };
  }

  /** The value of a record, as the same JavaScript object as long as it is current. */
  stored(record: JournalRecord): StoredValue {
    const entry = this.entries.get(record.key);
    if (entry?.current !== undefined && entry.seq === record.seq) return entry.current;
    return storedValueOf(record);
  }

  /** Takes in a record read at start. */
  load(record: JournalRecord): void {
    this.apply(record, storedValueOf(record));
  }

  /** Takes in a new record; returns what was there before. */
  apply(record: JournalRecord, stored: StoredValue): StoredValue | undefined {
    const entry = this.entries.get(record.key);
    if (entry === undefined) {
      const made: Entry = {
        key: record.key,
        current: record.deleted ? undefined : stored,
        seq: record.seq,
        past: undefined,
      };
      this.entries.set(record.key, made);
      this.order.add(made);
      if (!record.deleted) this.live++;
      return undefined;
    }
    const before = entry.current;
    entry.past ??= [];
    entry.past.push(before === undefined ? -entry.seq : entry.seq);
    entry.current = record.deleted ? undefined : stored;
    entry.seq = record.seq;
    this.live += (record.deleted ? 0 : 1) - (before === undefined ? 0 : 1);
    return before;
  }

  /** Forgets what no revision from `revision` on can see; returns the records of the key that are no longer needed. */
  prune(key: string, revision: number): number[] {
    const entry = this.entries.get(key);
    if (entry === undefined) return [];
    const gone: number[] = [];
    const past = entry.past ?? [];
    const end = firstSeq(revision + 1);
    // The newest record at `revision` stays, unless it is a deletion; all before it go.
    let keep = 0;
    while (keep < past.length && Math.abs(past[keep + 1] ?? entry.seq) < end) keep++;
    for (const seq of past.slice(0, keep)) gone.push(Math.abs(seq));
    let rest = past.slice(keep);
    const first = rest[0];
    if (first !== undefined && first < 0 && -first < end) {
      gone.push(-first);
      rest = rest.slice(1);
    }
    entry.past = rest.length === 0 ? undefined : rest;
    if (rest.length === 0 && entry.current === undefined && entry.seq < end) {
      gone.push(entry.seq);
      this.entries.delete(key);
      this.order.remove(key);
    }
    return gone;
  }

  /** Keys that have older records or are deleted. */
  *withPast(): Generator<string> {
    for (const entry of this.entries.values())
      if (entry.past !== undefined || entry.current === undefined) yield entry.key;
  }

  private entryAt(entry: Entry, revision: number): StoredValue | undefined {
    const seq = seqAt(entry, revision);
    if (seq <= 0) return undefined;
    if (seq === entry.seq) return entry.current;
    const record = this.journal.read(seq);
    return record === undefined ? undefined : storedValueOf(record);
  }
}

/** The newest record of the key that is not after `revision`; negative for a deletion, 0 for none. */
function seqAt(entry: Entry, revision: number): number {
  const end = firstSeq(revision + 1);
  if (entry.seq < end) return entry.current === undefined ? -entry.seq : entry.seq;
  const past = entry.past;
  if (past === undefined) return 0;
  for (let i = past.length - 1; i >= 0; i--) {
    const seq = past[i] ?? 0;
    if (Math.abs(seq) < end) return seq;
  }
  return 0;
}

function livesAt(entry: Entry, revision: number): boolean {
  return seqAt(entry, revision) > 0;
}

function storedValueOf(record: JournalRecord): StoredValue {
  return {
    key: record.key,
    value: record.value,
    createRevision: record.createRevision,
    modRevision: revisionOf(record.seq),
  };
}
