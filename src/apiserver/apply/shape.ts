// The shape of an object: all that decides which fields it has, and nothing of their values. Objects of one template have one shape.
import type { JsonObject } from '../../machinery/object.ts';
import { tryItemKey } from './path-element.ts';
import type { Plan } from './plan.ts';

/** Equal texts mean equal field sets, also when compared with the type's zero object: names, the keys of list items, and what is empty. */
export function shapeOf(plan: Plan, value: unknown): string {
  switch (typeof value) {
    case 'undefined':
      return '';
    case 'object':
      if (value === null) return '~';
      return Array.isArray(value) ? listShape(plan, value) : mapShape(plan, value as JsonObject);
    case 'string':
      // Zero values that are always sent, as `""`, `"0"` and `"0s"`, are nobody's; no zero is longer.
      return value.length > 2 ? '1' : `"${value}`;
    default:
      return value === 0 || value === false ? '0' : '1';
  }
}

function mapShape(plan: Plan, value: JsonObject): string {
  const merged = (plan.kind === 'map' && !plan.atomic) || plan.kind === 'deduced';
  let text = '{';
  for (const name in value) {
    const item = value[name];
    if (item === undefined) continue;
    if (!merged) return '{1}';
    const field = plan.fields?.get(name);
    const below = field?.plan ?? plan.rest;
    if (below === undefined) continue;
    // Names that are not declared may hold anything, also what stands between names here: their length tells where they end.
    text += field === undefined ? `${name.length}:${name}` : name;
    text += `${shapeOf(below, item)},`;
  }
  return `${text}}`;
}

function listShape(plan: Plan, items: readonly unknown[]): string {
  if (items.length === 0) return '[]';
  const below = plan.kind === 'list' && !plan.atomic ? plan.items : undefined;
  if (below === undefined) return '[1]';
  let text = '[';
  for (const item of items) {
    const key = tryItemKey(plan, item) ?? '';
    text += `${key.length}:${key}${shapeOf(below, item)},`;
  }
  return `${text}]`;
}
