// What Kubernetes' converter from maps to Go structs makes of the result of a strategic merge patch or an apply: its refusals, and its integers.
// Source: https://pkg.go.dev/k8s.io/apimachinery/pkg/runtime#UnstructuredConverter

import { exactBigint } from '../../machinery/exact-json.ts';
import { type Int64, isInt64 } from '../../machinery/int64.ts';
import { getOwn, setOwn } from '../../machinery/json.ts';
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import type { SchemaNode } from '../../resources/schema/index.ts';
import { invalidPatch } from './errors.ts';
import { goKind, goText, goType } from './go-text.ts';

/** Formats whose Go types read JSON themselves: whatever is wrong with such a value is said by the decoder. */
const READS_ITSELF = new Set(['quantity', 'int-or-string', 'date-time', 'micro-time', 'duration', 'raw']);

/** Throws the 422 that Kubernetes answers when the patched object does not fit its type. */
export function checkRestorable(patched: JsonObject, patch: unknown, schema: SchemaNode): void {
  const problem = restoreError(patched, schema);
  if (problem === undefined) return;
  throw invalidPatch(goText(patch), problem);
}

/** Undefined when the value fits. */
export function restoreError(value: unknown, schema: SchemaNode): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (schema.type === 'any' || (schema.format !== undefined && READS_ITSELF.has(schema.format))) return undefined;
  if (schema.type === 'array') return listError(value, schema);
  if (schema.type === 'object') return objectError(value, schema);
  return scalarError(value, schema);
}

function listError(value: unknown, schema: SchemaNode): string | undefined {
  if (!Array.isArray(value)) return `cannot restore slice from ${goKind(value)}`;
  const items = schema.items;
  if (items === undefined) return undefined;
  for (const item of value) {
    const problem = restoreError(item, items);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function objectError(value: unknown, schema: SchemaNode): string | undefined {
  const isMap = schema.properties === undefined;
  if (!isJsonObject(value)) {
    return isMap ? `cannot restore map from ${goKind(value)}` : `cannot restore struct from: ${goKind(value)}`;
  }
  if (schema.properties !== undefined) {
    for (const [name, field] of schema.properties) {
      const problem = restoreError(getOwn(value, name), field.schema);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }
  if (schema.additionalProperties === undefined) return undefined;
  for (const key of Object.keys(value)) {
    const problem = restoreError(value[key], schema.additionalProperties);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function scalarError(value: unknown, schema: SchemaNode): string | undefined {
  if (schema.format === 'byte') {
    return typeof value === 'string' ? undefined : `cannot restore slice from ${goKind(value)}`;
  }
  const wanted = goTypeOf(schema);
  const given = goType(value);
  if (given === wanted) return undefined;
  const wantsNumber = wanted !== 'string' && wanted !== 'bool';
  if ((typeof value === 'number' || typeof value === 'bigint') && wantsNumber) {
    if (typeof value === 'bigint' || Number.isInteger(value) || wanted === 'float64') return undefined;
    return `cannot convert ${given} to ${wanted}`;
  }
  // Go can convert an integer to a string (it takes it for a code point), so the converter refuses it in other words.
  if (given === 'int64' && wanted === 'string') return `cannot convert ${given} to ${wanted}`;
  return `unrecognized type: ${wanted}`;
}

function goTypeOf(schema: SchemaNode): string {
  if (schema.type === 'boolean') return 'bool';
  if (schema.type === 'number') return 'float64';
  if (schema.type === 'integer') return schema.format === 'int64' ? 'int64' : 'int32';
  return 'string';
}

/** Whether there is a number in a patch that an integer of 32 bits does not hold: one with a fraction, too. */
export function holdsLarge(patch: unknown): boolean {
  if (typeof patch === 'bigint') return true;
  if (typeof patch === 'number') return patch !== (patch | 0);
  if (typeof patch !== 'object' || patch === null) return false;
  return Object.values(patch).some(holdsLarge);
}

/** What the converter makes of a patched object's integers: of one with too many bits the lower ones count. The value is not changed. */
export function restoreIntegers<T>(patched: T, patch: unknown, schema: SchemaNode): T {
  return holdsLarge(patch) ? (restored(patched, schema) as T) : patched;
}

function restored(value: unknown, schema: SchemaNode): unknown {
  if (schema.type === 'any' || (schema.format !== undefined && READS_ITSELF.has(schema.format))) return value;
  if (schema.type === 'integer') return isInt64(value) ? inBits(value, schema.format === 'int64' ? 64 : 32) : value;
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined ? value : value.map((item) => restored(item, items));
  }
  if (!isJsonObject(value)) return value;
  const out: JsonObject = {};
  let same = true;
  for (const key of Object.keys(value)) {
    const before = value[key];
    const inner = schema.properties?.get(key)?.schema ?? schema.additionalProperties;
    const after = inner === undefined ? before : restored(before, inner);
    if (after !== before) same = false;
    setOwn(out, key, after);
  }
  return same ? value : out;
}

const LEAST = -(2n ** 63n);

/** A float that no int64 holds is the least of these, as processors have it. */
function inBits(value: Int64, bits: number): Int64 {
  if (value === (Number(value) | 0)) return value;
  const whole = typeof value === 'bigint' ? value : Math.abs(value) < 2 ** 63 ? BigInt(value) : LEAST;
  return exactBigint(BigInt.asIntN(bits, whole));
}
