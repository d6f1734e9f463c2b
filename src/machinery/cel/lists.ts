// Functions on lists and sets. Source: https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-list-library
import { define, fail } from './registry.ts';
import { checkedInt, Duration, equal, Optional, order, sortOrder, Uint } from './values.ts';

const COMPARABLE = ['int', 'uint', 'double', 'bool', 'duration', 'timestamp', 'string', 'bytes'];

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
  if (depth < 0n) fail('level must be non-negative');
  return list.flatMap((item) => (Array.isArray(item) && depth > 0n ? flatten(item as unknown[], depth - 1n) : [item]));
}

function slice(list: readonly unknown[], from: bigint, to: bigint): unknown[] {
  const call = `cannot slice(${from}, ${to})`;
  if (from < 0n || to < 0n) fail(`${call}, negative indexes not supported`);
  if (from > to) fail(`${call}, start index must be less than or equal to end index`);
  if (to > BigInt(list.length)) fail(`${call}, list is length ${list.length}`);
  return list.slice(Number(from), Number(to));
}

const MAX_RANGE = 1_000_000n;

const zeros: Readonly<Record<string, unknown>> = {
  int: 0n,
  uint: new Uint(0n),
  double: 0,
  duration: new Duration(0n),
};

function defineOrdered(): void {
  for (const type of COMPARABLE) {
    define(`list<${type}>.isSorted(): bool`, (l: unknown[]) =>
      l.every((v, i) => i === 0 || (order(l[i - 1], v) ?? fail('no such overload: isSorted(list)')) <= 0),
    );
    define(`list<${type}>.sort(): list<${type}>`, (l: unknown[]) => [...l].sort(sortOrder));
    define(`list<${type}>.min(): ${type}`, (l: unknown[]) => best(l, -1));
    define(`list<${type}>.max(): ${type}`, (l: unknown[]) => best(l, 1));
  }
  for (const [type, zero] of Object.entries(zeros))
    define(`list<${type}>.sum(): ${type}`, (l: unknown[]) => (l.length === 0 ? zero : l.reduce(plus)));
}

export function defineLists(): void {
  defineOrdered();
  define('list<A>.indexOf(A): int', (l: unknown[], v: unknown) => BigInt(l.findIndex((x) => equal(x, v))));
  define('list<A>.lastIndexOf(A): int', (l: unknown[], v: unknown) => BigInt(l.findLastIndex((x) => equal(x, v))));
  define('list<list<A>>.flatten(): list<A>', (l: unknown[]) => flatten(l, 1n));
  define('list<dyn>.flatten(int): list<dyn>', flatten);
  define('list<A>.distinct(): list<A>', (l: unknown[]) => l.filter((v, i) => l.findIndex((x) => equal(x, v)) === i));
  define('list<A>.reverse(): list<A>', (l: unknown[]) => [...l].reverse());
  define('list<A>.slice(int,int): list<A>', slice);
  define('list<A>.first(): optional<A>', (l: unknown[]) => (l.length === 0 ? Optional.none : new Optional(l[0])));
  define('list<A>.last(): optional<A>', (l: unknown[]) => (l.length === 0 ? Optional.none : new Optional(l.at(-1))));
  define('lists.range(int): list<int>', (n: bigint) =>
    n > MAX_RANGE ? fail('range is too long') : Array.from({ length: Math.max(0, Number(n)) }, (_, i) => BigInt(i)),
  );
  const unwrap = (l: Optional[]): unknown[] => l.filter((o) => o.present).map((o) => o.value);
  define('optional.unwrap(list<optional<A>>): list<A>', unwrap);
  define('list<optional<A>>.unwrapOpt(): list<A>', unwrap);
  const within = (a: unknown[], b: unknown[]): boolean => b.every((v) => a.some((x) => equal(x, v)));
  define('sets.contains(list<A>,list<A>): bool', within);
  define('sets.equivalent(list<A>,list<A>): bool', (a: unknown[], b: unknown[]) => within(a, b) && within(b, a));
  define('sets.intersects(list<A>,list<A>): bool', (a: unknown[], b: unknown[]) =>
    a.some((v) => b.some((x) => equal(x, v))),
  );
}
