// A cordoned node takes no new pods, but for those that tolerate that.

import { tolerates } from '../../client/index.ts';
import type { Plugin, Rejection } from '../framework.ts';

const rejection: Rejection = {
  plugin: 'NodeUnschedulable',
  reasons: ['node(s) were unschedulable'],
  resolvable: false,
};
const CORDONED = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

export const nodeUnschedulable: Plugin = {
  name: 'NodeUnschedulable',
  weight: 0,
  wakes: new Set(['node-add', 'node-update']),
  begin({ pod }) {
    if ((pod.spec?.tolerations ?? []).some((toleration) => tolerates(toleration, CORDONED))) return undefined;
    return { filter: (node) => (node.node.spec?.unschedulable === true ? rejection : undefined) };
  },
};
