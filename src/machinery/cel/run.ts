// What a running expression has: its variables, its budget; and how comprehensions go over their range.

import type { CelType } from './types.ts';
import { CelError, type MapValue } from './values.ts';

/** What a running expression may use up. */
export interface Budget {
  left: number;
}

export class BudgetExceeded extends Error {}

export interface Run {
  readonly variables: ReadonlyMap<string, unknown>;
  readonly budget: Budget;
}

export interface Compiled {
  readonly type: CelType;
  /** Known before it runs. */
  readonly isConstant?: boolean;
  /** Variables, what is selected of them, and choices cost less where they are parts of one another. */
  readonly path?: 'plain' | 'choice';
  readonly run: (run: Run) => unknown;
}

export interface Each {
  readonly value: unknown;
  readonly state: Run;
}

export interface Round {
  readonly condition: Compiled | undefined;
  readonly result: Compiled;
}

/** `all` and `exists`: an error matters only when no round decides. */
function decide(name: 'all' | 'exists', items: readonly Each[], { condition }: Round): boolean {
  const decides = name === 'exists';
  const asking = decides ? 3 : 2;
  let failure: CelError | undefined;
  let decided = false;
  for (const e of items) {
    spend(e.state, asking);
    if (decided) break;
    spend(e.state, 1);
    const value = condition === undefined ? true : attempt(condition, e.state);
    decided = value === decides;
    if (value instanceof CelError) failure ??= value;
  }
  if (decided) return decides;
  if (failure !== undefined) throw failure;
  return !decides;
}

/** What one more round costs beside its expressions when its condition holds, as the macros expand. */
const STEPS: Readonly<Record<string, number>> = {
  exists_one: 2,
  existsOne: 2,
  filter: 13,
  transformMap: 3,
  transformMapEntry: 2,
};
const NEW_LIST = 10;

export function runComprehension(name: string, items: readonly Each[], parts: Round): unknown {
  if (name === 'all' || name === 'exists') return decide(name, items, parts);
  const step = STEPS[name] ?? (parts.result.isConstant === true ? 2 : 2 + NEW_LIST);
  const rounds = new Rounds(name, step, parts);
  for (const e of items) rounds.go(e);
  if (rounds.failure !== undefined) throw rounds.failure;
  const { kept } = rounds;
  switch (name) {
    case 'exists_one':
    case 'existsOne':
      return kept.length === 1;
    case 'transformMap':
    case 'transformMapEntry':
      return merged(kept);
    default:
      return kept;
  }
}

/** Of the macros that only count or choose, what a round keeps is its item. */
const CHOOSING: ReadonlySet<string> = new Set(['exists_one', 'existsOne', 'filter']);

/** All rounds are gone through and paid for, also when one fails: what has failed is carried along as the result so far. */
class Rounds {
  readonly kept: unknown[] = [];
  failure: CelError | undefined;

  constructor(
    private readonly name: string,
    private readonly step: number,
    private readonly parts: Round,
  ) {}

  go(e: Each): void {
    const { condition } = this.parts;
    const holds = condition === undefined ? true : attempt(condition, e.state);
    // A choice that cannot be made is the result so far, whatever that was.
    if (typeof holds !== 'boolean') this.failure = holds instanceof CelError ? holds : new CelError('no such overload');
    else if (holds) this.keep(e);
  }

  private keep(e: Each): void {
    // With three arguments, of which the first has failed, the others are not looked at.
    if (this.name === 'transformMap' && this.failure !== undefined) {
      spend(e.state, 1);
      return;
    }
    spend(e.state, this.step);
    const value = CHOOSING.has(this.name) ? e.value : attempt(this.parts.result, e.state);
    if (value instanceof CelError) this.failure ??= value;
    else this.kept.push(this.name === 'transformMap' ? new Map([[e.value, value]]) : value);
  }
}

function merged(maps: readonly unknown[]): MapValue {
  const all: MapValue = new Map();
  for (const map of maps) {
    if (!(map instanceof Map)) throw new CelError('no such overload');
    for (const [key, value] of map) {
      if (all.has(key)) throw new CelError(`insert failed: key ${String(key)} already exists`);
      all.set(key, value);
    }
  }
  return all;
}

export function attempt(compiled: Compiled, state: Run): unknown {
  try {
    return compiled.run(state);
  } catch (error) {
    if (error instanceof CelError) return error;
    throw error;
  }
}

/** Throws when nothing is left. */
export function spend({ budget }: Run, cost: number): void {
  budget.left -= cost;
  if (budget.left < 0) throw new BudgetExceeded('operation cancelled: actual cost limit exceeded');
}
