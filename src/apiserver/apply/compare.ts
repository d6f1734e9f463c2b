// What a write changed: the fields that were added, that got another value, and that are gone.
import { deepEqual } from '../../machinery/json.ts';
import type { JsonObject } from '../../machinery/object.ts';
import { EMPTY, type FieldSet, type FieldSetDraft, isEmpty, LEAF } from './field-set.ts';
import { tryItemKey } from './path-element.ts';
import type { Plan } from './plan.ts';

export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

export function isSame(comparison: Comparison): boolean {
  return isEmpty(comparison.added) && isEmpty(comparison.modified) && isEmpty(comparison.removed);
}

/** The same of one node; undefined sets are empty. */
interface Diff {
  added: FieldSet | undefined;
  modified: FieldSet | undefined;
  removed: FieldSet | undefined;
}

const MODIFIED: Diff = Object.freeze({ added: undefined, modified: LEAF, removed: undefined });

export function compare(plan: Plan, old: JsonObject, next: JsonObject): Comparison {
  const diff = compareValues(plan, old, next);
  // A root that is a leaf (nothing in it) has no fields to speak of.
  return { added: diff?.added ?? EMPTY, modified: diff?.modified ?? EMPTY, removed: diff?.removed ?? EMPTY };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function hasEntries(value: JsonObject): boolean {
  for (const key in value) if (value[key] !== undefined) return true;
  return false;
}

function isMapLike(plan: Plan): boolean {
  return (plan.kind === 'map' && !plan.atomic) || plan.kind === 'deduced';
}

/** Undefined when nothing differs. Parts that both sides share are not looked at. */
function compareValues(plan: Plan, old: unknown, next: unknown): Diff | undefined {
  if (old === next) return undefined;
  if (isMapLike(plan)) {
    const left = isObject(old) && hasEntries(old) ? old : undefined;
    const right = isObject(next) && hasEntries(next) ? next : undefined;
    if (comparable(left, old) && comparable(right, next) && (left !== undefined || right !== undefined)) {
      return compareMaps(plan, left ?? {}, right ?? {});
    }
  } else if (plan.kind === 'list' && !plan.atomic) {
    const left = Array.isArray(old) && old.length > 0 ? old : undefined;
    const right = Array.isArray(next) && next.length > 0 ? next : undefined;
    if (left !== undefined || right !== undefined) return compareLists(plan, left ?? [], right ?? []);
  }
  return deepEqual(old, next) ? undefined : MODIFIED;
}

/** Nothing and null can stand for an empty map; a value of another kind cannot. */
function comparable(entries: JsonObject | undefined, value: unknown): boolean {
  return entries !== undefined || value === null || isObject(value);
}

function note(diff: Diff, what: keyof Diff, key: string, set: FieldSet): void {
  const at = diff[what];
  if (at === undefined) diff[what] = { [key]: set };
  else (at as FieldSetDraft)[key] = set;
}

function noteBelow(diff: Diff, key: string, below: Diff): void {
  if (below.added !== undefined) note(diff, 'added', key, below.added);
  if (below.modified !== undefined) note(diff, 'modified', key, below.modified);
  if (below.removed !== undefined) note(diff, 'removed', key, below.removed);
}

function finished(diff: Diff): Diff | undefined {
  return diff.added === undefined && diff.modified === undefined && diff.removed === undefined ? undefined : diff;
}

function compareMaps(plan: Plan, old: JsonObject, next: JsonObject): Diff | undefined {
  const diff: Diff = { added: undefined, modified: undefined, removed: undefined };
  for (const name of Object.keys(next)) {
    const right = next[name];
    if (right === undefined) continue;
    const field = plan.fields?.get(name);
    const below = field?.plan ?? plan.rest;
    if (below === undefined) continue;
    const key = field?.key ?? `f:${name}`;
    const left = Object.hasOwn(old, name) ? old[name] : undefined;
    if (left === undefined) {
      note(diff, 'added', key, wholeSet(below, right));
    } else if (left !== right) {
      const changed = compareValues(below, left, right);
      if (changed !== undefined) noteBelow(diff, key, changed);
    }
  }
  for (const name of Object.keys(old)) {
    const left = old[name];
    if (left === undefined || (Object.hasOwn(next, name) && next[name] !== undefined)) continue;
    const below = plan.at(name);
    if (below !== undefined) note(diff, 'removed', `f:${name}`, wholeSet(below, left));
  }
  return finished(diff);
}

/** Items by key. Items that share a key are kept together: they are compared as one value. */
function index(plan: Plan, items: readonly unknown[]): Map<string, unknown[]> {
  const found = new Map<string, unknown[]>();
  for (const item of items) {
    const key = tryItemKey(plan, item);
    if (key === undefined) continue;
    const same = found.get(key);
    if (same === undefined) found.set(key, [item]);
    else same.push(item);
  }
  return found;
}

function compareLists(plan: Plan, old: readonly unknown[], next: readonly unknown[]): Diff | undefined {
  const diff: Diff = { added: undefined, modified: undefined, removed: undefined };
  const left = index(plan, old);
  const right = index(plan, next);
  for (const [key, items] of right) noteItem(plan, diff, { key, old: left.get(key) ?? [], next: items });
  for (const [key, items] of left) if (!right.has(key)) noteItem(plan, diff, { key, old: items, next: [] });
  return finished(diff);
}

interface ItemPair {
  readonly key: string;
  readonly old: readonly unknown[];
  readonly next: readonly unknown[];
}

function noteItem(plan: Plan, diff: Diff, pair: ItemPair): void {
  const { key, old, next } = pair;
  const items = plan.items;
  if (items === undefined) return;
  if (old.length >= 2 && next.length >= 2) {
    if (!deepEqual(old, next)) note(diff, 'modified', key, LEAF);
  } else if (old.length >= 2) {
    if (next.length > 0) note(diff, 'added', key, wholeSet(items, next[0]));
    note(diff, 'removed', key, LEAF);
  } else if (next.length >= 2) {
    if (old.length > 0) note(diff, 'removed', key, wholeSet(items, old[0]));
    note(diff, 'added', key, LEAF);
  } else if (old.length === 0) note(diff, 'added', key, wholeSet(items, next[0]));
  else if (next.length === 0) note(diff, 'removed', key, wholeSet(items, old[0]));
  else {
    const changed = compareValues(items, old[0], next[0]);
    if (changed !== undefined) noteBelow(diff, key, changed);
  }
}

/** All that a value has which stands on one side only, itself included. */
export function wholeSet(plan: Plan, value: unknown): FieldSet {
  if (typeof value !== 'object' || value === null) return LEAF;
  if (Array.isArray(value)) {
    return plan.kind === 'list' && !plan.atomic && value.length > 0 ? wholeList(plan, value) : LEAF;
  }
  if (!isMapLike(plan)) return LEAF;
  const object = value as JsonObject;
  let set: FieldSetDraft | undefined;
  for (const name of Object.keys(object)) {
    const item = object[name];
    const field = plan.fields?.get(name);
    const below = field?.plan ?? plan.rest;
    if (item === undefined || below === undefined) continue;
    set ??= { '.': LEAF };
    const isScalar = below.kind === 'scalar' || typeof item !== 'object';
    set[field?.key ?? `f:${name}`] = isScalar ? LEAF : wholeSet(below, item);
  }
  return set ?? LEAF;
}

function wholeList(plan: Plan, items: readonly unknown[]): FieldSet {
  const set: FieldSetDraft = { '.': LEAF };
  const below = plan.items;
  for (const item of items) {
    const key = tryItemKey(plan, item);
    if (key === undefined || below === undefined) continue;
    set[key] = set[key] === undefined ? wholeSet(below, item) : LEAF;
  }
  return set;
}
