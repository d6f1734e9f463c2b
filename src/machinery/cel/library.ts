// The functions of CEL as Kubernetes has them: lists and sets, conversions, quantities, optionals; the others stand in files of their own.
// Source: https://kubernetes.io/docs/reference/using-api/cel/
import { parseQuantity, Quantity, tryParseQuantity } from '../quantity.ts';
import { defineNetwork } from './network.ts';
import { define, fail, type Implementation } from './registry.ts';
import { defineStrings } from './strings.ts';
import { defineTimes } from './times.ts';
import {
  checkedInt,
  Duration,
  durationOf,
  equal,
  ObjectValue,
  Optional,
  order,
  Timestamp,
  TypeValue,
  timestampOf,
  toText,
  typeNameOf,
  Uint,
} from './values.ts';

export { FUNCTION_NAMESPACES, type Overload, overloadsOf } from './registry.ts';

const runes = (text: string): string[] => [...text];

function plus(a: unknown, b: unknown): unknown {
  if (typeof a === 'bigint' && typeof b === 'bigint') return checkedInt(a + b);
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  if (a instanceof Duration && b instanceof Duration) return new Duration(a.nanos + b.nanos);
  if (a instanceof Uint && b instanceof Uint) return new Uint(a.value + b.value);
  return fail('no such overload');
}

function best(list: readonly unknown[], sign: number): unknown {
  if (list.length === 0) fail(`${sign < 0 ? 'min' : 'max'} called on empty list`);
  return list.reduce((a, b) => ((order(b, a) ?? 0) * sign > 0 ? b : a));
}

function flatten(list: readonly unknown[], depth: bigint): unknown[] {
  return list.flatMap((item) => (Array.isArray(item) && depth > 0n ? flatten(item as unknown[], depth - 1n) : [item]));
}

function sizeOf(value: unknown): bigint {
  if (typeof value === 'string') return BigInt(runes(value).length);
  if (Array.isArray(value) || value instanceof Uint8Array) return BigInt(value.length);
  if (value instanceof Map) return BigInt(value.size);
  if (value instanceof ObjectValue) return BigInt(Object.keys(value.json).length);
  return fail('no such overload');
}

function defineCollections(): void {
  for (const type of ['string', 'bytes', 'list<A>', 'map<A,B>']) {
    define(`size(${type}): int`, sizeOf as Implementation);
    define(`${type}.size(): int`, sizeOf as Implementation);
  }
  define('list<A>.isSorted(): bool', (l: unknown[]) => l.every((v, i) => i === 0 || (order(l[i - 1], v) ?? 1) <= 0));
  define('list<A>.sum(): A', (l: unknown[]) => (l.length === 0 ? 0n : l.reduce(plus)));
  define('list<A>.min(): A', (l: unknown[]) => best(l, -1));
  define('list<A>.max(): A', (l: unknown[]) => best(l, 1));
  define('list<A>.indexOf(A): int', (l: unknown[], v: unknown) => BigInt(l.findIndex((x) => equal(x, v))));
  define('list<A>.lastIndexOf(A): int', (l: unknown[], v: unknown) => BigInt(l.findLastIndex((x) => equal(x, v))));
  define('list<A>.flatten(): list<dyn>', (l: unknown[]) => flatten(l, 1n));
  define('list<A>.flatten(int): list<dyn>', flatten);
  define('list<A>.distinct(): list<A>', (l: unknown[]) => l.filter((v, i) => l.findIndex((x) => equal(x, v)) === i));
  define('list<A>.reverse(): list<A>', (l: unknown[]) => [...l].reverse());
  define('list<A>.sort(): list<A>', (l: unknown[]) => [...l].sort((a, b) => order(a, b) ?? 0));
  define('list<A>.slice(int,int): list<A>', (l: unknown[], a: bigint, b: bigint) => {
    if (a < 0n || b > BigInt(l.length) || a > b) fail(`cannot slice(${a}, ${b}), list is length ${l.length}`);
    return l.slice(Number(a), Number(b));
  });
  const within = (a: unknown[], b: unknown[]): boolean => b.every((v) => a.some((x) => equal(x, v)));
  define('sets.contains(list<A>,list<A>): bool', within);
  define('sets.equivalent(list<A>,list<A>): bool', (a: unknown[], b: unknown[]) => within(a, b) && within(b, a));
  define('sets.intersects(list<A>,list<A>): bool', (a: unknown[], b: unknown[]) =>
    a.some((v) => b.some((x) => equal(x, v))),
  );
}

function toInt(value: unknown): bigint {
  if (typeof value === 'bigint') return value;
  if (value instanceof Uint) return value.value;
  if (typeof value === 'number')
    return Number.isFinite(value) ? checkedInt(BigInt(Math.trunc(value))) : fail('integer overflow');
  if (value instanceof Timestamp) return value.nanos / 1_000_000_000n;
  if (typeof value === 'string' && /^[+-]?\d+$/.test(value)) return checkedInt(BigInt(value));
  return fail(`type conversion error from '${typeNameOf(value)}' to 'int'`);
}

function toDouble(value: unknown): number {
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
  if (value instanceof Uint) return Number(value.value);
  if (typeof value === 'string' && value.trim() !== '' && !Number.isNaN(Number(value))) return Number(value);
  return fail(`type conversion error from '${typeNameOf(value)}' to 'double'`);
}

