// Changes that the server makes to stored objects by itself, past strategies and field management (binding, eviction).
import { notFound } from '../../machinery/errors.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { tryUntilWritten } from '../registry/attempts.ts';
import { type CatalogEntry, storageKey } from '../registry/catalog.ts';
import type { Kernel } from '../registry/context.ts';
import { cloneObject, readObject, toStored, writeOf } from '../registry/objects.ts';

export interface DirectChange<T extends KubeObject> {
  readonly entry: CatalogEntry;
  readonly namespace: string;
  readonly name: string;
  readonly dryRun: boolean;
  /** Changes a private copy; throws to refuse. Returning false leaves the object as it is. */
  readonly change: (draft: T) => boolean;
}

export async function changeObject<T extends KubeObject>(kernel: Kernel, request: DirectChange<T>): Promise<T> {
  const { entry, namespace, name } = request;
  const resource = { group: entry.row.group, resource: entry.row.plural };
  return tryUntilWritten(kernel, async () => {
    const current = await kernel.store.get(storageKey(entry, namespace, name));
    if (current === undefined) throw notFound(resource, name);
    const draft = cloneObject(readObject(entry, current)) as T;
    if (!request.change(draft) || request.dryRun) return draft;
    const at = { key: current.key, expected: current.modRevision, object: toStored(entry, draft) };
    const result = await kernel.store.txn([writeOf('put', at)]);
    const value = result.ok ? result.values[0] : undefined;
    return value === undefined ? undefined : (readObject(entry, value) as T);
  });
}

export async function readOne<T extends KubeObject>(
  kernel: Kernel,
  entry: CatalogEntry,
  namespace: string,
  name: string,
): Promise<T> {
  const value = await kernel.store.get(storageKey(entry, namespace, name));
  if (value === undefined) throw notFound({ group: entry.row.group, resource: entry.row.plural }, name);
  return readObject(entry, value) as T;
}
