// Secrets: typed data, `stringData` that is folded into it, and what each type must hold.
// Source: https://kubernetes.io/docs/concepts/configuration/secret/#secret-types
import { type FieldError, FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import { setOwn } from '../../machinery/json.ts';
import { isConfigMapKey } from '../../machinery/names.ts';
import { ageColumn, column, nameColumn } from '../checks/index.ts';
import { addInvalid, type Findings, immutable, validateObjectMeta, validateObjectMetaUpdate } from '../common/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { Secret } from '../generated/core-v1.ts';
import { base64Length, checkImmutable, MAX_DATA_BYTES } from './config-map.ts';
import { jsonProblem } from './json-problem.ts';
import { tlsPairProblem } from './tls-pair.ts';

const DATA = FieldPath.of('data');
const ACCOUNT_NAME = 'kubernetes.io/service-account.name';

function applyDefaults(secret: Secret): void {
  secret.type ||= 'Opaque';
  if (secret.stringData === undefined) return;
  const data: Record<string, string> = {};
  for (const key of Object.keys(secret.data ?? {})) setOwn(data, key, secret.data?.[key]);
  for (const key of Object.keys(secret.stringData))
    setOwn(data, key, Buffer.from(secret.stringData[key] ?? '').toString('base64'));
  if (Object.keys(data).length > 0) secret.data = data;
  delete secret.stringData;
}

/** What each type must hold. Keys are reported in this order. */
const TYPES: Readonly<Record<string, (secret: Secret, out: Findings) => void>> = {
  'kubernetes.io/service-account-token': (secret, out) => {
    if (!secret.metadata.annotations?.[ACCOUNT_NAME])
      out.push(fieldErrors.required(FieldPath.of('metadata', 'annotations').key(ACCOUNT_NAME)));
  },
  'kubernetes.io/dockercfg': (secret, out) => checkJson(secret, '.dockercfg', out),
  'kubernetes.io/dockerconfigjson': (secret, out) => checkJson(secret, '.dockerconfigjson', out),
  'kubernetes.io/basic-auth': (secret, out) => {
    if (has(secret, 'username') || has(secret, 'password')) return;
    requireKey('username', out);
    requireKey('password', out);
  },
  'kubernetes.io/ssh-auth': (secret, out) => {
    if (!secret.data?.['ssh-privatekey']) requireKey('ssh-privatekey', out);
  },
  'kubernetes.io/tls': (secret, out) => {
    for (const key of ['tls.crt', 'tls.key']) if (!has(secret, key)) requireKey(key, out);
  },
};

function has(secret: Secret, key: string): boolean {
  return secret.data !== undefined && Object.hasOwn(secret.data, key);
}

function requireKey(key: string, out: Findings): void {
  out.push(fieldErrors.required(DATA.key(key)));
}

function checkJson(secret: Secret, key: string, out: Findings): void {
  if (!has(secret, key)) {
    requireKey(key, out);
    return;
  }
  const problem = jsonProblem(Buffer.from(secret.data?.[key] ?? '', 'base64').toString());
  if (problem !== '') out.push(fieldErrors.invalid(DATA.key(key), '<secret contents redacted>', problem));
}

function validate(secret: Secret): FieldError[] {
  const out: Findings = [];
  let size = 0;
  for (const key of Object.keys(secret.data ?? {})) {
    addInvalid(key, DATA.key(key), isConfigMapKey(key), out);
    size += base64Length(secret.data?.[key] ?? '');
  }
  if (size > MAX_DATA_BYTES) out.push(fieldErrors.tooLong(DATA, MAX_DATA_BYTES));
  const type = secret.type ?? '';
  if (Object.hasOwn(TYPES, type)) TYPES[type]?.(secret, out);
  return out;
}

function validateUpdate(secret: Secret, old: Secret): FieldError[] {
  const out: Findings = validateObjectMetaUpdate(secret.metadata, old.metadata);
  out.push(...immutable(secret.type, old.type, FieldPath.of('type')));
  checkImmutable(secret, old, ['data'], out);
  out.push(...validateObjectMeta(secret.metadata, { namespaced: true }), ...validate(secret));
  return out;
}

function warnings({ type, data }: Secret): string[] {
  if (type !== 'kubernetes.io/tls') return [];
  const text = (key: string): string => Buffer.from(data?.[key] ?? '', 'base64').toString('latin1');
  const problem = tlsPairProblem(text('tls.crt'), text('tls.key'));
  return problem === undefined ? [] : [problem];
}

export const secrets = defineResource<Secret>({
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  singular: 'secret',
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.core.v1.Secret',
  generation: 'none',
  selectableFields: { labels: ['type'], values: (secret) => ({ type: secret.type ?? '' }) },
  strategy: { applyDefaults, validate, validateUpdate, warnings },
  columns: [
    nameColumn(),
    column({ name: 'Type', description: ['core/v1', 'Secret', 'type'], cell: (secret) => secret.type ?? '' }),
    column({
      name: 'Data',
      description: ['core/v1', 'Secret', 'data'],
      cell: (secret) => Object.keys(secret.data ?? {}).length,
    }),
    ageColumn(),
  ],
});
