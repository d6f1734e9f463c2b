// The functions of CEL as Kubernetes has them: the standard ones, strings, lists, regexes, URLs, IPs, CIDRs, quantities, sets, optionals.
// Source: https://kubernetes.io/docs/reference/using-api/cel/
import { RE2JS } from 're2js';
import { canonicalIP } from '../names.ts';
import { parseQuantity, Quantity, tryParseQuantity } from '../quantity.ts';
import { type CelType, parseType } from './types.ts';
import {
  CelError,
  CidrValue,
  checkedInt,
  cidrContains,
  cidrOf,
  Duration,
  durationOf,
  equal,
  IpValue,
  ipOf,
  type MapValue,
  ObjectValue,
  Optional,
  order,
  Timestamp,
  TypeValue,
  timestampOf,
  toText,
  typeNameOf,
  Uint,
  UrlValue,
} from './values.ts';

export type Implementation = (...args: never[]) => unknown;

export interface Overload {
  /** Absent for functions that are called without a receiver. */
  readonly receiver: CelType | undefined;
  readonly args: readonly CelType[];
  readonly result: CelType;
  readonly run: (args: readonly unknown[]) => unknown;
}

const overloads = new Map<string, Overload[]>();

/** What looks like a receiver in `sets.contains(a, b)` and is none. */
export const FUNCTION_NAMESPACES: ReadonlySet<string> = new Set(['optional', 'sets', 'math', 'strings', 'ip']);

/** `string.contains(string): bool`, `size(list<A>): int`. */
function define(signature: string, run: Implementation): void {
  const match = /^(?:(.+)\.)?(\w+)\((.*)\): (.+)$/.exec(signature);
  if (match === null) throw new Error(`not a signature: ${signature}`);
  const [, before, short = '', args = '', result = ''] = match;
  const namespaced = before !== undefined && FUNCTION_NAMESPACES.has(before);
  const receiver = namespaced ? undefined : before;
  const name = namespaced ? `${before}.${short}` : short;
  const list = overloads.get(name) ?? [];
  list.push({
    receiver: receiver === undefined ? undefined : parseType(receiver),
    args: splitArgs(args).map(parseType),
    result: parseType(result),
    run: (values) => (run as (...a: unknown[]) => unknown)(...values),
  });
  overloads.set(name, list);
}

function splitArgs(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '<') depth++;
    else if (text[i] === '>') depth--;
    else if (text[i] === ',' && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  if (text !== '') parts.push(text.slice(start));
  return parts;
}

export function overloadsOf(name: string): readonly Overload[] {
  return overloads.get(name) ?? [];
}

const fail = (message: string): never => {
  throw new CelError(message);
};

const regexes = new Map<string, RE2JS>();

/** Regular expressions of users: never on a backtracking engine. */
function regex(pattern: string): RE2JS {
  const known = regexes.get(pattern);
  if (known !== undefined) return known;
  try {
    const made = RE2JS.compile(pattern);
    if (regexes.size > 500) regexes.clear();
    regexes.set(pattern, made);
    return made;
  } catch (error) {
    return fail(
      `error parsing regexp: ${error instanceof Error ? error.message.replace(/^.*error parsing regexp: /, '') : ''}`,
    );
  }
}

const runes = (text: string): string[] => [...text];

function index(at: bigint, size: number): number {
  const i = Number(at);
  if (i < 0 || i > size) fail(`index out of range: ${at}`);
  return i;
}

function indexOf(text: string, part: string, from: bigint): bigint {
  const all = runes(text);
  const start = index(from, all.length);
  const found = all.slice(start).join('').indexOf(part);
  if (found < 0) return -1n;
  return BigInt(start + runes(all.slice(start).join('').slice(0, found)).length);
}

function lastIndexOf(text: string, part: string, from?: bigint): bigint {
  const all = runes(text);
  const last = from === undefined ? all.length : index(from, all.length);
  for (let i = Math.min(last, all.length - runes(part).length); i >= 0; i--) {
    if (all.slice(i).join('').startsWith(part)) return BigInt(i);
  }
  return -1n;
}

