// JSON patch (RFC 6902) with the departures of the library that Kubernetes uses (github.com/evanphx/json-patch v4).
import type { ApiError } from '../../machinery/errors.ts';
import { getOwn, setOwn } from '../../machinery/json.ts';
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import { decodingError, tooManyOperations, unprocessable } from './errors.ts';
import { jsonKind } from './go-text.ts';

const MAX_OPERATIONS = 10_000;
/** Bytes that all `copy` operations of a patch may add: without it a small patch could double a document again and again. */
const MAX_COPIED_BYTES = 3 * 1024 * 1024;

interface Operation {
  readonly op: string;
  readonly path: string | undefined;
  readonly from: string | undefined;
  readonly value: unknown;
}

type Container = JsonObject | unknown[];

/** The document under change. Containers are copied the first time they are written to, so the input stays as it was. */
interface Draft {
  root: unknown;
  readonly owned: Set<Container>;
  copiedBytes: number;
}

/** Applies `operations` (decoded JSON) to `document` and returns the new one; the input is not changed. */
export function jsonPatch(document: unknown, operations: unknown): unknown {
  const list = readOperations(operations);
  const draft: Draft = { root: document, owned: new Set(), copiedBytes: 0 };
  for (const operation of list) applyOne(draft, operation);
  return draft.root;
}

function readOperations(operations: unknown): Operation[] {
  if (operations === null) return [];
  if (!Array.isArray(operations)) {
    throw decodingError(`json: cannot unmarshal ${jsonKind(operations)} into Go value of type []handlers.jsonPatchOp`);
  }
  const list = operations.map(readOperation);
  if (list.length > MAX_OPERATIONS) throw tooManyOperations(MAX_OPERATIONS, list.length);
  return list;
}

function readOperation(item: unknown): Operation {
  if (item === null) return { op: '', path: undefined, from: undefined, value: undefined };
  if (!isJsonObject(item)) {
    throw decodingError(`json: cannot unmarshal ${jsonKind(item)} into Go value of type handlers.jsonPatchOp`);
  }
  return {
    op: text(item, 'op') ?? '',
    path: text(item, 'path'),
    from: text(item, 'from'),
    value: getOwn(item, 'value'),
  };
}

function text(item: JsonObject, field: string): string | undefined {
  const value = getOwn(item, field);
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  const what = `json: cannot unmarshal ${jsonKind(value)} into Go struct field jsonPatchOp.${field} of type string`;
  throw decodingError(what);
}

function applyOne(draft: Draft, operation: Operation): void {
  const path = operation.path;
  if (path === undefined) throw unprocessable('missing path');
  const run = OPERATIONS.get(operation.op);
  if (run === undefined) throw unprocessable(`unexpected kind: ${operation.op}`);
  run(draft, path, operation);
}

type Run = (draft: Draft, path: string, operation: Operation) => void;

const OPERATIONS: ReadonlyMap<string, Run> = new Map<string, Run>([
  ['add', (draft, path, operation) => add(draft, path, operation.value ?? null)],
  ['remove', (draft, path) => remove(draft, path)],
  ['replace', (draft, path, operation) => replace(draft, path, operation.value ?? null)],
  ['move', (draft, path, operation) => move(draft, needFrom(operation), path)],
  ['copy', (draft, path, operation) => copy(draft, needFrom(operation), path)],
  ['test', (draft, path, operation) => test(draft, path, operation.value ?? null)],
]);

function needFrom(operation: Operation): string {
  if (operation.from === undefined) throw unprocessable('missing from');
  return operation.from;
}

function missing(path: string): ApiError {
  return unprocessable(`doc is missing path: ${path}`);
}

