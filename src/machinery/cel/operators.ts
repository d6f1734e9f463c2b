// The operators of CEL: which types they take, and what they do.
import { hasField, refuse } from './access.ts';
import { concatenated } from './list-joins.ts';
import {
  BOOL,
  BYTES,
  type CelType,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  isDyn,
  STRING,
  same,
  TIMESTAMP,
  UINT,
} from './types.ts';
import {
  CelError,
  checkedInt,
  Duration,
  equal,
  INTEGER_MIN,
  ObjectValue,
  order,
  Timestamp,
  timestampAt,
  Uint,
} from './values.ts';

function isNumber(type: CelType): boolean {
  return type === INT || type === UINT || type === DOUBLE;
}

export function binaryType(op: string, a: CelType, b: CelType): CelType | undefined {
  switch (op) {
    case '==':
    case '!=':
      return same(a, b) ? BOOL : undefined;
    case 'in':
      if (b.kind === 'list') return same(a, b.item) ? BOOL : undefined;
      if (b.kind === 'map') return same(a, b.key) ? BOOL : undefined;
      return isDyn(b) ? BOOL : undefined;
    case '<':
    case '<=':
    case '>':
    case '>=':
      if (isNumber(a) && isNumber(b)) return BOOL;
      return isOrdered(a) && isOrdered(b) && same(a, b) ? BOOL : undefined;
    case '+':
      return sumType(a, b);
    case '-':
      if (a === TIMESTAMP && b === TIMESTAMP) return DURATION;
      if ((a === TIMESTAMP || a === DURATION) && b === DURATION) return a;
      return arithmeticType(a, b);
    case '%':
      return a === DOUBLE || b === DOUBLE ? undefined : arithmeticType(a, b);
    default:
      return arithmeticType(a, b);
  }
}

function isOrdered(type: CelType): boolean {
  return (
    isDyn(type) ||
    isNumber(type) ||
    type === STRING ||
    type === BOOL ||
    type === BYTES ||
    type === TIMESTAMP ||
    type === DURATION
  );
}

function arithmeticType(a: CelType, b: CelType): CelType | undefined {
  if (isDyn(a)) return isDyn(b) || isNumber(b) || b === DURATION ? b : undefined;
  if (isDyn(b)) return isNumber(a) || a === DURATION || a === TIMESTAMP ? a : undefined;
  return isNumber(a) && a === b ? a : undefined;
}

function sumType(a: CelType, b: CelType): CelType | undefined {
  if (isDyn(a) && isDyn(b)) return DYN;
  if (a === STRING || b === STRING) return same(a, b) ? STRING : undefined;
  if (a === BYTES || b === BYTES) return same(a, b) ? BYTES : undefined;
  if (a.kind === 'list' && b.kind === 'list') return same(a, b) ? a : undefined;
  if (a.kind === 'list' || b.kind === 'list') return same(a, b) ? DYN : undefined;
  if ((a === TIMESTAMP && b === DURATION) || (a === DURATION && b === TIMESTAMP)) return TIMESTAMP;
  if (a === DURATION && b === DURATION) return DURATION;
  return arithmeticType(a, b);
}

type Operator = (a: unknown, b: unknown) => unknown;

function arithmetic(ints: (a: bigint, b: bigint) => bigint, doubles: (a: number, b: number) => number): Operator {
  return (a, b) => {
    if (typeof a === 'bigint' && typeof b === 'bigint') return checkedInt(ints(a, b));
    if (typeof a === 'number' && typeof b === 'number') return doubles(a, b);
    if (a instanceof Uint && b instanceof Uint) return checkedUint(ints(a.value, b.value));
    return refuse();
  };
}

function compared(test: (sign: number) => boolean): Operator {
  return (a, b) => test(order(a, b) ?? refuse());
}

function add(a: unknown, b: unknown): unknown {
  if (typeof a === 'string' && typeof b === 'string') return a + b;
  if (Array.isArray(a) && Array.isArray(b)) return concatenated(a, b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return new Uint8Array(Buffer.concat([a, b]));
  if (a instanceof Duration && b instanceof Duration) return duration(a.nanos + b.nanos);
  if (a instanceof Timestamp && b instanceof Duration) return timestampAt(a.nanos + b.nanos);
  if (a instanceof Duration && b instanceof Timestamp) return timestampAt(a.nanos + b.nanos);
  return arithmetic(
    (x, y) => x + y,
    (x, y) => x + y,
  )(a, b);
}

function subtract(a: unknown, b: unknown): unknown {
  if (a instanceof Timestamp && b instanceof Timestamp) return duration(a.nanos - b.nanos);
  if (a instanceof Timestamp && b instanceof Duration) return timestampAt(a.nanos - b.nanos);
  if (a instanceof Duration && b instanceof Duration) return duration(a.nanos - b.nanos);
  return arithmetic(
    (x, y) => x - y,
    (x, y) => x - y,
  )(a, b);
}

function checkedUint(value: bigint): Uint {
  if (value < 0n || value >= 1n << 64n) throw new CelError('unsigned integer overflow');
  return new Uint(value);
}

function duration(nanos: bigint): Duration {
  return new Duration(checkedInt(nanos));
}

function nonZero(value: bigint, problem: string): bigint {
  if (value === 0n) throw new CelError(problem);
  return value;
}

export const OPERATORS: Readonly<Record<string, Operator>> &
  Record<'==' | '!=' | 'in' | '+' | '-' | '*' | '/' | '%' | '<' | '<=' | '>' | '>=', Operator> = {
  '==': equal,
  '!=': (a, b) => !equal(a, b),
  in: (a, b) => {
    if (Array.isArray(b)) return b.some((v) => equal(v, a));
    if (b instanceof Map) return b.has(a);
    return b instanceof ObjectValue && typeof a === 'string' ? hasField(b, a) : refuse();
  },
  '+': add,
  '-': subtract,
  '*': arithmetic(
    (a, b) => a * b,
    (a, b) => a * b,
  ),
  '/': arithmetic(
    (a, b) => a / nonZero(b, 'division by zero'),
    (a, b) => a / b,
  ),
  '%': arithmetic(
    (a, b) => (b === -1n && a === INTEGER_MIN ? checkedInt(-a) : a % nonZero(b, 'modulus by zero')),
    (a, b) => a % b,
  ),
  '<': compared((s) => s < 0),
  '<=': compared((s) => s <= 0),
  '>': compared((s) => s > 0),
  '>=': compared((s) => s >= 0),
};
