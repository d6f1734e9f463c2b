// Sets of fields, in the very form in which FieldsV1 writes them, and the algebra on them.
import { jsonText, parseExact } from '../../machinery/exact-json.ts';
// https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/#System (fieldsV1)

/** A node of a set. Keys: `f:name`, `k:{"key":"value"}`, `v:value`, `i:index` for what is below, `.` when the node itself is a member
 *  although something is below it. A node without keys is a member. Since every key has a prefix, no name of a user can be a name of
 *  JavaScript's. Sets are never changed once made; equal parts are shared. */
export interface FieldSet {
  readonly [key: string]: FieldSet;
}

/** The same while it is being made. */
export type FieldSetDraft = { [key: string]: FieldSet };

/** A member with nothing below. */
export const LEAF: FieldSet = Object.freeze({});

/** No field. (At the root a set without keys is empty: nobody owns the whole object.) */
export const EMPTY: FieldSet = LEAF;

const SELF = '.';

export function hasKeys(set: FieldSet): boolean {
  for (const _ in set) return true;
  return false;
}

export function isEmpty(root: FieldSet): boolean {
  return !hasKeys(root);
}

/** Is the node itself a member? */
export function isMember(node: FieldSet): boolean {
  return node[SELF] !== undefined || !hasKeys(node);
}

/** Is something below the node? */
export function hasChildren(node: FieldSet): boolean {
  for (const key in node) if (key !== SELF) return true;
  return false;
}

/** The node as a member, whatever is below. */
export function asMember(node: FieldSet | undefined): FieldSet {
  if (node === undefined) return LEAF;
  return isMember(node) ? node : { [SELF]: LEAF, ...node };
}

/** A node of its parts; undefined when it would stand for nothing. */
function compose(member: boolean, children: FieldSetDraft): FieldSet | undefined {
  if (!hasKeys(children)) return member ? LEAF : undefined;
  return member ? { [SELF]: LEAF, ...children } : children;
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b || isEmpty(b)) return a;
  if (isEmpty(a)) return b;
  const out: FieldSetDraft = { ...a };
  for (const key in b) {
    const right = b[key];
    if (right === undefined || key === SELF) continue;
    const left = out[key];
    out[key] = left === undefined ? right : unionNodes(left, right);
  }
  return out;
}

function unionNodes(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b) return a;
  const member = isMember(a) || isMember(b);
  const { [SELF]: _, ...children } = union(a, b);
  return compose(member, children) ?? LEAF;
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  const out: FieldSetDraft = {};
  for (const key in a) {
    const left = a[key];
    const right = b[key];
    if (left === undefined || right === undefined || key === SELF) continue;
    const both = compose(isMember(left) && isMember(right), intersection(left, right));
    if (both !== undefined) out[key] = both;
  }
  return out;
}

/** What is in `a` and not in `b`. What is below a member of `b` stays. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  const out: FieldSetDraft = {};
  let changed = false;
  for (const key in a) {
    const left = a[key];
    if (left === undefined || key === SELF) continue;
    const right = b[key];
    const rest = right === undefined ? left : differenceOfNodes(left, right);
    if (rest !== left) changed = true;
    if (rest !== undefined) out[key] = rest;
  }
  return changed ? out : a;
}

function differenceOfNodes(a: FieldSet, b: FieldSet): FieldSet | undefined {
  const left = isMember(a);
  const member = left && !isMember(b);
  if (!hasChildren(a)) return member ? a : undefined;
  const below = difference(a, b);
  if (below === a && member === left) return a;
  const { [SELF]: _, ...children } = below;
  return compose(member, children);
}

/** What is in `a` and neither in `b` nor below a member of `b`. */
export function recursiveDifference(a: FieldSet, b: FieldSet): FieldSet {
  const out: FieldSetDraft = {};
  let changed = false;
  for (const key in a) {
    const left = a[key];
    if (left === undefined) continue;
    const right = key === SELF ? undefined : b[key];
    if (right === undefined) {
      out[key] = left;
      continue;
    }
    const rest = isMember(right) ? undefined : recursiveDifferenceOfNodes(left, right);
    if (rest !== left) changed = true;
    if (rest !== undefined) out[key] = rest;
  }
  return changed ? out : a;
}

function recursiveDifferenceOfNodes(a: FieldSet, b: FieldSet): FieldSet | undefined {
  if (!hasKeys(a)) return a;
  const below = recursiveDifference(a, b);
  if (below === a) return a;
  return hasKeys(below) ? below : undefined;
}

export function sameSet(a: FieldSet, b: FieldSet): boolean {
  if (a === b) return true;
  let count = 0;
  for (const key in a) {
    const left = a[key];
    const right = b[key];
    if (left === undefined || right === undefined) return false;
    if (!sameSet(left, right)) return false;
    count++;
  }
  for (const _ in b) count--;
  return count === 0;
}

/** The set of the fields that the paths name (`['spec', 'replicas']`). */
export function setOfPaths(paths: readonly (readonly string[])[]): FieldSet {
  let set = EMPTY;
  for (const path of paths) {
    let node = LEAF;
    for (let i = path.length - 1; i >= 0; i--) node = { [`f:${path[i]}`]: node };
    set = union(set, node);
  }
  return set;
}

/** The node at a path of field names, if anything is there. */
export function nodeAt(root: FieldSet, path: readonly string[]): FieldSet | undefined {
  let node: FieldSet | undefined = root;
  for (const name of path) node = node?.[`f:${name}`];
  return node;
}

const MAX_DEPTH = 250;

/** Reads what a client sent as FieldsV1; throws when it is none. */
export function readFieldSet(value: unknown, depth = 0): FieldSet {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || depth > MAX_DEPTH) {
    throw new Error('error decoding set');
  }
  const out: FieldSetDraft = {};
  for (const [key, below] of Object.entries(value)) {
    if (key === SELF) {
      if (depth > 0) out[SELF] = LEAF;
    } else if (/^[fkvi]:/.test(key)) out[checkedKey(key)] = readFieldSet(below, depth + 1);
    else if (key.length < 2 || key[1] !== ':') throw new Error(`missing colon: ${key}`);
  }
  const keys = Object.keys(out);
  return keys.length === 0 || (keys.length === 1 && keys[0] === SELF) ? LEAF : out;
}

/** Writes values and keys the one way that comparing by text allows. */
function checkedKey(key: string): string {
  const text = key.slice(2);
  if (key.startsWith('f:')) return key;
  if (key.startsWith('i:')) {
    if (!/^-?\d+$/.test(text)) throw new Error(`bad index: ${key}`);
    return key;
  }
  const value = parseExact(text);
  if (key.startsWith('v:')) return `v:${jsonText(value)}`;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`bad key: ${key}`);
  const parts = Object.entries(value).map(([name, v]) => `${JSON.stringify(name)}:${jsonText(v)}`);
  return `k:{${parts.sort().join(',')}}`;
}
