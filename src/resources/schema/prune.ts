// Takes fields that a structural schema does not know out of a custom resource, and fills in its defaults.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#field-pruning
import { deepClone, getOwn, setOwn } from '../../machinery/json.ts';
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import { compareText } from '../../machinery/order.ts';
import type { SchemaNode } from './node.ts';

const TYPE_FIELDS: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);

class Pruner {
  readonly unknown: string[] = [];

  prune(
    value: unknown,
    schema: SchemaNode | undefined,
    path: string,
    embedded = schema?.embeddedResource === true,
  ): void {
    const keep = schema?.preserveUnknown === true;
    if (Array.isArray(value)) {
      value.forEach((item, i) => {
        // Below what is kept, unknown fields are kept too.
        if (!keep || schema?.items !== undefined)
          this.prune(item, keep ? keeping(schema.items) : schema?.items, `${path}[${i}]`);
      });
      return;
    }
    if (!isJsonObject(value)) return;
    for (const key of Object.keys(value)) {
      if (embedded && TYPE_FIELDS.has(key)) continue;
      const at = path === '' ? key : `${path}.${key}`;
      const property = schema?.properties?.get(key);
      if (property !== undefined) this.prune(value[key], property.schema, at);
      else if (schema?.additionalProperties !== undefined) this.prune(value[key], schema.additionalProperties, at);
      else if (!keep) {
        if (!TYPE_FIELDS.has(key) || path !== '') this.unknown.push(at);
        delete value[key];
      }
    }
  }
}

function keeping(schema: SchemaNode | undefined): SchemaNode | undefined {
  return schema === undefined || schema.preserveUnknown === true ? schema : { ...schema, preserveUnknown: true };
}

/** Changes the object in place; returns the paths of what was taken out, in order. The root's type and metadata stay. */
export function pruneUnknown(object: JsonObject, schema: SchemaNode): string[] {
  const pruner = new Pruner();
  pruner.prune(object, schema, '', true);
  return pruner.unknown.sort(compareText);
}

/** Fills in defaults where fields are absent, or null without being nullable. Changes the value in place. */
export function fillDefaults(value: unknown, schema: SchemaNode): void {
  if (Array.isArray(value)) {
    if (schema.items !== undefined) for (const item of value) fillDefaults(item, schema.items);
    return;
  }
  if (!isJsonObject(value)) return;
  for (const field of schema.properties?.values() ?? []) {
    const present = getOwn(value, field.name);
    if (
      present === undefined ||
      (present === null && field.schema.nullable !== true && field.schema.default !== undefined)
    ) {
      if (field.schema.default === undefined) continue;
      setOwn(value, field.name, deepClone(field.schema.default));
    }
    fillDefaults(getOwn(value, field.name), field.schema);
  }
  if (schema.additionalProperties === undefined) return;
  for (const key of Object.keys(value)) {
    if (schema.properties?.has(key) === true) continue;
    const inner = schema.additionalProperties;
    if (value[key] === null && inner.nullable !== true && inner.default !== undefined)
      setOwn(value, key, deepClone(inner.default));
    fillDefaults(value[key], inner);
  }
}

/** Nulls where null is not allowed, and no default stands in for them, are taken as absent. Items of lists stay. */
export function dropNulls(value: unknown, schema: SchemaNode): void {
  if (Array.isArray(value)) {
    if (schema.items !== undefined) for (const item of value) dropNulls(item, schema.items);
    return;
  }
  if (!isJsonObject(value)) return;
  for (const key of Object.keys(value)) {
    const inner = schema.properties?.get(key)?.schema ?? schema.additionalProperties;
    if (inner === undefined) continue;
    if (value[key] === null && inner.nullable !== true && inner.default === undefined) delete value[key];
    else dropNulls(value[key], inner);
  }
}
