// Nodes whose CPU and memory would be used to a like share score higher.
import { MAX_SCORE, type Plugin } from '../framework.ts';

export const balancedAllocation: Plugin = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  wakes: new Set(),
  begin({ requests }) {
    if ((requests.get('cpu') ?? 0) === 0 && (requests.get('memory') ?? 0) === 0) return undefined;
    return {
      score(node) {
        const shares: number[] = [];
        for (const resource of ['cpu', 'memory']) {
          const has = node.allocatable.get(resource) ?? 0;
          if (has === 0) continue;
          const taken = (node.requested.get(resource) ?? 0) + (requests.get(resource) ?? 0);
          shares.push(Math.min(1, taken / has));
        }
        const [a = 0, b = a] = shares;
        return Math.trunc((1 - Math.abs(a - b) / 2) * MAX_SCORE);
      },
    };
  },
};