function defineConversions(): void {
  for (const type of ['int', 'uint', 'double', 'string', 'timestamp'])
    define(`int(${type}): int`, toInt as Implementation);
  for (const type of ['int', 'uint', 'double', 'string']) {
    define(`double(${type}): double`, toDouble as Implementation);
    define(`uint(${type}): uint`, (v: unknown) => new Uint(toInt(v)));
  }
  for (const type of [
    'int',
    'uint',
    'double',
    'string',
    'bool',
    'bytes',
    'timestamp',
    'duration',
    'kubernetes.URL',
    'net.IP',
    'net.CIDR',
  ]) {
    define(`string(${type}): string`, toText as Implementation);
  }
  define('bytes(string): bytes', (s: string) => new Uint8Array(Buffer.from(s)));
  define('bytes(bytes): bytes', (b: Uint8Array) => b);
  define('bool(bool): bool', (b: boolean) => b);
  define('bool(string): bool', (s: string) =>
    /^(1|t|true|TRUE|True)$/.test(s)
      ? true
      : /^(0|f|false|FALSE|False)$/.test(s)
        ? false
        : fail(`type conversion error from 'string' to 'bool'`),
  );
  define(
    'duration(string): duration',
    (s: string) => durationOf(s) ?? fail(`type conversion error from 'string' to 'google.protobuf.Duration'`),
  );
  define('duration(duration): duration', (d: Duration) => d);
  define(
    'timestamp(string): timestamp',
    (s: string) => timestampOf(s) ?? fail(`type conversion error from 'string' to 'google.protobuf.Timestamp'`),
  );
  define('timestamp(timestamp): timestamp', (t: Timestamp) => t);
  define('dyn(A): dyn', (v: unknown) => v);
  define('type(A): dyn', (v: unknown) => new TypeValue(typeNameOf(v)));
}

function defineQuantities(): void {
  define('isQuantity(string): bool', (s: string) => tryParseQuantity(s) !== undefined);
  define('quantity(string): kubernetes.Quantity', (s: string) => {
    try {
      return parseQuantity(s);
    } catch (error) {
      return fail(error instanceof Error ? error.message : '');
    }
  });
  const Q = 'kubernetes.Quantity';
  const of = (v: Quantity | bigint): Quantity => (typeof v === 'bigint' ? Quantity.of(v) : v);
  const whole = (q: Quantity): boolean => Quantity.of(q.value()).cmp(q) === 0;
  define(`${Q}.sign(): int`, (q: Quantity) => BigInt(q.sign()));
  define(`${Q}.isInteger(): bool`, whole);
  define(`${Q}.asInteger(): int`, (q: Quantity) =>
    whole(q) ? checkedInt(q.value()) : fail('cannot convert value to integer'),
  );
  define(`${Q}.asApproximateFloat(): double`, (q: Quantity) => q.toNumber());
  for (const type of [Q, 'int']) {
    define(`${Q}.add(${type}): ${Q}`, (a: Quantity, b: Quantity | bigint) => a.add(of(b)));
    define(`${Q}.sub(${type}): ${Q}`, (a: Quantity, b: Quantity | bigint) => a.sub(of(b)));
  }
  define(`${Q}.isLessThan(${Q}): bool`, (a: Quantity, b: Quantity) => a.cmp(b) < 0);
  define(`${Q}.isGreaterThan(${Q}): bool`, (a: Quantity, b: Quantity) => a.cmp(b) > 0);
  define(`${Q}.compareTo(${Q}): int`, (a: Quantity, b: Quantity) => BigInt(a.cmp(b)));
}

function isZero(value: unknown): boolean {
  if (value === null || value === 0 || value === 0n || value === '' || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return value instanceof Map ? value.size === 0 : false;
}

function defineOptionals(): void {
  define('optional.of(A): optional<A>', (v: unknown) => new Optional(v));
  define('optional.none(): optional<A>', () => Optional.none);
  define('optional.ofNonZeroValue(A): optional<A>', (v: unknown) => (isZero(v) ? Optional.none : new Optional(v)));
  define('optional<A>.hasValue(): bool', (o: Optional) => o.present);
  define('optional<A>.value(): A', (o: Optional) => (o.present ? o.value : fail('optional.none() dereference')));
  define('optional<A>.orValue(A): A', (o: Optional, v: unknown) => (o.present ? o.value : v));
  define('optional<A>.or(optional<A>): optional<A>', (o: Optional, other: Optional) => (o.present ? o : other));
}

function defineMath(): void {
  const pick =
    (sign: number): Implementation =>
    (a: unknown, b: unknown) =>
      (order(b, a) ?? 0) * sign > 0 ? b : a;
  for (const type of ['int', 'double']) {
    define(`math.greatest(${type},${type}): ${type}`, pick(1));
    define(`math.least(${type},${type}): ${type}`, pick(-1));
    define(`math.abs(${type}): ${type}`, (v: bigint | number) => (v < 0 ? -v : v));
  }
  define('math.ceil(double): double', Math.ceil);
  define('math.floor(double): double', Math.floor);
}

defineStrings();
defineCollections();
defineConversions();
defineTimes();
defineNetwork();
defineQuantities();
defineOptionals();
defineMath();
