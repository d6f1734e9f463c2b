// The face of the building blocks that the kinds of all groups share.
export { ageColumn, formatLabelSelector as selectorText, nameColumn } from '../common/index.ts';
export {
  type ColumnSpec,
  column,
  listWithMore,
  nameAndAge,
} from './columns.ts';
export { checkConditions } from './conditions.ts';
export {
  type CountOrPercent,
  checkAtMost100,
  checkCountOrPercent,
  countOf,
  percentOf,
} from './count-or-percent.ts';
export { ErrorList, IMMUTABLE, isUnset, NOT_NEGATIVE, type TextRule } from './error-list.ts';
export { type GoShape, inGo } from './go-shape.ts';
export { metadataOnUpdate } from './metadata-on-update.ts';
export { checkPrefixedPath } from './prefixed-path.ts';
export { type ReviewFacts, reviewRow } from './review-row.ts';
export { specialAddressMessages } from './special-address.ts';
export { keepMetadata, keepSpec, keepStatus, type StatusRules, statusKept, statusSubresource } from './status.ts';
export { type Twin, twinOf } from './twin.ts';
