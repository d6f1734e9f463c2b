// Parameters of policies, read from the store: they may be of any kind that is served, custom ones too.
import type { KubeObject } from '../../../machinery/object.ts';
import type { ParamKind } from '../../../resources/generated/admissionregistration-v1.ts';
import type { Store } from '../../../store/index.ts';
import { type Catalog, type CatalogEntry, storageKey } from '../../registry/catalog.ts';
import { readObject } from '../../registry/objects.ts';
import type { ParamSource } from './bindings.ts';

export function paramSource(store: Store, catalog: Catalog): ParamSource {
  const entryOf = (apiVersion: string, kind: string): CatalogEntry | undefined => {
    const slash = apiVersion.indexOf('/');
    return catalog.findKind(slash < 0 ? '' : apiVersion.slice(0, slash), apiVersion.slice(slash + 1), kind);
  };
  const entryOfParam = (param: ParamKind): CatalogEntry | undefined =>
    entryOf(param.apiVersion ?? '', param.kind ?? '');
  return {
    kind(apiVersion, kind) {
      const entry = entryOf(apiVersion, kind);
      return entry === undefined ? undefined : { namespaced: entry.row.namespaced };
    },
    async get(param, namespace, name): Promise<KubeObject | undefined> {
      const entry = entryOfParam(param);
      const value = entry === undefined ? undefined : await store.get(storageKey(entry, namespace, name));
      return entry === undefined || value === undefined ? undefined : readObject(entry, value);
    },
    async list(param, namespace): Promise<readonly KubeObject[]> {
      const entry = entryOfParam(param);
      if (entry === undefined) return [];
      const inOne = entry.row.namespaced && namespace !== '';
      const { items } = await store.list({ prefix: inOne ? `${entry.prefix}${namespace}/` : entry.prefix });
      return items.map((value) => readObject(entry, value));
    },
  };
}
