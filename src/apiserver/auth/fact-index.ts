// Facts about the objects of one kind, kept in step with the store and found by key or by group; objects are read when somebody first asks.
import type { KubeObject } from '../../machinery/object.ts';
import type { Store, StoredValue } from '../../store/index.ts';
import type { CatalogEntry } from '../registry/catalog.ts';
import { followCollection } from '../registry/follow.ts';
import { readObject } from '../registry/objects.ts';

export interface FactReading<T> {
  /** undefined: there is nothing to know of it. */
  readonly read: (object: KubeObject) => T | undefined;
  readonly groupOf: (fact: T) => string;
}

export class FactIndex<T> {
  private readonly facts = new Map<string, T>();
  private readonly groups = new Map<string, Map<string, T>>();
  /** Objects that were not looked at yet: only clusters whose nodes have users of their own ever look. */
  private readonly unread = new Map<string, StoredValue>();
  private stop: (() => void) | undefined;

  constructor(
    private readonly store: Store,
    /** undefined for a kind that is not served. */
    private readonly entry: CatalogEntry | undefined,
    private readonly reading: FactReading<T>,
  ) {}

  async start(): Promise<void> {
    if (this.entry === undefined) return;
    this.stop = await followCollection(this.store, this.entry.prefix, {
      put: (key, value) => void this.unread.set(key, value),
      gone: (key) => {
        this.unread.delete(key);
        this.set(key, undefined);
      },
    });
  }

  private set(key: string, fact: T | undefined): void {
    const { groupOf } = this.reading;
    const before = this.facts.get(key);
    if (before !== undefined) {
      const name = groupOf(before);
      const group = this.groups.get(name);
      group?.delete(key);
      if (group?.size === 0) this.groups.delete(name);
      this.facts.delete(key);
    }
    if (fact === undefined) return;
    this.facts.set(key, fact);
    const name = groupOf(fact);
    const group = this.groups.get(name);
    if (group === undefined) this.groups.set(name, new Map([[key, fact]]));
    else group.set(key, fact);
  }

  private readAll(): void {
    if (this.entry === undefined || this.unread.size === 0) return;
    for (const [key, value] of this.unread) this.set(key, this.reading.read(readObject(this.entry, value)));
    this.unread.clear();
  }

  /** By `namespace/name`, or `name` for kinds without namespaces. */
  get(key: string): T | undefined {
    this.readAll();
    return this.facts.get(key);
  }

  inGroup(group: string): Iterable<T> {
    this.readAll();
    return this.groups.get(group)?.values() ?? [];
  }

  close(): void {
    this.stop?.();
  }
}
