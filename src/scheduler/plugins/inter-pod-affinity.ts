// Pods that want to be near others, or away from them.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity
import { type Cycle, MAX_SCORE, type Plugin, type Rejection, type Snapshot } from '../framework.ts';
import type { AffinityTerm, NodeInfo, PodInfo } from '../node-info.ts';

const NAME = 'InterPodAffinity';
const reject = (reason: string, resolvable: boolean): Rejection => ({ plugin: NAME, reasons: [reason], resolvable });
const AFFINITY = reject("node(s) didn't match pod affinity rules", false);
const ANTI_AFFINITY = reject("node(s) didn't match pod anti-affinity rules", true);
const EXISTING = reject("node(s) didn't satisfy existing pods anti-affinity rules", true);
/** How much a required affinity of a pod that is there already counts when scoring. */
const HARD_WEIGHT = 1;

type Namespaces = Snapshot['namespaceLabels'];

function wants(term: AffinityTerm, { pod }: PodInfo, namespaceLabels: Namespaces): boolean {
  const namespace = pod.metadata.namespace ?? '';
  const there =
    term.namespaces.has(namespace) || (term.namespaceSelector?.matches(namespaceLabels(namespace)) ?? false);
  return there && term.selector.matches(pod.metadata.labels ?? {});
}

/** Counts by topology: how many pods are where the label has this value. */
class Counts {
  private readonly counts = new Map<string, number>();

  add(key: string, node: NodeInfo, amount: number): void {
    const value = node.labels[key];
    if (value === undefined) return;
    const pair = `${key}=${value}`;
    this.counts.set(pair, (this.counts.get(pair) ?? 0) + amount);
  }

  at(key: string, node: NodeInfo): number {
    const value = node.labels[key];
    return value === undefined ? 0 : (this.counts.get(`${key}=${value}`) ?? 0);
  }

  get empty(): boolean {
    return this.counts.size === 0;
  }
}

/** Where pods are that none like this one may join. */
function repelled(pod: PodInfo, snapshot: Snapshot): Counts {
  const counts = new Counts();
  for (const node of snapshot.nodes)
    for (const other of node.antiAffine)
      for (const term of other.requiredAntiAffinity)
        if (wants(term, pod, snapshot.namespaceLabels)) counts.add(term.topologyKey, node, 1);
  return counts;
}

function filterOf(pod: PodInfo, snapshot: Snapshot): ((node: NodeInfo) => Rejection | undefined) | undefined {
  const existing = repelled(pod, snapshot);
  const { requiredAffinity: near, requiredAntiAffinity: far } = pod;
  if (existing.empty && near.length === 0 && far.length === 0) return undefined;
  const { namespaceLabels } = snapshot;
  const nearCounts = new Counts();
  const farCounts = new Counts();
  if (near.length + far.length > 0)
    for (const node of snapshot.nodes)
      for (const other of node.pods.values()) {
        if (near.length > 0 && near.every((term) => wants(term, other, namespaceLabels)))
          for (const term of near) nearCounts.add(term.topologyKey, node, 1);
        for (const term of far) if (wants(term, other, namespaceLabels)) farCounts.add(term.topologyKey, node, 1);
      }
  // The first of a group that wants to be together would wait for ever: it may go anywhere.
  const first = nearCounts.empty && near.every((term) => wants(term, pod, namespaceLabels));
  return (node) => {
    if (near.some((term) => node.labels[term.topologyKey] === undefined)) return AFFINITY;
    if (!first && near.some((term) => nearCounts.at(term.topologyKey, node) === 0)) return AFFINITY;
    if (far.some((term) => farCounts.at(term.topologyKey, node) > 0)) return ANTI_AFFINITY;
    for (const key of Object.keys(node.labels)) if (existing.at(key, node) > 0) return EXISTING;
    return undefined;
  };
}

function scoresOf(pod: PodInfo, snapshot: Snapshot): Counts {
  const { namespaceLabels } = snapshot;
  const scores = new Counts();
  const mine = pod.preferredAffinity.length + pod.preferredAntiAffinity.length > 0;
  for (const node of snapshot.nodes) {
    for (const other of mine ? node.pods.values() : node.affine) {
      for (const term of pod.preferredAffinity)
        if (wants(term, other, namespaceLabels)) scores.add(term.topologyKey, node, term.weight);
      for (const term of pod.preferredAntiAffinity)
        if (wants(term, other, namespaceLabels)) scores.add(term.topologyKey, node, -term.weight);
      for (const term of other.requiredAffinity)
        if (wants(term, pod, namespaceLabels)) scores.add(term.topologyKey, node, HARD_WEIGHT);
      for (const term of other.preferredAffinity)
        if (wants(term, pod, namespaceLabels)) scores.add(term.topologyKey, node, term.weight);
      for (const term of other.preferredAntiAffinity)
        if (wants(term, pod, namespaceLabels)) scores.add(term.topologyKey, node, -term.weight);
    }
  }
  return scores;
}

export const interPodAffinity: Plugin = {
  name: NAME,
  weight: 2,
  wakes: new Set(['node-add', 'node-update', 'pod-assigned', 'pod-changed', 'pod-gone', 'namespace']),
  begin(pod, snapshot) {
    const filter = filterOf(pod, snapshot);
    let scores: Counts | undefined;
    const cycle: Cycle = {
      beforeScore() {
        scores = scoresOf(pod, snapshot);
      },
      score(node) {
        if (scores === undefined || scores.empty) return 0;
        return Object.keys(node.labels).reduce((sum, key) => sum + (scores?.at(key, node) ?? 0), 0);
      },
      normalize(raw) {
        const least = Math.min(...raw);
        const range = Math.max(...raw) - least;
        return raw.map((score) => (range === 0 ? 0 : Math.trunc((MAX_SCORE * (score - least)) / range)));
      },
    };
    return filter === undefined ? cycle : { ...cycle, filter };
  },
};
