// When a pod must leave its node because of taints with the effect NoExecute. Pure.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions

import { tolerates } from '../../client/index.ts';
import { nearest } from '../../machinery/int64.ts';
import { parseTime } from '../../machinery/time.ts';
import type { Node, Pod } from '../../resources/generated/core-v1.ts';

/** The time at which the pod must go; undefined when it may stay. `since` stands for taints that do not say when they were set. */
export function evictionTime(pod: Pod, node: Node, since: number): number | undefined {
  let time: number | undefined;
  for (const taint of node.spec?.taints ?? []) {
    if (taint.effect !== 'NoExecute') continue;
    const matching = (pod.spec?.tolerations ?? []).filter((toleration) => tolerates(toleration, taint));
    if (matching.length === 0) return since;
    const limits = matching.flatMap((toleration) => nearest(toleration.tolerationSeconds) ?? []);
    if (limits.length === 0) continue;
    const start = parseTime(taint.timeAdded ?? '') ?? since;
    const end = start + Math.max(0, Math.min(...limits)) * 1000;
    time = time === undefined ? end : Math.min(time, end);
  }
  return time;
}
