// nodeSelector and node affinity: required terms shut nodes out, preferred terms score them.

import { namedNodes, nodeTermMatches, podWantsNode } from '../../client/index.ts';
import { type Cycle, normalizeByGreatest, type Plugin, type Rejection } from '../framework.ts';

const rejection: Rejection = {
  plugin: 'NodeAffinity',
  reasons: ["node(s) didn't match Pod's node affinity/selector"],
  resolvable: false,
};

export const nodeAffinity: Plugin = {
  name: 'NodeAffinity',
  weight: 2,
  wakes: new Set(['node-add', 'node-update']),
  begin({ pod }) {
    const affinity = pod.spec?.affinity?.nodeAffinity;
    const preferred = affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    const named = namedNodes(pod);
    const cycle: Cycle = {
      ...(named === undefined ? {} : { only: named }),
      filter: (node) => (podWantsNode(pod, node) ? undefined : rejection),
    };
    if (preferred.length === 0) return cycle;
    return {
      ...cycle,
      score: (node) =>
        preferred.reduce((sum, one) => sum + (nodeTermMatches(one.preference, node) ? one.weight : 0), 0),
      normalize: (scores) => normalizeByGreatest(scores, false),
    };
  },
};
