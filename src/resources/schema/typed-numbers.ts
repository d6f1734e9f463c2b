// Fields of built-in types that are floats, in objects that were read with all digits of their integers.
import { getOwn, setOwn } from '../../machinery/json.ts';
import { isJsonObject } from '../../machinery/object.ts';
import type { SchemaNode } from './node.ts';

/** Makes numbers of the bigints in such fields; integers, and what is of any type, keep their digits. Changes the value in place. */
export function typedNumbers<T>(schema: SchemaNode, value: T): T {
  return typed(schema, value) as T;
}

function typed(schema: SchemaNode, value: unknown): unknown {
  if (schema.format === 'raw') return value;
  if (typeof value === 'bigint') return schema.type === 'number' ? Number(value) : value;
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items !== undefined) for (let i = 0; i < value.length; i++) value[i] = typed(items, value[i]);
    return value;
  }
  if (!isJsonObject(value)) return value;
  // What may be a schema or something else has it in `items`.
  if (schema.items !== undefined) return typed(schema.items, value);
  for (const key of Object.keys(value)) {
    const inner = schema.properties?.get(key)?.schema ?? schema.additionalProperties;
    if (inner !== undefined) setOwn(value, key, typed(inner, getOwn(value, key)));
  }
  return value;
}
