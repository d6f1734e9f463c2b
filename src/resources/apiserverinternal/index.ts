// The rows of internal.apiserver.k8s.io: which API server stores which version (alpha).
import { type FieldError, FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Label, isDns1123Subdomain } from '../../machinery/names.ts';
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
import type { ServerStorageVersion, StorageVersion } from '../generated/apiserverinternal-v1alpha1.ts';

const SHOWN_SERVERS = 3;
const VERSIONS = FieldPath.of('status', 'storageVersions');

/** The name is `group.resource`: its last part is the resource. */
function validateName(name: string): string[] {
  const dot = name.lastIndexOf('.');
  if (dot < 0) return ['name must be in the form of <group>.<resource>'];
  return [...isDns1123Subdomain(name.slice(0, dot)), ...isDns1123Label(name.slice(dot + 1))];
}

function checkVersion(found: ErrorList, server: ServerStorageVersion, path: FieldPath): void {
  const { apiServerID = '', encodingVersion = '', decodableVersions = [], servedVersions = [] } = server;
  found.text(path.child('apiServerID'), apiServerID, isDns1123Subdomain);
  if (encodingVersion === '') found.required(path.child('encodingVersion'));
  if (!decodableVersions.includes(encodingVersion))
    found.invalid(path, decodableVersions, `decodableVersions must include encodingVersion ${encodingVersion}`);
  for (const version of servedVersions)
    if (!decodableVersions.includes(version))
      found.invalid(
        path.child('servedVersions'),
        servedVersions,
        'individual served version is not in decodableVersions',
      );
}

function validateStatus(version: StorageVersion): FieldError[] {
  const found = new ErrorList();
  const seen = new Set<string>();
  const servers = version.status?.storageVersions ?? [];
  servers.forEach((server, i) => {
    if (seen.has(server.apiServerID)) found.duplicate(VERSIONS.index(i).child('apiServerID'), server.apiServerID);
    seen.add(server.apiServerID);
    checkVersion(found, server, VERSIONS.index(i));
  });
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
  strategy: { ...statusKept<StorageVersion>(), validate: validateStatus },
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
