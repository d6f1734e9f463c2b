// A journal that lives and dies with the process.
import type { Journal, JournalRecord, JournalState } from '../journal.ts';

export class MemoryJournal implements Journal {
  private records: JournalRecord[] = [];
  private used = 0;
  private kept: JournalState = { revision: 0, compacted: 0 };

  state(): JournalState {
    return this.kept;
  }

  scan(): Iterable<JournalRecord> {
    return this.records;
  }

  async append(records: readonly JournalRecord[]): Promise<void> {
    for (const record of records) {
      this.records.push(record);
      this.used += record.value.length;
    }
  }

  read(seq: number): JournalRecord | undefined {
    const record = this.records[this.position(seq)];
    return record?.seq === seq ? record : undefined;
  }

  since(from: number, limit: number): JournalRecord[] {
    const start = this.position(from);
    return this.records.slice(start, start + limit);
  }

  async remove(seqs: readonly number[], state: JournalState): Promise<void> {
    this.kept = state;
    if (seqs.length === 0) return;
    const gone = new Set(seqs);
    this.records = this.records.filter((record) => !gone.has(record.seq));
    this.used = this.records.reduce((sum, record) => sum + record.value.length, 0);
  }

  bytes(): number {
    return this.used;
  }

  async close(): Promise<void> {
    this.records = [];
  }

  private position(seq: number): number {
    let low = 0;
    let high = this.records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.records[middle]?.seq ?? 0) < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