function substring(text: string, start: bigint, end?: bigint): string {
  const all = runes(text);
  const from = index(start, all.length);
  const to = end === undefined ? all.length : index(end, all.length);
  if (from > to) fail(`invalid substring range. start: ${start}, end: ${end}`);
  return all.slice(from, to).join('');
}

function replace(text: string, what: string, by: string, limit = -1n): string {
  if (limit < 0n) return text.split(what).join(by);
  const parts = text.split(what);
  const count = Math.min(Number(limit), parts.length - 1);
  return (
    parts
      .slice(0, count)
      .map((p) => p + by)
      .join('') + parts.slice(count).join(what)
  );
}

function split(text: string, by: string, limit = -1n): string[] {
  if (limit === 0n) return [];
  const parts = by === '' ? runes(text) : text.split(by);
  if (limit < 0n || parts.length <= Number(limit)) return parts;
  const n = Number(limit) - 1;
  return [...parts.slice(0, n), parts.slice(n).join(by)];
}

function defineStrings(): void {
  define('string.contains(string): bool', (s: string, p: string) => s.includes(p));
  define('string.startsWith(string): bool', (s: string, p: string) => s.startsWith(p));
  define('string.endsWith(string): bool', (s: string, p: string) => s.endsWith(p));
  const matches = (s: string, p: string): boolean => regex(p).matcher(s).find();
  define('string.matches(string): bool', matches);
  define('matches(string,string): bool', matches);
  define('string.charAt(int): string', (s: string, i: bigint) => runes(s)[index(i, runes(s).length)] ?? '');
  define('string.indexOf(string): int', (s: string, p: string) => indexOf(s, p, 0n));
  define('string.indexOf(string,int): int', indexOf);
  define('string.lastIndexOf(string): int', (s: string, p: string) => lastIndexOf(s, p));
  define('string.lastIndexOf(string,int): int', lastIndexOf);
  define('string.lowerAscii(): string', (s: string) => s.replace(/[A-Z]/g, (c) => c.toLowerCase()));
  define('string.upperAscii(): string', (s: string) => s.replace(/[a-z]/g, (c) => c.toUpperCase()));
  define('string.replace(string,string): string', replace);
  define('string.replace(string,string,int): string', replace);
  define('string.split(string): list<string>', split);
  define('string.split(string,int): list<string>', split);
  define('string.substring(int): string', substring);
  define('string.substring(int,int): string', substring);
  define('string.trim(): string', (s: string) => s.trim());
  define('string.reverse(): string', (s: string) => runes(s).reverse().join(''));
  define('list<string>.join(): string', (l: string[]) => l.join(''));
  define('list<string>.join(string): string', (l: string[], by: string) => l.join(by));
  define('string.find(string): string', (s: string, p: string) => {
    const m = regex(p).matcher(s);
    return m.find() ? (m.group() ?? '') : '';
  });
  const findAll = (s: string, p: string, limit = -1n): string[] => {
    const m = regex(p).matcher(s);
    const out: string[] = [];
    while ((limit < 0n || out.length < Number(limit)) && m.find()) out.push(m.group() ?? '');
    return out;
  };
  define('string.findAll(string): list<string>', findAll);
  define('string.findAll(string,int): list<string>', findAll);
  define('string.format(list<dyn>): string', format);
  define('strings.quote(string): string', (s: string) => JSON.stringify(s));
}

