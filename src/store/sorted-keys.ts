// The keys of the store in byte order, for ranges: an ordered list cut into blocks, so that an insert moves few entries.

/** Anything that is kept in order of its key. */
export interface Keyed {
  readonly key: string;
}

const BLOCK = 512;
const SURROGATE = /[\ud800-\udfff]/;

/** Order of the keys' UTF-8 bytes. It differs from the order of JavaScript strings only where surrogate pairs meet U+E000 and above. */
export function compareBytes(a: string, b: string): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const xs = x >= 0xd800 && x <= 0xdfff;
    const ys = y >= 0xd800 && y <= 0xdfff;
    if (xs !== ys) return xs ? 1 : -1;
    return x - y;
  }
  return a.length - b.length;
}

function compareUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export class SortedKeys<T extends Keyed> {
  private blocks: T[][] = [];
  /** The quick comparison serves until a key with surrogates comes; on keys without them both agree. */
  private compare = compareUnits;

  add(entry: T): void {
    if (SURROGATE.test(entry.key)) this.compare = compareBytes;
    const b = Math.max(0, this.blockOf(entry.key));
    const block = this.blocks[b];
    if (block === undefined) {
      this.blocks.push([entry]);
      return;
    }
    block.splice(this.lowerBound(block, entry.key), 0, entry);
    if (block.length > BLOCK) {
      // Keys mostly come in rising order: leave the lower part fuller, so that blocks do not stay half empty.
      const cut = Math.floor(block.length * 0.75);
      this.blocks.splice(b + 1, 0, block.splice(cut));
    }
  }

  remove(key: string): void {
    const b = this.blockOf(key);
    const block = this.blocks[b];
    if (block === undefined) return;
    const i = this.lowerBound(block, key);
    if (block[i]?.key !== key) return;
    block.splice(i, 1);
    if (block.length === 0) this.blocks.splice(b, 1);
  }

  /** Entries whose key begins with `prefix` and is greater than `after`, in order. */
  *range(prefix: string, after?: string): Generator<T, void> {
    if (SURROGATE.test(prefix) || (after !== undefined && SURROGATE.test(after))) this.compare = compareBytes;
    const from = after !== undefined && this.compare(after, prefix) > 0 ? after : prefix;
    let b = Math.max(0, this.blockOf(from));
    let block = this.blocks[b];
    let i = block === undefined ? 0 : this.lowerBound(block, from);
    while (block !== undefined) {
      for (; i < block.length; i++) {
        const entry = block[i];
        if (entry === undefined || (after !== undefined && entry.key === after)) continue;
        if (!entry.key.startsWith(prefix)) return;
        yield entry;
      }
      i = 0;
      block = this.blocks[++b];
    }
  }

  /** The last block whose first key is not greater; -1 when all are. */
  private blockOf(key: string): number {
    let low = 0;
    let high = this.blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const first = this.blocks[middle]?.[0];
      if (first !== undefined && this.compare(first.key, key) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  private lowerBound(block: readonly T[], key: string): number {
    let low = 0;
    let high = block.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = block[middle];
      if (entry !== undefined && this.compare(entry.key, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
