// What an object uses of a quota: counted objects, requests and limits, node ports, storage. Pure.
// Source: https://kubernetes.io/docs/concepts/policy/resource-quotas/
import type { KubeObject } from '../../../machinery/object.ts';
import { parseQuantity, Quantity } from '../../../machinery/quantity.ts';
import type { AnyResource } from '../../../resources/definition.ts';
import type {
  Container,
  PersistentVolumeClaim,
  Pod,
  PodSpec,
  ResourceQuota,
  ScopedResourceSelectorRequirement,
  Service,
} from '../../../resources/generated/core-v1.ts';

export type Usage = Map<string, Quantity>;

const ONE = Quantity.of(1);

/** Kinds that are counted under their plain plural as well as under `count/…`. */
const PLAIN_COUNTS: ReadonlySet<string> = new Set([
  'pods',
  'services',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
]);

function add(usage: Usage, name: string, amount: Quantity): void {
  const have = usage.get(name);
  usage.set(name, have === undefined ? amount : have.add(amount));
}

function totals(spec: PodSpec, kind: 'requests' | 'limits'): Usage {
  const sums: Usage = new Map();
  const each = (container: Container, join: (name: string, amount: Quantity) => void): void => {
    for (const [name, value] of Object.entries(container.resources?.[kind] ?? {}))
      join(name, parseQuantity(value as string));
  };
  for (const container of spec.containers) each(container, (name, amount) => add(sums, name, amount));
  const inits = spec.initContainers ?? [];
  for (const container of inits)
    if (container.restartPolicy === 'Always') each(container, (name, amount) => add(sums, name, amount));
  for (const container of inits) {
    if (container.restartPolicy === 'Always') continue;
    each(container, (name, amount) => {
      const have = sums.get(name);
      if (have === undefined || have.cmp(amount) < 0) sums.set(name, amount);
    });
  }
  for (const [name, value] of Object.entries(kind === 'requests' ? (spec.overhead ?? {}) : {})) {
    add(sums, name, parseQuantity(value as string));
  }
  return sums;
}

function podUsage(pod: Pod): Usage {
  const usage: Usage = new Map();
  const phase = pod.status?.phase;
  const ended = phase === 'Succeeded' || phase === 'Failed';
  // Objects that have ended still count as objects, but hold nothing.
  usage.set('count/pods', ONE);
  if (ended || pod.spec === undefined) return usage;
  usage.set('pods', ONE);
  for (const [name, amount] of totals(pod.spec, 'requests')) {
    usage.set(`requests.${name}`, amount);
    if (name === 'cpu' || name === 'memory' || name === 'ephemeral-storage') usage.set(name, amount);
    if (name.startsWith('hugepages-')) usage.set(name, amount);
  }
  for (const [name, amount] of totals(pod.spec, 'limits')) usage.set(`limits.${name}`, amount);
  return usage;
}

function serviceUsage(service: Service): Usage {
  const usage: Usage = new Map([
    ['services', ONE],
    ['count/services', ONE],
  ]);
  const { type, ports = [] } = service.spec ?? {};
  const count = ports?.length ?? 0;
  if (type === 'NodePort') usage.set('services.nodeports', Quantity.of(count));
  if (type === 'LoadBalancer') {
    usage.set('services.loadbalancers', ONE);
    if (service.spec?.allocateLoadBalancerNodePorts !== false) usage.set('services.nodeports', Quantity.of(count));
  }
  return usage;
}

function claimUsage(claim: PersistentVolumeClaim): Usage {
  const usage: Usage = new Map([
    ['persistentvolumeclaims', ONE],
    ['count/persistentvolumeclaims', ONE],
  ]);
  const storage = claim.spec?.resources?.requests?.storage;
  const storageClass = claim.spec?.storageClassName ?? '';
  const suffix = '.storageclass.storage.k8s.io/';
  if (storageClass !== '') usage.set(`${storageClass}${suffix}persistentvolumeclaims`, ONE);
  if (storage !== undefined) {
    const amount = parseQuantity(storage);
    usage.set('requests.storage', amount);
    if (storageClass !== '') usage.set(`${storageClass}${suffix}requests.storage`, amount);
  }
  return usage;
}

export function usageOf(row: AnyResource, object: KubeObject): Usage {
  if (row.group === '') {
    if (row.plural === 'pods') return podUsage(object as Pod);
    if (row.plural === 'services') return serviceUsage(object as Service);
    if (row.plural === 'persistentvolumeclaims') return claimUsage(object as PersistentVolumeClaim);
  }
  const usage: Usage = new Map([[row.group === '' ? `count/${row.plural}` : `count/${row.plural}.${row.group}`, ONE]]);
  if (row.group === '' && PLAIN_COUNTS.has(row.plural)) usage.set(row.plural, ONE);
  return usage;
}

function isBestEffort(pod: Pod): boolean {
  const all = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  const set = (list: object | undefined): boolean => list !== undefined && Object.keys(list).length > 0;
  return !all.some((container) => set(container.resources?.requests) || set(container.resources?.limits));
}

function usesCrossNamespaceAffinity(pod: Pod): boolean {
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
  const terms = [podAffinity, podAntiAffinity].flatMap((side) => [
    ...(side?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(side?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((one) => one.podAffinityTerm),
  ]);
  return terms.some((term) => (term.namespaces ?? []).length > 0 || term.namespaceSelector !== undefined);
}

function matchesRequirement(
  pod: Pod,
  { scopeName, operator, values = [] }: ScopedResourceSelectorRequirement,
): boolean {
  switch (scopeName) {
    case 'Terminating':
      return pod.spec?.activeDeadlineSeconds !== undefined;
    case 'NotTerminating':
      return pod.spec?.activeDeadlineSeconds === undefined;
    case 'BestEffort':
      return isBestEffort(pod);
    case 'NotBestEffort':
      return !isBestEffort(pod);
    case 'CrossNamespacePodAffinity':
      return usesCrossNamespaceAffinity(pod);
    case 'PriorityClass': {
      const name = pod.spec?.priorityClassName ?? '';
      if (operator === 'Exists') return name !== '';
      if (operator === 'DoesNotExist') return name === '';
      return (values ?? []).includes(name) === (operator === 'In');
    }
    default:
      return false;
  }
}

/** Whether a quota is about an object: quotas with scopes are about the pods in them only. */
export function inScope(quota: ResourceQuota, row: AnyResource, object: KubeObject): boolean {
  const scopes = (quota.spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' }));
  const all = [...scopes, ...(quota.spec?.scopeSelector?.matchExpressions ?? [])];
  if (all.length === 0) return true;
  if (row.plural !== 'pods' || row.group !== '') return false;
  return all.every((requirement) => matchesRequirement(object as Pod, requirement));
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