/** `%s %d %f %x %o %b %e` of the strings extension. */
function format(text: string, args: readonly unknown[]): string {
  let at = 0;
  return text.replace(
    /%(%|(?:\.(\d+))?([sdfexXob]))/g,
    (_all, what: string, precision: string | undefined, verb: string | undefined) => {
      if (what === '%') return '%';
      if (at >= args.length) fail(`index ${at} out of range`);
      const value = args[at++];
      switch (verb) {
        case 'f':
          return Number(value).toFixed(precision === undefined ? 6 : Number(precision));
        case 'e':
          return Number(value).toExponential(precision === undefined ? 6 : Number(precision));
        case 'x':
        case 'X': {
          const hex = typeof value === 'bigint' ? value.toString(16) : Buffer.from(toText(value)).toString('hex');
          return verb === 'X' ? hex.toUpperCase() : hex;
        }
        case 'o':
          return typeof value === 'bigint' ? value.toString(8) : toText(value);
        case 'b':
          return typeof value === 'bigint' ? value.toString(2) : value === true ? '1' : '0';
        default:
          return toText(value);
      }
    },
  );
}

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

/** Parts of a time in a zone, `UTC` when none is named. */
function datePart(part: (date: Date) => number): (t: Timestamp, zone?: string) => bigint {
  return (t, zone) => {
    let ms = Number(t.nanos / 1_000_000n);
    const offset = /^([+-])?(\d\d):(\d\d)$/.exec(zone ?? '');
    if (offset !== null) ms += (offset[1] === '-' ? -1 : 1) * (Number(offset[2]) * 60 + Number(offset[3])) * 60_000;
    else if (zone !== undefined && zone !== 'UTC') ms = shifted(ms, zone);
    return BigInt(part(new Date(ms)));
  };
}

function shifted(ms: number, zone: string): number {
  try {
    const text = new Date(ms).toLocaleString('sv-SE', { timeZone: zone });
    return Date.parse(`${text.replace(' ', 'T')}Z`);
  } catch {
    return fail(`unknown time zone ${zone}`);
  }
}

function defineTimes(): void {
  const parts: Readonly<Record<string, (d: Date) => number>> = {
    getFullYear: (d) => d.getUTCFullYear(),
    getMonth: (d) => d.getUTCMonth(),
    getDate: (d) => d.getUTCDate(),
    getDayOfMonth: (d) => d.getUTCDate() - 1,
    getDayOfWeek: (d) => d.getUTCDay(),
    getDayOfYear: (d) => Math.floor((d.getTime() - Date.UTC(d.getUTCFullYear(), 0, 1)) / 86_400_000),
  };
  const clock: Readonly<Record<string, readonly [(d: Date) => number, bigint]>> = {
    getHours: [(d) => d.getUTCHours(), 3_600_000_000_000n],
    getMinutes: [(d) => d.getUTCMinutes(), 60_000_000_000n],
    getSeconds: [(d) => d.getUTCSeconds(), 1_000_000_000n],
    getMilliseconds: [(d) => d.getUTCMilliseconds(), 1_000_000n],
  };
  for (const [name, part] of Object.entries(parts)) {
    define(`timestamp.${name}(): int`, datePart(part));
    define(`timestamp.${name}(string): int`, datePart(part));
  }
  for (const [name, [part, unit]] of Object.entries(clock)) {
    define(`timestamp.${name}(): int`, datePart(part));
    define(`timestamp.${name}(string): int`, datePart(part));
    define(`duration.${name}(): int`, (d: Duration) => d.nanos / unit);
  }
}

