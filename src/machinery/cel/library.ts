// The functions of CEL as Kubernetes has them: sizes, conversions, quantities, optionals; the others stand in files of their own.
// Source: https://kubernetes.io/docs/reference/using-api/cel/

import { isUtf8 } from 'node:buffer';
import { parseQuantity, Quantity, tryParseQuantity } from '../quantity.ts';
import { defineAuthorizer } from './authorizer.ts';
import { defineFormat } from './format.ts';
import { defineLists } from './lists.ts';
import { defineNames } from './named-formats.ts';
import { defineNetwork } from './network.ts';
import { define, fail, type Implementation } from './registry.ts';
import { defineVersions } from './semver.ts';
import { defineStrings } from './strings.ts';
import { defineTimes } from './times.ts';
import {
  checkedInt,
  Duration,
  durationOf,
  INTEGER_MAX,
  INTEGER_MIN,
  ObjectValue,
  Optional,
  Timestamp,
  TypeValue,
  timestampAt,
  timestampOf,
  toText,
  typeNameOf,
  Uint,
} from './values.ts';

export { FUNCTION_NAMESPACES, type Overload, overloadsOf } from './registry.ts';

const runes = (text: string): string[] => [...text];

function sizeOf(value: unknown): bigint {
  if (typeof value === 'string') return BigInt(runes(value).length);
  if (Array.isArray(value) || value instanceof Uint8Array) return BigInt(value.length);
  if (value instanceof Map) return BigInt(value.size);
  if (value instanceof ObjectValue) return BigInt(Object.keys(value.json).length);
  return fail('no such overload: size');
}

function defineCollections(): void {
  for (const type of ['string', 'bytes', 'list<A>', 'map<A,B>']) {
    define(`size(${type}): int`, sizeOf as Implementation);
    define(`${type}.size(): int`, sizeOf as Implementation);
  }
}

function toInt(value: unknown): bigint {
  if (typeof value === 'bigint') return value;
  if (value instanceof Uint) return checkedInt(value.value);
  if (typeof value === 'number')
    return Number.isFinite(value) ? checkedInt(BigInt(Math.trunc(value))) : fail('integer overflow');
  if (value instanceof Timestamp) return value.nanos / 1_000_000_000n;
  if (value instanceof Duration) return value.nanos;
  if (typeof value === 'string' && /^[+-]?\d+$/.test(value)) {
    const number = BigInt(value.replace(/^\+/, ''));
    if (number >= INTEGER_MIN && number <= INTEGER_MAX) return number;
  }
  return fail(`type conversion error from '${typeNameOf(value)}' to 'int'`);
}

/** Numbers as strconv.ParseFloat reads them, but for its hexadecimal and underscored ones. */
function goNumber(text: string): number | undefined {
  if (/^[+-]?inf(inity)?$/i.test(text))
    return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (/^nan$/i.test(text)) return Number.NaN;
  const number = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined;
  return number !== undefined && Number.isFinite(number) ? number : undefined;
}

function toUint(value: unknown): Uint {
  if (value instanceof Uint) return value;
  if (typeof value === 'string') {
    const number = /^\d+$/.test(value) ? BigInt(value) : -1n;
    return number >= 0n && number < 1n << 64n
      ? new Uint(number)
      : fail(`type conversion error from 'string' to 'uint'`);
  }
  if (typeof value === 'number' && !Number.isFinite(value)) fail('unsigned integer overflow');
  const number = typeof value === 'number' ? BigInt(Math.trunc(value)) : typeof value === 'bigint' ? value : undefined;
  if (number === undefined) return fail(`type conversion error from '${typeNameOf(value)}' to 'uint'`);
  if (number < 0n || number >= 1n << 64n || (typeof value === 'number' && value < 0)) fail('unsigned integer overflow');
  return new Uint(number);
}

function toTimestamp(value: bigint): Timestamp {
  return timestampAt(value * 1_000_000_000n);
}

/** A list is refused in the words of a value that was only known when it ran. */
function text(value: unknown): string {
  if (Array.isArray(value) || value instanceof Map || value instanceof ObjectValue)
    return fail(`no such overload: string(${Array.isArray(value) ? 'list' : 'map'})`);
  if (value instanceof Uint8Array && !isUtf8(value)) return fail('invalid UTF-8 in bytes, cannot convert to string');
  return toText(value);
}

function toDouble(value: unknown): number {
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
  if (value instanceof Uint) return Number(value.value);
  const number = typeof value === 'string' ? goNumber(value) : undefined;
  if (number !== undefined) return number;
  return fail(`type conversion error from '${typeNameOf(value)}' to 'double'`);
}

function defineConversions(): void {
  for (const type of ['int', 'uint', 'double', 'string', 'timestamp', 'duration'])
    define(`int(${type}): int`, toInt as Implementation);
  for (const type of ['int', 'uint', 'double', 'string']) {
    define(`double(${type}): double`, toDouble as Implementation);
    define(`uint(${type}): uint`, toUint);
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
    'net.IP',
    'net.CIDR',
  ]) {
    define(`string(${type}): string`, text as Implementation);
  }
  define('bytes(string): bytes', (s: string) => new Uint8Array(Buffer.from(s)));
  define('bytes(bytes): bytes', (b: Uint8Array) => b);
  define('bool(bool): bool', (b: boolean) => b);
  define('bool(string): bool', (s: string) =>
    /^(1|t|T|true|TRUE|True)$/.test(s)
      ? true
      : /^(0|f|F|false|FALSE|False)$/.test(s)
        ? false
        : fail(`type conversion error from 'string' to 'bool'`),
  );
  define(
    'duration(string): duration',
    (s: string) => durationOf(s) ?? fail(`type conversion error from 'string' to 'google.protobuf.Duration'`),
  );
  define('duration(int): duration', (nanos: bigint) => new Duration(nanos));
  define('duration(duration): duration', (d: Duration) => d);
  define(
    'timestamp(string): timestamp',
    (s: string) => timestampOf(s) ?? fail(`type conversion error from 'string' to 'google.protobuf.Timestamp'`),
  );
  define('timestamp(int): timestamp', toTimestamp);
  define('timestamp(timestamp): timestamp', (t: Timestamp) => t);
  define('dyn(A): dyn', (v: unknown) => v);
  define('type(A): type<A>', (v: unknown) => new TypeValue(typeNameOf(v)));
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
  define(`sign(${Q}): int`, (q: Quantity) => BigInt(q.sign()));
  define(`${Q}.isInteger(): bool`, whole);
  define(`${Q}.asInteger(): int`, (q: Quantity) =>
    whole(q) && q.value() >= INTEGER_MIN && q.value() <= INTEGER_MAX
      ? q.value()
      : fail('cannot convert value to integer'),
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
  if (value instanceof Duration) return value.nanos === 0n;
  if (value instanceof Uint) return value.value === 0n;
  if (value instanceof Uint8Array) return value.length === 0;
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

/** Keys in the paths of JSON patches. */
function defineKeys(): void {
  define('jsonpatch.escapeKey(string): string', (key: string) => key.replaceAll('~', '~0').replaceAll('/', '~1'));
}

defineStrings();
defineFormat();
defineCollections();
defineLists();
defineConversions();
defineTimes();
defineNetwork();
defineNames();
defineVersions();
defineQuantities();
defineOptionals();
defineAuthorizer();
defineKeys();
