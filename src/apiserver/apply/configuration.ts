// Merging without owners: what a mutating admission policy wants, put into the object as an apply would put it.
// https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/#patch-type-apply-configuration
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import type { SchemaNode } from '../../resources/schema/index.ts';
import { plainError } from '../patch/index.ts';
import { mergeObjects } from './merge.ts';
import { type Plan, planOf } from './plan.ts';
import { typingErrors } from './validate.ts';

/** Throws when the configuration does not fit the type, or would replace a list or map that is one value. */
export function mergeConfiguration(schema: SchemaNode, object: JsonObject, configuration: JsonObject): JsonObject {
  const plan = planOf(schema);
  const problem = typingErrors(plan, configuration);
  if (problem !== undefined) throw plainError(`failed to convert patch object to typed object: ${problem}`);
  const atomic = atomicPaths(plan, configuration, '');
  if (atomic.length > 0) {
    throw plainError(`invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: ${atomic.join(', ')}`);
  }
  return mergeObjects(plan, object, configuration);
}

function atomicPaths(plan: Plan, value: unknown, path: string): string[] {
  const isWhole = Array.isArray(value) || isJsonObject(value);
  if (!isWhole) return [];
  if (plan.kind === 'opaque') return [path];
  const own = plan.atomic ? [path] : [];
  if (Array.isArray(value)) {
    const { items } = plan;
    if (items === undefined) return own;
    return [...own, ...value.flatMap((item, i) => atomicPaths(items, item, `${path}[${i}]`))];
  }
  const inner = Object.keys(value).flatMap((name) => {
    const below = plan.at(name);
    return below === undefined ? [] : atomicPaths(below, value[name], `${path}.${name}`);
  });
  return [...own, ...inner];
}
