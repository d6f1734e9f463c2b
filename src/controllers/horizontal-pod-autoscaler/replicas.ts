// How many replicas a measure asks for. Pure.
// Source: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details
import { tryParseQuantity } from '../../machinery/quantity.ts';
import type { Container, Pod } from '../../resources/generated/core-v1.ts';
import { createdAt, isReady } from '../shared/pods.ts';

export const DEFAULT_TOLERANCE = 0.1;
/** A pod that has just started burns CPU that says nothing of its later need. */
const CPU_INITIALIZATION_MS = 300_000;

export interface Tolerance {
  readonly up: number;
  readonly down: number;
}

export interface Recommendation {
  readonly replicas: number;
  /** Per cent of the requests, for utilization. */
  readonly utilization?: number;
  /** Mean per pod in thousandths. */
  readonly average: number;
}

export interface UsageInput {
  readonly current: number;
  readonly pods: readonly Pod[];
  /** Usage of each pod in thousandths, by name. */
  readonly usage: ReadonlyMap<string, number>;
  readonly resource: string;
  readonly container?: string;
  /** Per cent of the requests, or thousandths per pod. */
  readonly target: { readonly utilization: number } | { readonly average: number };
  readonly tolerance: Tolerance;
  readonly now: number;
}

function requestOf(pod: Pod, resource: string, container: string | undefined): number {
  const sidecars = (pod.spec?.initContainers ?? []).filter((one) => one.restartPolicy === 'Always');
  let sum = 0;
  for (const one of [...(pod.spec?.containers ?? []), ...sidecars] as Container[]) {
    if (container !== undefined && one.name !== container) continue;
    const text = one.resources?.requests?.[resource];
    const amount = text === undefined ? undefined : tryParseQuantity(text);
    if (amount === undefined)
      throw new Error(`missing request for ${resource} in container ${one.name} of Pod ${pod.metadata.name}`);
    sum += Number(amount.milliValue());
  }
  return sum;
}

interface Groups {
  readonly measured: Pod[];
  readonly unready: Pod[];
  readonly missing: Pod[];
}

function group({ pods, usage, resource, now }: UsageInput): Groups {
  const groups: Groups = { measured: [], unready: [], missing: [] };
  for (const pod of pods) {
    if (pod.metadata.deletionTimestamp !== undefined || pod.status?.phase === 'Failed') continue;
    const young = now - createdAt(pod) < CPU_INITIALIZATION_MS;
    if (pod.status?.phase === 'Pending') groups.unready.push(pod);
    else if (!usage.has(pod.metadata.name ?? '')) groups.missing.push(pod);
    else if (resource === 'cpu' && !isReady(pod) && young) groups.unready.push(pod);
    else groups.measured.push(pod);
  }
  return groups;
}

export function withinTolerance(ratio: number, tolerance: Tolerance): boolean {
  return 1 - tolerance.down <= ratio && ratio <= 1 + tolerance.up;
}

/** Replicas by what each pod uses; pods without a measure are taken to change nothing for the worse. */
export function byUsage(input: UsageInput): Recommendation {
  const { current, usage, target, tolerance } = input;
  const { measured, unready, missing } = group(input);
  if (measured.length === 0) throw new Error('did not receive metrics for targeted pods (pods might be unready)');
  const request = (pod: Pod): number => requestOf(pod, input.resource, input.container);
  const used = (pod: Pod): number => usage.get(pod.metadata.name ?? '') ?? 0;
  const total = measured.reduce((sum, pod) => sum + used(pod), 0);
  const average = Math.trunc(total / measured.length);
  const requests = 'utilization' in target ? measured.reduce((sum, pod) => sum + request(pod), 0) : 0;
  const utilization = 'utilization' in target ? Math.trunc((total * 100) / requests) : undefined;
  const ratio = 'utilization' in target ? (utilization ?? 0) / target.utilization : average / target.average;
  const shown = { average, ...(utilization === undefined ? {} : { utilization }) };
  const up = ratio > 1;
  if (missing.length === 0 && !(up && unready.length > 0)) {
    const replicas = withinTolerance(ratio, tolerance) ? current : Math.ceil(ratio * measured.length);
    return { replicas, ...shown };
  }
  // Going down, those without a measure count as busy; going up, as idle.
  const assumed = (pod: Pod): number => {
    if (up) return 0;
    return 'utilization' in target ? (request(pod) * Math.max(100, target.utilization)) / 100 : target.average;
  };
  const counted = [...missing, ...(up ? unready : [])];
  const newTotal = total + counted.reduce((sum, pod) => sum + assumed(pod), 0);
  const all = measured.length + counted.length;
  const newRatio =
    'utilization' in target
      ? (newTotal * 100) / (requests + counted.reduce((sum, pod) => sum + request(pod), 0)) / target.utilization
      : newTotal / all / target.average;
  const flipped = (ratio < 1 && newRatio > 1) || (ratio > 1 && newRatio < 1);
  if (flipped || withinTolerance(newRatio, tolerance)) return { replicas: current, ...shown };
  const replicas = Math.ceil(newRatio * all);
  const wrongWay = (newRatio < 1 && replicas > current) || (newRatio > 1 && replicas < current);
  return { replicas: wrongWay ? current : replicas, ...shown };
}

export interface ValueInput {
  readonly current: number;
  /** Pods that serve. */
  readonly ready: number;
  /** In thousandths. */
  readonly value: number;
  readonly target: { readonly value: number } | { readonly average: number };
  readonly tolerance: Tolerance;
}

/** Replicas by one number that stands for all pods. */
export function byValue({ current, ready, value, target, tolerance }: ValueInput): Recommendation {
  if ('value' in target) {
    const ratio = value / target.value;
    if (withinTolerance(ratio, tolerance)) return { replicas: current, average: value };
    return { replicas: Math.ceil(ratio * ready), average: value };
  }
  const average = current === 0 ? value : value / current;
  const ratio = value / (target.average * Math.max(1, current));
  if (current !== 0 && withinTolerance(ratio, tolerance)) return { replicas: current, average };
  return { replicas: Math.ceil(value / target.average), average };
}
