// The face of field management: who owns which field, kept up to date on every write, and server-side apply.
export { type Applied, type ApplyRequest, applyPatch, conversionProblem } from './apply.ts';
export { mergeConfiguration } from './configuration.ts';
export { sameExceptTimes } from './entries.ts';
export { parentEntries, type ReplicasPath, scaleEntries } from './scale.ts';
export { withSentEmpties } from './sent-empties.ts';
export { entriesText, shareSets } from './shared-sets.ts';
export { managerName, type UpdateRequest, updateManagedFields } from './update.ts';
export type { Frame, Versions } from './updater.ts';
export { zeroObject } from './zero.ts';
