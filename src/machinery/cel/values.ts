// The values of CEL at run time: int is bigint, double is number, and lists, maps and the rest are told apart by their class.

import ipaddr from 'ipaddr.js';
import { jsonText } from '../exact-json.ts';
import { deepEqual } from '../json.ts';
import { canonicalIP, parseCIDR } from '../names.ts';
import { Quantity } from '../quantity.ts';
import { goDurationNanos, parseTime, rfc3339 } from '../time.ts';
import { addressProblem, prefixProblem } from './addresses.ts';
import { listKindOf, markList } from './keyed-lists.ts';
import { type CelType, DYN, type StructType } from './types.ts';
import type { GoUrl } from './urls.ts';

/** A failure of an expression; `&&`, `||` and `all` may swallow it. */
export class CelError extends Error {}

export class Uint {
  constructor(readonly value: bigint) {}
}
export class Timestamp {
  /** `zone`: what it was written in, as minutes east of Greenwich. */
  constructor(
    readonly nanos: bigint,
    readonly zone = 0,
  ) {}
  toString(): string {
    const second = 1_000_000_000n;
    const rest = ((this.nanos % second) + second) % second;
    const ms = Number((this.nanos - rest) / 1_000_000n) + this.zone * 60_000;
    const fraction = rest === 0n ? '' : `.${String(rest).padStart(9, '0').replace(/0+$/, '')}`;
    return `${rfc3339(ms).slice(0, -1)}${fraction}${zoneText(this.zone)}`;
  }
}

