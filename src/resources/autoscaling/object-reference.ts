// The check of a reference to the object that is scaled or measured.
import type { FieldPath } from '../../machinery/field-error.ts';
import { isPathSegmentName } from '../../machinery/names.ts';
import type { ErrorList } from '../checks/index.ts';
import type { CrossVersionObjectReference } from '../generated/autoscaling-v2.ts';

export function checkObjectReference(
  found: ErrorList,
  reference: CrossVersionObjectReference | undefined,
  path: FieldPath,
): void {
  for (const field of ['kind', 'name'] as const) {
    const value = reference?.[field] ?? '';
    if (value === '') found.required(path.child(field));
    else found.text(path.child(field), value, isPathSegmentName);
  }
}
