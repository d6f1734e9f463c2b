// The status of a Deployment: counts, and how its roll-out goes. Pure.
import { parseTime, rfc3339 } from '../../machinery/time.ts';
import type {
  Deployment,
  DeploymentCondition,
  DeploymentStatus,
  ReplicaSet,
} from '../../resources/generated/apps-v1.ts';
import { findCondition } from '../shared/conditions.ts';
import { allowance, desiredOf, replicasOf } from './rolling.ts';

export interface DeploymentInput {
  readonly deployment: Deployment;
  readonly fresh: ReplicaSet | undefined;
  readonly old: readonly ReplicaSet[];
  readonly now: number;
}

export interface DeploymentOutcome {
  readonly status: DeploymentStatus;
  /** When the progress deadline passes. */
  readonly requeueAfterMs: number | undefined;
}

/** Sets a condition as Kubernetes does here: the update time moves with each change, the transition time only with the status. */
export function setDeploymentCondition(
  list: readonly DeploymentCondition[],
  next: Pick<DeploymentCondition, 'type' | 'status' | 'reason' | 'message'>,
  now: number,
): DeploymentCondition[] {
  const old = findCondition(list, next.type);
  if (old !== undefined && old.status === next.status && old.reason === next.reason) return [...list];
  const time = rfc3339(now);
  const lastTransitionTime = old?.status === next.status ? (old.lastTransitionTime ?? time) : time;
  const made = { ...next, lastUpdateTime: time, lastTransitionTime };
  return [...list.filter((one) => one.type !== next.type), made];
}

interface Counts {
  readonly replicas: number;
  readonly updatedReplicas: number;
  readonly readyReplicas: number;
  readonly availableReplicas: number;
  readonly unavailableReplicas: number;
}

export function countsOf(fresh: ReplicaSet | undefined, old: readonly ReplicaSet[]): Counts {
  const all = fresh === undefined ? old : [...old, fresh];
  const total = (of: (set: ReplicaSet) => number): number => all.reduce((sum, set) => sum + of(set), 0);
  const availableReplicas = total((set) => set.status?.availableReplicas ?? 0);
  return {
    replicas: total((set) => set.status?.replicas ?? 0),
    updatedReplicas: fresh?.status?.replicas ?? 0,
    readyReplicas: total((set) => set.status?.readyReplicas ?? 0),
    availableReplicas,
    unavailableReplicas: Math.max(0, total(replicasOf) - availableReplicas),
  };
}

/** Unknown as long as one of the sets does not tell (KEP-3973). */
function terminatingOf(sets: readonly ReplicaSet[]): number | undefined {
  let total = 0;
  for (const { status } of sets) {
    const count = status?.terminatingReplicas;
    if (count === undefined && (status?.observedGeneration ?? 0) !== 0) return undefined;
    total += count ?? 0;
  }
  return total;
}

export function isComplete(deployment: Deployment, counts: Counts): boolean {
  const desired = desiredOf(deployment);
  return counts.updatedReplicas === desired && counts.replicas === desired && counts.availableReplicas === desired;
}

function hasProgressed(old: DeploymentStatus | undefined, now: Counts): boolean {
  const before = { updated: old?.updatedReplicas ?? 0, replicas: old?.replicas ?? 0 };
  return (
    now.updatedReplicas > before.updated ||
    now.replicas - now.updatedReplicas < before.replicas - before.updated ||
    now.readyReplicas > (old?.readyReplicas ?? 0) ||
    now.availableReplicas > (old?.availableReplicas ?? 0)
  );
}

function deadlineOf(deployment: Deployment): number | undefined {
  const seconds = deployment.spec?.progressDeadlineSeconds ?? 600;
  // The greatest number stands for "none".
  return seconds === 2147483647 ? undefined : seconds * 1000;
}

