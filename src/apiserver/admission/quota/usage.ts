// What a request's object uses of a quota, and what its containers leave unsaid. Pure.
// Source: https://kubernetes.io/docs/concepts/policy/resource-quotas/
import {
  claimInScope,
  claimUsage,
  deviceClaimUsage,
  hasScopes,
  podInScope,
  podUsage,
  serviceUsage,
  type Usage,
} from '../../../client/index.ts';
import type { KubeObject } from '../../../machinery/object.ts';
import { Quantity } from '../../../machinery/quantity.ts';
import type { AnyResource } from '../../../resources/definition.ts';
import type { PersistentVolumeClaim, Pod, ResourceQuota, Service } from '../../../resources/generated/core-v1.ts';
import type { ResourceClaim } from '../../../resources/generated/resource-v1.ts';

const ONE = Quantity.of(1);

/** Kinds that are counted under their plain plural as well as under `count/…`. */
const PLAIN_COUNTS: ReadonlySet<string> = new Set([
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'configmaps',
]);

/** The core kinds that use more than their number. */
const CORE: Readonly<Record<string, (object: KubeObject) => Usage>> = {
  pods: (object) => podUsage(object as Pod),
  services: (object) => serviceUsage(object as Service),
  persistentvolumeclaims: (object) => claimUsage(object as PersistentVolumeClaim),
};

export function usageOf(row: AnyResource, object: KubeObject): Usage {
  if (row.group === 'resource.k8s.io' && row.plural === 'resourceclaims')
    return deviceClaimUsage(object as ResourceClaim);
  if (row.group !== '') return new Map([[`count/${row.plural}.${row.group}`, ONE]]);
  const own = CORE[row.plural];
  if (own !== undefined) return own(object);
  const usage: Usage = new Map([[`count/${row.plural}`, ONE]]);
  if (PLAIN_COUNTS.has(row.plural)) usage.set(row.plural, ONE);
  return usage;
}

/** Whether a quota is about an object: quotas with scopes are about the pods and claims in them only. */
export function inScope({ spec }: ResourceQuota, row: AnyResource, object: KubeObject): boolean {
  if (!hasScopes(spec)) return true;
  if (row.group !== '') return false;
  if (row.plural === 'pods') return podInScope(object as Pod, spec);
  return row.plural === 'persistentvolumeclaims' && claimInScope(object as PersistentVolumeClaim, spec);
}

const COMPUTE = /^(?:requests\.|limits\.)?(?:cpu|memory|ephemeral-storage)$|^requests\.|^limits\./;

/** Containers that leave out what the quota counts: `requests.cpu for: c`. */
export function unspecified(quota: ResourceQuota, pod: Pod): string[] {
  const out: string[] = [];
  for (const name of Object.keys(quota.spec?.hard ?? {}).sort()) {
    if (!COMPUTE.test(name) || name === 'requests.storage' || name.includes('.storageclass.')) continue;
    const kind = name.startsWith('limits.') ? 'limits' : 'requests';
    const resource = name.replace(/^(?:requests|limits)\./, '');
    if (!['cpu', 'memory'].includes(resource)) continue;
    const missing = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])]
      .filter((container) => container.resources?.[kind]?.[resource] === undefined)
      .map((container) => container.name);
    if (missing.length > 0) out.push(`${name} for: ${[...new Set(missing)].sort().join(',')}`);
  }
  return out;
}
