// JSON patch (RFC 6902) with the departures of the library that Kubernetes uses (github.com/evanphx/json-patch v4).
import { jsonText, NumberText, parseSpelled } from '../../machinery/exact-json.ts';
import { getOwn, goQuote, setOwn } from '../../machinery/json.ts';
import type { JsonObject } from '../../machinery/object.ts';
import { TestFailed, unprocessable } from './errors.ts';
import { type Operation, readOperations } from './json-operations.ts';

/** Bytes that all `copy` operations of a patch may add: without it a small patch could double a document again and again. */
const MAX_COPIED_BYTES = 3 * 1024 * 1024;

type Container = JsonObject | unknown[];

/** The document under change. Containers are copied the first time they are written to, so the input stays as it was. */
interface Draft {
  root: unknown;
  readonly owned: Set<Container>;
  copiedBytes: number;
}

/** Applies `operations` (decoded JSON) to `document` and returns the new one; the input is not changed. `lenient`: fields are not validated. */
export function jsonPatch(document: unknown, operations: unknown, lenient = false): unknown {
  const list = readOperations(operations, lenient);
  const draft: Draft = { root: document, owned: new Set(), copiedBytes: 0 };
  for (const operation of list) applyOne(draft, operation);
  return draft.root;
}

function applyOne(draft: Draft, operation: Operation): void {
  const run = OPERATIONS.get(operation.op);
  if (run === undefined) throw unprocessable(`Unexpected kind: ${operation.op}`);
  const { path } = operation;
  if (path === undefined) {
    const why = PATH_NAMED.has(operation.op) ? 'operation missing path field: ' : '';
    throw unprocessable(`${operation.op} operation failed to decode path: ${why}${MISSING}`);
  }
  run(draft, path, operation);
}

type Run = (draft: Draft, path: string, operation: Operation) => void;

const MISSING = 'missing value';
/** The operations that say what they miss. */
const PATH_NAMED: ReadonlySet<string> = new Set(['replace', 'move', 'test']);

const OPERATIONS: ReadonlyMap<string, Run> = new Map<string, Run>([
  ['add', (draft, path, operation) => add(draft, path, operation.value ?? null)],
  ['remove', (draft, path) => remove(draft, path)],
  ['replace', (draft, path, operation) => replace(draft, path, operation.value ?? null)],
  ['move', (draft, path, operation) => move(draft, needFrom(operation), path)],
  ['copy', (draft, path, operation) => copy(draft, needFrom(operation), path)],
  ['test', (draft, path, operation) => test(draft, path, operation.value ?? null)],
]);

function needFrom({ op, from }: Operation): string {
  if (from === undefined)
    throw unprocessable(`${op} operation failed to decode from: operation, missing from field: ${MISSING}`);
  return from;
}

/** A path leads nowhere. */
class NoPlace extends Error {}

/** What stands at the end of a path does not do what it should. */
class Refused extends Error {}

/** What an operation says when its path leads nowhere, and what it says before it tells what was refused there. */
interface Words {
  readonly lost: string;
  readonly refused: string;
}

function inWords<T>({ lost, refused }: Words, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof NoPlace) throw unprocessable(`${lost}: ${MISSING}`);
    if (error instanceof Refused) throw unprocessable(`${refused}: ${error.message}`);
    throw error;
  }
}

