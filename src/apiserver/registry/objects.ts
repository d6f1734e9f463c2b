// Between stored bytes and objects: parsing (once per stored value), versions, and the bytes that are stored and sent.
import { jsonText, mayHoldLong, parseExact } from '../../machinery/exact-json.ts';
import { deepClone } from '../../machinery/json.ts';
import type { KubeObject, ObjectMeta } from '../../machinery/object.ts';
import { RecentCache } from '../../machinery/recent-cache.ts';
import { apiVersionOf } from '../../resources/definition.ts';
import { builtinSchema, typedNumbers } from '../../resources/schema/index.ts';
import type { StoredValue, Write } from '../../store/index.ts';
import { entriesText, shareSets } from '../apply/index.ts';
import type { CatalogEntry } from './catalog.ts';

const META_ORDER: readonly (keyof ObjectMeta)[] = [
  'name',
  'generateName',
  'namespace',
  'selfLink',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'labels',
  'annotations',
  'ownerReferences',
  'finalizers',
];

function orderedMeta(meta: ObjectMeta): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const key of META_ORDER) if (meta[key] !== undefined) out[key] = meta[key];
  return out;
}

/** `{"kind":"Pod","apiVersion":"v1",` — what every stored object of a row begins with, and what items of lists leave out. */
export function typePrefix(entry: CatalogEntry): Buffer {
  let prefix = prefixes.get(entry);
  if (prefix === undefined) {
    const { storage } = entry;
    prefix = Buffer.from(
      `{"kind":${JSON.stringify(storage.kind)},"apiVersion":${JSON.stringify(apiVersionOf(storage))},`,
    );
    prefixes.set(entry, prefix);
  }
  return prefix;
}

const prefixes = new WeakMap<CatalogEntry, Buffer>();

/** The object's JSON, with kind, apiVersion and metadata first. Everything stored and everything answered passes through here. */
export function objectText(object: KubeObject): string {
  const { kind, apiVersion, metadata, ...rest } = object;
  const { managedFields } = metadata;
  const before = { kind, apiVersion, metadata: orderedMeta(metadata) };
  if (managedFields === undefined) return jsonText({ ...before, ...rest });
  const head = jsonText(before).slice(0, -'}}'.length);
  const tail = jsonText(rest).slice(1);
  const entries = `"managedFields":${entriesText(managedFields)}}`;
  return `${head}${head.endsWith('{') ? '' : ','}${entries}${tail === '}' ? '' : ','}${tail}`;
}

export function objectBytes(object: KubeObject): Uint8Array {
  return Buffer.from(objectText(object), 'utf8');
}

/** Bytes with the revision in them; the object takes the revision too, and is from now on the shared parsed form of the bytes. */
export function encodeAt(key: string, object: KubeObject, revision: number): Uint8Array {
  object.metadata.resourceVersion = String(revision);
  const text = objectText(object);
  // What is kept for long has memory of its own: a piece of Node's pool would hold on to all that was made beside it.
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  bytes.write(text);
  remember(key, bytes, object);
  return bytes;
}

/** The write of an object, which becomes the store's: it must not be changed any more. */
export function writeOf(kind: 'put' | 'delete', at: { key: string; expected: number; object: KubeObject }): Write {
  const { key, expected, object } = at;
  return { kind, key, expected, encode: (revision) => encodeAt(key, object, revision) };
}

interface Parsed {
  readonly value: Uint8Array;
  readonly object: KubeObject;
  /** The one that it took the place of: watches with selectors look at both. */
  before: Parsed | undefined;
}

/** Parsed objects take several times the room of their bytes: only those in use are kept. */
const MAX_PARSED = 8192;
/** By the store's keys: what has been overwritten goes. */
const parsedValues = new RecentCache<string, Parsed>(MAX_PARSED);
const versionedValues = new RecentCache<Uint8Array, Map<CatalogEntry, KubeObject>>(MAX_PARSED);

function remember(key: string, value: Uint8Array, object: KubeObject): void {
  const before = parsedValues.get(key);
  if (before !== undefined) before.before = undefined;
  parsedValues.set(key, { value, object, before });
}

function remembered(key: string, value: Uint8Array): KubeObject | undefined {
  const newest = parsedValues.get(key);
  if (newest?.value === value) return newest.object;
  return newest?.before?.value === value ? newest.before.object : undefined;
}

function parsed(text: string, entry: CatalogEntry | undefined): KubeObject {
  if (!mayHoldLong(text)) return JSON.parse(text) as KubeObject;
  const object = parseExact(text) as KubeObject;
  return entry === undefined || entry.custom ? object : typedNumbers(builtinSchema(entry.storage.schema), object);
}

/** The parsed object in the version it is stored in; `entry` when its kind may be built in. Shared: must not be changed. */
export function parseStored({ key, value }: StoredValue, entry?: CatalogEntry): KubeObject {
  const known = remembered(key, value);
  if (known !== undefined) return known;
  const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8');
  const object = parsed(text, entry);
  const { managedFields } = object.metadata;
  if (managedFields !== undefined) object.metadata.managedFields = shareSets(managedFields);
  remember(key, value, object);
  return object;
}

/** The object as the row shows it. Shared: must not be changed. */
export function readObject(entry: CatalogEntry, value: StoredValue): KubeObject {
  const stored = parseStored(value, entry);
  const conversion = entry.row.storedAs;
  if (conversion === undefined) return stored;
  let byEntry = versionedValues.get(value.value);
  if (byEntry === undefined) {
    byEntry = new Map();
    versionedValues.set(value.value, byEntry);
  }
  let object = byEntry.get(entry);
  if (object === undefined) {
    object = conversion.fromStored(stored);
    byEntry.set(entry, object);
  }
  return object;
}

/** The form to store of an object in the row's version. */
export function toStored(entry: CatalogEntry, object: KubeObject): KubeObject {
  return entry.row.storedAs === undefined ? object : entry.row.storedAs.toStored(object);
}

/** Stored bytes are what the row sends, without another look. */
export function sendsStoredBytes(entry: CatalogEntry): boolean {
  return entry.row.storedAs === undefined;
}

/** The bytes that the row sends for a stored value. */
export function sentBytes(entry: CatalogEntry, value: StoredValue): Uint8Array {
  return sendsStoredBytes(entry) ? value.value : objectBytes(readObject(entry, value));
}

/** A private copy that may be changed. Entries of managedFields are shared: nobody changes one in place. */
export function cloneObject<T extends KubeObject>(object: T): T {
  const { managedFields } = object.metadata;
  if (managedFields === undefined) return deepClone(object);
  const { managedFields: _, ...metadata } = object.metadata;
  const copy = deepClone({ ...object, metadata });
  (copy.metadata as ObjectMeta).managedFields = managedFields;
  return copy;
}
