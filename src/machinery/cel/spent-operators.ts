// What operators cost when they run, by the types that are known before and the sizes of what they work on.
// Source: https://github.com/google/cel-go/blob/master/interpreter/runtimecost.go
import type { BinaryNode } from './ast.ts';
import type { Compiled } from './run.ts';
import { sizeNow } from './spent-calls.ts';
import type { CelType } from './types.ts';

type Cost = (a: unknown, b: unknown) => number;

const one: Cost = () => 1;
const tenth = (size: number): number => Math.ceil(size / 10);
const shorter: Cost = (a, b) => tenth(Math.min(sizeNow(a), sizeNow(b)));
const both: Cost = (a, b) => tenth(sizeNow(a) + sizeNow(b));

const isText = ({ kind, ...type }: CelType): boolean =>
  kind === 'simple' && 'name' in type && (type.name === 'string' || type.name === 'bytes');

/** What has no name to begin with is taken as something to select from in one step more. */
export const baseCost = (target: Compiled): number => (target.path === undefined ? 1 : 0);

export function operatorCost(operator: BinaryNode['op'], left: Compiled, right: Compiled): Cost {
  const onTexts = isText(left.type) || isText(right.type);
  switch (operator) {
    case '==':
    case '!=':
      return shorter;
    case 'in':
      // Lists of constants are sets.
      if (right.isConstant === true && right.type.kind === 'list') return () => 0;
      return right.type.kind === 'list' ? (_, list) => sizeNow(list) : one;
    case '+':
      return onTexts ? both : one;
    case '<':
    case '<=':
    case '>':
    case '>=':
      return onTexts ? shorter : one;
    default:
      return one;
  }
}
