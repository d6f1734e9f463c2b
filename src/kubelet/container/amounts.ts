// What pods and containers request and may use, as numbers. https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
import { parseQuantity } from '../../machinery/quantity.ts';
import type { Pod, PodSpec } from '../../resources/generated/core-v1.ts';
import { computeQosClass, podRequests } from '../../resources/index.ts';
import { specOf } from '../pod/identity.ts';

export function milli(list: Record<string, string> | undefined, name: string): number {
  const text = list?.[name];
  return text === undefined ? 0 : Number(parseQuantity(text).milliValue());
}

export function bytes(list: Record<string, string> | undefined, name: string): number {
  const text = list?.[name];
  return text === undefined ? 0 : Number(parseQuantity(text).value());
}

export type Qos = 'Guaranteed' | 'Burstable' | 'BestEffort';

export function qosClass(pod: Pod): Qos {
  return computeQosClass(specOf(pod));
}

interface Totals {
  readonly requestCpu: number;
  readonly requestMemory: number;
  readonly limitCpu: number;
  readonly limitMemory: number;
  /** Something in the pod may use as much as there is. */
  readonly cpuUnlimited: boolean;
  readonly memoryUnlimited: boolean;
}

function texts(amounts: ReturnType<typeof podRequests>): Record<string, string> {
  return Object.fromEntries([...amounts].map(([name, amount]) => [name, amount.toString()]));
}

/** Specs do not change, and both the node's sums and every status want these. */
const amounts = {
  requests: new WeakMap<PodSpec, Readonly<Record<string, string>>>(),
  limits: new WeakMap<PodSpec, Readonly<Record<string, string>>>(),
};

/** What the pod requests in all, or may use at most. */
export function podAmounts(pod: Pod, which: 'requests' | 'limits'): Readonly<Record<string, string>> {
  const spec = specOf(pod);
  let found = amounts[which].get(spec);
  if (found === undefined) {
    found = texts(podRequests(spec, which));
    amounts[which].set(spec, found);
  }
  return found;
}

function isUnlimited(pod: Pod, name: 'cpu' | 'memory'): boolean {
  const spec = specOf(pod);
  if (milli(spec.resources?.limits, name) > 0) return false;
  const all = [...(spec.initContainers ?? []), ...spec.containers];
  return all.some((c) => milli(c.resources?.limits, name) === 0);
}

const known = new WeakMap<PodSpec, Totals>();

/** What a pod counts for: its own figures, or those of its containers, and its overhead. */
export function podTotals(pod: Pod): Totals {
  const spec = specOf(pod);
  let totals = known.get(spec);
  if (totals === undefined) {
    const requests = podRequests(spec);
    const limits = podRequests(spec, 'limits');
    totals = {
      requestCpu: Number(requests.get('cpu')?.milliValue() ?? 0n),
      requestMemory: Number(requests.get('memory')?.value() ?? 0n),
      limitCpu: Number(limits.get('cpu')?.milliValue() ?? 0n),
      limitMemory: Number(limits.get('memory')?.value() ?? 0n),
      cpuUnlimited: isUnlimited(pod, 'cpu'),
      memoryUnlimited: isUnlimited(pod, 'memory'),
    };
    known.set(spec, totals);
  }
  return totals;
}
