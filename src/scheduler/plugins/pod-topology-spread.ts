// Pods of a kind spread evenly over zones, hosts or whatever the labels of nodes tell apart.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/

import { podWantsNode, untolerated } from '../../client/index.ts';
import { type LabelSelector, selectorFromObject } from '../../machinery/label-selector.ts';
import type { TopologySpreadConstraint } from '../../resources/generated/core-v1.ts';
import { type Cycle, MAX_SCORE, type Plugin, type Rejection, type Snapshot } from '../framework.ts';
import type { NodeInfo, PodInfo } from '../node-info.ts';

const NAME = 'PodTopologySpread';
const HOSTNAME = 'kubernetes.io/hostname';
const REASON = "node(s) didn't match pod topology spread constraints";
const SKEW: Rejection = { plugin: NAME, reasons: [REASON], resolvable: true };
const MISSING: Rejection = { plugin: NAME, reasons: [`${REASON} (missing required label)`], resolvable: false };

interface Constraint {
  readonly key: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  readonly selects: (pod: PodInfo) => boolean;
  readonly honorsAffinity: boolean;
  readonly honorsTaints: boolean;
}

function selectorOf(raw: TopologySpreadConstraint, pod: PodInfo): LabelSelector {
  const labels = pod.pod.metadata.labels ?? {};
  const same = (raw.matchLabelKeys ?? []).filter((key) => Object.hasOwn(labels, key));
  if (raw.labelSelector === undefined) return selectorFromObject(undefined);
  const matchExpressions = [
    ...(raw.labelSelector.matchExpressions ?? []),
    ...same.map((key) => ({ key, operator: 'In', values: [labels[key] ?? ''] })),
  ];
  return selectorFromObject({ ...raw.labelSelector, matchExpressions });
}

function constraint(raw: TopologySpreadConstraint, pod: PodInfo): Constraint {
  const selector = selectorOf(raw, pod);
  return {
    key: raw.topologyKey,
    maxSkew: raw.maxSkew,
    minDomains: raw.minDomains ?? 1,
    selects: (other) => selector.matches(other.pod.metadata.labels ?? {}),
    honorsAffinity: raw.nodeAffinityPolicy !== 'Ignore',
    honorsTaints: raw.nodeTaintsPolicy === 'Honor',
  };
}

/** Pods of one controller spread of themselves, when they say nothing else. */
function defaults(pod: PodInfo): Constraint[] {
  const owner = pod.pod.metadata.ownerReferences?.find((one) => one.controller === true)?.uid;
  if (owner === undefined) return [];
  const base = {
    minDomains: 1,
    selects: (other: PodInfo) => other.pod.metadata.ownerReferences?.some((one) => one.uid === owner) ?? false,
    honorsAffinity: true,
    honorsTaints: false,
  };
  return [
    { ...base, key: HOSTNAME, maxSkew: 3 },
    { ...base, key: 'topology.kubernetes.io/zone', maxSkew: 5 },
  ];
}

function eligible(one: Constraint, pod: PodInfo, node: NodeInfo): boolean {
  if (one.honorsAffinity && !podWantsNode(pod.pod, node)) return false;
  if (!one.honorsTaints) return true;
  return untolerated(node.node.spec?.taints, pod.pod.spec?.tolerations, ['NoSchedule', 'NoExecute']) === undefined;
}

/** Matching pods by value of the label. Every value that an eligible node has is there, if only with 0. */
function count(
  one: Constraint,
  all: readonly Constraint[],
  pod: PodInfo,
  nodes: readonly NodeInfo[],
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const node of nodes) {
    if (all.some((other) => node.labels[other.key] === undefined) || !eligible(one, pod, node)) continue;
    const value = node.labels[one.key] ?? '';
    counts.set(value, (counts.get(value) ?? 0) + matching(one, pod, node));
  }
  return counts;
}

function matching(one: Constraint, pod: PodInfo, node: NodeInfo): number {
  let found = 0;
  for (const other of node.pods.values()) {
    if (other.pod.metadata.namespace !== pod.pod.metadata.namespace) continue;
    if (other.pod.metadata.deletionTimestamp === undefined && one.selects(other)) found++;
  }
  return found;
}

/** Matching pods around a node. A hostname is one node: only those that are asked for are looked at. */
function countsNear(
  one: Constraint,
  all: readonly Constraint[],
  pod: PodInfo,
  nodes: readonly NodeInfo[],
): (node: NodeInfo) => number {
  if (one.key === HOSTNAME) return (node) => matching(one, pod, node);
  const counts = count(one, all, pod, nodes);
  return (node) => counts.get(node.labels[one.key] ?? '') ?? 0;
}

function filterOf(pod: PodInfo, snapshot: Snapshot): ((node: NodeInfo) => Rejection | undefined) | undefined {
  const hard = (pod.pod.spec?.topologySpreadConstraints ?? [])
    .filter((raw) => raw.whenUnsatisfiable === 'DoNotSchedule')
    .map((raw) => constraint(raw, pod));
  if (hard.length === 0) return undefined;
  const state = hard.map((one) => {
    const counts = count(one, hard, pod, snapshot.nodes);
    const least = counts.size < one.minDomains ? 0 : Math.min(...counts.values());
    return { one, counts, least, self: one.selects(pod) ? 1 : 0 };
  });
  return (node) => {
    if (hard.some((one) => node.labels[one.key] === undefined)) return MISSING;
    for (const { one, counts, least, self } of state) {
      const here = counts.get(node.labels[one.key] ?? '') ?? 0;
      if (here + self - least > one.maxSkew) return SKEW;
    }
    return undefined;
  };
}

export const podTopologySpread: Plugin = {
  name: NAME,
  weight: 2,
  wakes: new Set(['node-add', 'node-update', 'pod-assigned', 'pod-changed', 'pod-gone']),
  begin(pod, snapshot) {
    const raw = pod.pod.spec?.topologySpreadConstraints ?? [];
    const own = raw.filter((one) => one.whenUnsatisfiable === 'ScheduleAnyway').map((one) => constraint(one, pod));
    const soft = raw.length === 0 ? defaults(pod) : own;
    const filter = filterOf(pod, snapshot);
    if (soft.length === 0) return filter === undefined ? undefined : { filter };
    let state: { one: Constraint; near: (node: NodeInfo) => number; weight: number }[] = [];
    const cycle: Cycle = {
      beforeScore(nodes) {
        state = soft.map((one) => {
          const near = countsNear(one, raw.length === 0 ? [one] : soft, pod, snapshot.nodes);
          const domains = new Set(nodes.map((node) => node.labels[one.key])).size;
          return { one, near, weight: Math.log(domains + 2) };
        });
      },
      score(node) {
        if (raw.length > 0 && soft.some((one) => node.labels[one.key] === undefined)) return Number.NaN;
        let sum = 0;
        for (const { one, near, weight } of state)
          if (node.labels[one.key] !== undefined) sum += near(node) * weight + (one.maxSkew - 1);
        return Math.round(sum);
      },
      normalize(scores) {
        const valid = scores.filter((score) => !Number.isNaN(score));
        const greatest = Math.max(0, ...valid);
        const least = valid.length === 0 ? 0 : Math.min(...valid);
        return scores.map((score) => {
          if (Number.isNaN(score)) return 0;
          return greatest === 0 ? MAX_SCORE : Math.trunc((MAX_SCORE * (greatest + least - score)) / greatest);
        });
      },
    };
    return filter === undefined ? cycle : { ...cycle, filter };
  },
};
