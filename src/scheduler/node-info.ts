// A node with the pods on it and what they take, as the plugins read it.
import { type LabelSelector, selectorFromObject } from '../machinery/label-selector.ts';
import { parseTime } from '../machinery/time.ts';
import type { Node, Pod, PodAffinityTerm } from '../resources/generated/core-v1.ts';
import { type Amounts, addTo, amountsOf, podRequests, scoringRequests } from './pod-resources.ts';

export interface AffinityTerm {
  readonly topologyKey: string;
  readonly selector: LabelSelector;
  readonly namespaces: ReadonlySet<string>;
  readonly namespaceSelector: LabelSelector | undefined;
}

export interface WeightedTerm extends AffinityTerm {
  readonly weight: number;
}

export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

/** A pod with what planning derives from it. */
export interface PodInfo {
  readonly pod: Pod;
  readonly key: string;
  readonly priority: number;
  readonly requests: Amounts;
  readonly scoring: { readonly cpu: number; readonly memory: number };
  readonly ports: readonly HostPort[];
  readonly requiredAffinity: readonly AffinityTerm[];
  readonly requiredAntiAffinity: readonly AffinityTerm[];
  readonly preferredAffinity: readonly WeightedTerm[];
  readonly preferredAntiAffinity: readonly WeightedTerm[];
}

function term(raw: PodAffinityTerm, pod: Pod): AffinityTerm {
  const own = (raw.namespaces ?? []).length === 0 && raw.namespaceSelector === undefined;
  return {
    topologyKey: raw.topologyKey,
    selector: selectorFromObject(raw.labelSelector),
    namespaces: new Set(own ? [pod.metadata.namespace ?? ''] : (raw.namespaces ?? [])),
    namespaceSelector: raw.namespaceSelector === undefined ? undefined : selectorFromObject(raw.namespaceSelector),
  };
}

function hostPorts(pod: Pod): HostPort[] {
  const sidecars = (pod.spec?.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
  return [...(pod.spec?.containers ?? []), ...sidecars].flatMap((container) =>
    (container.ports ?? [])
      .filter((port) => (port.hostPort ?? 0) > 0)
      .map((port) => ({
        ip: port.hostIP === undefined || port.hostIP === '' ? '0.0.0.0' : port.hostIP,
        protocol: port.protocol ?? 'TCP',
        port: port.hostPort ?? 0,
      })),
  );
}

const known = new WeakMap<Pod, PodInfo>();

export function podInfo(pod: Pod): PodInfo {
  const before = known.get(pod);
  if (before !== undefined) return before;
  const { podAffinity: near, podAntiAffinity: far } = pod.spec?.affinity ?? {};
  const info: PodInfo = {
    pod,
    key: `${pod.metadata.namespace ?? ''}/${pod.metadata.name ?? ''}`,
    priority: pod.spec?.priority ?? 0,
    requests: podRequests(pod),
    scoring: scoringRequests(pod),
    ports: hostPorts(pod),
    requiredAffinity: (near?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((raw) => term(raw, pod)),
    requiredAntiAffinity: (far?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((raw) => term(raw, pod)),
    preferredAffinity: (near?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((raw) => ({
      ...term(raw.podAffinityTerm, pod),
      weight: raw.weight,
    })),
    preferredAntiAffinity: (far?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((raw) => ({
      ...term(raw.podAffinityTerm, pod),
      weight: raw.weight,
    })),
  };
  known.set(pod, info);
  return info;
}

export class NodeInfo {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly allocatable: Amounts;
  readonly pods = new Map<string, PodInfo>();
  readonly requested = new Map<string, number>();
  readonly scoring = { cpu: 0, memory: 0 };
  /** Pods whose required anti-affinity others must respect. */
  readonly antiAffine = new Set<PodInfo>();
  /** Pods with any affinity or anti-affinity. */
  readonly affine = new Set<PodInfo>();

  /** With `before` it takes over the pods of the node as it was. */
  constructor(
    readonly node: Node,
    before?: NodeInfo,
  ) {
    this.name = node.metadata.name ?? '';
    this.labels = node.metadata.labels ?? {};
    this.allocatable = amountsOf(node.status?.allocatable ?? node.status?.capacity);
    for (const pod of before?.pods.values() ?? []) this.add(pod);
  }

  /** The same node with other pods on it. */
  with(pods: Iterable<PodInfo>): NodeInfo {
    const copy = new NodeInfo(this.node);
    for (const pod of pods) copy.add(pod);
    return copy;
  }

  add(pod: PodInfo): void {
    this.remove(pod.key);
    this.pods.set(pod.key, pod);
    addTo(this.requested, pod.requests);
    this.scoring.cpu += pod.scoring.cpu;
    this.scoring.memory += pod.scoring.memory;
    if (pod.requiredAntiAffinity.length > 0) this.antiAffine.add(pod);
    const { requiredAffinity, preferredAffinity, preferredAntiAffinity } = pod;
    if (requiredAffinity.length + preferredAffinity.length + preferredAntiAffinity.length > 0) this.affine.add(pod);
  }

  remove(key: string): void {
    const pod = this.pods.get(key);
    if (pod === undefined) return;
    this.pods.delete(key);
    addTo(this.requested, pod.requests, -1);
    this.scoring.cpu -= pod.scoring.cpu;
    this.scoring.memory -= pod.scoring.memory;
    this.antiAffine.delete(pod);
    this.affine.delete(pod);
  }
}

export function startTimeOf(pod: Pod): number {
  return parseTime(pod.status?.startTime ?? pod.metadata.creationTimestamp ?? '') ?? 0;
}
