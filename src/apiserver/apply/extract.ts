// The fields that an applied configuration names: what its manager owns.
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import { asMember, EMPTY, type FieldSet, type FieldSetDraft, hasChildren, hasKeys, LEAF } from './field-set.ts';
import { tryItemKey } from './path-element.ts';
import type { Plan } from './plan.ts';

export function extract(plan: Plan, value: JsonObject): FieldSet {
  return extractValue(plan, value) ?? EMPTY;
}

/** Undefined when the value names no field (an empty list of items, or null where items could be). */
function extractValue(plan: Plan, value: unknown): FieldSet | undefined {
  if (plan.kind === 'scalar' || plan.kind === 'opaque' || plan.atomic) return LEAF;
  if (plan.kind === 'deduced') return isJsonObject(value) ? extractMap(plan, value) : LEAF;
  if (plan.kind === 'list') return Array.isArray(value) ? extractList(plan, value) : undefined;
  return isJsonObject(value) ? extractMap(plan, value) : undefined;
}

function extractMap(plan: Plan, value: JsonObject): FieldSet | undefined {
  const set: FieldSetDraft = {};
  for (const name of Object.keys(value)) {
    const item = value[name];
    const below = plan.at(name);
    if (item === undefined || below === undefined) continue;
    const isDeclared = plan.fields?.has(name) === true;
    const isNothing = item === null || (isJsonObject(item) && Object.keys(item).length === 0);
    const fields = extractValue(below, item);
    // A key that the schema does not name exists only because someone set it, so it is owned itself.
    if (isNothing || !isDeclared) set[`f:${name}`] = asMember(fields);
    else if (fields !== undefined) set[`f:${name}`] = fields;
  }
  return hasKeys(set) ? set : undefined;
}

function extractList(plan: Plan, items: readonly unknown[]): FieldSet | undefined {
  const set: FieldSetDraft = {};
  const below = plan.items;
  for (const item of items) {
    const key = tryItemKey(plan, item);
    if (key === undefined || below === undefined) continue;
    // Items that share a key are owned as one value.
    set[key] = set[key] === undefined ? asMember(extractValue(below, item)) : LEAF;
  }
  return hasKeys(set) ? set : undefined;
}

/** The set with every declared field that has something below it as a member too. */
export function withNamedFields(plan: Plan | undefined, set: FieldSet): FieldSet {
  if (plan === undefined || !hasKeys(set)) return set;
  const out: FieldSetDraft = {};
  for (const key in set) {
    const below = set[key];
    if (below === undefined) continue;
    if (key === '.' || !hasChildren(below)) {
      out[key] = below;
      continue;
    }
    const named = withNamedFields(planBelow(plan, key), below);
    out[key] = key.startsWith('f:') && plan.fields?.has(key.slice(2)) === true ? asMember(named) : named;
  }
  return out;
}

/** The plan of what stands under a step of a path. */
export function planBelow(plan: Plan, step: string): Plan | undefined {
  if (step.startsWith('f:')) return plan.kind === 'list' ? undefined : plan.at(step.slice(2));
  return step.startsWith('k:') && plan.kind === 'list' ? plan.items : undefined;
}

/** The set after lists or maps became atomic: who owned parts of one now owns the whole. */
export function reconcile(plan: Plan | undefined, set: FieldSet): FieldSet {
  if (plan === undefined || plan.kind === 'scalar' || plan.kind === 'deduced' || plan.kind === 'opaque') return set;
  let out: FieldSetDraft | undefined;
  for (const key in set) {
    const below = set[key];
    if (below === undefined || key === '.' || !hasKeys(below)) continue;
    const next = planBelow(plan, key);
    const isOneValue = next?.atomic === true && hasChildren(below);
    const reconciled = isOneValue ? LEAF : reconcile(next, below);
    if (reconciled === below) continue;
    out ??= { ...set };
    out[key] = reconciled;
  }
  return out ?? set;
}
