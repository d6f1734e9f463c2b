// The values of CEL at run time: int is bigint, double is number, and lists, maps and the rest are told apart by their class.
import ipaddr from 'ipaddr.js';
import { deepEqual } from '../json.ts';
import { canonicalIP, parseCIDR } from '../names.ts';
import { Quantity } from '../quantity.ts';
import { goDurationNanos, goDurationText, parseTime, rfc3339, subMillis } from '../time.ts';
import { type CelType, DYN } from './types.ts';

/** A failure of an expression; `&&`, `||` and `all` may swallow it. */
export class CelError extends Error {}

export class Uint {
  constructor(readonly value: bigint) {}
}
export class Timestamp {
  constructor(readonly nanos: bigint) {}
  toString(): string {
    const ms = Number(this.nanos / 1_000_000n);
    const rest = this.nanos % 1_000_000_000n;
    return rest === 0n
      ? rfc3339(ms)
      : `${rfc3339(ms).slice(0, -1)}.${String(rest).padStart(9, '0').replace(/0+$/, '')}Z`;
  }
}
export class Duration {
  constructor(readonly nanos: bigint) {}
  toString(): string {
    return goDurationText(Number(this.nanos));
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
    readonly url: URL,
    readonly text: string,
  ) {}
}
/** A JSON object with a declared type: fields are converted when they are asked for. */
export class ObjectValue {
  constructor(
    readonly json: Readonly<Record<string, unknown>>,
    readonly type: Extract<CelType, { kind: 'object' }>,
  ) {}
}
/** Keys are strings, bigints or booleans. */
export type MapValue = Map<unknown, unknown>;

export function timestampOf(text: string): Timestamp | undefined {
  const ms = parseTime(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text);
  return ms === undefined ? undefined : new Timestamp(BigInt(ms) * 1_000_000n + BigInt(subMillis(text, 6)));
}

export function durationOf(text: string): Duration | undefined {
  const nanos = goDurationNanos(text);
  return nanos === undefined ? undefined : new Duration(BigInt(nanos));
}

/** JSON as a value of a declared type. What does not fit the type is taken as it is. */
export function fromJson(json: unknown, type: CelType): unknown {
  if (json === null || json === undefined) return null;
  if (Array.isArray(json)) return json.map((item) => fromJson(item, type.kind === 'list' ? type.item : DYN));
  if (typeof json === 'object') return objectFrom(json as Readonly<Record<string, unknown>>, type);
  if (typeof json === 'number') {
    if (type.kind === 'simple' && type.name === 'double') return json;
    return Number.isInteger(json) ? BigInt(json) : json;
  }
  if (typeof json === 'string' && type.kind === 'simple') {
    if (type.name === 'timestamp') return timestampOf(json) ?? json;
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
  if (value instanceof ObjectValue) return value.type.name;
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
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => equal(item, b[i]));
  if (a instanceof ObjectValue && b instanceof ObjectValue) return deepEqual(a.json, b.json);
  if (a instanceof Map && b instanceof Map) {
    return a.size === b.size && [...a].every(([key, value]) => b.has(key) && equal(value, b.get(key)));
  }
  if (a instanceof Timestamp && b instanceof Timestamp) return a.nanos === b.nanos;
  if (a instanceof Duration && b instanceof Duration) return a.nanos === b.nanos;
  return equalSpecial(a, b);
}

function equalSpecial(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  if (a instanceof Quantity && b instanceof Quantity) return a.cmp(b) === 0;
  if (a instanceof IpValue && b instanceof IpValue) return a.text === b.text;
  if (a instanceof CidrValue && b instanceof CidrValue)
    return a.network === b.network && a.prefix === b.prefix && a.address === b.address;
  if (a instanceof UrlValue && b instanceof UrlValue) return a.text === b.text;
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

export function ipOf(text: string): IpValue | undefined {
  const canonical = canonicalIP(text);
  if (canonical === undefined || /^(0\d|.*\.0\d)/.test(text) || /^::ffff:\d+\./i.test(text)) return undefined;
  return new IpValue(canonical);
}

export function cidrOf(text: string): CidrValue | undefined {
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

/** A value as JSON again, e.g. for messages. */
export function toText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  if (value instanceof Quantity || value instanceof Timestamp || value instanceof Duration) return value.toString();
  if (value instanceof IpValue || value instanceof UrlValue) return value.text;
  if (value instanceof CidrValue) return `${value.address}/${value.prefix}`;
  if (Array.isArray(value)) return `[${value.map(toText).join(', ')}]`;
  if (value instanceof Map) return `{${[...value].map(([k, v]) => `${toText(k)}: ${toText(v)}`).join(', ')}}`;
  return value instanceof ObjectValue ? JSON.stringify(value.json) : String(value);
}

export const INTEGER_MIN = -(1n << 63n);
export const INTEGER_MAX = (1n << 63n) - 1n;

export function checkedInt(value: bigint): bigint {
  if (value < INTEGER_MIN || value > INTEGER_MAX) throw new CelError('integer overflow');
  return value;
}
