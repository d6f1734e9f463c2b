// Other versions of what a request is about: what a rule says of one counts for all, and its webhook is sent the one that it names.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-matchpolicy
import { deepClone } from '../../../machinery/json.ts';
import type { JsonObject, KubeObject } from '../../../machinery/object.ts';
import { apiVersionOf } from '../../../resources/definition.ts';
import type { CatalogEntry } from '../../registry/catalog.ts';
import { toStored } from '../../registry/objects.ts';
import type { AdmissionRequest } from '../plugin.ts';

/** The other rows that show the same stored objects. */
export type Peers = (entry: CatalogEntry) => readonly CatalogEntry[];

export function peersAmong(all: () => readonly CatalogEntry[]): Peers {
  return (entry) => all().filter((other) => other.prefix === entry.prefix && other.row !== entry.row);
}

/** An object in the version of another row; a copy. What is not of the row's kind (a Scale, options) stays as it is. */
export async function converted<T extends KubeObject | undefined>(
  object: T,
  from: CatalogEntry,
  to: CatalogEntry,
): Promise<T> {
  if (object === undefined || from.row === to.row || object.kind !== from.row.kind) return object;
  if (from.convert !== undefined) {
    const [made] = await from.convert([deepClone(object) as unknown as JsonObject], apiVersionOf(to.row));
    return made as unknown as T;
  }
  const stored = toStored(from, deepClone(object));
  return (to.row.storedAs === undefined ? stored : to.row.storedAs.fromStored(stored)) as T;
}

/** The request as it would be in the version of another row. */
export async function requestIn(entry: CatalogEntry, request: AdmissionRequest): Promise<AdmissionRequest> {
  if (entry.row === request.entry.row) return request;
  const { object, old } = request;
  return {
    ...request,
    entry,
    object: await converted(object, request.entry, entry),
    old: await converted(old, request.entry, entry),
  };
}
