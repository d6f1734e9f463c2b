// Reads an object as it is now, for plugins that look at one now and then.
import type { KubeObject } from '../../machinery/object.ts';
import type { Store } from '../../store/index.ts';
import { type Catalog, storageKey } from '../registry/catalog.ts';
import { readObject } from '../registry/objects.ts';

/** `plural` of the core group, or `group/version/plural`. */
export type LiveLookup = (plural: string, namespace: string, name: string) => Promise<KubeObject | undefined>;

export function liveLookup(store: Store, catalog: Catalog): LiveLookup {
  return async (plural, namespace, name) => {
    const [resource = '', version = 'v1', group = ''] = plural.split('/').reverse();
    const entry = catalog.find(group, version, resource);
    const value = entry === undefined ? undefined : await store.get(storageKey(entry, namespace, name));
    return entry === undefined || value === undefined ? undefined : readObject(entry, value);
  };
}
