// The reference to another object of the same namespace, as Ingress and IngressClass have it.
import type { FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Subdomain, isPathSegmentName } from '../../machinery/names.ts';
import { type ErrorList, isUnset } from '../checks/index.ts';

export interface Reference {
  apiGroup?: string | null;
  kind?: string;
  name?: string;
}

export function checkReference(found: ErrorList, reference: Reference, path: FieldPath): void {
  if (!isUnset(reference.apiGroup)) found.text(path.child('apiGroup'), reference.apiGroup, isDns1123Subdomain);
  for (const field of ['kind', 'name'] as const) {
    const value = reference[field] ?? '';
    if (value === '') found.required(path.child(field), `${field} is required`);
    else found.text(path.child(field), value, isPathSegmentName);
  }
}
