// The order in which FieldsV1 writes the fields of a set: the node itself, then names, keys, values and indices, each by size.
// Source: https://github.com/kubernetes-sigs/structured-merge-diff/blob/v6.3.3/fieldpath/element.go
import { parseExact } from '../../machinery/exact-json.ts';
import type { FieldSet, FieldSetDraft } from './field-set.ts';

const KINDS = '.fkvi';

/** The set with its fields in order; the same object when they are already. */
export function inOrder(set: FieldSet): FieldSet {
  let changed = false;
  let before: string | undefined;
  const below = new Map<string, FieldSet>();
  for (const key in set) {
    const child = set[key];
    if (child === undefined) continue;
    const ordered = inOrder(child);
    if (ordered !== child || (before !== undefined && compareKeys(before, key) > 0)) changed = true;
    below.set(key, ordered);
    before = key;
  }
  if (!changed) return set;
  const out: FieldSetDraft = {};
  for (const [key, child] of [...below].sort(([a], [b]) => compareKeys(a, b))) out[key] = child;
  return out;
}

function compareKeys(a: string, b: string): number {
  const kind = a.charAt(0);
  if (kind !== b.charAt(0)) return KINDS.indexOf(kind) - KINDS.indexOf(b.charAt(0));
  if (kind === 'f' || kind === '.') return compare(a, b);
  const left = parseExact(a.slice(2));
  const right = parseExact(b.slice(2));
  return kind === 'k' ? compareFields(left as object, right as object) : compareValues(left, right);
}

function compare<T extends string | number | bigint>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Keys of list items: name by name, value by value, the shorter first. */
function compareFields(a: object, b: object): number {
  const left = Object.entries(a);
  const right = Object.entries(b);
  for (const [i, [name, value]] of left.entries()) {
    const other = right[i];
    if (other === undefined) return 1;
    const order = compare(name, other[0]) || compareValues(value, other[1]);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** Numbers come before texts, and these before truth values. */
const TYPES = ['number', 'string', 'boolean'];

const isNumeric = (value: unknown): value is number | bigint => typeof value === 'number' || typeof value === 'bigint';
const typeOf = (value: unknown): string => (typeof value === 'bigint' ? 'number' : typeof value);

function compareValues(a: unknown, b: unknown): number {
  if (isNumeric(a) && isNumeric(b)) return compare(a, b);
  if (typeof a === 'string' && typeof b === 'string') return compare(a, b);
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  return TYPES.indexOf(typeOf(a)) - TYPES.indexOf(typeOf(b));
}
