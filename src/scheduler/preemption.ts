// Finds a node where taking away pods of lower priority would make room, at the least harm. Pure.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/
import { selectorFromObject } from '../machinery/label-selector.ts';
import type { Rejection, Snapshot } from './framework.ts';
import { type NodeInfo, type PodInfo, startTimeOf } from './node-info.ts';
import { Filters, histogram, type Plan, withNode } from './plan.ts';

export type PreemptionPlan =
  | { readonly kind: 'preempt'; readonly node: string; readonly victims: readonly PodInfo[] }
  | {
      readonly kind: 'none';
      /** What all plugins have to say that were asked for a way out. */
      readonly message: string;
      /** False while the pod waits for victims on the node it was promised. */
      readonly clearNomination: boolean;
    };

interface Candidate {
  readonly node: string;
  readonly victims: readonly PodInfo[];
  readonly violations: number;
}

/** Before anybody is preempted, claims for devices might be taken back; where no node was looked at, that already fails. */
const NO_CLAIMS = 'no new claims to deallocate';
const CLAIMS_IN_VAIN = 'still not schedulable';
const NOTHING_LOOKED_AT = 'not found';

export function planPreemption(
  pod: PodInfo,
  snapshot: Snapshot,
  unfit: Pick<Extract<Plan, { kind: 'unfit' }>, 'rejection' | 'rejections'>,
): PreemptionPlan {
  if (unfit.rejection !== undefined) return { kind: 'none', message: NOTHING_LOOKED_AT, clearNomination: false };
  const found = preempt(pod, snapshot, unfit.rejections);
  const claims = (pod.pod.spec?.resourceClaims ?? []).length === 0 ? NO_CLAIMS : CLAIMS_IN_VAIN;
  return found.kind === 'none' ? { ...found, message: `${claims}, preemption: ${found.message}` } : found;
}

function preempt(pod: PodInfo, snapshot: Snapshot, rejections: ReadonlyMap<string, Rejection>): PreemptionPlan {
  const reason = ineligible(pod, snapshot, rejections);
  if (reason !== undefined) return { kind: 'none', message: reason, clearNomination: false };
  const reasons: string[] = [];
  const candidates: Candidate[] = [];
  for (const node of snapshot.nodes) {
    if (rejections.get(node.name)?.resolvable !== true) {
      reasons.push('Preemption is not helpful for scheduling');
      continue;
    }
    const found = victimsOn(pod, node, snapshot);
    if (Array.isArray(found)) reasons.push(...found);
    else candidates.push(found);
  }
  const best = choose(candidates);
  if (best !== undefined) return { kind: 'preempt', node: best.node, victims: best.victims };
  const message = `0/${snapshot.nodes.length} nodes are available:${histogram(reasons)}`;
  return { kind: 'none', message, clearNomination: true };
}

function ineligible(pod: PodInfo, snapshot: Snapshot, rejections: ReadonlyMap<string, Rejection>): string | undefined {
  if (pod.pod.spec?.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.';
  const nominated = pod.pod.status?.nominatedNodeName ?? '';
  const node = snapshot.node(nominated);
  // When the promised node has become impossible for other reasons, a new one may be looked for at once.
  if (node === undefined || rejections.get(nominated)?.resolvable === false) return undefined;
  for (const other of node.pods.values())
    if (other.pod.metadata.deletionTimestamp !== undefined && other.priority < pod.priority)
      return 'not eligible due to a terminating pod on the nominated node.';
  return undefined;
}

/** The pods to take away from a node, or why it would not help. */
function victimsOn(pod: PodInfo, node: NodeInfo, snapshot: Snapshot): Candidate | string[] {
  const lower = [...node.pods.values()].filter((other) => other.priority < pod.priority);
  if (lower.length === 0) return ['No preemption victims found for incoming pod'];
  const kept = [...node.pods.values()].filter((other) => other.priority >= pod.priority);
  const fits = (pods: readonly PodInfo[]): Rejection | undefined => {
    const changed = node.with(pods);
    return new Filters(pod, withNode(snapshot, changed)).check(changed);
  };
  const rejection = fits(kept);
  if (rejection !== undefined) return [...rejection.reasons];
  const { violating, harmless } = splitByBudgets(lower.sort(moreImportantFirst), snapshot);
  const victims: PodInfo[] = [];
  let violations = 0;
  // Those whose budget would suffer are spared first, then the others, the most important first.
  for (const [group, counts] of [
    [violating, true],
    [harmless, false],
  ] as const) {
    for (const one of group) {
      if (fits([...kept, one]) === undefined) kept.push(one);
      else {
        victims.push(one);
        if (counts) violations++;
      }
    }
  }
  if (victims.length === 0) return ['No preemption victims found for incoming pod'];
  return { node: node.name, victims: victims.sort(moreImportantFirst), violations };
}

function moreImportantFirst(a: PodInfo, b: PodInfo): number {
  return b.priority - a.priority || startTimeOf(a.pod) - startTimeOf(b.pod);
}

function splitByBudgets(
  pods: readonly PodInfo[],
  snapshot: Snapshot,
): { violating: readonly PodInfo[]; harmless: readonly PodInfo[] } {
  const budgets = snapshot.budgets.map((budget) => ({
    budget,
    selector: selectorFromObject(budget.spec?.selector),
    left: budget.status?.disruptionsAllowed ?? 0,
  }));
  const violating: PodInfo[] = [];
  const harmless: PodInfo[] = [];
  for (const one of pods) {
    let hurts = false;
    const labels = one.pod.metadata.labels ?? {};
    for (const entry of Object.keys(labels).length === 0 ? [] : budgets) {
      if (entry.budget.metadata.namespace !== one.pod.metadata.namespace || !entry.selector.matches(labels)) continue;
      // A pod that is already counted as disrupted costs nothing more.
      if (Object.hasOwn(entry.budget.status?.disruptedPods ?? {}, one.pod.metadata.name ?? '')) continue;
      entry.left--;
      if (entry.left < 0) hurts = true;
    }
    (hurts ? violating : harmless).push(one);
  }
  return { violating, harmless };
}

/** Least harm first: budgets, then the highest priority among victims, their sum, their number, then who ran shortest. */
function choose(candidates: readonly Candidate[]): Candidate | undefined {
  const highest = (c: Candidate): number => Math.max(...c.victims.map((v) => v.priority));
  const sum = (c: Candidate): number => c.victims.reduce((total, v) => total + v.priority + 2 ** 31, 0);
  const earliest = (c: Candidate): number => {
    const top = highest(c);
    return Math.min(...c.victims.filter((v) => v.priority === top).map((v) => startTimeOf(v.pod)));
  };
  return [...candidates].sort(
    (a, b) =>
      a.violations - b.violations ||
      highest(a) - highest(b) ||
      sum(a) - sum(b) ||
      a.victims.length - b.victims.length ||
      earliest(b) - earliest(a),
  )[0];
}
