// Group commit: turns the transactions that wait into one batch of journal records, checked one after the other as if alone.
import { firstSeq, type JournalRecord, WRITES_PER_REVISION } from './journal.ts';
import type { KeyIndex } from './key-index.ts';
import type { StoredValue, TxnResult, Write } from './port.ts';

export interface PendingTxn {
  readonly writes: readonly Write[];
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

  private stage(txn: PendingTxn): void {
    const revision = this.revision + 1;
    const made: AppliedWrite[] = [];
    try {
      if (txn.writes.length > WRITES_PER_REVISION) throw new RangeError('too many writes in one transaction');
      if (txn.writes.length > 1 && new Set(txn.writes.map((w) => w.key)).size !== txn.writes.length)
        throw new Error('a transaction may write a key only once');
      txn.writes.forEach((write, i) => {
        made.push(this.write(write, revision, i));
      });
    } catch (error) {
      txn.reject(error);
      return;
    }
    this.revision = revision;
    const values: (StoredValue | undefined)[] = [];
    for (const one of made) {
      const value = one.record.deleted ? undefined : one.stored;
      values.push(value);
      this.overlay.set(one.record.key, { stored: value, seq: one.record.seq });
      this.applied.push(one);
    }
    this.waiting.push({ txn, outcome: { ok: true, revision, values } });
  }

  private write(write: Write, revision: number, i: number): AppliedWrite {
    const staged = this.overlay.get(write.key);
    const before = staged === undefined ? this.index.current(write.key) : staged.stored;
    if (write.kind === 'delete' && before === undefined) throw new Error(`nothing to delete at ${write.key}`);
    const createRevision = before?.createRevision ?? revision;
    const previous = before === undefined ? 0 : (staged?.seq ?? this.index.currentSeq(write.key));
    const stored: StoredValue = {
      key: write.key,
      value: write.encode(revision),
      createRevision,
      modRevision: revision,
    };
    const deleted = write.kind === 'delete';
    const record = {
      seq: firstSeq(revision) + i,
      key: write.key,
      deleted,
      createRevision,
      previous,
      value: stored.value,
    };
    return { record, stored };
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
