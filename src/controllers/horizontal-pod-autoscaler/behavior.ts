// How fast a target may grow and shrink. Pure.
// Source: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#configurable-scaling-behavior
import type { HorizontalPodAutoscaler, HPAScalingRules } from '../../resources/generated/autoscaling-v2.ts';

export interface Stamped {
  readonly at: number;
  readonly replicas: number;
}

/** What was recommended and what was done lately. */
export interface History {
  readonly recommendations: Stamped[];
  /** Changes of the number: positive up, negative down. */
  readonly changes: Stamped[];
}

export interface Limited {
  readonly replicas: number;
  readonly ableReason: string;
  readonly ableMessage: string;
  readonly limited: boolean;
  readonly limitReason: string;
  readonly limitMessage: string;
}

const UP_DEFAULT: HPAScalingRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
};
const DOWN_DEFAULT: HPAScalingRules = {
  stabilizationWindowSeconds: 300,
  selectPolicy: 'Max',
  policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
};

function rulesOf(given: HPAScalingRules | undefined, defaults: HPAScalingRules): HPAScalingRules {
  if (given === undefined) return defaults;
  return { ...defaults, ...given, policies: given.policies?.length ? given.policies : (defaults.policies ?? []) };
}

function changed(history: History, seconds: number, now: number, way: 1 | -1): number {
  let sum = 0;
  for (const { at, replicas } of history.changes)
    if (now - at <= seconds * 1000 && Math.sign(replicas) === way) sum += replicas * way;
  return sum;
}

/** The furthest a step may go by the policies. */
function reach(rules: HPAScalingRules, input: { current: number; history: History; now: number; way: 1 | -1 }): number {
  const { current, history, now, way } = input;
  if (rules.selectPolicy === 'Disabled') return current;
  const ends = (rules.policies ?? []).map((policy) => {
    // The period is counted from where it began.
    const start = current - way * changed(history, policy.periodSeconds, now, way);
    if (policy.type === 'Pods') return start + way * policy.value;
    return way === 1 ? Math.ceil(start * (1 + policy.value / 100)) : Math.floor(start * (1 - policy.value / 100));
  });
  if (ends.length === 0) return current;
  const furthest = rules.selectPolicy === 'Min' ? -way : way;
  return furthest === 1 ? Math.max(...ends) : Math.min(...ends);
}

export function limit(
  hpa: HorizontalPodAutoscaler,
  input: { readonly desired: number; readonly current: number; readonly history: History; readonly now: number },
): Limited {
  const { desired, current, history, now } = input;
  const up = rulesOf(hpa.spec?.behavior?.scaleUp, UP_DEFAULT);
  const down = rulesOf(hpa.spec?.behavior?.scaleDown, DOWN_DEFAULT);
  const least = hpa.spec?.minReplicas ?? 1;
  const most = hpa.spec?.maxReplicas ?? least;
  history.recommendations.push({ at: now, replicas: desired });
  const recent = (seconds: number): number[] =>
    history.recommendations.filter(({ at }) => now - at <= seconds * 1000).map(({ replicas }) => replicas);
  const upTo = Math.min(...recent(up.stabilizationWindowSeconds ?? 0), desired);
  const downTo = Math.max(...recent(down.stabilizationWindowSeconds ?? 300), desired);
  let stable = current;
  if (stable < upTo) stable = upTo;
  if (stable > downTo) stable = downTo;
  let ableReason = 'ReadyForNewScale';
  let ableMessage = 'recommended size matches current size';
  if (stable !== desired) {
    const shrinking = desired < current;
    ableReason = shrinking ? 'ScaleDownStabilized' : 'ScaleUpStabilized';
    ableMessage = shrinking
      ? 'recent recommendations were higher than current one, applying the highest recent recommendation'
      : 'recent recommendations were lower than current one, applying the lowest recent recommendation';
  }
  const base = { ableReason, ableMessage };
  if (stable > current) {
    const rate = Math.max(reach(up, { current, history, now, way: 1 }), current);
    const end = Math.min(rate, most);
    if (stable <= end) return within(base, stable);
    const byRate = end === rate && rate < most;
    return {
      ...base,
      replicas: end,
      limited: true,
      limitReason: byRate ? 'ScaleUpLimit' : 'TooManyReplicas',
      limitMessage: byRate
        ? 'the desired replica count is increasing faster than the maximum scale rate'
        : 'the desired replica count is more than the maximum replica count',
    };
  }
  if (stable < current) {
    const rate = Math.min(reach(down, { current, history, now, way: -1 }), current);
    const end = Math.max(rate, least);
    if (stable >= end) return within(base, stable);
    const byRate = end === rate && rate > least;
    return {
      ...base,
      replicas: end,
      limited: true,
      limitReason: byRate ? 'ScaleDownLimit' : 'TooFewReplicas',
      limitMessage: byRate
        ? 'the desired replica count is decreasing faster than the maximum scale rate'
        : 'the desired replica count is less than the minimum replica count',
    };
  }
  return within(base, stable);
}

function within(base: { ableReason: string; ableMessage: string }, replicas: number): Limited {
  return {
    ...base,
    replicas,
    limited: false,
    limitReason: 'DesiredWithinRange',
    limitMessage: 'the desired count is within the acceptable range',
  };
}

/** Forgets what no window looks back to. */
export function trim(history: History, now: number): void {
  for (const list of [history.recommendations, history.changes])
    while (list[0] !== undefined && now - list[0].at > 3600_000) list.shift();
}
