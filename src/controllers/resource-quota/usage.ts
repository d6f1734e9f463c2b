// What objects count against a ResourceQuota. Pure.
// Source: https://kubernetes.io/docs/concepts/policy/resource-quotas/
import { Quantity, tryParseQuantity } from '../../machinery/quantity.ts';
import type {
  Container,
  PersistentVolumeClaim,
  Pod,
  ResourceQuotaSpec,
  Service,
} from '../../resources/generated/core-v1.ts';

export type Usage = Map<string, Quantity>;
const ONE = Quantity.of(1);

export function addUsage(total: Usage, more: ReadonlyMap<string, Quantity>): void {
  for (const [name, amount] of more) total.set(name, (total.get(name) ?? Quantity.zero).add(amount));
}

function raise(total: Usage, least: ReadonlyMap<string, Quantity>): void {
  for (const [name, amount] of least) if (amount.cmp(total.get(name) ?? Quantity.zero) > 0) total.set(name, amount);
}

function parsed(list: Readonly<Record<string, string>> | undefined): Usage {
  const out: Usage = new Map();
  for (const [name, text] of Object.entries(list ?? {})) {
    const amount = tryParseQuantity(text);
    if (amount !== undefined) out.set(name, amount);
  }
  return out;
}

/** Containers and sidecars together, or what an init container needs beside the sidecars before it. */
function sum(pod: Pod, of: (container: Container) => Usage): Usage {
  const total: Usage = new Map();
  for (const container of pod.spec?.containers ?? []) addUsage(total, of(container));
  const sidecars: Usage = new Map();
  const starting: Usage = new Map();
  for (const container of pod.spec?.initContainers ?? []) {
    const own = of(container);
    if (container.restartPolicy === 'Always') {
      addUsage(total, own);
      addUsage(sidecars, own);
      raise(starting, sidecars);
    } else {
      const beside: Usage = new Map(sidecars);
      addUsage(beside, own);
      raise(starting, beside);
    }
  }
  raise(total, starting);
  return total;
}

export function podUsage(pod: Pod): Usage {
  const usage: Usage = new Map([['count/pods', ONE]]);
  if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return usage;
  usage.set('pods', ONE);
  const requests = sum(pod, (container) => parsed(container.resources?.requests));
  const limits = sum(pod, (container) => parsed(container.resources?.limits));
  addUsage(requests, parsed(pod.spec?.overhead));
  if (limits.size > 0) addUsage(limits, parsed(pod.spec?.overhead));
  for (const [name, amount] of requests) {
    usage.set(`requests.${name}`, amount);
    if (name === 'cpu' || name === 'memory' || name === 'ephemeral-storage') usage.set(name, amount);
  }
  for (const [name, amount] of limits) usage.set(`limits.${name}`, amount);
  return usage;
}

export function serviceUsage(service: Service): Usage {
  const usage: Usage = new Map([
    ['count/services', ONE],
    ['services', ONE],
  ]);
  const ports = Quantity.of(service.spec?.ports?.length ?? 0);
  if (service.spec?.type === 'NodePort') usage.set('services.nodeports', ports);
  if (service.spec?.type === 'LoadBalancer') {
    usage.set('services.loadbalancers', ONE);
    if (service.spec.allocateLoadBalancerNodePorts !== false) usage.set('services.nodeports', ports);
  }
  return usage;
}

export function claimUsage(claim: PersistentVolumeClaim): Usage {
  const usage: Usage = new Map([
    ['count/persistentvolumeclaims', ONE],
    ['persistentvolumeclaims', ONE],
  ]);
  const storage = parsed(claim.spec?.resources?.requests).get('storage');
  const storageClass = claim.spec?.storageClassName ?? '';
  if (storage !== undefined) usage.set('requests.storage', storage);
  if (storageClass !== '') {
    usage.set(`${storageClass}.storageclass.storage.k8s.io/persistentvolumeclaims`, ONE);
    if (storage !== undefined) usage.set(`${storageClass}.storageclass.storage.k8s.io/requests.storage`, storage);
  }
  return usage;
}

/** Whether the quota's scopes take the pod in. */
export function inScope(pod: Pod, spec: ResourceQuotaSpec): boolean {
  const plain = (spec.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists', values: undefined }));
  return [...plain, ...(spec.scopeSelector?.matchExpressions ?? [])].every((one) => {
    const priority = pod.spec?.priorityClassName ?? '';
    if (one.scopeName === 'PriorityClass') {
      if (one.operator === 'Exists') return priority !== '';
      if (one.operator === 'DoesNotExist') return priority === '';
      return (one.values ?? []).includes(priority) === (one.operator === 'In');
    }
    return SCOPES[one.scopeName]?.(pod) ?? false;
  });
}

const bestEffort = (pod: Pod): boolean =>
  [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].every(
    ({ resources }) =>
      Object.keys(resources?.requests ?? {}).length + Object.keys(resources?.limits ?? {}).length === 0,
  );
const terminating = (pod: Pod): boolean => pod.spec?.activeDeadlineSeconds !== undefined;
const crossNamespace = (pod: Pod): boolean => {
  const { podAffinity: near, podAntiAffinity: far } = pod.spec?.affinity ?? {};
  const terms = [near, far].flatMap((one) => [
    ...(one?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(one?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((weighted) => weighted.podAffinityTerm),
  ]);
  return terms.some((term) => (term.namespaces ?? []).length > 0 || term.namespaceSelector !== undefined);
};
const SCOPES: Readonly<Record<string, (pod: Pod) => boolean>> = {
  BestEffort: bestEffort,
  NotBestEffort: (pod) => !bestEffort(pod),
  Terminating: terminating,
  NotTerminating: (pod) => !terminating(pod),
  CrossNamespacePodAffinity: crossNamespace,
};
