// What plugins ask of a request again and again.

import type { ApiError } from '../../machinery/errors.ts';
import { forbidden } from '../../machinery/errors.ts';
import type { AdmissionRequest } from './plugin.ts';

export function isResource(request: AdmissionRequest, group: string, plural: string, subresource = ''): boolean {
  const { row } = request.entry;
  return row.plural === plural && row.group === group && request.subresource === subresource;
}

/** Before a name is generated, what it will begin with names the object. */
export function shownName({ name, object }: AdmissionRequest): string {
  if (name !== '') return name;
  return object?.metadata.name || object?.metadata.generateName || 'Unknown';
}

export function refuse(request: AdmissionRequest, why: string): ApiError {
  const { row } = request.entry;
  return forbidden({ group: row.group, resource: row.plural }, shownName(request), why);
}

export const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';
