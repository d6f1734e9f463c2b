// How many replicas each ReplicaSet of a Deployment is to have next. Pure.
// Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-update-deployment
import type { Deployment, ReplicaSet } from '../../resources/generated/apps-v1.ts';
import { scaledDown, scaledUp } from '../shared/int-or-percent.ts';
import { MAX, oldestFirst } from './revisions.ts';

export interface Scaling {
  readonly set: ReplicaSet;
  readonly to: number;
}

export const replicasOf = (set: ReplicaSet | undefined): number => set?.spec?.replicas ?? 0;
const availableOf = (set: ReplicaSet | undefined): number => set?.status?.availableReplicas ?? 0;
const total = (sets: readonly ReplicaSet[], of: (set: ReplicaSet) => number): number =>
  sets.reduce((sum, set) => sum + of(set), 0);

export function desiredOf(deployment: Deployment): number {
  return deployment.spec?.replicas ?? 1;
}

export function isRolling(deployment: Deployment): boolean {
  return deployment.spec?.strategy?.type !== 'Recreate';
}

/** `surge`: pods beyond the wish; `unavailable`: how many may be missing. One of them is at least 1. */
export function allowance(deployment: Deployment): { surge: number; unavailable: number } {
  const desired = desiredOf(deployment);
  if (!isRolling(deployment)) return { surge: 0, unavailable: 0 };
  const { maxSurge = '25%', maxUnavailable = '25%' } = deployment.spec?.strategy?.rollingUpdate ?? {};
  const surge = scaledUp(maxSurge, desired);
  let unavailable = scaledDown(maxUnavailable, desired);
  if (surge === 0 && unavailable === 0) unavailable = 1;
  return { surge, unavailable: Math.min(unavailable, desired) };
}

/** Replicas of a new set: as many as the surge leaves room for. */
export function replicasOfNew(
  deployment: Deployment,
  sets: readonly ReplicaSet[],
  fresh: ReplicaSet | undefined,
): number {
  const desired = desiredOf(deployment);
  if (!isRolling(deployment)) return desired;
  const room = desired + allowance(deployment).surge - total(sets, replicasOf);
  if (room <= 0) return replicasOf(fresh);
  return replicasOf(fresh) + Math.min(room, desired - replicasOf(fresh));
}

/** The next steps of a rolling update; none when it waits for pods. */
export function rollingSteps(deployment: Deployment, fresh: ReplicaSet, old: readonly ReplicaSet[]): Scaling[] {
  const desired = desiredOf(deployment);
  if (replicasOf(fresh) > desired) return [{ set: fresh, to: desired }];
  if (replicasOf(fresh) < desired) {
    const to = replicasOfNew(deployment, [...old, fresh], fresh);
    if (to !== replicasOf(fresh)) return [{ set: fresh, to }];
  }
  return shrinkOld(deployment, fresh, old);
}

function shrinkOld(deployment: Deployment, fresh: ReplicaSet, old: readonly ReplicaSet[]): Scaling[] {
  const oldReplicas = total(old, replicasOf);
  if (oldReplicas === 0) return [];
  const { unavailable } = allowance(deployment);
  const least = desiredOf(deployment) - unavailable;
  const all = [...old, fresh];
  const newUnavailable = replicasOf(fresh) - availableOf(fresh);
  const most = total(all, replicasOf) - least - newUnavailable;
  if (most <= 0) return [];
  const targets = new Map<ReplicaSet, number>(old.map((set) => [set, replicasOf(set)]));
  // Those that do not work go first: nobody misses them.
  let budget = most;
  for (const set of oldestFirst(old)) {
    const sick = Math.min(budget, replicasOf(set) - availableOf(set));
    if (sick <= 0) continue;
    targets.set(set, replicasOf(set) - sick);
    budget -= sick;
  }
  // Then as many that work as the rest can be missed.
  let spare = total(all, availableOf) - least;
  for (const set of oldestFirst(old)) {
    const now = targets.get(set) ?? 0;
    const take = Math.min(now, spare);
    if (take <= 0) continue;
    targets.set(set, now - take);
    spare -= take;
  }
  return [...targets].flatMap(([set, to]) => (to === replicasOf(set) ? [] : [{ set, to }]));
}

/** When the wish itself changed in the middle of an update, all sets grow or shrink in proportion. */
export function proportional(
  deployment: Deployment,
  fresh: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): Scaling[] {
  const all = fresh === undefined ? old : [...old, fresh];
  const active = all.filter((set) => replicasOf(set) > 0);
  const desired = desiredOf(deployment);
  if (active.length <= 1) {
    const only = active[0] ?? fresh ?? oldestFirst(old).at(-1);
    return only === undefined || replicasOf(only) === desired ? [] : [{ set: only, to: desired }];
  }
  const saturated = fresh !== undefined && replicasOf(fresh) === desired && availableOf(fresh) === desired;
  if (saturated) return old.filter((set) => replicasOf(set) > 0).map((set) => ({ set, to: 0 }));
  if (!isRolling(deployment)) return [];
  return share(deployment, active, desired > 0 ? desired + allowance(deployment).surge : 0);
}

function share(deployment: Deployment, active: readonly ReplicaSet[], allowed: number): Scaling[] {
  const now = total(active, replicasOf);
  const toSpread = allowed - now;
  // Growing, the newest of equals gets more; shrinking, the oldest loses more.
  const order = oldestFirst(active);
  if (toSpread > 0) order.reverse();
  order.sort((a, b) => replicasOf(b) - replicasOf(a));
  let left = toSpread;
  const steps: Scaling[] = order.map((set) => {
    const before = Number(set.metadata.annotations?.[MAX] ?? '');
    const base = before > 0 ? before : desiredOf(deployment);
    const fair = Math.round((replicasOf(set) * allowed) / base) - replicasOf(set);
    const part = toSpread > 0 ? Math.max(0, Math.min(fair, left)) : Math.min(0, Math.max(fair, left));
    left -= part;
    return { set, to: replicasOf(set) + part };
  });
  const [first, ...rest] = steps;
  if (first === undefined) return [];
  return [{ set: first.set, to: Math.max(0, first.to + left) }, ...rest].filter(
    ({ set, to }) => to !== replicasOf(set),
  );
}