function defineNetwork(): void {
  define('isIP(string): bool', (s: string) => ipOf(s) !== undefined);
  define(
    'ip(string): net.IP',
    (s: string) => ipOf(s) ?? fail(`IP Address ${JSON.stringify(s)} parse error during conversion from string`),
  );
  define('ip.isCanonical(string): bool', (s: string) => canonicalIP(s) === s);
  define('net.IP.family(): int', (ip: IpValue) => (ip.text.includes(':') ? 6n : 4n));
  define('net.IP.isUnspecified(): bool', (ip: IpValue) => ip.text === '0.0.0.0' || ip.text === '::');
  define('net.IP.isLoopback(): bool', (ip: IpValue) => ip.text.startsWith('127.') || ip.text === '::1');
  define(
    'net.IP.isLinkLocalMulticast(): bool',
    (ip: IpValue) => ip.text.startsWith('224.0.0.') || /^ff.2:/.test(ip.text),
  );
  define(
    'net.IP.isLinkLocalUnicast(): bool',
    (ip: IpValue) => ip.text.startsWith('169.254.') || /^fe[89ab]/.test(ip.text),
  );
  define('net.IP.isGlobalUnicast(): bool', (ip: IpValue) => {
    const t = ip.text;
    return !(
      t === '0.0.0.0' ||
      t === '::' ||
      t === '255.255.255.255' ||
      t.startsWith('127.') ||
      t === '::1' ||
      /^(22[4-9]|23\d)\./.test(t) ||
      t.startsWith('ff') ||
      t.startsWith('169.254.') ||
      /^fe[89ab]/.test(t)
    );
  });
  define('isCIDR(string): bool', (s: string) => cidrOf(s) !== undefined);
  define(
    'cidr(string): net.CIDR',
    (s: string) => cidrOf(s) ?? fail(`network address parse error during conversion from string: ${JSON.stringify(s)}`),
  );
  define('net.CIDR.containsIP(string): bool', (c: CidrValue, s: string) =>
    cidrContains(c, (ipOf(s) ?? fail('IP Address parse error')).text),
  );
  define('net.CIDR.containsIP(net.IP): bool', (c: CidrValue, ip: IpValue) => cidrContains(c, ip.text));
  const inside = (c: CidrValue, other: CidrValue): boolean =>
    other.prefix >= c.prefix && cidrContains(c, other.network);
  define('net.CIDR.containsCIDR(string): bool', (c: CidrValue, s: string) =>
    inside(c, cidrOf(s) ?? fail('network address parse error')),
  );
  define('net.CIDR.containsCIDR(net.CIDR): bool', inside);
  define('net.CIDR.ip(): net.IP', (c: CidrValue) => new IpValue(c.address));
  define('net.CIDR.masked(): net.CIDR', (c: CidrValue) => new CidrValue(c.network, c.network, c.prefix));
  define('net.CIDR.prefixLength(): int', (c: CidrValue) => BigInt(c.prefix));
  defineUrls();
}

function urlOf(text: string): UrlValue | undefined {
  try {
    if (!/^([a-zA-Z][a-zA-Z0-9+.-]*:\/\/|\/)/.test(text) || /\s/.test(text)) return undefined;
    return new UrlValue(new URL(text, 'none://'), text);
  } catch {
    return undefined;
  }
}

function defineUrls(): void {
  define('isURL(string): bool', (s: string) => urlOf(s) !== undefined);
  define(
    'url(string): kubernetes.URL',
    (s: string) =>
      urlOf(s) ??
      fail(`URL parse error during conversion from string: parse ${JSON.stringify(s)}: invalid URI for request`),
  );
  const absolute = (u: UrlValue): boolean => !u.text.startsWith('/');
  define('kubernetes.URL.getScheme(): string', (u: UrlValue) => (absolute(u) ? u.url.protocol.slice(0, -1) : ''));
  define('kubernetes.URL.getHost(): string', (u: UrlValue) => u.url.host);
  define('kubernetes.URL.getHostname(): string', (u: UrlValue) => u.url.hostname.replace(/^\[|\]$/g, ''));
  define(
    'kubernetes.URL.getPort(): string',
    (u: UrlValue) => /:(\d+)(?:[/?#]|$)/.exec(u.text.replace(/^[^:]*:\/\//, ''))?.[1] ?? '',
  );
  define('kubernetes.URL.getEscapedPath(): string', (u: UrlValue) =>
    absolute(u) && !/^[^:]*:\/\/[^/]*\//.test(u.text) ? '' : u.url.pathname,
  );
  define('kubernetes.URL.getQuery(): map<string,list<string>>', (u: UrlValue) => {
    const out: MapValue = new Map();
    for (const key of u.url.searchParams.keys()) out.set(key, u.url.searchParams.getAll(key));
    return out;
  });
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
