// Empty lists and maps of fields that are always sent: storage keeps none of them, they come back as null.
// (While a write is on its way they are still there, so that who sent `rules: []` owns the field.)
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import type { SchemaNode } from './node.ts';

interface Plan {
  /** Fields that become null when empty. */
  readonly lists: readonly string[];
  /** Fields that lead to such fields. */
  readonly inner: ReadonlyMap<string, Step>;
}

interface Step {
  readonly each: 'one' | 'item' | 'value';
  readonly plan: Plan;
}

const plans = new Map<SchemaNode, Plan | undefined>();

function isCollection(node: SchemaNode): boolean {
  return node.format === undefined && (node.type === 'array' || node.additionalProperties !== undefined);
}

/** undefined when there is nothing of the kind below. Types that hold themselves are taken not to lead anywhere again. */
function planOf(node: SchemaNode): Plan | undefined {
  if (plans.has(node)) return plans.get(node);
  plans.set(node, undefined);
  const lists: string[] = [];
  const inner = new Map<string, Step>();
  for (const field of node.properties?.values() ?? []) {
    const { schema } = field;
    if (isCollection(schema) && !field.omitEmpty && !field.pointer) lists.push(field.name);
    const target = schema.items ?? schema.additionalProperties ?? schema;
    const below = target.properties === undefined ? undefined : planOf(target);
    if (below === undefined) continue;
    const each = schema.items !== undefined ? 'item' : schema.additionalProperties !== undefined ? 'value' : 'one';
    inner.set(field.name, { each, plan: below });
  }
  const made = lists.length === 0 && inner.size === 0 ? undefined : { lists, inner };
  plans.set(node, made);
  return made;
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isJsonObject(value) && Object.keys(value).length === 0;
}

function settle(plan: Plan, object: JsonObject): void {
  for (const name of plan.lists) if (isEmpty(object[name])) object[name] = null;
  for (const [name, step] of plan.inner) {
    const value = object[name];
    if (value === undefined || value === null) continue;
    const below = step.plan;
    if (step.each === 'one') {
      if (isJsonObject(value)) settle(below, value);
    } else {
      const items = Array.isArray(value) ? (value as unknown[]) : Object.values(value);
      for (const item of items) if (isJsonObject(item)) settle(below, item);
    }
  }
}

/** Changes the object in place: it must be private to the caller. */
export function settleEmptyLists(schema: SchemaNode, object: object): void {
  const plan = planOf(schema);
  if (plan !== undefined) settle(plan, object as JsonObject);
}
