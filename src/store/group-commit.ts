// Group commit: turns the transactions that wait into one batch of journal records, checked one after the other as if alone.
import { firstSeq, type JournalRecord, WRITES_PER_REVISION } from './journal.ts';
import type { KeyIndex } from './key-index.ts';
import type { StoredValue, TxnDone, TxnResult, Write } from './port.ts';

export interface PendingTxn {
  readonly writes: readonly Write[];
  /** What follows at once when the writes succeed. */
  readonly next: ((done: TxnDone) => readonly Write[]) | undefined;
  readonly resolve: (result: TxnResult) => void;
  readonly reject: (error: unknown) => void;
}

export interface AppliedWrite {
  readonly record: JournalRecord;
  readonly stored: StoredValue;
}

export interface BatchResult {
  readonly revision: number;
  readonly records: readonly JournalRecord[];
  readonly applied: readonly AppliedWrite[];
  /** Transactions whose answer depends on this batch being on the disk. */
  readonly waiting: readonly { readonly txn: PendingTxn; readonly outcome: TxnResult }[];
}

/** A key as this batch leaves it: its value (none after a deletion) and the record that made it so. */
interface Staged {
  readonly stored: StoredValue | undefined;
  readonly seq: number;
}

class Batch {
  readonly overlay = new Map<string, Staged>();
  readonly applied: AppliedWrite[] = [];
  readonly waiting: { txn: PendingTxn; outcome: TxnResult }[] = [];

  constructor(
    private readonly index: KeyIndex,
    public revision: number,
  ) {}

  take(txn: PendingTxn): void {
    let failed: { key: string; current: StoredValue | undefined; staged: boolean } | undefined;
    for (const write of txn.writes) {
      const staged = this.overlay.get(write.key);
      const current = staged === undefined ? this.index.current(write.key) : staged.stored;
      if ((current?.modRevision ?? 0) === write.expected) continue;
      failed = { key: write.key, current, staged: staged !== undefined };
      break;
    }
    if (failed === undefined) {
      this.stage(txn);
      return;
    }
    const outcome: TxnResult = { ok: false, key: failed.key, current: failed.current };
    // A refusal that rests on what is on the disk already need not wait; any other must not show what might yet be lost.
    if (failed.staged) this.waiting.push({ txn, outcome });
    else txn.resolve(outcome);
  }

  /** Nothing of a transaction counts before all of it, and of what follows it, has been made. */
  private stage(txn: PendingTxn): void {
    const draft = new Draft(this);
    let done: TxnDone;
    try {
      done = draft.add(txn.writes);
      if (txn.next !== undefined) done = draft.add(txn.next(done));
    } catch (error) {
      txn.reject(error);
      return;
    }
    this.revision = done.revision;
    for (const [key, staged] of draft.overlay) this.overlay.set(key, staged);
    for (const one of draft.applied) this.applied.push(one);
    this.waiting.push({ txn, outcome: done });
  }

  /** A key as this batch leaves it so far. */
  staged(key: string): Staged {
    return this.overlay.get(key) ?? { stored: this.index.current(key), seq: this.index.currentSeq(key) };
  }
}

/** A transaction, and what follows it, while they are made. */
class Draft {
  readonly overlay = new Map<string, Staged>();
  readonly applied: AppliedWrite[] = [];
  private revision: number;

  constructor(private readonly batch: Batch) {
    this.revision = batch.revision;
  }

  add(writes: readonly Write[]): TxnDone {
    if (writes.length > WRITES_PER_REVISION) throw new RangeError('too many writes in one transaction');
    if (writes.length > 1 && new Set(writes.map((w) => w.key)).size !== writes.length)
      throw new Error('a transaction may write a key only once');
    const revision = ++this.revision;
    return { ok: true, revision, values: writes.map((write, i) => this.write(write, revision, i)) };
  }

  private write(write: Write, revision: number, i: number): StoredValue | undefined {
    const { key } = write;
    const { stored: before, seq: previousSeq } = this.overlay.get(key) ?? this.batch.staged(key);
    if ((before?.modRevision ?? 0) !== write.expected) throw new Error(`${key} is not at revision ${write.expected}`);
    if (write.kind === 'delete' && before === undefined) throw new Error(`nothing to delete at ${key}`);
    const createRevision = before?.createRevision ?? revision;
    const stored: StoredValue = { key, value: write.encode(revision), createRevision, modRevision: revision };
    const deleted = write.kind === 'delete';
    const record = {
      seq: firstSeq(revision) + i,
      key,
      deleted,
      createRevision,
      previous: before === undefined ? 0 : previousSeq,
      value: stored.value,
    };
    this.applied.push({ record, stored });
    const value = deleted ? undefined : stored;
    this.overlay.set(key, { stored: value, seq: record.seq });
    return value;
  }
}

export function evaluateBatch(pending: readonly PendingTxn[], index: KeyIndex, revision: number): BatchResult {
  const batch = new Batch(index, revision);
  for (const txn of pending) batch.take(txn);
  return {
    revision: batch.revision,
    records: batch.applied.map((one) => one.record),
    applied: batch.applied,
    waiting: batch.waiting,
  };
}
