// Merges an applied configuration into the live object, and takes fields out of an object.
import { setOwn } from '../../machinery/json.ts';
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import { type FieldSet, hasChildren, isMember } from './field-set.ts';
import { itemKey, tryItemKey } from './path-element.ts';
import type { Plan } from './plan.ts';

export function mergeObjects(plan: Plan, live: JsonObject, applied: JsonObject): JsonObject {
  const merged = mergeValues(plan, live, applied);
  return isJsonObject(merged) ? merged : {};
}

/** Undefined when nothing is left. An undefined side is absent; null is a value. */
function mergeValues(plan: Plan, live: unknown, applied: unknown): unknown {
  const whole = applied === undefined ? live : applied;
  if (live === applied || plan.kind === 'scalar' || plan.kind === 'opaque' || plan.atomic) return whole;
  if (plan.kind === 'list') {
    const left = Array.isArray(live) ? live : [];
    const right = Array.isArray(applied) ? applied : [];
    return left.length === 0 && right.length === 0 ? whole : mergeLists(plan, left, right);
  }
  if (plan.kind === 'deduced' && !(isMapOrNothing(live) && isMapOrNothing(applied))) return whole;
  const left = isJsonObject(live) ? live : {};
  const right = isJsonObject(applied) ? applied : {};
  if (Object.keys(left).length === 0 && Object.keys(right).length === 0) return whole;
  return mergeMaps(plan, left, right);
}

function isMapOrNothing(value: unknown): boolean {
  return value === undefined || value === null || isJsonObject(value);
}

function mergeMaps(plan: Plan, live: JsonObject, applied: JsonObject): JsonObject {
  const merged: JsonObject = { ...live };
  for (const name of Object.keys(applied)) {
    const below = plan.at(name);
    if (below === undefined) continue;
    const value = mergeValues(below, Object.hasOwn(live, name) ? live[name] : undefined, applied[name]);
    if (value === undefined) delete merged[name];
    else setOwn(merged, name, value);
  }
  return merged;
}

interface KeyedItems {
  readonly keys: readonly string[];
  readonly items: readonly unknown[];
  /** By key; items that share one are null: nothing is merged into them. */
  readonly byKey: ReadonlyMap<string, unknown>;
}

function keyed(plan: Plan, list: readonly unknown[], isApplied: boolean): KeyedItems {
  const keys: string[] = [];
  const items: unknown[] = [];
  const byKey = new Map<string, unknown>();
  for (const item of list) {
    const key = isApplied ? itemKey(plan, item) : tryItemKey(plan, item);
    if (key === undefined) continue;
    keys.push(key);
    items.push(item);
    byKey.set(key, byKey.has(key) ? null : item);
  }
  return { keys, items, byKey };
}

/** Merges two lists of keyed items. Items that both have come in the applied order, those of the live list stay among them where they
 *  stood, and new ones come where the applied list has them. */
class ListMerge {
  private readonly out: unknown[] = [];
  private readonly merged = new Set<string>();
  private readonly shared: string[];
  private nextShared = 0;
  private l = 0;
  private r = 0;

  constructor(
    private readonly plan: Plan,
    private readonly live: KeyedItems,
    private readonly applied: KeyedItems,
  ) {
    this.shared = applied.keys.filter((key) => live.byKey.has(key));
  }

  run(): unknown[] {
    while (this.l < this.live.keys.length || this.r < this.applied.keys.length) this.step();
    return this.out;
  }

  private step(): void {
    const left = this.live.keys[this.l];
    const right = this.applied.keys[this.r];
    if (left !== undefined && right !== undefined) {
      if (left === right) {
        this.takeApplied(right);
        this.l++;
        this.nextShared++;
        return;
      }
      const wanted = this.shared[this.nextShared];
      if (this.applied.byKey.has(left) && wanted !== undefined && wanted !== left) {
        // Both have it, but the applied order wants another first: it comes when its turn does.
        this.l++;
        return;
      }
    }
    if (left !== undefined) {
      if (!this.applied.byKey.has(left)) {
        this.out.push(this.live.items[this.l]);
        this.l++;
        return;
      }
      if (this.merged.has(left)) this.l++;
    }
    if (right === undefined) return;
    this.takeApplied(right);
    if (this.shared[this.nextShared] === right) this.nextShared++;
  }

  private takeApplied(key: string): void {
    this.merged.add(key);
    const below = this.plan.items;
    const item = this.applied.items[this.r++];
    const live = this.live.byKey.has(key) ? this.live.byKey.get(key) : undefined;
    const value = below === undefined ? item : mergeValues(below, live, item);
    if (value !== undefined) this.out.push(value);
  }
}

function mergeLists(plan: Plan, live: readonly unknown[], applied: readonly unknown[]): unknown[] | undefined {
  const out = new ListMerge(plan, keyed(plan, live, false), keyed(plan, applied, true)).run();
  return out.length === 0 ? undefined : out;
}

/** The object without the members of `gone`. What they leave empty stays, as an empty map or list. */
export function removeFields(plan: Plan, object: JsonObject, gone: FieldSet): JsonObject {
  const rest = removeFrom(plan, object, gone);
  return isJsonObject(rest) ? rest : {};
}

/** What is left of a value below which something goes. */
function leftOf(plan: Plan, value: unknown, gone: FieldSet): unknown {
  const rest = removeFrom(plan, value, gone);
  if (rest !== null) return rest;
  if (Array.isArray(value)) return [];
  return isJsonObject(value) ? {} : null;
}

function removeFrom(plan: Plan, value: unknown, gone: FieldSet): unknown {
  if (plan.atomic || plan.kind === 'opaque') return typeof value === 'object' ? null : value;
  if (Array.isArray(value)) return plan.kind === 'list' ? removeFromList(plan, value, gone) : null;
  if (isJsonObject(value)) return plan.kind === 'list' ? null : removeFromMap(plan, value, gone);
  return plan.kind === 'scalar' || plan.kind === 'deduced' ? value : null;
}

function removeFromList(plan: Plan, list: readonly unknown[], gone: FieldSet): unknown {
  const kept: unknown[] = [];
  for (const item of list) {
    const key = tryItemKey(plan, item);
    const node = key === undefined ? undefined : gone[key];
    if (node === undefined) kept.push(item);
    else if (!isMember(node)) kept.push(plan.items === undefined ? item : leftOf(plan.items, item, node));
  }
  return kept.length === 0 ? null : kept;
}

function removeFromMap(plan: Plan, map: JsonObject, gone: FieldSet): unknown {
  const kept: JsonObject = {};
  let count = 0;
  for (const name of Object.keys(map)) {
    const node = gone[`f:${name}`];
    if (node !== undefined && isMember(node)) continue;
    const below = plan.at(name);
    const value = map[name];
    const isTouched = node !== undefined && hasChildren(node) && below !== undefined;
    setOwn(kept, name, isTouched ? leftOf(below, value, node) : value);
    count++;
  }
  return count === 0 ? null : kept;
}
