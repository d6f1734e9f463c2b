// What objects count against a ResourceQuota, and which of them a quota is about: asked by admission and by the controller that counts. Pure.
// Source: https://kubernetes.io/docs/concepts/policy/resource-quotas/
import { durationOfSeconds, greatestOf, type Int64 } from '../../machinery/int64.ts';
import { parseQuantity, Quantity } from '../../machinery/quantity.ts';
import type { Container, PersistentVolumeClaim, Pod, PodSpec, Service } from '../../resources/generated/core-v1.ts';
import type { ResourceClaim } from '../../resources/generated/resource-v1.ts';
import { podRequests } from '../../resources/index.ts';
import { storageClassOf } from './volume-matching.ts';

/** Amounts by the name that a quota has for them: `requests.cpu`, `count/pods`, `services.nodeports`. */
export type Usage = Map<string, Quantity>;

const ONE = Quantity.of(1);
/** Counted under their plain name too, and limited as well as requested. */
const COMPUTE = ['cpu', 'memory', 'ephemeral-storage'];

export function addUsage(total: Usage, more: ReadonlyMap<string, Quantity>): void {
  for (const [name, amount] of more) total.set(name, (total.get(name) ?? Quantity.zero).add(amount));
}

/**
 * A pod that has ended, or that should be gone by now, holds nothing but still is an object.
 * `now`: milliseconds since 1970; where it is left out no pod is late.
 */
export function podUsage(pod: Pod, now = 0): Usage {
  const usage: Usage = new Map([['count/pods', ONE]]);
  if (pod.spec === undefined || isOver(pod, now)) return usage;
  usage.set('pods', ONE);
  const spec = whileResized(pod, pod.spec);
  for (const [name, amount] of podRequests(spec, 'requests')) {
    usage.set(`requests.${name}`, amount);
    if (COMPUTE.includes(name) || name.startsWith('hugepages-')) usage.set(name, amount);
  }
  for (const [name, amount] of podRequests(spec, 'limits'))
    if (COMPUTE.includes(name)) usage.set(`limits.${name}`, amount);
  return usage;
}

function isOver({ metadata, status }: Pod, now: number): boolean {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return true;
  // It carries the moment by which it ought to be gone: a lost node must not keep its pods charged.
  const { deletionTimestamp, deletionGracePeriodSeconds: grace } = metadata;
  return (
    deletionTimestamp !== undefined &&
    grace !== undefined &&
    now > Date.parse(deletionTimestamp) + durationOfSeconds(grace)
  );
}

/** While a resize is under way, each container counts for the most of what it asks for and what is in force. */
function whileResized({ status }: Pod, spec: PodSpec): PodSpec {
  const statuses = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
  const raised = (container: Container): Container => {
    const force = statuses.find(({ name }) => name === container.name)?.resources;
    if (force === undefined) return container;
    const { resources } = container;
    return {
      ...container,
      resources: {
        ...resources,
        requests: most(resources?.requests, force.requests),
        limits: most(resources?.limits, force.limits),
      },
    };
  };
  if (!statuses.some(({ resources }) => resources !== undefined)) return spec;
  const inits = spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(raised) };
  return { ...spec, containers: spec.containers.map(raised), ...inits };
}

function most(asked: Record<string, string> = {}, force: Record<string, string> = {}): Record<string, string> {
  const out = { ...force, ...asked };
  for (const [name, text] of Object.entries(force))
    if (parseQuantity(text).cmp(parseQuantity(out[name] ?? '0')) > 0) out[name] = text;
  return out;
}

export function serviceUsage({ spec }: Service): Usage {
  const usage: Usage = new Map([
    ['count/services', ONE],
    ['services', ONE],
  ]);
  const ports = Quantity.of(spec?.ports?.length ?? 0);
  if (spec?.type === 'NodePort') usage.set('services.nodeports', ports);
  if (spec?.type === 'LoadBalancer') {
    usage.set('services.loadbalancers', ONE);
    if (spec.allocateLoadBalancerNodePorts !== false) usage.set('services.nodeports', ports);
  }
  return usage;
}

export function claimUsage(claim: PersistentVolumeClaim): Usage {
  const usage: Usage = new Map([
    ['count/persistentvolumeclaims', ONE],
    ['persistentvolumeclaims', ONE],
  ]);
  const storage = storageOf(claim);
  if (storage !== undefined) usage.set('requests.storage', storage);
  const storageClass = storageClassOf(claim);
  if (storageClass === '') return usage;
  const own = `${storageClass}.storageclass.storage.k8s.io/`;
  usage.set(`${own}persistentvolumeclaims`, ONE);
  if (storage !== undefined) usage.set(`${own}requests.storage`, storage);
  return usage;
}

/** What is asked for, or what was already allocated when the asking was taken back. */
function storageOf({ spec, status }: PersistentVolumeClaim): Quantity | undefined {
  const asked = spec?.resources?.requests?.storage;
  if (asked === undefined) return undefined;
  const amount = parseQuantity(asked);
  const allocated = status?.allocatedResources?.storage;
  if (allocated === undefined) return amount;
  const had = parseQuantity(allocated);
  return had.cmp(amount) > 0 ? had : amount;
}

/** A claim for devices: how many it may be given of each class, at the worst. */
export function deviceClaimUsage({ spec }: ResourceClaim): Usage {
  const usage: Usage = new Map([['count/resourceclaims.resource.k8s.io', ONE]]);
  for (const { exactly, firstAvailable } of spec.devices?.requests ?? []) {
    // Of several ways to be served one is taken: of each class the dearest counts.
    const most = new Map<string, Int64>();
    for (const way of firstAvailable ?? (exactly === undefined ? [] : [exactly])) {
      const name = `${way.deviceClassName}.deviceclass.resource.k8s.io/devices`;
      most.set(name, greatestOf(most.get(name) ?? 0, devicesOf(way)));
    }
    addUsage(usage, new Map([...most].map(([name, count]) => [name, Quantity.of(count)])));
  }
  return usage;
}

/** What one claim can be given at most. */
const MOST_DEVICES = 32;

function devicesOf({ allocationMode, count }: { allocationMode?: string; count?: Int64 }): Int64 {
  return allocationMode === 'All' ? MOST_DEVICES : (count ?? 0);
}
