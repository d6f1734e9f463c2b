// The face of the CEL engine: expressions of users, checked against types, run under a budget.
export {
  AUTHORIZER,
  authorizerOf,
  type Judge,
  type Question,
  RESOURCE_CHECK,
  resourceCheckOf,
  type Verdict,
} from './authorizer.ts';
export { type CelProgram, compileCel } from './compile.ts';
export { estimateCost } from './cost.ts';
export type { SizeTree } from './cost-sizes.ts';
export { type Budget, BudgetExceeded } from './run.ts';
export { semverOf } from './semver.ts';
export type { StructTypes } from './structs.ts';
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
  opaque,
  optionalOf,
  ownTypeText,
  STRING,
  type StructType,
  TIMESTAMP,
  typeText,
} from './types.ts';
export { CelError, fromJson, Optional, toText } from './values.ts';
