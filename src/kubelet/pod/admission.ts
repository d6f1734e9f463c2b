// Whether this node takes a pod that was bound to it: the scheduler is not the only one that can bind.
// https://kubernetes.io/docs/concepts/scheduling-eviction/
import type {
  Node,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  Pod,
  Taint,
  Toleration,
} from '../../resources/generated/core-v1.ts';
import { milli, podTotals, qosClass } from '../container/amounts.ts';
import { type Refusal, refuseSysctls } from '../container/sysctls.ts';
import { refuseAppArmor } from './app-armor.ts';
import { isCritical, isStatic, specOf } from './identity.ts';

export interface AdmissionInput {
  readonly pod: Pod;
  /** The other pods that hold resources of this node. */
  readonly others: readonly Pod[];
  readonly node: Node;
  readonly allowedSysctls: readonly string[];
  /** Whether the host enforces AppArmor. */
  readonly appArmor: boolean;
  /** Conditions such as MemoryPressure that hold now. */
  readonly pressure: readonly string[];
}

function matchesOne(requirement: NodeSelectorRequirement, labels: Record<string, string>): boolean {
  const { key, operator, values = [] } = requirement;
  const has = Object.hasOwn(labels, key);
  const value = has ? labels[key] : undefined;
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return has;
    case 'DoesNotExist':
      return !has;
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0]);
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0]);
    default:
      return false;
  }
}

function matchesTerm(term: NodeSelectorTerm, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  const fields = { 'metadata.name': node.metadata.name ?? '' };
  const expressions = term.matchExpressions ?? [];
  const onFields = term.matchFields ?? [];
  if (expressions.length === 0 && onFields.length === 0) return false;
  return expressions.every((r) => matchesOne(r, labels)) && onFields.every((r) => matchesOne(r, fields));
}

function fitsSelector(pod: Pod, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  const spec = specOf(pod);
  for (const [k, v] of Object.entries(spec.nodeSelector ?? {})) {
    if (!Object.hasOwn(labels, k) || labels[k] !== v) return false;
  }
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (required === undefined) return true;
  return (required.nodeSelectorTerms ?? []).some((term) => matchesTerm(term, node));
}

export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect !== undefined && toleration.effect !== '' && toleration.effect !== taint.effect) return false;
  if (toleration.key !== undefined && toleration.key !== '' && toleration.key !== taint.key) return false;
  if (toleration.operator === 'Exists') return true;
  return (toleration.value ?? '') === (taint.value ?? '') && (toleration.key ?? '') !== '';
}

function untolerated(pod: Pod, node: Node): Taint | undefined {
  const tolerations = specOf(pod).tolerations ?? [];
  return (node.spec?.taints ?? []).find((t) => t.effect === 'NoExecute' && !tolerations.some((x) => tolerates(x, t)));
}

interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

function hostPorts(pod: Pod): HostPort[] {
  return specOf(pod).containers.flatMap((c) =>
    (c.ports ?? [])
      .filter((p) => (p.hostPort ?? 0) > 0)
      .map((p) => ({ ip: p.hostIP ?? '', protocol: p.protocol ?? 'TCP', port: p.hostPort ?? 0 })),
  );
}

function collides(a: HostPort, b: HostPort): boolean {
  const any = (ip: string): boolean => ip === '' || ip === '0.0.0.0' || ip === '::';
  return a.port === b.port && a.protocol === b.protocol && (any(a.ip) || any(b.ip) || a.ip === b.ip);
}

function lacks(resource: string, n: { requested: number; used: number; capacity: number }): Refusal {
  const message = `Node didn't have enough resource: ${resource}, requested: ${n.requested}, used: ${n.used}, capacity: ${n.capacity}`;
  return { reason: `OutOf${resource}`, message };
}

function failedPredicate(reason: string, why: string): Refusal {
  return { reason, message: `Predicate ${reason} failed: ${why}` };
}

/** Why the node has no room for what the pod asks for, beside the others. */
export function refuseResources(input: Pick<AdmissionInput, 'pod' | 'others' | 'node'>): Refusal | undefined {
  const allocatable = input.node.status?.allocatable ?? {};
  const pods = Math.floor(milli(allocatable, 'pods') / 1000);
  if (pods > 0 && input.others.length + 1 > pods) {
    return lacks('pods', { requested: 1, used: input.others.length, capacity: pods });
  }
  const own = podTotals(input.pod);
  if (own.requestCpu <= 0 && own.requestMemory <= 0) return undefined;
  const used = { requestCpu: 0, requestMemory: 0 };
  for (const other of input.others) {
    const t = podTotals(other);
    used.requestCpu += t.requestCpu;
    used.requestMemory += t.requestMemory;
  }
  const cpu = milli(allocatable, 'cpu');
  if (own.requestCpu > 0 && used.requestCpu + own.requestCpu > cpu) {
    return lacks('cpu', { requested: own.requestCpu, used: used.requestCpu, capacity: cpu });
  }
  const memory = Math.floor(milli(allocatable, 'memory') / 1000);
  if (own.requestMemory > 0 && used.requestMemory + own.requestMemory > memory) {
    return lacks('memory', { requested: own.requestMemory, used: used.requestMemory, capacity: memory });
  }
  return undefined;
}

const MEMORY_TAINT: Taint = { key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' };

function refusePressure(input: AdmissionInput): Refusal | undefined {
  const { pod, pressure } = input;
  if (pressure.length === 0 || isCritical(pod)) return undefined;
  if (pressure.length === 1 && pressure[0] === 'MemoryPressure') {
    const tolerations = specOf(pod).tolerations ?? [];
    if (qosClass(pod) !== 'BestEffort' || tolerations.some((t) => tolerates(t, MEMORY_TAINT))) return undefined;
  }
  return { reason: 'Evicted', message: `The node had condition: [${pressure.join(' ')}]. ` };
}

/** Undefined when the pod may run here. */
export function refuse(input: AdmissionInput): Refusal | undefined {
  const { pod, node } = input;
  const os = specOf(pod).os?.name;
  if (os !== undefined && os !== 'linux') {
    return { reason: 'PodOSNotSupported', message: "Failed to admit pod as the OS field doesn't match node OS" };
  }
  const sysctls = refuseSysctls(pod, input.allowedSysctls);
  if (sysctls !== undefined) return sysctls;
  const appArmor = refuseAppArmor(pod, input.appArmor);
  if (appArmor !== undefined) return appArmor;
  const pressure = refusePressure(input);
  if (pressure !== undefined) return pressure;
  const resources = refuseResources(input);
  if (resources !== undefined) return resources;
  if (!fitsSelector(pod, node))
    return failedPredicate('NodeAffinity', "node(s) didn't match Pod's node affinity/selector");
  const mine = hostPorts(pod);
  const taken = mine.length === 0 ? [] : input.others.flatMap(hostPorts);
  if (mine.some((a) => taken.some((b) => collides(a, b)))) {
    return failedPredicate('NodePorts', "node(s) didn't have free ports for the requested pod ports");
  }
  if (!isStatic(pod) && untolerated(pod, node) !== undefined) {
    return failedPredicate('TaintToleration', "node(s) had taints that the pod didn't tolerate");
  }
  return undefined;
}
