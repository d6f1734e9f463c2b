// Managed fields after a create, an update or a patch that is not an apply.
import { isApiError } from '../../machinery/errors.ts';
import type { JsonObject, ManagedFieldsEntry } from '../../machinery/object.ts';
import { isJsonObject } from '../../machinery/object.ts';
import { RecentCache } from '../../machinery/recent-cache.ts';
import type { SchemaNode } from '../../resources/schema/index.ts';
import { capUpdaters, decodeEntries, encodeEntries, identity, type Managed, type ManagedMap } from './entries.ts';
import { EMPTY, type FieldSet, isEmpty, union } from './field-set.ts';
import { planOf } from './plan.ts';
import { shapeOf } from './shape.ts';
import { sharedSet } from './shared-sets.ts';
import { Change, type Frame, reconcileManaged, strip } from './updater.ts';
import { zeroObject } from './zero.ts';

export interface UpdateRequest extends Frame {
  /** The live object in the version of the request; undefined on create. */
  readonly old: JsonObject | undefined;
  /** The object to be stored, with the managedFields that the client sent. */
  readonly next: JsonObject;
  readonly manager: string;
  readonly subresource?: string | undefined;
  /** RFC 3339, to the second. */
  readonly time: string;
}

export function entriesOf(object: JsonObject | undefined): readonly ManagedFieldsEntry[] | undefined {
  const metadata = object?.metadata;
  if (!isJsonObject(metadata)) return undefined;
  const entries = metadata.managedFields;
  return Array.isArray(entries) ? entries : undefined;
}

const MAX_SHAPES = 1024;
/** Longer ones are rare, and not worth keeping. */
const MAX_SHAPE = 16 * 1024;

/** What a creation owns, by the shape of the object. */
const created = new WeakMap<SchemaNode, RecentCache<string, FieldSet>>();

/** The set that somebody owns who creates the object, where one of its shape was created lately. */
function createdSet(request: UpdateRequest): FieldSet {
  const slow = (): FieldSet => changedSet(request, new Change(request, zeroObject(request.schema), request.next));
  const shape = shapeOf(planOf(request.schema), request.next);
  if (shape.length > MAX_SHAPE) return slow();
  const key = `${request.apiVersion} ${request.resetFields?.join() ?? ''} ${shape}`;
  let known = created.get(request.schema);
  if (known === undefined) {
    known = new RecentCache(MAX_SHAPES);
    created.set(request.schema, known);
  }
  let set = known.get(key);
  if (set === undefined) {
    set = sharedSet(slow());
    known.set(key, set);
  }
  return set;
}

/** The managedFields of an object that is new, and came without any; undefined for none. */
function entriesOfCreation(request: UpdateRequest): ManagedFieldsEntry[] | undefined {
  const entry = newEntry(request, createdSet(request));
  return encodeEntries(new Map([[identity(entry), entry]]));
}

/** The managedFields that `next` is to be stored with; undefined for none. */
export function updateManagedFields(request: UpdateRequest): ManagedFieldsEntry[] | undefined {
  if (request.old === undefined && entriesOf(request.next) === undefined) return entriesOfCreation(request);
  const managed = entriesBefore(request);
  // Nobody is followed whose entries were cleared, until the next apply.
  if (managed.size === 0 && request.old !== undefined) return undefined;
  try {
    recordUpdate(request, managed, request.old ?? zeroObject(request.schema));
  } catch (error) {
    // A write does not fail because its owners cannot be told: then the object has none.
    if (isApiError(error)) return undefined;
    throw error;
  }
  return encodeEntries(managed);
}

/** Clients may set managedFields, but not through a subresource, and not by leaving them out. */
function entriesBefore(request: UpdateRequest): ManagedMap {
  const live = entriesOf(request.old) ?? [];
  const sent = entriesOf(request.next);
  if (request.subresource === undefined || request.subresource === '') {
    if (sent !== undefined && isReset(sent)) return new Map();
    const decoded = tryDecode(sent ?? [], live);
    if (decoded !== undefined && decoded.size > 0) return decoded;
  }
  return tryDecode(live, live) ?? new Map();
}

/** `[]` and `[{}]` clear the entries. */
function isReset(entries: readonly ManagedFieldsEntry[]): boolean {
  const [only] = entries;
  return entries.length === 0 || (entries.length === 1 && only !== undefined && Object.keys(only).length === 0);
}

function tryDecode(
  entries: readonly ManagedFieldsEntry[],
  trusted: readonly ManagedFieldsEntry[],
): ManagedMap | undefined {
  try {
    return decodeEntries(entries, trusted);
  } catch {
    return undefined;
  }
}

const CURRENT = 'the current operation';

/** Gives the manager what the change added and modified, and takes it from all others. */
export function recordUpdate(request: Omit<UpdateRequest, 'old'>, managed: ManagedMap, old: JsonObject): void {
  const change = new Change(request, withoutEntries(old), withoutEntries(request.next));
  reconcileManaged(request, managed, withoutEntries(old));
  change.takeFromOthers(managed, CURRENT, change.conflicts(managed, CURRENT));
  const set = changedSet(request, change);
  if (!isEmpty(set)) {
    const entry = newEntry(request, set);
    const id = identity(entry);
    const before = managed.get(id);
    managed.set(id, before === undefined ? entry : { ...entry, set: union(set, before.set) });
  }
  capUpdaters(managed);
}

/** What the change added and modified, of what can be owned. */
function changedSet(request: Frame, change: Change): FieldSet {
  const comparison = change.at(request.apiVersion);
  return comparison === undefined ? EMPTY : strip(union(comparison.modified, comparison.added));
}

function newEntry(request: Omit<UpdateRequest, 'old'>, set: Managed['set']): Managed {
  return {
    manager: request.manager === '' ? 'unknown' : request.manager,
    operation: 'Update',
    apiVersion: request.apiVersion,
    subresource: request.subresource ?? '',
    time: request.time,
    set,
  };
}

/** Entries are no fields of their own. */
export function withoutEntries(object: JsonObject): JsonObject {
  const metadata = object.metadata;
  if (!isJsonObject(metadata) || !Object.hasOwn(metadata, 'managedFields')) return object;
  const { managedFields: _, ...rest } = metadata;
  return { ...object, metadata: rest };
}

const MAX_MANAGER_LENGTH = 128;

/** The name that a write is recorded under: the one given, or what stands before the slash in the user agent. */
export function managerName(fieldManager: string | undefined, userAgent: string | undefined): string {
  if (fieldManager !== undefined && fieldManager !== '') return fieldManager;
  const [prefix = ''] = (userAgent ?? '').split('/');
  let name = '';
  let length = 0;
  for (const char of prefix.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '')) {
    length += Buffer.byteLength(char);
    if (length > MAX_MANAGER_LENGTH) break;
    name += char;
  }
  return name;
}
