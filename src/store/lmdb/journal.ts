// A journal in LMDB: records by sequence number, so that writes go to the end of the tree; every commit is flushed before it counts.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import type { Journal, JournalRecord, JournalState } from '../journal.ts';
import { decodeRecord, encodeRecord } from './record.ts';

const FORMAT = 1;

/** With more writes than this waiting, lmdb starts its transaction at once; its documentation has it, its types do not. */
const SOONEST = { txnStartThreshold: 1 };

interface Meta extends JournalState {
  readonly format: number;
}

export class LmdbJournal implements Journal {
  private readonly root: RootDatabase<Meta, string>;
  private readonly log: Database<Buffer, number>;
  private readonly file: string;
  /** After a refused write: records from here on may be on the disk although nobody was told so; the next write removes them. */
  private suspect: number | undefined;

  constructor(directory: string) {
    this.file = join(directory, 'data.mdb');
    this.root = open<Meta, string>({
      path: directory,
      // With overlapping sync a commit resolves before the flush; without it, after.
      overlappingSync: false,
      // Batches are made here; lmdb's own would leave promises that nobody hears when a commit fails.
      eventTurnBatching: false,
      ...SOONEST,
      encoding: 'json',
      cache: false,
      maxDbs: 4,
      noSubdir: false,
    });
    this.log = this.root.openDB<Buffer, number>({ name: 'log', encoding: 'binary', cache: false });
    const meta = this.root.get('meta');
    if (meta !== undefined && meta.format !== FORMAT)
      throw new Error(`the data in ${directory} has format ${meta.format}; this version reads format ${FORMAT}`);
    if (meta === undefined) this.root.putSync('meta', { format: FORMAT, revision: 0, compacted: 0 });
  }

  state(): JournalState {
    return this.root.get('meta') ?? { revision: 0, compacted: 0 };
  }

  *scan(): Iterable<JournalRecord> {
    for (const { key, value } of this.log.getRange()) yield decodeRecord(key, value);
  }

  async append(records: readonly JournalRecord[]): Promise<void> {
    const encoded = records.map((record) => ({ seq: record.seq, bytes: encodeRecord(record) }));
    const stale = this.suspect === undefined ? [] : [...this.log.getKeys({ start: this.suspect })];
    try {
      await this.write(() => [
        ...stale.map((seq) => this.log.remove(seq)),
        ...encoded.map(({ seq, bytes }) => this.log.put(seq, bytes)),
      ]);
      this.suspect = undefined;
    } catch (error) {
      this.suspect = Math.min(this.suspect ?? Number.POSITIVE_INFINITY, records[0]?.seq ?? Number.POSITIVE_INFINITY);
      throw error;
    }
  }

  read(seq: number): JournalRecord | undefined {
    const bytes = this.log.get(seq);
    return bytes === undefined ? undefined : decodeRecord(seq, bytes);
  }

  since(from: number, limit: number): JournalRecord[] {
    const out: JournalRecord[] = [];
    for (const { key, value } of this.log.getRange({ start: from, limit })) out.push(decodeRecord(key, value));
    return out;
  }

  async remove(seqs: readonly number[], state: JournalState): Promise<void> {
    const meta: Meta = { format: FORMAT, revision: state.revision, compacted: state.compacted };
    await this.write(() => [this.root.put('meta', meta), ...seqs.map((seq) => this.log.remove(seq))]);
  }

  bytes(): number {
    return statSync(this.file).size;
  }

  async close(): Promise<void> {
    await this.root.close();
  }

  /** One transaction; resolves when it is flushed. */
  private async write(operations: () => Promise<boolean>[]): Promise<void> {
    let parts: Promise<boolean>[] = [];
    const whole = this.root.batch(() => {
      parts = operations();
    });
    // One write more than the threshold: lmdb begins at once, not at the end of the turn.
    this.root.batch(() => undefined).catch(() => undefined);
    // The parts fail together with the whole; each is heard, so that none counts as unhandled.
    for (const part of parts) part.catch(() => undefined);
    try {
      await whole;
    } catch (error) {
      throw await rootCause(error);
    }
  }
}

/** lmdb says "Commit failed" and hands the reason over as a promise beside it. */
async function rootCause(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error;
  try {
    await error.commitError;
    return error;
  } catch (reason) {
    return reason;
  }
}
