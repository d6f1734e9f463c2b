// An API in memory for tests: enough of get, list, watch, patch and delete for a kubelet.
import type { Client, ListOptions, ResourceClient, ResourceRef } from '../../client/index.ts';
import { ApiError } from '../../machinery/errors.ts';
import {
  isJsonObject,
  type JsonObject,
  type KubeList,
  type KubeObject,
  type WatchEvent,
} from '../../machinery/object.ts';

type Watcher = { plural: string; options: ListOptions; push: (event: WatchEvent<KubeObject>) => void };

function merge(target: JsonObject, patch: JsonObject): JsonObject {
  const out: JsonObject = { ...target };
  for (const [k, v] of Object.entries(patch)) {
    if (v === null) delete out[k];
    else if (k === 'conditions' && Array.isArray(v)) {
      const old = (Array.isArray(out[k]) ? out[k] : []) as JsonObject[];
      const next = v as JsonObject[];
      out[k] = [...old.filter((o) => !next.some((n) => n.type === o.type)), ...next];
    } else if (Array.isArray(v)) out[k] = v.filter((x) => !isJsonObject(x) || x.$patch === undefined);
    else if (isJsonObject(v)) out[k] = merge(isJsonObject(out[k]) ? out[k] : {}, v);
    else out[k] = v;
  }
  return out;
}

export class FakeApi {
  readonly objects = new Map<string, KubeObject>();
  private readonly watchers = new Set<Watcher>();
  version = 0;

  private key(plural: string, namespace: string, name: string): string {
    return `${plural}/${namespace}/${name}`;
  }

  matches(object: KubeObject, selector: string | undefined): boolean {
    for (const part of (selector ?? '').split(',').filter((p) => p !== '')) {
      const [path = '', value = ''] = part.split('=');
      const found = path.split('.').reduce<unknown>((o, p) => (isJsonObject(o) ? o[p] : undefined), object);
      if (found !== value) return false;
    }
    return true;
  }

  put(plural: string, object: KubeObject, type: WatchEvent<KubeObject>['type'] = 'MODIFIED'): KubeObject {
    const { namespace = '', name = '' } = object.metadata;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.version) } };
    const key = this.key(plural, namespace, name);
    const fresh = !this.objects.has(key);
    if (type === 'DELETED') this.objects.delete(key);
    else this.objects.set(key, stored);
    for (const w of this.watchers) {
      if (w.plural === plural && this.matches(stored, w.options.fieldSelector)) {
        w.push({ type: fresh ? 'ADDED' : type, object: stored });
      }
    }
    return stored;
  }

  read<T extends KubeObject>(plural: string, namespace: string, name: string): T | undefined {
    return this.objects.get(this.key(plural, namespace, name)) as T | undefined;
  }

  all<T extends KubeObject>(plural: string): T[] {
    return [...this.objects].filter(([k]) => k.startsWith(`${plural}/`)).map(([, o]) => o as T);
  }

  client(): Client {
    return {
      resource: <T extends KubeObject>(ref: ResourceRef<T>) => this.collection(ref),
      raw: () => Promise.reject(new Error('not in the fake')),
    };
  }

  missing(plural: string, name: string): ApiError {
    return new ApiError({ reason: 'NotFound', message: `${plural} "${name}" not found` });
  }

  async *watch<T extends KubeObject>(
    plural: string,
    options: ListOptions,
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>> {
    const queue: WatchEvent<KubeObject>[] = [];
    let wake: () => void = () => undefined;
    const watcher: Watcher = {
      plural,
      options,
      push: (event) => {
        queue.push(event);
        wake();
      },
    };
    this.watchers.add(watcher);
    const from = Number(options.resourceVersion ?? '0');
    for (const o of this.all(plural)) {
      if (Number(o.metadata.resourceVersion) > from && this.matches(o, options.fieldSelector)) {
        queue.push({ type: 'MODIFIED', object: o });
      }
    }
    try {
      while (!signal.aborted) {
        const next = queue.shift();
        if (next !== undefined) {
          yield next as WatchEvent<T>;
          continue;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
          signal.onabort = () => resolve();
        });
      }
    } finally {
      this.watchers.delete(watcher);
    }
  }

  private collection<T extends KubeObject>(ref: ResourceRef<T>): ResourceClient<T> {
    return collectionOf(this, ref.plural);
  }
}

function collectionOf<T extends KubeObject>(api: FakeApi, plural: string): ResourceClient<T> {
  const must = (namespace: string, name: string): T => {
    const found = api.read<T>(plural, namespace, name);
    if (found === undefined) throw api.missing(plural, name);
    return found;
  };
  const refuse = (): Promise<never> => Promise.reject(new Error('not in the fake'));
  return {
    async get(namespace, name) {
      // As a node is answered: of pods that are not its own it learns nothing, not even that they are gone.
      if (plural === 'pods' && api.read(plural, namespace, name) === undefined)
        throw new ApiError({ reason: 'Forbidden', message: `pods "${name}" is forbidden: no relationship found` });
      return must(namespace, name);
    },
    async list(_namespace, options): Promise<KubeList<T>> {
      const items = api.all<T>(plural).filter((o) => api.matches(o, options?.fieldSelector));
      return { apiVersion: 'v1', kind: 'List', metadata: { resourceVersion: String(api.version) }, items };
    },
    async create(namespace, object) {
      if (api.read(plural, namespace, object.metadata.name ?? '') !== undefined) {
        throw new ApiError({ reason: 'AlreadyExists', message: 'exists' });
      }
      return api.put(plural, {
        ...object,
        metadata: { uid: `uid-${object.metadata.name}`, ...object.metadata },
      }) as T;
    },
    update: refuse,
    updateStatus: refuse,
    async patch(namespace, name, _type, body) {
      const old = must(namespace, name);
      return api.put(plural, merge(old as unknown as JsonObject, body as JsonObject) as unknown as KubeObject) as T;
    },
    async delete(namespace, name) {
      api.put(plural, must(namespace, name), 'DELETED');
    },
    async deleteCollection(_namespace, options) {
      for (const o of api.all<T>(plural).filter((one) => api.matches(one, options?.fieldSelector)))
        api.put(plural, o, 'DELETED');
    },
    createSubresource: <R>() =>
      Promise.resolve({
        status: { token: 'abc', expirationTimestamp: new Date(Date.now() + 3_600_000).toISOString() },
      } as R),
    watch: (_namespace, options, signal) => api.watch<T>(plural, options, signal),
  };
}
