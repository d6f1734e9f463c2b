// Live copies of whole collections for those who decide in the middle of a request (admission, authorization): read without waiting.
import type { KubeObject } from '../../machinery/object.ts';
import type { Store } from '../../store/index.ts';
import type { CatalogEntry } from './catalog.ts';
import { followCollection } from './follow.ts';
import { readObject } from './objects.ts';

export class LiveCache<T extends KubeObject = KubeObject> {
  private readonly byKey = new Map<string, T>();
  private readonly listeners = new Set<() => void>();
  private stop: (() => void) | undefined;
  /** Grows with every change. */
  generation = 0;

  constructor(
    private readonly store: Store,
    private readonly entry: CatalogEntry | undefined,
    /** What is of no interest is not kept. */
    private readonly keeps: (object: KubeObject) => boolean = () => true,
  ) {}

  async start(): Promise<void> {
    const { entry } = this;
    if (entry === undefined) return;
    this.stop = await followCollection(this.store, entry.prefix, {
      put: (key, value) => this.note(key, readObject(entry, value) as T),
      gone: (key) => void this.byKey.delete(key),
      settled: () => {
        this.generation++;
        for (const listener of this.listeners) listener();
      },
    });
  }

  private note(key: string, object: T): void {
    if (this.keeps(object)) this.byKey.set(key, object);
    else this.byKey.delete(key);
  }

  /** Whether it follows the store; a copy of a collection that is not served has nothing to follow. */
  get synced(): boolean {
    return this.entry === undefined || this.stop !== undefined;
  }

  /** `namespace/name`, or `name` for cluster-scoped kinds. Shared: must not be changed. */
  get(key: string): T | undefined {
    return this.byKey.get(key);
  }

  list(): IterableIterator<T> {
    return this.byKey.values();
  }

  inNamespace(namespace: string): T[] {
    const out: T[] = [];
    for (const object of this.byKey.values()) if (object.metadata.namespace === namespace) out.push(object);
    return out;
  }

  get size(): number {
    return this.byKey.size;
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  close(): void {
    this.stop?.();
  }
}
