// Aggregated discovery: everything in one answer, apidiscovery.k8s.io/v2.
// Source: https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/3352-aggregated-discovery
import type { JsonObject, KubeObject } from '../../machinery/object.ts';
import type { AnyResource, Subresource } from '../../resources/definition.ts';
import type { Catalog, GroupVersions } from '../registry/catalog.ts';
import { subresourceKind, subresourceVerbs } from './legacy.ts';

interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** Group and version are left empty where they are those of the path. */
function responseKind(row: AnyResource, { group, version, kind }: Kind): JsonObject {
  return group === row.group && version === row.version ? { group: '', version: '', kind } : { group, version, kind };
}

function subresource(row: AnyResource, name: string, sub: Subresource<KubeObject>): JsonObject {
  return {
    subresource: name,
    responseKind: responseKind(row, subresourceKind(row, sub)),
    verbs: subresourceVerbs(sub),
  };
}

function resource(row: AnyResource): JsonObject {
  const subs = Object.entries(row.subresources ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    resource: row.plural,
    responseKind: responseKind(row, row),
    scope: row.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: row.singular,
    verbs: [...row.verbs].sort(),
    ...(row.shortNames === undefined || row.shortNames.length === 0 ? {} : { shortNames: row.shortNames }),
    ...(row.categories === undefined || row.categories.length === 0 ? {} : { categories: row.categories }),
    ...(subs.length === 0 ? {} : { subresources: subs.map(([name, sub]) => subresource(row, name, sub)) }),
  };
}

function groupDiscovery(catalog: Catalog, { group, versions }: GroupVersions): JsonObject {
  return {
    metadata: group === '' ? {} : { name: group },
    versions: versions.map((version) => ({
      version,
      resources: catalog
        .ofVersion(group, version)
        .sort((a, b) => (a.row.plural < b.row.plural ? -1 : 1))
        .map((entry) => resource(entry.row)),
      freshness: 'Current',
    })),
  };
}

/** `core`: the answer of /api; otherwise that of /apis. */
export function aggregatedDiscovery(catalog: Catalog, core: boolean): JsonObject {
  const groups = catalog.groups().filter((g) => (g.group === '') === core);
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map((g) => groupDiscovery(catalog, g)),
  };
}
