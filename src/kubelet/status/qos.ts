// Quality of service classes. https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/
import { parseQuantity } from '../../machinery/quantity.ts';
import type { Pod, ResourceRequirements } from '../../resources/generated/core-v1.ts';
import { specOf } from '../pod/identity.ts';

export type Qos = 'Guaranteed' | 'Burstable' | 'BestEffort';

const COUNTED = ['cpu', 'memory'] as const;

function amount(list: Record<string, string> | undefined, name: string): bigint {
  const text = list?.[name];
  return text === undefined ? 0n : parseQuantity(text).milliValue();
}

function classOf(all: readonly (ResourceRequirements | undefined)[]): Qos {
  let any = false;
  let guaranteed = all.length > 0;
  for (const r of all) {
    for (const name of COUNTED) {
      const request = amount(r?.requests, name);
      const limit = amount(r?.limits, name);
      if (request > 0n || limit > 0n) any = true;
      if (limit === 0n || (request !== 0n && request !== limit)) guaranteed = false;
    }
  }
  if (!any) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

export function qosClass(pod: Pod): Qos {
  const spec = specOf(pod);
  if (spec.resources !== undefined && (spec.resources.limits ?? spec.resources.requests) !== undefined) {
    return classOf([spec.resources]);
  }
  return classOf([...(spec.initContainers ?? []), ...spec.containers].map((c) => c.resources));
}
