// The face of the CEL engine: expressions of users, checked against types, run under a budget.
export { type CelProgram, compileCel } from './compile.ts';
export { estimateCost } from './cost.ts';
export type { SizeTree } from './cost-sizes.ts';
export { type Budget, BudgetExceeded } from './run.ts';
export { CelSyntaxError } from './syntax.ts';
export {
  BOOL,
  BYTES,
  type CelField,
  type CelType,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  isDyn,
  type ListKind,
  listOf,
  mapOf,
  optionalOf,
  STRING,
  TIMESTAMP,
  typeText,
} from './types.ts';
export { CelError, fromJson, Optional, toText } from './values.ts';
