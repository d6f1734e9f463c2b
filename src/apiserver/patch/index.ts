// The face of the patches: three ways to make a new document of an old one, all pure.
export { invalidPatch, plainError, TestFailed } from './errors.ts';
export { goText, goType, jsonKind } from './go-text.ts';
export { unknownMembers } from './json-operations.ts';
export { jsonPatch } from './json-patch.ts';
export { mergePatch } from './merge-patch.ts';
export { checkRestorable, holdsLarge, restoreError, restoreIntegers } from './restore.ts';
export { shownResult } from './shown.ts';
export { strategicMergePatch } from './strategic-merge.ts';
