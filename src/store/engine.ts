// The store over a journal: an index in memory with all current values, group commit, old revisions read back from the journal.
import { Compaction } from './compaction.ts';
import { type BatchResult, evaluateBatch, type PendingTxn } from './group-commit.ts';
import { firstSeq, type Journal, type JournalRecord, revisionOf, WRITES_PER_REVISION } from './journal.ts';
import { KeyIndex } from './key-index.ts';
import {
  CompactedError,
  FutureRevisionError,
  type RangeRequest,
  type RangeResult,
  type Store,
  type StoredValue,
  type StoreEvent,
  StoreWriteError,
  type TxnDone,
  type TxnResult,
  type WatchRequest,
  type Write,
} from './port.ts';
import { RecentEvents } from './recent-events.ts';
import { Watchers } from './watchers.ts';

/** A batch is as many transactions as wait, up to this, so that one flush never holds the process for long. */
const MAX_BATCH = 1024;
/** As many writers as this do not wait for the others of their turn: while they are flushed, the process goes on with those. */
const ENOUGH = 4;
/** Past events are replayed in portions, so that a long history does not block the process. */
const REPLAY_PORTION = 512;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class Engine implements Store {
  private readonly index: KeyIndex;
  private readonly recent = new RecentEvents();
  private readonly watchers = new Watchers();
  private readonly compaction: Compaction;
  private current: number;
  private queue: PendingTxn[] = [];
  private running: Promise<void> | undefined;
  private enough: () => void = () => undefined;
  private closed = false;

  constructor(private readonly journal: Journal) {
    const state = journal.state();
    this.index = new KeyIndex(journal);
    let newest = state.revision;
    for (const record of journal.scan()) {
      this.index.load(record);
      newest = Math.max(newest, revisionOf(record.seq));
    }
    this.current = newest;
    this.compaction = new Compaction(journal, this.index, state.compacted);
    this.recent.startAfter(newest);
  }

  async revision(): Promise<number> {
    this.checkOpen();
    return this.current;
  }

  async get(key: string, revision?: number): Promise<StoredValue | undefined> {
    this.checkOpen();
    if (revision === undefined || revision === this.current) return this.index.current(key);
    this.checkRevision(revision);
    return this.index.at(key, revision);
  }

  async list(range: RangeRequest): Promise<RangeResult> {
    this.checkOpen();
    if (range.revision !== undefined) this.checkRevision(range.revision);
    const revision = range.revision ?? this.current;
    return { ...this.index.list(range, revision === this.current ? undefined : revision), revision };
  }

  txn(writes: readonly Write[], next?: (done: TxnDone) => readonly Write[]): Promise<TxnResult> {
    if (this.closed) return Promise.reject(new Error('the store is closed'));
    if (writes.length === 0) return Promise.resolve({ ok: true, revision: this.current, values: [] });
    return new Promise((resolve, reject) => {
      this.queue.push({ writes, next, resolve, reject });
      this.running ??= this.commitQueued();
      if (this.queue.length === ENOUGH) this.enough();
    });
  }

  async watch(request: WatchRequest): Promise<() => void> {
    this.checkOpen();
    let after = request.afterRevision;
    for (;;) {
      this.checkRevision(after);
      if (after >= this.current) break;
      const portion = this.eventsAfter(after);
      const wanted = portion.events.filter((event) => event.current.key.startsWith(request.prefix));
      if (wanted.length > 0) request.onEvents(wanted);
      after = portion.until;
      if (after < this.current) {
        await nextTurn();
        this.checkOpen();
      }
    }
    // No turn passes between the last replay and this line, hence no gap.
    return this.watchers.add(request);
  }

  async compact(revision: number): Promise<void> {
    this.checkOpen();
    if (revision > this.current) throw new FutureRevisionError(revision, this.current);
    await this.compaction.compact(revision, () => this.current);
  }

  async compactedRevision(): Promise<number> {
    this.checkOpen();
    return this.compaction.compacted;
  }

  async size(): Promise<{ readonly bytes: number; readonly keys: number }> {
    this.checkOpen();
    return { bytes: this.journal.bytes(), keys: this.index.size };
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.running;
    await this.compaction.settled();
    this.watchers.endAll();
    await this.journal.close();
  }

  private async commitQueued(): Promise<void> {
    await this.gathered();
    while (this.queue.length > 0) {
      await this.commit(this.queue.splice(0, MAX_BATCH));
      // Who writes again as soon as it is answered must not keep everybody else from their turn.
      await nextTurn();
    }
    this.running = undefined;
  }

  /** Writers of one turn write together: resolves when enough of them wait, or at the end of the turn. */
  private gathered(): Promise<void> {
    return new Promise((resolve) => {
      this.enough = resolve;
      setImmediate(resolve);
    });
  }

  private async commit(batch: readonly PendingTxn[]): Promise<void> {
    const result = evaluateBatch(batch, this.index, this.current);
    if (result.records.length > 0) {
      try {
        await this.journal.append(result.records);
      } catch (error) {
        const failure = new StoreWriteError(`the store could not write: ${messageOf(error)}`, error);
        for (const waiting of result.waiting) waiting.txn.reject(failure);
        return;
      }
      this.publish(result);
    }
    for (const { txn, outcome } of result.waiting) txn.resolve(outcome);
  }

  private publish(result: BatchResult): void {
    const events: StoreEvent[] = [];
    for (const { record, stored } of result.applied) {
      const previous = this.index.apply(record, stored);
      events.push({
        type: record.deleted ? 'delete' : 'put',
        revision: stored.modRevision,
        current: stored,
        previous,
      });
    }
    this.current = result.revision;
    this.recent.push(events);
    this.watchers.deliver(events);
  }

  /** Some events after a revision, whole revisions only, and the revision up to which they reach. */
  private eventsAfter(after: number): { events: readonly StoreEvent[]; until: number } {
    const recent = this.recent.after(after);
    if (recent !== undefined) return { events: recent, until: this.current };
    const { records, until } = this.recordsAfter(after);
    return { events: records.map((record) => this.eventOf(record)), until };
  }

  private recordsAfter(after: number): { records: readonly JournalRecord[]; until: number } {
    const from = firstSeq(after + 1);
    const end = firstSeq(this.current + 1);
    const portion = this.journal.since(from, REPLAY_PORTION);
    if (portion.length < REPLAY_PORTION) return { records: portion.filter((r) => r.seq < end), until: this.current };
    // The last revision of the portion may be cut: leave it to the next one, unless it fills the portion alone.
    const last = revisionOf(portion[portion.length - 1]?.seq ?? 0);
    const whole = portion.filter((record) => revisionOf(record.seq) < last && record.seq < end);
    if (whole.length > 0) return { records: whole, until: Math.min(last - 1, this.current) };
    const one = this.journal.since(from, WRITES_PER_REVISION).filter((record) => revisionOf(record.seq) === last);
    return { records: one, until: last };
  }

  private eventOf(record: JournalRecord): StoreEvent {
    const previous = record.previous === 0 ? undefined : this.journal.read(record.previous);
    return {
      type: record.deleted ? 'delete' : 'put',
      revision: revisionOf(record.seq),
      current: this.index.stored(record),
      previous: previous === undefined ? undefined : this.index.stored(previous),
    };
  }

  private checkRevision(revision: number): void {
    if (revision > this.current) throw new FutureRevisionError(revision, this.current);
    if (revision < this.compaction.compacted) throw new CompactedError(revision, this.compaction.compacted);
  }

  private checkOpen(): void {
    if (this.closed) throw new Error('the store is closed');
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
