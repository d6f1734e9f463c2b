// Nodes on which the pod brings the use of CPU and memory nearer to one another score higher.
// https://kubernetes.io/docs/reference/scheduling/config/#scheduling-plugins
import { MAX_SCORE, type Plugin } from '../framework.ts';
import type { NodeInfo } from '../node-info.ts';

/** How alike the shares are in which CPU and memory would be taken, as a score. */
function balance(node: NodeInfo, more: ReadonlyMap<string, number>): number {
  const shares: number[] = [];
  for (const resource of ['cpu', 'memory']) {
    const has = node.allocatable.get(resource) ?? 0;
    if (has === 0) continue;
    const taken = (node.requested.get(resource) ?? 0) + (more.get(resource) ?? 0);
    shares.push(Math.min(1, taken / has));
  }
  const [a = 0, b = a] = shares;
  return Math.trunc((1 - Math.abs(a - b) / 2) * MAX_SCORE);
}

const NOTHING: ReadonlyMap<string, number> = new Map();

export const balancedAllocation: Plugin = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  wakes: new Set(),
  begin({ requests }) {
    if ((requests.get('cpu') ?? 0) === 0 && (requests.get('memory') ?? 0) === 0) return undefined;
    return {
      // What changes little is worth three quarters.
      score(node) {
        const half = MAX_SCORE / 2;
        return half + Math.trunc((half + balance(node, requests) - balance(node, NOTHING)) / 2);
      },
    };
  },
};
