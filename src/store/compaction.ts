// Compaction: forgets what no revision from a given one on can see, in portions, beside reads and writes.
import type { Journal } from './journal.ts';
import type { KeyIndex } from './key-index.ts';
import { CompactedError } from './port.ts';

const PORTION = 1000;

export class Compaction {
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly journal: Journal,
    private readonly index: KeyIndex,
    /** The oldest revision that can still be read. */
    public compacted: number,
  ) {}

  /** `newest` tells the store's revision at the time of asking; it is remembered, for the newest record may be forgotten. */
  async compact(revision: number, newest: () => number): Promise<void> {
    if (revision < this.compacted) throw new CompactedError(revision, this.compacted);
    if (revision === this.compacted) return this.running;
    // From here on readers are told; the records go afterwards.
    this.compacted = revision;
    const before = this.running;
    this.running = before.catch(() => undefined).then(() => this.sweep(revision, newest));
    return this.running;
  }

  async settled(): Promise<void> {
    await this.running.catch(() => undefined);
  }

  private async sweep(revision: number, newest: () => number): Promise<void> {
    const keys = [...this.index.withPast()];
    await this.journal.remove([], { revision: newest(), compacted: revision });
    for (let i = 0; i < keys.length; i += PORTION) {
      const gone: number[] = [];
      for (const key of keys.slice(i, i + PORTION)) gone.push(...this.index.prune(key, revision));
      if (gone.length > 0) await this.journal.remove(gone, { revision: newest(), compacted: revision });
      else await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
