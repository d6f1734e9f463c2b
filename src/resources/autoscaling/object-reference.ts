// The check of a reference to the object that is scaled or measured.
import type { FieldPath } from '../../machinery/field-error.ts';
import { isPathSegmentName } from '../../machinery/names.ts';
import type { ErrorList } from '../checks/index.ts';
import type { CrossVersionObjectReference } from '../generated/autoscaling-v2.ts';

/** What the apiVersion of a reference has to be: one with a group, any that can be read, or anything at all. */
export type VersionRule = 'group' | 'readable' | 'any';

export function versionProblem(reference: CrossVersionObjectReference | undefined, rule: VersionRule): string {
  if (rule === 'any') return '';
  const apiVersion = reference?.apiVersion ?? '';
  const parts = apiVersion.split('/');
  if (parts.length > 2) return `unexpected GroupVersion string: ${apiVersion}`;
  const hasGroup = parts.length === 2 && parts[0] !== '';
  return rule === 'group' && !hasGroup ? 'apiVersion must specify API group' : '';
}

export function checkObjectReference(
  found: ErrorList,
  reference: CrossVersionObjectReference | undefined,
  where: { readonly path: FieldPath; readonly rule: VersionRule },
): void {
  for (const field of ['kind', 'name'] as const) {
    const value = reference?.[field] ?? '';
    if (value === '') found.required(where.path.child(field));
    else found.text(where.path.child(field), value, isPathSegmentName);
  }
  const problem = versionProblem(reference, where.rule);
  if (problem !== '') found.invalid(where.path.child('apiVersion'), reference?.apiVersion ?? '', problem);
}
