// What calls of functions cost beside their arguments, by the sizes of these.
// Source: https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/cel/library/cost.go
import { atMost, type Estimate, plus, type Size, type SizeTree, times, traversal } from './cost-sizes.ts';
import type { CelType } from './types.ts';

export interface Operand {
  readonly cost: number;
  readonly size: Size;
  readonly tree?: SizeTree | undefined;
  readonly type: CelType | undefined;
}

export interface Called {
  readonly target?: Operand;
  readonly args: readonly Operand[];
}

type Rule = (called: Called) => Estimate;

const NOTHING: Size = { min: 0, max: 0 };
const sizeOf = (operand: Operand | undefined): Size => operand?.size ?? NOTHING;
const fixed =
  (cost: number): Rule =>
  () => ({ cost });

const isText = (type: CelType | undefined): boolean =>
  type?.kind === 'simple' && (type.name === 'string' || type.name === 'bytes');

/** A pattern is taken to have a step for every four of its characters. */
const matching = (text: Size, pattern: Size): number =>
  times(traversal(plus(text.max, 1)), traversal(pattern.max, 0.25));

/** Sums and the like over a list, or a search in a text. */
const overAll: Rule = ({ target }) => {
  const size = sizeOf(target);
  if (target?.type?.kind !== 'list') return { cost: traversal(size.max) };
  const each = isText(target.type.item) ? plus(1, traversal(target.tree?.items?.max ?? Number.MAX_VALUE)) : 1;
  return { cost: times(size.max, each) };
};

const rewritten: Rule = ({ target }) => ({ cost: traversal(sizeOf(target).max), size: sizeOf(target) });
const parsed: Rule = ({ target, args }) => ({ cost: traversal(sizeOf(args[0] ?? target).max) });

const replaced: Rule = ({ target, args }) => {
  const text = sizeOf(target);
  const [from, to] = [sizeOf(args[0]), sizeOf(args[1])];
  let size = text.max;
  if (from.min === 0) size = plus(times(plus(text.max, 1), to.max), text.max);
  else if (to.max > from.min) size = times(Math.ceil(text.max / from.min), to.max);
  return { cost: traversal(text.max, 0.2), size: atMost(size) };
};

const joined: Rule = ({ target, args }) => {
  const list = sizeOf(target);
  const item = target?.tree?.items?.max;
  const between = times(sizeOf(args[0]).max, Math.max(0, list.max - 1));
  const size = item === undefined ? Number.MAX_VALUE : plus(times(list.max, item), between);
  return { cost: traversal(size), size: atMost(size) };
};

const found: Rule = ({ target, args }) => ({
  cost: matching(sizeOf(target), sizeOf(args[0])),
  size: { min: 0, max: sizeOf(target).max },
});

const compared =
  (factor: number): Rule =>
  ({ args }) => ({ cost: plus(1, times(times(sizeOf(args[0]).max, sizeOf(args[1]).max), factor)) });

/** Addresses have at most sixteen bytes; texts are read first. */
const within: Rule = ({ args }) => {
  const [other] = args;
  const read = isText(other?.type) ? traversal(sizeOf(other).max) : 0;
  return { cost: plus(traversal(32), read) };
};

const named = (names: readonly string[], rule: Rule): [string, Rule][] => names.map((name) => [name, rule]);

const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...named(['check'], fixed(350_000)),
  ...named(['isSorted', 'sum', 'max', 'min', 'indexOf', 'lastIndexOf'], overAll),
  ...named(['lowerAscii', 'upperAscii', 'substring', 'trim', 'charAt', 'reverse'], rewritten),
  ...named(['url', 'isURL', 'ip', 'cidr', 'isIP', 'isCIDR', 'quantity', 'isQuantity', 'semver', 'isSemver'], parsed),
  ...named(['ip.isCanonical'], ({ args }) => ({ cost: traversal(sizeOf(args[0]).max, 0.2) })),
  ...named(['containsIP'], within),
  ...named(['containsCIDR'], (called) => ({ cost: plus(within(called).cost, traversal(16), 1) })),
  ...named(['replace'], replaced),
  ...named(['split'], ({ target }) => ({ cost: traversal(sizeOf(target).max, 0.2), size: atMost(sizeOf(target).max) })),
  ...named(['join'], joined),
  ...named(['find', 'findAll'], found),
  ...named(['startsWith', 'endsWith'], ({ args }) => ({ cost: traversal(sizeOf(args[0]).max) })),
  ...named(['contains'], ({ target, args }) => ({
    cost: times(traversal(sizeOf(target).max), traversal(sizeOf(args[0]).max)),
  })),
  ...named(['matches'], ({ target, args }) =>
    target === undefined
      ? { cost: matching(sizeOf(args[0]), sizeOf(args[1])) }
      : { cost: matching(sizeOf(target), sizeOf(args[0])) },
  ),
  ...named(['format'], ({ target }) => ({ cost: traversal(sizeOf(target).max) })),
  ...named(['sets.contains', 'sets.intersects'], compared(1)),
  ...named(['sets.equivalent'], compared(2)),
]);

/** The cost of the call alone. */
export function callCost(name: string, called: Called): Estimate {
  const rule = RULES.get(name);
  if (rule !== undefined) return rule(called);
  const [first] = called.args;
  // Between texts and bytes, all of it is gone over.
  const converts = (name === 'string' || name === 'bytes') && isText(first?.type);
  return converts ? { cost: traversal(sizeOf(first).max), size: sizeOf(first) } : { cost: 1 };
}
