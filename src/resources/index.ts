// The face of the resource table.
export { admissionEnvironment, type ExpressionScope, variableType } from './admissionregistration/index.ts';
export { SCALE_ROW } from './autoscaling/index.ts';
export { computeQosClass, podRequests, semanticEqual } from './common/index.ts';
export { type IPFamily, type ServiceNeeds, serviceNeeds, settleFamilies } from './core/index.ts';
export {
  ALL_VERBS,
  type AnyResource,
  apiVersionOf,
  type Column,
  type ConnectSubresource,
  defineResource,
  type GenerationRule,
  type NameRule,
  type ObjectSubresource,
  type ResourceDefinition,
  type RowCondition,
  resourceKey,
  type ScaleSubresource,
  type Strategy,
  type StrategyContext,
  type Subresource,
  type Verb,
} from './definition.ts';
export { type FeatureGates, featureGatesText, parseFeatureGates, withFeatureGates } from './feature-gates.ts';
export { METRICS_ROWS } from './metrics/index.ts';
export { compileDeviceExpression, deviceVariable } from './resource/index.ts';
export { isServed, parseRuntimeConfig, type RuntimeConfig, runtimeConfigText } from './runtime-config.ts';
export { findKind, findResource, RESOURCES } from './table.ts';
export { type UpdateToValidate, validateCreate, validateUpdate } from './validate.ts';
