// What plugins ask of a request again and again.

import type { ApiError } from '../../machinery/errors.ts';
import { forbidden } from '../../machinery/errors.ts';
import type { AdmissionRequest } from './plugin.ts';

export function isResource(request: AdmissionRequest, group: string, plural: string, subresource = ''): boolean {
  const { row } = request.entry;
  return row.plural === plural && row.group === group && request.subresource === subresource;
}

export function refuse(request: AdmissionRequest, why: string): ApiError {
  const { row } = request.entry;
  return forbidden({ group: row.group, resource: row.plural }, request.name, why);
}

export const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';
