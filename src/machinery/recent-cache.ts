// A cache that forgets what was not asked for lately: two generations, each of a bounded size.
export class RecentCache<K, V> {
  private young = new Map<K, V>();
  private old = new Map<K, V>();

  /** Holds between `size` and twice as many. */
  constructor(private readonly size: number) {}

  get(key: K): V | undefined {
    const found = this.young.get(key);
    if (found !== undefined) return found;
    const older = this.old.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  set(key: K, value: V): void {
    if (this.young.size >= this.size) {
      this.old = this.young;
      this.young = new Map();
    }
    this.young.set(key, value);
  }
}
