// An APIService for every group version that definitions of custom resources bring.
// Source: https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/apiserver-aggregation/
import type { KubeObject } from '../../machinery/object.ts';
import type { Catalog } from '../registry/catalog.ts';
import type { LiveCache } from '../registry/live-cache.ts';
import type { Write } from './keeper.ts';

const COLLECTION = '/apis/apiregistration.k8s.io/v1/apiservices';
const MANAGED = 'kube-aggregator.kubernetes.io/automanaged';

function apiService(group: string, version: string): KubeObject {
  const object = {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: `${version}.${group}`, labels: { [MANAGED]: 'true' } },
    spec: { group, version, groupPriorityMinimum: 1000, versionPriority: 100 },
  };
  return object;
}

export function planApiServices(catalog: Catalog, stored: LiveCache): Write[] {
  const wanted = new Map<string, KubeObject>();
  for (const { row, custom } of catalog.all()) {
    if (custom) wanted.set(`${row.version}.${row.group}`, apiService(row.group, row.version));
  }
  const writes: Write[] = [];
  for (const { metadata } of stored.list()) {
    const name = metadata.name ?? '';
    // Those of the built-in groups say `onstart`.
    if (metadata.labels?.[MANAGED] === 'true' && !wanted.has(name))
      writes.push({ method: 'DELETE', path: `${COLLECTION}/${name}` });
  }
  for (const [name, body] of wanted) {
    if (stored.get(name) === undefined) writes.push({ method: 'POST', path: COLLECTION, body });
  }
  return writes;
}
