// Gives up what a manager applied the last time and leaves out now: fields that nobody else owns go.
import type { JsonObject } from '../../machinery/object.ts';
import { identity, type Managed, type ManagedMap } from './entries.ts';
import { extract, withNamedFields } from './extract.ts';
import { difference, EMPTY, type FieldSet, intersection, isEmpty, union } from './field-set.ts';
import { removeFields } from './merge.ts';
import { type Plan, planOf } from './plan.ts';
import { convertTo, type Frame, schemaAt } from './updater.ts';

interface Ownership {
  /** With the applying manager's new fields. */
  readonly managed: ManagedMap;
  /** What the manager applied the last time. */
  readonly last: Managed | undefined;
}

export function prune(frame: Frame, merged: JsonObject, ownership: Ownership): JsonObject {
  const { managed, last } = ownership;
  if (last === undefined || isEmpty(last.set)) return merged;
  const now = ownership.managed.get(identity(last));
  // Everything is applied again: what was taken away would all be brought back.
  if (now?.apiVersion === last.apiVersion && isEmpty(difference(last.set, now.set))) return merged;
  const schema = schemaAt(frame, last.apiVersion);
  if (schema === undefined) return merged;
  const plan = planOf(schema);
  const whole = convertTo(frame, merged, frame.apiVersion, last.apiVersion);
  const lastSet = withNamedFields(plan, last.set);
  const pruned = removeFields(plan, whole, lastSet);
  const kept = addBackOwned(frame, { whole, pruned, version: last.apiVersion }, managed);
  const result = addBackDangling(plan, whole, kept, lastSet);
  return result === whole ? merged : convertTo(frame, result, last.apiVersion, frame.apiVersion);
}

interface Pruning {
  readonly whole: JsonObject;
  readonly pruned: JsonObject;
  readonly version: string;
}

/** Brings back what anyone owns, version by version; the version that was pruned in comes first. */
function addBackOwned(frame: Frame, start: Pruning, managed: ManagedMap): JsonObject {
  const owned = new Map<string, FieldSet>([[start.version, EMPTY]]);
  for (const entry of managed.values()) {
    owned.set(entry.apiVersion, union(owned.get(entry.apiVersion) ?? EMPTY, entry.set));
  }
  let { whole, pruned, version } = start;
  for (const [next, set] of owned) {
    const schema = schemaAt(frame, next);
    if (schema === undefined) continue;
    whole = convertTo(frame, whole, version, next);
    pruned = addBackSet(planOf(schema), whole, convertTo(frame, pruned, version, next), set);
    version = next;
  }
  return convertTo(frame, pruned, version, start.version);
}

function fieldsOf(plan: Plan, object: JsonObject): FieldSet {
  return withNamedFields(plan, extract(plan, object));
}

function addBackSet(plan: Plan, whole: JsonObject, pruned: JsonObject, owned: FieldSet): JsonObject {
  const kept = union(fieldsOf(plan, pruned), withNamedFields(plan, owned));
  return removeFields(plan, whole, difference(fieldsOf(plan, whole), kept));
}

/** Brings back what the manager had not owned. */
function addBackDangling(plan: Plan, whole: JsonObject, pruned: JsonObject, last: FieldSet): JsonObject {
  const gone = difference(fieldsOf(plan, whole), fieldsOf(plan, pruned));
  const own = intersection(gone, last);
  return isEmpty(own) ? whole : removeFields(plan, whole, own);
}
