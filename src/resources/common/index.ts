// The face of what all kinds share: metadata, labels, pod templates, resource lists, cells of tables.
export { addressProblems, addressWarnings, rangeProblems, rangeWarnings } from './addresses.ts';
export {
  addInvalid,
  checkNonNegative,
  checkOneOf,
  checkPresent,
  type Findings,
  nonNegative,
  sortedKeys,
} from './collect.ts';
export { immutable, semanticEqual } from './equality.ts';
export {
  checkAnnotations,
  checkLabelName,
  checkLabelSelector,
  checkLabels,
  checkQualifiedName,
  type LabelSelectorOptions,
  type StringMap,
  selectorHasInvalidValues,
  validateAnnotations,
  validateLabelName,
  validateLabelSelector,
  validateLabels,
} from './labels.ts';
export { checkDnsLabel, checkDnsSubdomain, checkIP, checkPortNumber, checkPortNumberOrName } from './names.ts';
export {
  checkKnownFinalizer,
  checkObjectMeta,
  checkObjectMetaUpdate,
  type NameCheck,
  nameCheck,
  nameOnlyCheck,
  type ObjectMetaRules,
  validateObjectMeta,
  validateObjectMetaUpdate,
} from './object-meta.ts';
export { checkDescendingPath, checkNoBacksteps, checkNonReservedPath } from './paths.ts';
export { defaultPod, defaultPodSpec, defaultPodTemplateSpec } from './pod/defaults.ts';
export { defaultPullPolicy, imageTag } from './pod/image-name.ts';
export { checkNodeSelector, type TermRules } from './pod/node-selectors.ts';
export { checkProtocol, PORT_PROTOCOLS } from './pod/ports.ts';
export { computeQosClass } from './pod/qos.ts';
export { type Amounts, aggregateContainers, podRequests } from './pod/requests.ts';
export { checkTaintEffect, checkTolerations } from './pod/scheduling.ts';
export { type TemplateOptions, validatePodTemplateSpec } from './pod/spec.ts';
export { allContainers, visitContainers } from './pod/visit.ts';
export { isFraction, nodeTermWarnings, oldNodeLabel, podTemplateWarnings } from './pod/warnings.ts';
export {
  age,
  ageColumn,
  containerImages,
  containerNames,
  containersColumn,
  formatLabelSelector,
  formatLabels,
  imagesColumn,
  nameColumn,
} from './print.ts';
export {
  checkContainerResourceName,
  checkPositiveAmount,
  checkResourceAmount,
  checkResourceName,
  checkResourceRequirements,
  compareQuantities,
  quantityText,
  type RequirementRules,
  type ResourceList,
  roundUpToMilli,
} from './resource-lists.ts';
export {
  isExtendedResource,
  isHugePages,
  isIntegerResource,
  isNativeResource,
  isOvercommitAllowed,
  isStandardQuotaResource,
} from './resource-names.ts';
export {
  type ClaimRules,
  checkClaimSpec,
  checkTemplateMetadata,
  claimSpecWarnings,
  defaultClaimSpec,
  validateClaimSpec,
} from './volume-claim.ts';
