// The quality-of-service class of a pod: who is killed first when a node runs out of memory.
// Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/
import { parseQuantity, type Quantity } from '../../../machinery/quantity.ts';
import type { PodSpec } from '../../generated/core-v1.ts';

const COUNTED = ['cpu', 'memory'] as const;

type Totals = { cpu?: Quantity; memory?: Quantity };

/** Adds up cpu and memory; true when both are there. Amounts of zero count as absent. */
function addUp(list: Record<string, string> | undefined, totals: Totals): boolean {
  if (list === undefined) return false;
  let found = 0;
  for (const name of COUNTED) {
    const amount = list[name];
    if (amount === undefined) continue;
    const quantity = parseQuantity(String(amount));
    if (quantity.isZero() || quantity.milliValue() < 0n) continue;
    found++;
    totals[name] = totals[name]?.add(quantity) ?? quantity;
  }
  return found === COUNTED.length;
}

export function computeQosClass(spec: PodSpec): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const requests: Totals = {};
  const limits: Totals = {};
  let allLimited = true;
  // What is given for the pod as a whole decides alone, even where it says nothing.
  if (spec.resources !== undefined) {
    addUp(spec.resources.requests, requests);
    allLimited = addUp(spec.resources.limits, limits);
  } else
    for (const list of [spec.containers, spec.initContainers])
      for (const container of list ?? []) {
        addUp(container.resources?.requests, requests);
        if (!addUp(container.resources?.limits, limits)) allLimited = false;
      }
  const given = COUNTED.some((n) => requests[n] !== undefined || limits[n] !== undefined);
  if (!given) return 'BestEffort';
  return allLimited && sameTotals(requests, limits) ? 'Guaranteed' : 'Burstable';
}

function sameTotals(requests: Totals, limits: Totals): boolean {
  return COUNTED.every((name) => {
    const request = requests[name];
    const limit = limits[name];
    return request !== undefined && limit !== undefined && request.cmp(limit) === 0;
  });
}
