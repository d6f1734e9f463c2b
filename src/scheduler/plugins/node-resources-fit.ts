// A pod fits where all it requests is left; emptier nodes score higher.
import { MAX_SCORE, type Plugin, type Rejection } from '../framework.ts';
import type { NodeInfo, PodInfo } from '../node-info.ts';

function lacks({ requests }: PodInfo, node: NodeInfo): Rejection | undefined {
  const reasons: string[] = [];
  // More than the whole node has: no eviction helps.
  let hopeless = false;
  const most = node.allocatable.get('pods') ?? 0;
  if (node.pods.size + 1 > most) reasons.push('Too many pods');
  for (const [resource, amount] of requests) {
    if (amount === 0) continue;
    const has = node.allocatable.get(resource) ?? 0;
    if (amount <= has - (node.requested.get(resource) ?? 0)) continue;
    reasons.push(`Insufficient ${resource}`);
    if (amount > has) hopeless = true;
  }
  return reasons.length === 0 ? undefined : { plugin: 'NodeResourcesFit', reasons, resolvable: !hopeless };
}

function leastAllocated(pod: PodInfo, node: NodeInfo): number {
  let sum = 0;
  let count = 0;
  for (const resource of ['cpu', 'memory'] as const) {
    const has = node.allocatable.get(resource) ?? 0;
    if (has === 0) continue;
    const taken = node.scoring[resource] + pod.scoring[resource];
    sum += taken > has ? 0 : Math.trunc(((has - taken) * MAX_SCORE) / has);
    count++;
  }
  return count === 0 ? 0 : Math.trunc(sum / count);
}

export const nodeResourcesFit: Plugin = {
  name: 'NodeResourcesFit',
  weight: 1,
  wakes: new Set(['node-add', 'node-update', 'pod-gone', 'pod-changed']),
  begin: (pod) => ({
    filter: (node) => lacks(pod, node),
    score: (node) => leastAllocated(pod, node),
  }),
};
