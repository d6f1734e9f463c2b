// Discovery as it has always been: API versions, groups, and the resources of a group version.
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#discovery-api
import { createHash } from 'node:crypto';
import type { JsonObject, KubeObject } from '../../machinery/object.ts';
import { type AnyResource, apiVersionOf, type Subresource } from '../../resources/definition.ts';
import type { Catalog, CatalogEntry, GroupVersions } from '../registry/catalog.ts';

/** Kinds whose hash names an older version, in which they are or were stored at first. */
const FIRST_STORED: Readonly<Record<string, string>> = {
  'apiextensions.k8s.io/CustomResourceDefinition': 'v1beta1',
  'admissionregistration.k8s.io/MutatingAdmissionPolicy': 'v1beta1',
  'admissionregistration.k8s.io/MutatingAdmissionPolicyBinding': 'v1beta1',
};

/** Which stored version backs a resource: clients that migrate stored objects compare it. */
export function storageVersionHash(row: { group: string; version: string; kind: string }): string {
  const version = FIRST_STORED[`${row.group}/${row.kind}`] ?? row.version;
  return createHash('sha256').update(`${row.group}/${version}/${row.kind}`).digest().subarray(0, 8).toString('base64');
}

export function subresourceVerbs(sub: Subresource<KubeObject>): string[] {
  return [...(sub.type === 'scale' ? ['get', 'patch', 'update'] : sub.verbs)].sort();
}

export function subresourceKind(
  row: AnyResource,
  sub: Subresource<KubeObject>,
): { group: string; version: string; kind: string } {
  if (sub.type === 'scale') return { group: 'autoscaling', version: 'v1', kind: 'Scale' };
  if (sub.type === 'object') return { group: row.group, version: row.version, kind: row.kind };
  return { group: sub.group ?? row.group, version: sub.version ?? row.version, kind: sub.kind };
}

/** In order; those of custom resources in the order that the server for them has. */
function verbsOf({ row, custom }: CatalogEntry): readonly string[] {
  return custom ? row.verbs : [...row.verbs].sort();
}

function resourceOf(entry: CatalogEntry): JsonObject {
  const { row } = entry;
  const out: JsonObject = {
    name: row.plural,
    singularName: row.singular,
    namespaced: row.namespaced,
    kind: row.kind,
    verbs: verbsOf(entry),
  };
  if (row.shortNames !== undefined && row.shortNames.length > 0) out.shortNames = row.shortNames;
  if (row.categories !== undefined && row.categories.length > 0) out.categories = row.categories;
  return out;
}

function subresourceOf(row: AnyResource, name: string, sub: Subresource<KubeObject>): JsonObject {
  const kind = subresourceKind(row, sub);
  const out: JsonObject = { name: `${row.plural}/${name}`, singularName: '', namespaced: row.namespaced };
  if (kind.group !== row.group || kind.version !== row.version) {
    if (kind.group !== '') out.group = kind.group;
    out.version = kind.version;
  }
  out.kind = kind.kind;
  out.verbs = subresourceVerbs(sub);
  return out;
}

export function apiResourceList(catalog: Catalog, group: string, version: string): JsonObject {
  const resources: JsonObject[] = [];
  const entries = catalog.ofVersion(group, version).sort((a, b) => (a.row.plural < b.row.plural ? -1 : 1));
  for (const entry of entries) {
    const { row, storage, custom } = entry;
    const main = resourceOf(entry);
    if (row.virtual !== true) main.storageVersionHash = storageVersionHash(storage);
    resources.push(main);
    const subs = Object.entries(row.subresources ?? {});
    if (!custom) subs.sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [name, sub] of subs) resources.push(subresourceOf(row, name, sub));
  }
  // The list of the core group alone says nothing of its own version.
  const own = group === '' ? {} : { apiVersion: 'v1' };
  return { kind: 'APIResourceList', ...own, groupVersion: apiVersionOf({ group, version }), resources };
}

function groupBody({ group, versions }: GroupVersions): JsonObject {
  const list = versions.map((version) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions: list, preferredVersion: list[0] };
}

export function apiGroup(versions: GroupVersions): JsonObject {
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupBody(versions) };
}

export function apiGroupList(all: readonly GroupVersions[]): JsonObject {
  const groups = all.filter((g) => g.group !== '');
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map(groupBody) };
}

export function apiVersions(serverAddress: string): JsonObject {
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  };
}