/** The steps of a pointer. What stands before the first slash is not looked at. */
function steps(path: string): string[] {
  return path
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function isContainer(value: unknown): value is Container {
  return typeof value === 'object' && value !== null && !(value instanceof NumberText);
}

const isNumber = (step: string): boolean => /^[+-]?\d+$/.test(step);
const noNumber = (step: string): string => `strconv.Atoi: parsing ${goQuote(step)}: invalid syntax`;
const badIndex = (step: string): Refused =>
  new Refused(`Unable to access invalid index: ${Number(step)}: invalid index referenced`);

/** Number of an item among so many, counted from the end when negative. */
function itemIndex(step: string, length: number): number {
  if (!isNumber(step)) throw new Refused(noNumber(step));
  const n = Number(step);
  const index = n < 0 ? n + length : n;
  if (index < 0 || index >= length) throw badIndex(step);
  return index;
}

/** What stands at `step`: undefined for a missing key of an object; a missing item of a list is an error. */
function read(container: Container, step: string): unknown {
  return Array.isArray(container) ? container[itemIndex(step, container.length)] : getOwn(container, step);
}

interface Place {
  readonly container: Container;
  readonly key: string;
}

/** One step on the way; nothing to go on with is nowhere. */
function onward(container: Container, step: string): Container {
  try {
    const next = read(container, step);
    if (isContainer(next)) return next;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  }
  throw new NoPlace();
}

function find(draft: Draft, path: string): Place {
  const way = steps(path);
  const key = way.pop();
  if (key === undefined || !isContainer(draft.root)) throw new NoPlace();
  let at = draft.root;
  for (const step of way) at = onward(at, step);
  return { container: at, key };
}

/** Like `find`, and makes every container on the way this draft's own. */
function findOwned(draft: Draft, path: string): Place {
  const way = steps(path);
  const key = way.pop();
  if (key === undefined || !isContainer(draft.root)) throw new NoPlace();
  let at = own(draft, draft.root);
  draft.root = at;
  for (const step of way) {
    const next = onward(at, step);
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
  if (Array.isArray(container)) container[itemIndex(step, container.length)] = value;
  else setOwn(container, step, value);
}

function insert({ container, key }: Place, value: unknown): void {
  if (!Array.isArray(container)) setOwn(container, key, value);
  else if (key === '-') container.push(value);
  else if (!isNumber(key)) throw new Refused(`value was not a proper array index: '${key}': ${noNumber(key)}`);
  // One more place than there are items: an item may be added behind the last.
  else container.splice(itemIndex(key, container.length + 1), 0, value);
}

function takeOut({ container, key }: Place): void {
  if (Array.isArray(container)) {
    container.splice(itemIndex(key, container.length), 1);
    return;
  }
  if (!Object.hasOwn(container, key)) throw new Refused(`Unable to remove nonexistent key: ${key}: ${MISSING}`);
  delete container[key];
}

function add(draft: Draft, path: string, value: unknown): void {
  const lost = `add operation does not apply: doc is missing path: "${path}"`;
  inWords({ lost, refused: `error in add for path: '${path}'` }, () => insert(findOwned(draft, path), value));
}

function remove(draft: Draft, path: string): void {
  const lost = `remove operation does not apply: doc is missing path: "${path}"`;
  inWords({ lost, refused: `error in remove for path: '${path}'` }, () => takeOut(findOwned(draft, path)));
}

/** Unlike the RFC's, this `replace` adds a key that is missing. */
function replace(draft: Draft, path: string, value: unknown): void {
  if (path === '') {
    if (!isContainer(value)) throw unprocessable('replace operation value must be object or array: %!w(<nil>)');
    draft.root = value;
    return;
  }
  const doesNot = 'replace operation does not apply: doc is missing';
  const { container, key } = inWords({ lost: `${doesNot} path: ${path}`, refused: '' }, () => findOwned(draft, path));
  try {
    read(container, key);
  } catch (error) {
    if (error instanceof Refused) throw unprocessable(`${doesNot} key: ${path}: ${MISSING}`);
    throw error;
  }
  write(container, key, value);
}

function move(draft: Draft, from: string, path: string): void {
  const doesNot = 'move operation does not apply: doc is missing';
  const refused = (at: string): string => `error in move for path: '${at}'`;
  const words = { lost: `${doesNot} from path: ${from}`, refused: refused(steps(from).at(-1) ?? '') };
  const value = inWords(words, () => {
    const source = findOwned(draft, from);
    const found = read(source.container, source.key);
    takeOut(source);
    return found;
  });
  inWords({ lost: `${doesNot} destination path: ${path}`, refused: refused(path) }, () =>
    insert(findOwned(draft, path), value),
  );
}

/** Unlike the RFC's, this `copy` takes a missing key for null. */
function copy(draft: Draft, from: string, path: string): void {
  const doesNot = 'copy operation does not apply: doc is missing';
  const words = { lost: `${doesNot} from path: ${from}`, refused: `error in copy for from: '${from}'` };
  const encoded = inWords(words, () => {
    const { container, key } = find(draft, from);
    return jsonText(read(container, key) ?? null);
  });
  inWords({ lost: `${doesNot} destination path: ${path}`, refused: 'error while adding value during copy' }, () => {
    const place = findOwned(draft, path);
    draft.copiedBytes += encoded.length;
    if (draft.copiedBytes > MAX_COPIED_BYTES)
      throw unprocessable(
        `Unable to complete the copy, the accumulated size increase of copy is ${draft.copiedBytes}, exceeding the limit ${MAX_COPIED_BYTES}`,
      );
    // A true copy: what is written in one place must not show in the other.
    insert(place, parseSpelled(encoded));
  });
}

function test(draft: Draft, path: string, expected: unknown): void {
  const lost = `test operation does not apply: is missing path: ${path}`;
  const value = inWords({ lost, refused: `error in test for path: '${path}'` }, () => {
    if (path === '') return draft.root;
    const { container, key } = find(draft, path);
    return read(container, key) ?? null;
  });
  if (!sameJson(value, expected)) throw unprocessable(new TestFailed(`testing value ${path} failed: test failed`));
}

export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (a instanceof NumberText) return b instanceof NumberText && a.text === b.text;
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
