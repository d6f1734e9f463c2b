// The rows of internal.apiserver.k8s.io: which API server stores which version (alpha).
import { type FieldError, FieldPath } from '../../machinery/field-error.ts';
import {
  EMPTY_MESSAGE,
  isDns1035Label,
  isDns1123Subdomain,
  isQualifiedName,
  regexMessage,
} from '../../machinery/names.ts';
import {
  ageColumn,
  column,
  ErrorList,
  listWithMore,
  metadataOnUpdate,
  nameColumn,
  statusKept,
  statusSubresource,
} from '../checks/index.ts';
import { ALL_VERBS, type AnyResource, defineResource } from '../definition.ts';
import type {
  ServerStorageVersion,
  StorageVersion,
  StorageVersionCondition,
  StorageVersionStatus,
} from '../generated/apiserverinternal-v1alpha1.ts';

const SHOWN_SERVERS = 3;
const STATUS = FieldPath.of('status');

const API_VERSION_MESSAGE = `an apiVersion is ${regexMessage(
  "a DNS-1035 label, which must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  '[a-z]([-a-z0-9]*[a-z0-9])?',
  'my-name',
  'abc-123',
)} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyVersion')`;

function prefixed(prefix: string, messages: readonly string[]): string[] {
  return messages.map((message) => prefix + message);
}

/** The name is `group.resource`: its last part is the resource. */
function validateName(name: string): string[] {
  const dot = name.lastIndexOf('.');
  if (dot < 0) return ['name must be in the form of <group>.<resource>'];
  return [
    ...prefixed('the group segment ', isDns1123Subdomain(name.slice(0, dot))),
    ...prefixed('the resource segment ', isDns1035Label(name.slice(dot + 1))),
  ];
}

/** What is wrong with an `apiVersion`: a version, or a group and a version with a slash between them. */
function isApiVersion(apiVersion: string): string[] {
  const parts = apiVersion.split('/');
  if (parts.length > 2) return [API_VERSION_MESSAGE];
  const version = parts.at(-1) ?? '';
  const group = parts.length === 2 ? parts[0] : undefined;
  const messages: string[] = [];
  if (group === '') messages.push(`group part: ${EMPTY_MESSAGE}`);
  else if (group !== undefined) messages.push(...prefixed('group part: ', isDns1123Subdomain(group)));
  if (version === '') messages.push(`version part: ${EMPTY_MESSAGE}`);
  else messages.push(...prefixed('version part: ', isDns1035Label(version)));
  return messages;
}

/** Everything wrong with one version is one error. */
function checkApiVersion(found: ErrorList, path: FieldPath, apiVersion: string): void {
  const messages = isApiVersion(apiVersion);
  if (messages.length > 0) found.invalid(path, apiVersion, messages.join(','));
}

function checkServer(found: ErrorList, server: ServerStorageVersion, path: FieldPath): void {
  const { apiServerID = '', encodingVersion = '' } = server;
  const decodable = server.decodableVersions ?? [];
  found.text(path.child('apiServerID'), apiServerID, isDns1123Subdomain);
  checkApiVersion(found, path.child('encodingVersion'), encodingVersion);
  decodable.forEach((version, i) => {
    checkApiVersion(found, path.child('decodableVersions').index(i), version);
  });
  if (!decodable.includes(encodingVersion))
    found.invalid(
      path.child('decodableVersions'),
      server.decodableVersions ?? null,
      `decodableVersions must include encodingVersion ${encodingVersion}`,
    );
  server.servedVersions?.forEach((version, i) => {
    const served = path.child('servedVersions').index(i);
    checkApiVersion(found, served, version);
    if (!decodable.includes(version))
      found.invalid(
        served,
        version,
        `individual served version : ${version} must be included in decodableVersions : [${decodable.join(' ')}]`,
      );
  });
}

/** The common version is named exactly when all servers encode the same one. */
function checkCommonVersion(found: ErrorList, status: StorageVersionStatus): void {
  const path = STATUS.child('commonEncodingVersion');
  const said = status.commonEncodingVersion;
  const [actual, ...others] = new Set(status.storageVersions?.map((server) => server.encodingVersion ?? ''));
  if (actual === undefined || others.length > 0) {
    if (said !== undefined)
      found.invalid(
        path,
        said,
        'should be nil if servers do not agree on the same encoding version, or if there is no server reporting the supported versions yet',
      );
  } else if (said === undefined) found.invalid(path, null, `the common encoding version is ${actual}`);
  else if (said !== actual) found.invalid(path, said, `the actual common encoding version is ${actual}`);
}

/** The conditions' paths leave out `conditions`: `status[0].type`, as Kubernetes has it. */
function checkConditions(found: ErrorList, conditions: readonly StorageVersionCondition[]): void {
  const seen = new Map<string, number>();
  conditions.forEach((condition, i) => {
    const { type = '', status = '', reason = '', message = '' } = condition;
    const path = STATUS.index(i);
    const before = seen.get(type);
    if (before !== undefined)
      found.invalid(
        path.child('type'),
        type,
        `the type of the condition is not unique, it also appears in conditions[${before}]`,
      );
    seen.set(type, i);
    found.text(path.child('type'), type, isQualifiedName);
    found.text(path.child('status'), status, isQualifiedName);
    if (reason === '') found.required(path.child('reason'));
    if (message === '') found.required(path.child('message'));
  });
}

function validateStatus(version: StorageVersion): FieldError[] {
  const found = new ErrorList();
  const seen = new Set<string>();
  const status = version.status ?? {};
  status.storageVersions?.forEach((server, i) => {
    const path = STATUS.child('storageVersions').index(i);
    const { apiServerID = '' } = server;
    if (seen.has(apiServerID)) found.duplicate(path.child('apiServerID'), apiServerID);
    seen.add(apiServerID);
    checkServer(found, server, path);
  });
  checkCommonVersion(found, status);
  checkConditions(found, status.conditions ?? []);
  return found.errors;
}

function storageVersionsText(version: StorageVersion): string {
  const servers = version.status?.storageVersions ?? [];
  return listWithMore(
    servers.map((server) => `${server.apiServerID}=${server.encodingVersion}`),
    SHOWN_SERVERS,
    '<unset>',
  );
}

const storageVersions = defineResource<StorageVersion>({
  group: 'internal.apiserver.k8s.io',
  version: 'v1alpha1',
  kind: 'StorageVersion',
  plural: 'storageversions',
  singular: 'storageversion',
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.apiserverinternal.v1alpha1.StorageVersion',
  validateName,
  unconditionalUpdate: false,
  resetFields: ['status'],
  strategy: statusKept<StorageVersion>(),
  generation: 'none',
  subresources: { status: statusSubresource<StorageVersion>({ keep: 'metadata', validateUpdate: validateStatus }) },
  columns: [
    nameColumn(),
    column({
      name: 'CommonEncodingVersion',
      description: ['apiserverinternal/v1alpha1', 'StorageVersionStatus', 'commonEncodingVersion'],
      cell: (o) => o.status?.commonEncodingVersion ?? '<unset>',
    }),
    column({
      name: 'StorageVersions',
      description: ['apiserverinternal/v1alpha1', 'StorageVersionStatus', 'storageVersions'],
      cell: storageVersionsText,
    }),
    ageColumn(),
  ],
});

export const APISERVERINTERNAL_ROWS: readonly AnyResource[] = metadataOnUpdate([storageVersions]);
