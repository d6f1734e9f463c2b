// Literals as compiled parts, and whether a value at run time is what a function wants.
import type { Overload } from './library.ts';
import type { Compiled } from './run.ts';
import { BOOL, BYTES, type CelType, DOUBLE, INT, NULL, STRING, UINT } from './types.ts';
import { Duration, ObjectValue, Optional, Timestamp, typeNameOf, Uint } from './values.ts';

export function literal(value: unknown): Compiled {
  const run = (): unknown => value;
  return { type: typeOf(value), isConstant: true, run };
}

function typeOf(value: unknown): CelType {
  if (value === null) return NULL;
  switch (typeof value) {
    case 'bigint':
      return INT;
    case 'number':
      return DOUBLE;
    case 'boolean':
      return BOOL;
    case 'string':
      return STRING;
    default:
      return value instanceof Uint8Array ? BYTES : UINT;
  }
}

/** Whether the values at run time are what an overload wants: `dyn` may hide anything. */
export function accepts(overload: Overload, values: readonly unknown[], member: boolean): boolean {
  const wanted = member && overload.receiver !== undefined ? [overload.receiver, ...overload.args] : overload.args;
  return wanted.length === values.length && wanted.every((type, i) => holds(values[i], type));
}

function holds(value: unknown, type: CelType): boolean {
  switch (type.kind) {
    case 'list':
      return Array.isArray(value);
    case 'map':
      return value instanceof Map || value instanceof ObjectValue;
    case 'optional':
      return value instanceof Optional;
    case 'simple':
      return SIMPLE[type.name]?.(value) ?? (!type.name.includes('.') || typeNameOf(value) === type.name);
    default:
      return true;
  }
}

const SIMPLE: Readonly<Record<string, (value: unknown) => boolean>> = {
  int: (v) => typeof v === 'bigint',
  double: (v) => typeof v === 'number',
  string: (v) => typeof v === 'string',
  bool: (v) => typeof v === 'boolean',
  bytes: (v) => v instanceof Uint8Array,
  uint: (v) => v instanceof Uint,
  timestamp: (v) => v instanceof Timestamp,
  duration: (v) => v instanceof Duration,
};
