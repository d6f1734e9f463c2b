// What calls of functions cost when they run, by what they were given and what came of it.
// Source: https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/cel/library/cost.go and
// https://github.com/google/cel-go/blob/master/interpreter/runtimecost.go
import { CidrValue, IpValue, NamedFormat, ObjectValue, Optional } from './values.ts';

export interface Ran {
  /** The receiver is the first. */
  readonly args: readonly unknown[];
  readonly result: unknown;
  readonly isMember: boolean;
  /** Only one overload fits the types that are known before. Else, what depends on the overload costs one. */
  readonly isResolved: boolean;
}

type Rule = (ran: Ran) => number;

const IPV4_BYTES = 4;
const IPV6_BYTES = 16;
const NEW_LIST = 10;
const PER_REQUIREMENT = 50;

function codePoints(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xfc_00) === 0xdc_00) count--;
  return count;
}

/** The number of characters, bytes, items or keys; all else is of size one. */
export function sizeNow(value: unknown): number {
  if (typeof value === 'string') return codePoints(value);
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length;
  if (value instanceof Map) return value.size;
  if (value instanceof ObjectValue) return Object.keys(value.json).length;
  if (value instanceof Optional) return value.present ? sizeNow(value.value) : 1;
  if (value instanceof IpValue) return value.text.includes(':') ? IPV6_BYTES : IPV4_BYTES;
  return value instanceof CidrValue ? Math.ceil(value.prefix / 8) : 1;
}

const tenth = (size: number): number => Math.ceil(size / 10);
const over =
  (times = 1): Rule =>
  ({ args }) =>
    Math.ceil((sizeNow(args[0]) * times) / 10);

/** A pattern is taken to have a step for every four of its characters. */
const matched = (text: unknown, pattern: number): number => tenth(1 + sizeNow(text)) * Math.ceil(pattern / 4);

/** All there is in it is gone over once. */
function gone(value: unknown): number {
  if (typeof value === 'string') return Math.floor(Buffer.byteLength(value) / 10);
  if (value instanceof Uint8Array) return Math.floor(value.length / 10);
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + gone(item), 0);
  if (value instanceof Map) return [...value].reduce((sum: number, [key, item]) => sum + gone(key) + gone(item), 0);
  if (value instanceof ObjectValue)
    return value.entries().reduce((sum, [key, item]) => sum + gone(key) + gone(item), 0);
  return 1;
}

const made = (factor: number, size: number): number => Math.floor(factor * size) + 1 + NEW_LIST;

/** Every item is compared with every other. */
function comparing(list: unknown): number {
  const items = Array.isArray(list) ? (list as unknown[]) : [];
  const isText = typeof items[0] === 'string' || items[0] instanceof Uint8Array;
  return made(isText ? 2.1 : 2, items.length ** 2);
}

/** Sizes of the patterns that the formats are taken to have. */
const FORMAT_SIZES: Readonly<Record<string, number>> = {
  dns1123Label: 30,
  dns1123Subdomain: 60,
  dns1035Label: 30,
  qualifiedName: 60,
  dns1123LabelPrefix: 30,
  dns1123SubdomainPrefix: 60,
  dns1035LabelPrefix: 30,
  labelValue: 40,
  uri: 1103,
  uuid: 70,
  byte: 84,
  date: 71,
  datetime: 71,
};

/** A CIDR is compared with itself, and what stands in a text is read first. */
const within =
  (times: number, once: number): Rule =>
  ({ args: [cidr, other], isResolved }) =>
    tenth(2 * sizeNow(cidr)) +
    times * tenth(sizeNow(cidr)) +
    once +
    (isResolved && typeof other === 'string' ? tenth(sizeNow(other)) : 0);

const named = (names: string, rule: Rule): [string, Rule][] => names.split(' ').map((name) => [name, rule]);

/** Whatever the overload. */
const BY_NAME: ReadonlyMap<string, Rule> = new Map([
  ...named('check', () => 350_000),
  ...named('or orValue', () => 0),
  ...named('fieldSelector labelSelector', ({ args }) => {
    const size = sizeNow(args[1]);
    return NEW_LIST + tenth(size) + PER_REQUIREMENT * Math.ceil(size / 2);
  }),
  ...named('isSorted sum max min indexOf lastIndexOf', ({ args }) => gone(args[0])),
  ...named('url lowerAscii upperAscii substring trim jsonpatch.escapeKey', over()),
  ...named('cidr isIP isCIDR quantity isQuantity semver isSemver', over()),
  ...named('replace split ip.isCanonical', over(2)),
  ...named('join', ({ result }) => Math.ceil(sizeNow(result) / 5)),
  ...named('find findAll', ({ args }) => matched(args[0], sizeNow(args[1]))),
  ...named('ip', ({ args, isMember }) => (isMember ? 1 : tenth(sizeNow(args[0])))),
  ...named('containsIP', within(0, 0)),
  ...named('containsCIDR', within(1, 1)),
  ...named('validate', ({ args: [format, text] }) =>
    matched(text, format instanceof NamedFormat ? (FORMAT_SIZES[format.name] ?? 1) : 1),
  ),
]);

const sized: Rule = ({ result }) => made(1, sizeNow(result));
const converted: Rule = ({ args: [value], result }) =>
  typeof value !== typeof result && (value instanceof Uint8Array || result instanceof Uint8Array)
    ? tenth(sizeNow(value))
    : 1;
const sets =
  (factor: number): Rule =>
  ({ args }) =>
    1 + sizeNow(args[0]) * sizeNow(args[1]) * factor;

/** Where the overload is known. */
const BY_OVERLOAD: ReadonlyMap<string, Rule> = new Map([
  ...named('startsWith endsWith strings.quote format', over()),
  ...named('string bytes', converted),
  ...named('matches', ({ args, isMember }) => (isMember ? matched(args[0], sizeNow(args[1])) : 1)),
  ...named('contains', ({ args }) => tenth(sizeNow(args[0])) * tenth(sizeNow(args[1]))),
  ...named('sets.contains sets.intersects', sets(1)),
  ...named('sets.equivalent', sets(2)),
  ...named('slice lists.range', sized),
  ...named('reverse', (ran) => (Array.isArray(ran.result) ? sized(ran) : 1)),
  ...named('flatten', ({ args: [list, depth] }) => made(typeof depth === 'bigint' ? Number(depth) : 1, sizeNow(list))),
  ...named('distinct sort', ({ args }) => comparing(args[0])),
  ...named('@sortByAssociatedKeys', ({ args }) => comparing(args[1])),
]);

export function spentOn(name: string, ran: Ran): number {
  const rule = BY_NAME.get(name) ?? (ran.isResolved ? BY_OVERLOAD.get(name) : undefined);
  return rule?.(ran) ?? 1;
}
