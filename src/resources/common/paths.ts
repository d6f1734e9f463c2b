// Rules for file paths inside volumes: relative, and never climbing out.
import { type FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import type { Findings } from './collect.ts';

export function checkNoBacksteps(target: string, path: FieldPath, out: Findings): void {
  if (target.includes('..') && target.split('/').includes('..'))
    out.push(fieldErrors.invalid(path, target, "must not contain '..'"));
}

export function checkDescendingPath(target: string, path: FieldPath, out: Findings): void {
  if (target.startsWith('/')) out.push(fieldErrors.invalid(path, target, 'must be a relative path'));
  checkNoBacksteps(target, path, out);
}

/** As above, and no name that Kubernetes keeps for itself (`..data`). */
export function checkNonReservedPath(target: string, path: FieldPath, out: Findings): void {
  checkDescendingPath(target, path, out);
  if (target.startsWith('..') && !target.startsWith('../'))
    out.push(fieldErrors.invalid(path, target, "must not start with '..'"));
}
