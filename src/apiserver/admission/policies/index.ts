// The face of admission policies: validation and mutation by CEL expressions that administrators keep in the API.
export type { ParamSource, PolicyParts } from './bindings.ts';
export { type MutatingParts, mutatingPolicies } from './mutating.ts';
export { paramSource } from './param-source.ts';
export { type ValidatingParts, validatingPolicies } from './validating.ts';
