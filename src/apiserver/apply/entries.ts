// The entries of metadata.managedFields: read, put in order, kept few.
// Source: meta/v1 ManagedFieldsEntry; https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
import type { ManagedFieldsEntry } from '../../machinery/object.ts';
import { type FieldSet, isEmpty, readFieldSet, union } from './field-set.ts';
import { sharedSet } from './shared-sets.ts';

export type Operation = 'Apply' | 'Update';

/** One manager's fields, at the version in which it wrote. */
export interface Managed {
  readonly manager: string;
  readonly operation: Operation;
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string | undefined;
  readonly set: FieldSet;
}

/** By identity. */
export type ManagedMap = Map<string, Managed>;

/** Updates of different versions are different managers, applies are not. */
export function identity(entry: Pick<Managed, 'manager' | 'operation' | 'apiVersion' | 'subresource'>): string {
  const version = entry.operation === 'Apply' ? '' : entry.apiVersion;
  return JSON.stringify([entry.manager, entry.operation, version, entry.subresource]);
}

/** Throws when an entry is malformed. Sets that stand in `trusted` (the live object's entries) are not read again. */
export function decodeEntries(
  entries: readonly ManagedFieldsEntry[],
  trusted?: readonly ManagedFieldsEntry[],
): ManagedMap {
  const known = new Set<unknown>(trusted?.map((entry) => entry.fieldsV1));
  const managed: ManagedMap = new Map();
  for (const entry of entries) {
    const decoded = decodeEntry(entry, known);
    managed.set(identity(decoded), decoded);
  }
  return managed;
}

function decodeEntry(entry: ManagedFieldsEntry, known: ReadonlySet<unknown>): Managed {
  const { operation, apiVersion, fieldsV1 } = entry;
  if (operation !== 'Apply' && operation !== 'Update') throw new Error('operation must be `Apply` or `Update`');
  if (apiVersion === undefined || apiVersion === '') throw new Error('apiVersion must not be empty');
  if (entry.fieldsType !== 'FieldsV1') throw new Error('missing or invalid fieldsType in managed fields entry');
  const set = known.has(fieldsV1) && fieldsV1 !== undefined ? (fieldsV1 as FieldSet) : readFieldSet(fieldsV1 ?? {});
  return {
    manager: entry.manager ?? '',
    operation,
    apiVersion,
    subresource: entry.subresource ?? '',
    time: entry.time,
    set,
  };
}

/** Entries without fields are left out; undefined when none remains. */
export function encodeEntries(managed: ManagedMap): ManagedFieldsEntry[] | undefined {
  const list = [...managed.values()].filter((entry) => !isEmpty(entry.set));
  if (list.length === 0) return undefined;
  return list.sort(compareEntries).map(encodeEntry);
}

function encodeEntry(entry: Managed): ManagedFieldsEntry {
  const out: ManagedFieldsEntry = { manager: entry.manager, operation: entry.operation, apiVersion: entry.apiVersion };
  if (entry.time !== undefined) out.time = entry.time;
  out.fieldsType = 'FieldsV1';
  out.fieldsV1 = sharedSet(entry.set);
  if (entry.subresource !== '') out.subresource = entry.subresource;
  return out;
}

function seconds(entry: Managed): number {
  const ms = entry.time === undefined ? Number.NaN : Date.parse(entry.time);
  return Number.isNaN(ms) ? 0 : Math.floor(ms / 1000);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareEntries(a: Managed, b: Managed): number {
  return (
    compareText(a.operation, b.operation) ||
    seconds(a) - seconds(b) ||
    compareText(a.manager, b.manager) ||
    compareText(a.apiVersion, b.apiVersion) ||
    compareText(a.subresource, b.subresource)
  );
}

/** How many update managers an object may have before the oldest are taken together. */
const MAX_UPDATERS = 10;
const ANCIENT = 'ancient-changes';

/** Takes the oldest updates of a version together until there are few enough. */
export function capUpdaters(managed: ManagedMap): void {
  const updaters = [...managed].filter(([, entry]) => entry.operation === 'Update');
  if (updaters.length <= MAX_UPDATERS) return;
  updaters.sort(([idA, a], [idB, b]) => seconds(a) - seconds(b) || compareText(idA, idB));
  let count = updaters.length;
  const first = new Map<string, string>();
  for (const [id, entry] of updaters) {
    if (count <= MAX_UPDATERS) return;
    const firstId = first.get(entry.apiVersion);
    if (firstId === undefined) {
      first.set(entry.apiVersion, id);
      continue;
    }
    const bucket = { manager: ANCIENT, operation: 'Update', apiVersion: entry.apiVersion, subresource: '' } as const;
    const bucketId = identity(bucket);
    const set = union(entry.set, managed.get(firstId)?.set ?? entry.set);
    managed.delete(firstId);
    managed.delete(id);
    // The later of the times, since the change is the more recent.
    managed.set(bucketId, { ...bucket, time: entry.time, set: union(set, managed.get(bucketId)?.set ?? set) });
    first.set(entry.apiVersion, bucketId);
    count--;
  }
}

/** The same owners and fields, whatever the times. */
export function sameExceptTimes(
  a: readonly ManagedFieldsEntry[] | undefined,
  b: readonly ManagedFieldsEntry[] | undefined,
): boolean {
  const untimed = (entries: readonly ManagedFieldsEntry[] | undefined): string[] =>
    (entries ?? []).map((entry) =>
      JSON.stringify([entry.manager, entry.operation, entry.apiVersion, entry.subresource]),
    );
  const left = untimed(a);
  const right = untimed(b);
  if (left.length !== right.length || left.some((text, i) => text !== right[i])) return false;
  return (a ?? []).every((entry, i) => sameFields(entry.fieldsV1, b?.[i]?.fieldsV1));
}

function sameFields(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => sameFields((a as FieldSet)[key], (b as FieldSet)[key]));
}
