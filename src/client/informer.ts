// A cache of one collection, kept by list and watch; who asks gets told of changes and reads from memory.
import type { Clock } from '../host/clock.ts';
import { isApiError } from '../machinery/errors.ts';
import type { KubeObject, WatchEvent } from '../machinery/object.ts';
import { Backoff } from './backoff.ts';
import { type Informer, type InformerHandler, objectKey, type ResourceClient } from './port.ts';

export interface InformerOptions<T extends KubeObject> {
  readonly client: ResourceClient<T>;
  readonly namespace: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly clock: Clock;
  readonly random: () => number;
  /** Told of failed lists and watches, and of handlers that threw. */
  readonly onError?: (error: unknown) => void;
}

interface Index<T> {
  readonly keys: (object: T) => readonly string[];
  readonly values: Map<string, Set<T>>;
}

export class ListWatchInformer<T extends KubeObject> implements Informer<T> {
  readonly synced: Promise<void>;
  private objects = new Map<string, T>();
  private readonly indexes = new Map<string, Index<T>>();
  /** Exchanged with every change, so that who is being told of something may come and go. */
  private handlers: readonly InformerHandler<T>[] = [];
  private readonly backoff: Backoff;
  private markSynced: () => void = () => undefined;
  private resourceVersion: string | undefined;
  private cachedList: readonly T[] | undefined;
  private running = false;

  constructor(private readonly options: InformerOptions<T>) {
    this.synced = new Promise((resolve) => {
      this.markSynced = resolve;
    });
    this.backoff = new Backoff({ baseMs: 50, maxMs: 10_000, jitter: 0.5, random: options.random }, options.clock);
  }

  get(key: string): T | undefined {
    return this.objects.get(key);
  }

  list(): readonly T[] {
    this.cachedList ??= [...this.objects.values()];
    return this.cachedList;
  }

  byIndex(index: string, value: string): readonly T[] {
    const found = this.indexes.get(index);
    if (found === undefined) throw new Error(`there is no index ${index}`);
    return [...(found.values.get(value) ?? [])];
  }

  addIndex(name: string, keys: (object: T) => readonly string[]): void {
    if (this.indexes.has(name)) return;
    const index: Index<T> = { keys, values: new Map() };
    this.indexes.set(name, index);
    for (const object of this.objects.values()) addTo(index, object);
  }

  addHandler(handler: InformerHandler<T>): () => void {
    this.handlers = [...this.handlers, handler];
    // Whoever comes late is told of what is there already.
    for (const object of [...this.objects.values()]) this.tellAdd(handler, object);
    return () => {
      this.handlers = this.handlers.filter((other) => other !== handler);
    };
  }

  /** Lists and watches until the signal comes; never throws. */
  async run(signal: AbortSignal): Promise<void> {
    if (this.running) return;
    this.running = true;
    while (!signal.aborted) {
      try {
        if (this.resourceVersion === undefined) await this.relist();
        await this.follow(signal);
      } catch (error) {
        if (signal.aborted) return;
        const gone = isApiError(error, 'Expired') || isApiError(error, 'Gone');
        if (gone) this.resourceVersion = undefined;
        else this.options.onError?.(error);
        await this.options.clock.sleep(this.backoff.next(), signal);
      }
    }
  }

  private async relist(): Promise<void> {
    const { client, namespace, labelSelector, fieldSelector } = this.options;
    const list = await client.list(namespace, { labelSelector, fieldSelector });
    const seen = new Set<string>();
    for (const object of list.items) {
      seen.add(objectKey(object));
      this.put(object);
    }
    for (const [key, object] of [...this.objects]) if (!seen.has(key)) this.drop(key, object);
    this.resourceVersion = list.metadata.resourceVersion ?? '0';
    this.markSynced();
  }

  private async follow(signal: AbortSignal): Promise<void> {
    const { client, namespace, labelSelector, fieldSelector, clock } = this.options;
    const started = clock.now();
    let events = 0;
    const watch = client.watch(
      namespace,
      { labelSelector, fieldSelector, resourceVersion: this.resourceVersion, allowBookmarks: true },
      signal,
    );
    for await (const event of watch) {
      if (events++ === 0) this.backoff.reset();
      this.take(event);
    }
    // A watch that ends at once and without a word must not become a busy loop.
    if (events === 0 && clock.now() - started < 1000) await clock.sleep(this.backoff.next(), signal);
  }

  private take(event: WatchEvent<T>): void {
    const { object } = event;
    if (event.type === 'DELETED') this.drop(objectKey(object), object);
    else if (event.type === 'ADDED' || event.type === 'MODIFIED') this.put(object);
    this.resourceVersion = object.metadata.resourceVersion ?? this.resourceVersion;
  }

  private put(object: T): void {
    const key = objectKey(object);
    const old = this.objects.get(key);
    if (old !== undefined && old.metadata.uid !== object.metadata.uid) {
      // Deleted and made again between two lists: two lives, not one change.
      this.drop(key, old);
      this.put(object);
      return;
    }
    if (old !== undefined && old.metadata.resourceVersion === object.metadata.resourceVersion) return;
    for (const index of this.indexes.values()) {
      if (old !== undefined) removeFrom(index, old);
      addTo(index, object);
    }
    this.objects.set(key, object);
    this.cachedList = undefined;
    for (const handler of this.handlers) {
      if (old === undefined) this.tellAdd(handler, object);
      else this.tellUpdate(handler, object, old);
    }
  }

  /** `last` is the state that the deletion left. */
  private drop(key: string, last: T): void {
    const old = this.objects.get(key);
    if (old === undefined) return;
    for (const index of this.indexes.values()) removeFrom(index, old);
    this.objects.delete(key);
    this.cachedList = undefined;
    for (const handler of this.handlers) this.tellDelete(handler, last);
  }

  // Every event comes here, for every informer of it: no function is made to tell of one.
  private tellAdd(handler: InformerHandler<T>, object: T): void {
    try {
      handler.onAdd?.(object);
    } catch (error) {
      this.options.onError?.(error);
    }
  }

  private tellUpdate(handler: InformerHandler<T>, object: T, old: T): void {
    try {
      handler.onUpdate?.(object, old);
    } catch (error) {
      this.options.onError?.(error);
    }
  }

  private tellDelete(handler: InformerHandler<T>, last: T): void {
    try {
      handler.onDelete?.(last);
    } catch (error) {
      this.options.onError?.(error);
    }
  }
}

function addTo<T>(index: Index<T>, object: T): void {
  for (const value of index.keys(object)) {
    const group = index.values.get(value);
    if (group === undefined) index.values.set(value, new Set([object]));
    else group.add(object);
  }
}

function removeFrom<T>(index: Index<T>, object: T): void {
  for (const value of index.keys(object)) {
    const group = index.values.get(value);
    if (group?.delete(object) && group.size === 0) index.values.delete(value);
  }
}