export function deploymentStatus(input: DeploymentInput): DeploymentOutcome {
  const { deployment, fresh, old, now } = input;
  const counts = countsOf(fresh, old);
  let conditions = [...(deployment.status?.conditions ?? [])];
  const enough = counts.availableReplicas >= desiredOf(deployment) - allowance(deployment).unavailable;
  conditions = setDeploymentCondition(
    conditions,
    enough
      ? {
          type: 'Available',
          status: 'True',
          reason: 'MinimumReplicasAvailable',
          message: 'Deployment has minimum availability.',
        }
      : {
          type: 'Available',
          status: 'False',
          reason: 'MinimumReplicasUnavailable',
          message: 'Deployment does not have minimum availability.',
        },
    now,
  );
  const progress = progressCondition(input, counts, conditions);
  conditions = progress.conditions;
  const failure =
    findCondition(fresh?.status?.conditions, 'ReplicaFailure') ??
    old.map((set) => findCondition(set.status?.conditions, 'ReplicaFailure')).find((one) => one !== undefined);
  if (failure === undefined) conditions = conditions.filter((one) => one.type !== 'ReplicaFailure');
  else {
    const { reason, message } = failure;
    const told = { ...(reason === undefined ? {} : { reason }), ...(message === undefined ? {} : { message }) };
    conditions = setDeploymentCondition(conditions, { type: 'ReplicaFailure', status: 'True', ...told }, now);
  }
  const terminatingReplicas = terminatingOf(fresh === undefined ? old : [...old, fresh]);
  const status: DeploymentStatus = {
    ...(deployment.metadata.generation === undefined ? {} : { observedGeneration: deployment.metadata.generation }),
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0)),
    ...(terminatingReplicas === undefined ? {} : { terminatingReplicas }),
    conditions,
    ...(deployment.status?.collisionCount === undefined ? {} : { collisionCount: deployment.status.collisionCount }),
  };
  return { status, requeueAfterMs: progress.requeueAfterMs };
}

function progressCondition(
  { deployment, fresh, now }: DeploymentInput,
  counts: Counts,
  conditions: DeploymentCondition[],
): { conditions: DeploymentCondition[]; requeueAfterMs: number | undefined } {
  const deadline = deadlineOf(deployment);
  const current = findCondition(conditions, 'Progressing');
  if (deadline === undefined)
    return { conditions: conditions.filter((one) => one.type !== 'Progressing'), requeueAfterMs: undefined };
  // While it is paused, nothing is said of progress: `DeploymentPaused` stands until it is resumed.
  if (deployment.spec?.paused === true) return { conditions, requeueAfterMs: undefined };
  const done = counts.replicas === counts.updatedReplicas && current?.reason === 'NewReplicaSetAvailable';
  if (done) return { conditions, requeueAfterMs: undefined };
  const subject =
    fresh === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${fresh.metadata.name}"`;
  const set = (status: string, reason: string, message: string): DeploymentCondition[] =>
    setDeploymentCondition(conditions, { type: 'Progressing', status, reason, message }, now);
  if (isComplete(deployment, counts))
    return {
      conditions: set('True', 'NewReplicaSetAvailable', `${subject} has successfully progressed.`),
      requeueAfterMs: undefined,
    };
  if (hasProgressed(deployment.status, counts)) {
    const made = {
      type: 'Progressing',
      status: 'True',
      reason: 'ReplicaSetUpdated',
      message: `${subject} is progressing.`,
    };
    const time = rfc3339(now);
    const lastTransitionTime = current?.status === 'True' ? (current.lastTransitionTime ?? time) : time;
    const renewed = [
      ...conditions.filter((one) => one.type !== 'Progressing'),
      { ...made, lastUpdateTime: time, lastTransitionTime },
    ];
    return { conditions: renewed, requeueAfterMs: deadline };
  }
  if (current === undefined || current.reason === 'ProgressDeadlineExceeded')
    return { conditions, requeueAfterMs: undefined };
  const left = (parseTime(current.lastUpdateTime ?? '') ?? now) + deadline - now;
  if (left <= 0)
    return {
      conditions: set('False', 'ProgressDeadlineExceeded', `${subject} has timed out progressing.`),
      requeueAfterMs: undefined,
    };
  return { conditions, requeueAfterMs: left + 1 };
}