function zoneText(zone: number): string {
  if (zone === 0) return 'Z';
  const two = (n: number): string => String(n).padStart(2, '0');
  const minutes = Math.abs(zone);
  return `${zone < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

export class Duration {
  constructor(readonly nanos: bigint) {}
  toString(): string {
    const [sign, nanos] = this.nanos < 0n ? ['-', -this.nanos] : ['', this.nanos];
    const rest = String(nanos % 1_000_000_000n)
      .padStart(9, '0')
      .replace(/0+$/, '');
    return `${sign}${nanos / 1_000_000_000n}${rest === '' ? '' : `.${rest}`}s`;
  }
}
export class TypeValue {
  constructor(readonly name: string) {}
}
export class Optional {
  constructor(readonly value: unknown) {}
  static readonly none = new Optional(undefined);
  get present(): boolean {
    return this.value !== undefined;
  }
}
export class NamedFormat {
  constructor(
    readonly name: string,
    readonly check: (text: string) => string[],
  ) {}
}
export class SemverValue {
  constructor(
    readonly numbers: readonly [bigint, bigint, bigint],
    readonly pre: readonly string[],
    readonly build: readonly string[],
  ) {}
  /** What was built is of no account. */
  compare(other: SemverValue): number {
    for (const [i, number] of this.numbers.entries()) {
      const theirs = other.numbers[i] ?? 0n;
      if (number !== theirs) return number < theirs ? -1 : 1;
    }
    if (this.pre.length === 0 || other.pre.length === 0)
      return Math.sign(Number(this.pre.length === 0) - Number(other.pre.length === 0));
    for (let i = 0; i < Math.min(this.pre.length, other.pre.length); i++) {
      const sign = comparePre(this.pre[i] ?? '', other.pre[i] ?? '');
      if (sign !== 0) return sign;
    }
    return Math.sign(this.pre.length - other.pre.length);
  }
}

function comparePre(a: string, b: string): number {
  const [x, y] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (x && y) return Math.sign(Number(BigInt(a) - BigInt(b)));
  if (x !== y) return x ? -1 : 1;
  return a === b ? 0 : a < b ? -1 : 1;
}

/** A value that has functions and nothing else; each of its types is a class of its own. */
export abstract class ReceiverValue {
  abstract readonly typeName: string;
}

export class IpValue {
  constructor(readonly text: string) {}
}
export class CidrValue {
  constructor(
    readonly network: string,
    readonly address: string,
    readonly prefix: number,
  ) {}
}
export class UrlValue {
  constructor(
    readonly url: GoUrl,
    readonly text: string,
  ) {}
}
/** A JSON object with a declared type: fields are converted when they are asked for. */
export class ObjectValue {
  constructor(
    readonly json: Readonly<Record<string, unknown>>,
    readonly type: Extract<CelType, { kind: 'object' }>,
  ) {}

  entries(): [string, unknown][] {
    const all = [...this.type.fields].filter(
      ([, { json }]) => Object.hasOwn(this.json, json) && this.json[json] !== null,
    );
    return all.map(([name, { json, type }]) => [name, fromJson(this.json[json], type)]);
  }
}
/** An object that the expression made itself. */
export class StructValue extends Map<unknown, unknown> {
  constructor(
    readonly type: StructType,
    fields: Iterable<readonly [string, unknown]>,
  ) {
    super(fields);
  }
}
/** Keys are strings, bigints or booleans. */
export type MapValue = Map<unknown, unknown>;

const FIRST_SECOND = -62_135_596_800n;
const LAST_SECOND = 253_402_300_799n;

/** Only the years from 1 to 9999 are times. */
export function timestampAt(nanos: bigint, zone = 0): Timestamp {
  if (nanos < FIRST_SECOND * 1_000_000_000n || nanos >= (LAST_SECOND + 1n) * 1_000_000_000n)
    throw new CelError('timestamp overflow');
  return new Timestamp(nanos, zone);
}

function fractionOf(text: string): bigint {
  const digits = /\.(\d+)/.exec(text)?.[1] ?? '';
  return BigInt(digits.slice(0, 9).padEnd(9, '0'));
}

export function timestampOf(text: string): Timestamp | undefined {
  const ms = text.startsWith('0000') ? undefined : parseTime(text);
  if (ms === undefined) return undefined;
  const [, sign, hours, minutes] = /([+-])(\d\d):(\d\d)$/.exec(text) ?? [];
  const zone = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * (sign === '-' ? -1 : 1);
  const nanos = BigInt(Math.floor(ms / 1000)) * 1_000_000_000n + fractionOf(text);
  try {
    return timestampAt(nanos, zone);
  } catch {
    return undefined;
  }
}

const dateOf = (text: string): Timestamp | undefined =>
  timestampOf(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text);

export function durationOf(text: string): Duration | undefined {
  const nanos = goDurationNanos(text);
  return nanos === undefined || Math.abs(nanos) > Number(INTEGER_MAX) ? undefined : new Duration(BigInt(nanos));
}

/** JSON as a value of a declared type. What does not fit the type is taken as it is. */
export function fromJson(json: unknown, type: CelType): unknown {
  if (json === null || json === undefined) return null;
  if (Array.isArray(json)) {
    const list = json.map((item) => fromJson(item, type.kind === 'list' ? type.item : DYN));
    return type.kind === 'list' && type.by !== undefined ? markList(list, type.by) : list;
  }
  if (typeof json === 'object') return objectFrom(json as Readonly<Record<string, unknown>>, type);
  if (typeof json === 'number') {
    if (type.kind === 'simple' && type.name === 'double') return json;
    // Beyond that, integers come as bigints.
    return Number.isSafeInteger(json) ? BigInt(json) : json;
  }
  if (typeof json === 'bigint' && type.kind === 'simple' && type.name === 'double') return Number(json);
  if (typeof json === 'string' && type.kind === 'simple') {
    if (type.name === 'timestamp') return dateOf(json) ?? json;
    if (type.name === 'duration') return durationOf(json) ?? json;
    if (type.name === 'bytes') return new Uint8Array(Buffer.from(json, 'base64'));
  }
  return json;
}

function objectFrom(json: Readonly<Record<string, unknown>>, type: CelType): unknown {
  if (type.kind === 'object') return new ObjectValue(json, type);
  const value = type.kind === 'map' ? type.value : DYN;
  const map: MapValue = new Map();
  for (const key of Object.keys(json)) map.set(key, fromJson(json[key], value));
  return map;
}

/** The name of a value's type, as `type()` gives it. */
export function typeNameOf(value: unknown): string {
  if (value === null) return 'null_type';
  switch (typeof value) {
    case 'bigint':
      return 'int';
    case 'number':
      return 'double';
    case 'boolean':
      return 'bool';
    case 'string':
      return 'string';
    default:
      return classNameOf(value);
  }
}

function classNameOf(value: unknown): string {
  if (Array.isArray(value)) return 'list';
  if (value instanceof StructValue) return value.type.name;
  if (value instanceof Map) return 'map';
  if (value instanceof Uint) return 'uint';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof Timestamp) return 'google.protobuf.Timestamp';
  if (value instanceof Duration) return 'google.protobuf.Duration';
  if (value instanceof Optional) return 'optional_type';
  if (value instanceof Quantity) return 'kubernetes.Quantity';
  if (value instanceof IpValue) return 'net.IP';
  if (value instanceof CidrValue) return 'net.CIDR';
  if (value instanceof UrlValue) return 'kubernetes.URL';
  if (value instanceof SemverValue) return 'kubernetes.Semver';
  if (value instanceof NamedFormat) return 'kubernetes.NamedFormat';
  if (value instanceof ReceiverValue) return value.typeName;
  if (value instanceof ObjectValue) return 'map';
  return 'type';
}

function numeric(value: unknown): bigint | number | undefined {
  if (typeof value === 'bigint' || typeof value === 'number') return value;
  return value instanceof Uint ? value.value : undefined;
}

export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  const x = numeric(a);
  const y = numeric(b);
  // Loose on purpose: 1 and 1.0 are one number.
  // biome-ignore lint/suspicious/noDoubleEquals: bigint and number are compared by value
  if (x !== undefined && y !== undefined) return x == y;
  if (Array.isArray(a) && Array.isArray(b)) return equalLists(a, b);
  if (a instanceof ObjectValue && b instanceof ObjectValue) return deepEqual(a.json, b.json);
  if (a instanceof Map && b instanceof Map) {
    if (typeNameOf(a) !== typeNameOf(b)) return false;
    return a.size === b.size && [...a].every(([key, value]) => b.has(key) && equal(value, b.get(key)));
  }
  if (a instanceof Timestamp && b instanceof Timestamp) return a.nanos === b.nanos;
  if (a instanceof Duration && b instanceof Duration) return a.nanos === b.nanos;
  return equalSpecial(a, b);
}

/** In sets and lists with keys the order does not count. */
function equalLists(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  if (listKindOf(a) === undefined && listKindOf(b) === undefined) return a.every((item, i) => equal(item, b[i]));
  return a.every((item) => b.some((other) => equal(item, other)));
}

function equalSpecial(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  if (a instanceof Quantity && b instanceof Quantity) return a.cmp(b) === 0;
  if (a instanceof IpValue && b instanceof IpValue) return a.text === b.text;
  if (a instanceof CidrValue && b instanceof CidrValue)
    return a.network === b.network && a.prefix === b.prefix && a.address === b.address;
  if (a instanceof UrlValue && b instanceof UrlValue) return a.text === b.text;
  if (a instanceof SemverValue && b instanceof SemverValue) return a.compare(b) === 0;
  if (a instanceof TypeValue && b instanceof TypeValue) return a.name === b.name;
  if (a instanceof Optional && b instanceof Optional)
    return a.present === b.present && (!a.present || equal(a.value, b.value));
  return false;
}

/** Negative, zero or positive; undefined when the two have no order. */
export function order(a: unknown, b: unknown): number | undefined {
  const x = numeric(a);
  const y = numeric(b);
  if (x !== undefined && y !== undefined) return x < y ? -1 : x > y ? 1 : 0;
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b));
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  if (a instanceof Timestamp && b instanceof Timestamp) return a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0;
  if (a instanceof Duration && b instanceof Duration) return a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  return undefined;
}

/** For sorting: all must be of one type. */
export function sortOrder(a: unknown, b: unknown): number {
  const sign = typeNameOf(a) === typeNameOf(b) ? order(a, b) : undefined;
  if (sign === undefined) throw new CelError('list elements must have the same type');
  return sign;
}

const isMapped = (text: string): boolean => /^::ffff:\d+\.|^::ffff:[0-9a-f]{1,4}:[0-9a-f]{1,4}$/i.test(text);

export function ipOf(text: string): IpValue | undefined {
  if (addressProblem(text) !== undefined || text.includes('%') || isMapped(text)) return undefined;
  const canonical = canonicalIP(text);
  return canonical === undefined ? undefined : new IpValue(canonical);
}

export function cidrOf(text: string): CidrValue | undefined {
  if (prefixProblem(text) !== undefined || isMapped(text.slice(0, text.lastIndexOf('/')))) return undefined;
  const cidr = parseCIDR(text);
  if (cidr === undefined) return undefined;
  return new CidrValue(cidr.text.slice(0, cidr.text.indexOf('/')), cidr.address, cidr.prefix);
}

export function cidrContains(cidr: CidrValue, ip: string): boolean {
  const address = ipaddr.parse(ip);
  const range = ipaddr.parse(cidr.network);
  return (
    address.kind() === range.kind() &&
    address.match([range, cidr.prefix] as [ipaddr.IPv4, number] & [ipaddr.IPv6, number])
  );
}

/** Larger numbers are written with an exponent. */
const MOST_DIGITS = 6;

/** As Go's `%g` writes it. */
function goDouble(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (Object.is(value, -0)) return '-0';
  const [digits = '', power = '0'] = value.toExponential().split('e');
  const exponent = Number(power);
  if (exponent >= -4 && exponent < MOST_DIGITS) return exponent < 0 ? plainFraction(value) : String(value);
  return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
}

const plainFraction = (value: number): string =>
  Math.abs(value) >= 1e-6 ? String(value) : value.toFixed(20).replace(/0+$/, '');

/** A value as JSON again, e.g. for messages. */
export function toText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return goDouble(value);
  if (value instanceof TypeValue) return value.name;
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  if (value instanceof Quantity || value instanceof Timestamp || value instanceof Duration) return value.toString();
  if (value instanceof IpValue) return value.text;
  if (value instanceof CidrValue) return `${value.address}/${value.prefix}`;
  if (Array.isArray(value)) return `[${value.map(toText).join(', ')}]`;
  if (value instanceof Map) return `{${[...value].map(([k, v]) => `${toText(k)}: ${toText(v)}`).join(', ')}}`;
  return value instanceof ObjectValue ? jsonText(value.json) : String(value);
}

export const INTEGER_MIN = -(1n << 63n);
export const INTEGER_MAX = (1n << 63n) - 1n;

export function checkedInt(value: bigint): bigint {
  if (value < INTEGER_MIN || value > INTEGER_MAX) throw new CelError('integer overflow');
  return value;
}