/** The steps of a pointer. What stands before the first slash is not looked at. */
function steps(path: string): string[] {
  return path
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function isContainer(value: unknown): value is Container {
  return typeof value === 'object' && value !== null;
}

/** Number of an existing item, counted from the end when negative. */
function itemIndex(step: string, length: number): number | undefined {
  if (!/^[+-]?\d+$/.test(step)) return undefined;
  const n = Number(step);
  const index = n < 0 ? n + length : n;
  return index >= 0 && index < length ? index : undefined;
}

/** What stands at `step`: undefined for a missing key of an object; a missing item of a list is an error. */
function read(container: Container, step: string, path: string): unknown {
  if (!Array.isArray(container)) return getOwn(container, step);
  const index = itemIndex(step, container.length);
  if (index === undefined) throw missing(path);
  return container[index];
}

interface Place {
  readonly container: Container;
  readonly key: string;
}

function find(draft: Draft, path: string): Place {
  const way = steps(path);
  const key = way.pop();
  let at = draft.root;
  if (key === undefined) throw missing(path);
  for (const step of way) {
    if (!isContainer(at)) throw missing(path);
    at = read(at, step, path);
  }
  if (!isContainer(at)) throw missing(path);
  return { container: at, key };
}

/** Like `find`, and makes every container on the way this draft's own. */
function findOwned(draft: Draft, path: string): Place {
  const way = steps(path);
  const key = way.pop();
  if (key === undefined || !isContainer(draft.root)) throw missing(path);
  let at = own(draft, draft.root);
  draft.root = at;
  for (const step of way) {
    const next = read(at, step, path);
    if (!isContainer(next)) throw missing(path);
    const owned = own(draft, next);
    if (owned !== next) write(at, step, owned);
    at = owned;
  }
  return { container: at, key };
}

function own(draft: Draft, container: Container): Container {
  if (draft.owned.has(container)) return container;
  const copied: Container = Array.isArray(container) ? [...container] : { ...container };
  draft.owned.add(copied);
  return copied;
}

/** Puts a value where one stands already, or under a new key of an object. */
function write(container: Container, step: string, value: unknown): void {
  if (Array.isArray(container)) {
    const index = itemIndex(step, container.length);
    if (index !== undefined) container[index] = value;
  } else {
    setOwn(container, step, value);
  }
}

function insert(place: Place, path: string, value: unknown): void {
  const { container, key } = place;
  if (!Array.isArray(container)) setOwn(container, key, value);
  else if (key === '-') container.push(value);
  else {
    // One more place than there are items: an item may be added behind the last.
    const index = itemIndex(key, container.length + 1);
    if (index === undefined) throw missing(path);
    container.splice(index, 0, value);
  }
}

function add(draft: Draft, path: string, value: unknown): void {
  insert(findOwned(draft, path), path, value);
}

function remove(draft: Draft, path: string): void {
  const { container, key } = findOwned(draft, path);
  if (Array.isArray(container)) {
    const index = itemIndex(key, container.length);
    if (index === undefined) throw missing(path);
    container.splice(index, 1);
  } else {
    if (!Object.hasOwn(container, key)) throw unprocessable(`Unable to remove nonexistent key: ${key}`);
    delete container[key];
  }
}

/** Unlike the RFC's, this `replace` adds a key that is missing. */
function replace(draft: Draft, path: string, value: unknown): void {
  if (path === '') {
    draft.root = value;
    return;
  }
  const { container, key } = findOwned(draft, path);
  read(container, key, path);
  write(container, key, value);
}

function move(draft: Draft, from: string, path: string): void {
  const source = find(draft, from);
  const value = read(source.container, source.key, from);
  remove(draft, from);
  add(draft, path, value);
}

/** Unlike the RFC's, this `copy` takes a missing key for null. */
function copy(draft: Draft, from: string, path: string): void {
  const source = find(draft, from);
  const encoded = JSON.stringify(read(source.container, source.key, from) ?? null);
  draft.copiedBytes += encoded.length;
  if (draft.copiedBytes > MAX_COPIED_BYTES) throw unprocessable('the accumulated size of copies is over the limit');
  // A true copy: what is written in one place must not show in the other.
  add(draft, path, JSON.parse(encoded));
}

function test(draft: Draft, path: string, expected: unknown): void {
  let value = draft.root;
  if (path !== '') {
    const { container, key } = find(draft, path);
    value = read(container, key, path) ?? null;
  }
  if (!sameJson(value, expected)) throw unprocessable(`testing value ${path} failed`);
}

export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (!isContainer(a) || !isContainer(b)) return false;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, i) => sameJson(item, b[i]));
  }
  if (Array.isArray(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key], b[key]));
}
