// ConfigMaps: keys that can be files, one MiB in all, and the promise of immutability.
// Source: https://kubernetes.io/docs/concepts/configuration/configmap/
import { type FieldError, FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import { isConfigMapKey } from '../../machinery/names.ts';
import { ageColumn, column, nameColumn } from '../checks/index.ts';
import {
  addInvalid,
  type Findings,
  semanticEqual,
  validateObjectMeta,
  validateObjectMetaUpdate,
} from '../common/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { ConfigMap } from '../generated/core-v1.ts';

export const MAX_DATA_BYTES = 1024 * 1024;

const IMMUTABLE = 'field is immutable when `immutable` is set';

/** The length of what base64 stands for. */
export function base64Length(text: string): number {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  return Math.max(0, (text.length / 4) * 3 - padding);
}

function validate(config: ConfigMap): FieldError[] {
  const out: Findings = [];
  const { data, binaryData } = config;
  let size = 0;
  for (const key of Object.keys(data ?? {})) {
    const path = FieldPath.of('data').key(key);
    addInvalid(key, path, isConfigMapKey(key), out);
    if (binaryData !== undefined && Object.hasOwn(binaryData, key))
      out.push(fieldErrors.invalid(path, key, 'duplicate of key present in binaryData'));
    size += Buffer.byteLength(data?.[key] ?? '');
  }
  for (const key of Object.keys(binaryData ?? {})) {
    addInvalid(key, FieldPath.of('binaryData').key(key), isConfigMapKey(key), out);
    size += base64Length(binaryData?.[key] ?? '');
  }
  // A path without a name is shown so.
  if (size > MAX_DATA_BYTES) out.push(fieldErrors.tooLong(FieldPath.of('[]'), MAX_DATA_BYTES));
  return out;
}

/** What `immutable` protects, in ConfigMaps and Secrets. */
export function checkImmutable<T extends { immutable?: boolean }>(
  object: T,
  old: T,
  fields: readonly (keyof T & string)[],
  out: Findings,
): void {
  if (old.immutable !== true) return;
  if (object.immutable !== true) out.push(fieldErrors.forbidden(FieldPath.of('immutable'), IMMUTABLE));
  for (const field of fields)
    if (!semanticEqual(object[field] ?? {}, old[field] ?? {}))
      out.push(fieldErrors.forbidden(FieldPath.of(field), IMMUTABLE));
}

function validateUpdate(config: ConfigMap, old: ConfigMap): FieldError[] {
  const out: Findings = validateObjectMetaUpdate(config.metadata, old.metadata);
  checkImmutable(config, old, ['data', 'binaryData'], out);
  out.push(...validateObjectMeta(config.metadata, { namespaced: true }), ...validate(config));
  return out;
}

export const configMaps = defineResource<ConfigMap>({
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  singular: 'configmap',
  shortNames: ['cm'],
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.core.v1.ConfigMap',
  generation: 'none',
  strategy: { validate, validateUpdate },
  columns: [
    nameColumn(),
    column({
      name: 'Data',
      description: ['core/v1', 'ConfigMap', 'data'],
      cell: (config) => Object.keys(config.data ?? {}).length + Object.keys(config.binaryData ?? {}).length,
    }),
    ageColumn(),
  ],
});
