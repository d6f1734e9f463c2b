// What a running expression has: its variables, its budget; and how comprehensions go over their range.

import type { CelType } from './types.ts';
import { CelError } from './values.ts';

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
      return items.filter(holds).length === 1;
    case 'filter':
      return items.filter(holds).map((e) => e.value);
    default:
      return items.filter(holds).map((e) => parts.result.run(e.state));
  }
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
