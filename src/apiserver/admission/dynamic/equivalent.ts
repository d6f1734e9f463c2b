// Other versions of what a request is about: what a rule says of one counts for all, and its webhook is sent the one that it names.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-matchpolicy
import { deepClone } from '../../../machinery/json.ts';
import type { KubeObject } from '../../../machinery/object.ts';
import type { CatalogEntry } from '../../registry/catalog.ts';
import { toStored } from '../../registry/objects.ts';
import type { AdmissionRequest } from '../plugin.ts';

/** The other rows that show the same stored objects. */
export type Peers = (entry: CatalogEntry) => readonly CatalogEntry[];

export function peersAmong(all: () => readonly CatalogEntry[]): Peers {
  return (entry) => all().filter((other) => other.prefix === entry.prefix && other.row !== entry.row);
}

/** An object in the version of another row; a copy. What is not of the row's kind (a Scale, options) stays as it is. */
export function converted<T extends KubeObject | undefined>(object: T, from: CatalogEntry, to: CatalogEntry): T {
  if (object === undefined || from.row === to.row || object.kind !== from.row.kind) return object;
  const stored = toStored(from, deepClone(object));
  return (to.row.storedAs === undefined ? stored : to.row.storedAs.fromStored(stored)) as T;
}

/** The request as it would be in the version of another row. */
export function requestIn(entry: CatalogEntry, request: AdmissionRequest): AdmissionRequest {
  if (entry.row === request.entry.row) return request;
  const { object, old } = request;
  return {
    ...request,
    entry,
    object: converted(object, request.entry, entry),
    old: converted(old, request.entry, entry),
  };
}
