// How many pods of a PodDisruptionBudget may be disrupted now. Pure.
// Source: https://kubernetes.io/docs/tasks/run-application/configure-pdb/
import { parseTime } from '../../machinery/time.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import type { LabelSelector } from '../../resources/generated/meta-v1.ts';
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '../../resources/generated/policy-v1.ts';
import { findCondition, setCondition } from '../shared/conditions.ts';
import { scaledUp } from '../shared/int-or-percent.ts';

/** A pod whose eviction was granted and that is still not going is counted again after this. */
const DISRUPTED_MS = 120_000;

export interface BudgetInput {
  readonly budget: PodDisruptionBudget;
  readonly pods: readonly Pod[];
  /** What the pods' controllers want: the sum of their scales; undefined when some could not be found. */
  readonly expected: number | undefined;
  readonly now: number;
}

export interface BudgetOutcome {
  readonly status: PodDisruptionBudgetStatus;
  readonly requeueAfterMs: number | undefined;
}

export function budgetStatus({ budget, pods, expected, now }: BudgetInput): BudgetOutcome {
  const { minAvailable, maxUnavailable } = budget.spec ?? {};
  const expectedPods = maxUnavailable !== undefined || typeof minAvailable === 'string' ? (expected ?? 0) : pods.length;
  let desiredHealthy: number;
  if (maxUnavailable !== undefined) desiredHealthy = Math.max(0, expectedPods - scaledUp(maxUnavailable, expectedPods));
  else desiredHealthy = scaledUp(minAvailable ?? 0, expectedPods);
  const { disrupted, requeueAfterMs } = stillDisrupted(budget, pods, now);
  const currentHealthy = pods.filter(
    (pod) =>
      pod.metadata.deletionTimestamp === undefined &&
      !Object.hasOwn(disrupted, pod.metadata.name ?? '') &&
      findCondition(pod.status?.conditions, 'Ready')?.status === 'True',
  ).length;
  const failed = expected === undefined && (maxUnavailable !== undefined || typeof minAvailable === 'string');
  const allowed = expectedPods > 0 && !failed ? Math.max(0, currentHealthy - desiredHealthy) : 0;
  const generation = budget.metadata.generation;
  const condition = {
    type: 'DisruptionAllowed',
    status: allowed > 0 ? 'True' : 'False',
    reason: failed ? 'SyncFailed' : allowed > 0 ? 'SufficientPods' : 'InsufficientPods',
    message: '',
    lastTransitionTime: '',
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
  const status: PodDisruptionBudgetStatus = {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...(Object.keys(disrupted).length === 0 ? {} : { disruptedPods: disrupted }),
    disruptionsAllowed: allowed,
    currentHealthy,
    desiredHealthy,
    expectedPods,
    conditions: [...setCondition(budget.status?.conditions, condition, now)],
  };
  return { status, requeueAfterMs };
}

export function isUnmanaged(pod: Pod): boolean {
  return pod.metadata.ownerReferences?.some((one) => one.controller === true) !== true;
}

/** The selector as Go prints it. */
function selectorText(selector: LabelSelector | undefined): string {
  if (selector === undefined) return 'nil';
  const labels = Object.entries(selector.matchLabels ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}: ${value},`);
  const expressions = (selector.matchExpressions ?? []).map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  );
  return `&LabelSelector{MatchLabels:map[string]string{${labels.join('')}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join('')}},}`;
}

export function unmanagedMessage(selector: LabelSelector | undefined): string {
  return `Pods selected by this PodDisruptionBudget (selector: ${selectorText(selector)}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.`;
}

function stillDisrupted(
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
  now: number,
): { disrupted: Record<string, string>; requeueAfterMs: number | undefined } {
  const disrupted: Record<string, string> = {};
  let soonest: number | undefined;
  for (const pod of pods) {
    const name = pod.metadata.name ?? '';
    const told = budget.status?.disruptedPods;
    const time = told !== undefined && Object.hasOwn(told, name) ? told[name] : undefined;
    if (time === undefined || pod.metadata.deletionTimestamp !== undefined) continue;
    const left = (parseTime(time) ?? 0) + DISRUPTED_MS - now;
    if (left <= 0) continue;
    disrupted[name] = time;
    soonest = Math.min(soonest ?? left, left);
  }
  return { disrupted, requeueAfterMs: soonest };
}
