// What every program inside the house uses to reach the API: a typed client over a transport, informers over list and watch.
import type { KubeList, KubeObject, WatchEvent } from '../machinery/object.ts';

/** Names a collection on the wire. `plural` under `group/version`. */
export interface ResourceRef<T extends KubeObject> {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Never present; carries the wire type. */
  readonly _type?: T;
}

export interface ListOptions {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan';
}

export interface WriteOptions {
  readonly fieldManager?: string;
  readonly dryRun?: boolean;
}

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

/** All calls throw ApiError. `namespace` is '' for cluster-scoped kinds, and for lists over all namespaces. */
export interface ResourceClient<T extends KubeObject> {
  get(namespace: string, name: string): Promise<T>;
  list(namespace: string, options?: ListOptions): Promise<KubeList<T>>;
  create(namespace: string, object: T, options?: WriteOptions): Promise<T>;
  update(object: T, options?: WriteOptions): Promise<T>;
  updateStatus(object: T, options?: WriteOptions): Promise<T>;
  patch(
    namespace: string,
    name: string,
    type: PatchType,
    body: unknown,
    options?: WriteOptions & { readonly subresource?: string; readonly force?: boolean },
  ): Promise<T>;
  delete(namespace: string, name: string, options?: DeleteOptions): Promise<void>;
  deleteCollection(namespace: string, options?: DeleteOptions & ListOptions): Promise<void>;
  /** Posts to a subresource (binding, eviction, token …) and returns the answer. */
  createSubresource<R>(namespace: string, name: string, subresource: string, body: unknown): Promise<R>;
  watch(
    namespace: string,
    options: ListOptions & { readonly allowBookmarks?: boolean },
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>>;
}

export interface Client {
  resource<T extends KubeObject>(ref: ResourceRef<T>): ResourceClient<T>;
  /** Raw request for what has no kind. */
  raw(method: string, path: string, body?: unknown): Promise<unknown>;
}

/** The informer's cache: what the reconcilers read. Objects are shared and must not be changed. */
export interface Lister<T extends KubeObject> {
  /** Key is `namespace/name`, or `name` for cluster-scoped kinds. */
  get(key: string): T | undefined;
  list(): readonly T[];
  /** Objects whose index function yielded `value`. */
  byIndex(index: string, value: string): readonly T[];
}

export interface InformerHandler<T extends KubeObject> {
  onAdd?(object: T): void;
  onUpdate?(object: T, old: T): void;
  onDelete?(object: T): void;
}

export interface Informer<T extends KubeObject> extends Lister<T> {
  addHandler(handler: InformerHandler<T>): () => void;
  addIndex(name: string, keys: (object: T) => readonly string[]): void;
  /** Resolves when the first list has been taken in. */
  readonly synced: Promise<void>;
}

/** One informer per resource (and selector) is shared by all who ask. */
export interface InformerFactory {
  informer<T extends KubeObject>(
    ref: ResourceRef<T>,
    options?: { readonly fieldSelector?: string; readonly labelSelector?: string; readonly namespace?: string },
  ): Informer<T>;
  /** Starts all asked for so far and later; stops with the signal. */
  start(signal: AbortSignal): void;
}

export function objectKey(object: KubeObject): string {
  const { namespace, name } = object.metadata;
  return namespace === undefined || namespace === '' ? (name ?? '') : `${namespace}/${name ?? ''}`;
}
