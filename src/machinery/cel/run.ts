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
  readonly run: (run: Run) => unknown;
}

export interface Each {
  readonly value: unknown;
  readonly state: Run;
}

export function runComprehension(
  name: string,
  items: readonly Each[],
  parts: { condition: Compiled | undefined; result: Compiled },
): unknown {
  const holds = (e: Each): boolean => {
    const value = parts.condition?.run(e.state) ?? true;
    if (typeof value !== 'boolean') throw new CelError('no such overload');
    return value;
  };
  switch (name) {
    case 'all':
    case 'exists': {
      const decides = name === 'exists';
      let failure: CelError | undefined;
      for (const e of items) {
        const value = parts.condition === undefined ? true : attempt(parts.condition, e.state);
        if (value === decides) return decides;
        if (value instanceof CelError) failure ??= value;
      }
      if (failure !== undefined) throw failure;
      return !decides;
    }
    case 'exists_one':
    case 'existsOne':
      return items.filter(holds).length === 1;
    case 'filter':
      return items.filter(holds).map((e) => e.value);
    case 'transformMap':
      return merged(items.filter(holds).map((e) => new Map([[e.value, parts.result.run(e.state)]])));
    case 'transformMapEntry':
      return merged(items.filter(holds).map((e) => parts.result.run(e.state)));
    default:
      return items.filter(holds).map((e) => parts.result.run(e.state));
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

/** Long texts and lists cost more than short ones. */
export function charge(budget: Budget, ...values: unknown[]): void {
  for (const value of values) {
    if (typeof value === 'string' || Array.isArray(value)) budget.left -= Math.floor(value.length / 10);
  }
  if (budget.left < 0) throw new BudgetExceeded('operation cancelled: actual cost limit exceeded');
}
