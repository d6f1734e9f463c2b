// Tainted nodes take only pods that tolerate the taint; taints that only ask are scored.

import { tolerates, untolerated } from '../../client/index.ts';
import { normalizeByGreatest, type Plugin, type Rejection } from '../framework.ts';

const HARD = ['NoSchedule', 'NoExecute'];
const rejection: Rejection = {
  plugin: 'TaintToleration',
  reasons: ['node(s) had untolerated taint(s)'],
  resolvable: false,
};

export const taintToleration: Plugin = {
  name: 'TaintToleration',
  weight: 3,
  wakes: new Set(['node-add', 'node-update']),
  begin({ pod }) {
    const tolerations = pod.spec?.tolerations ?? [];
    const soft = tolerations.filter(({ effect = '' }) => effect === '' || effect === 'PreferNoSchedule');
    return {
      filter: ({ node }) => (untolerated(node.spec?.taints, tolerations, HARD) === undefined ? undefined : rejection),
      score: ({ node }) =>
        (node.spec?.taints ?? []).filter(
          (taint) => taint.effect === 'PreferNoSchedule' && !soft.some((toleration) => tolerates(toleration, taint)),
        ).length,
      normalize: (scores) => normalizeByGreatest(scores, true),
    };
  },
};
