// How many pods a ReplicaSet (or ReplicationController) makes or takes away, and what its status is. Pure.
// Source: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/
import { generateName } from '../../machinery/hash.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { ReplicaSetCondition, ReplicaSetStatus } from '../../resources/generated/apps-v1.ts';
import type { Pod, PodTemplateSpec } from '../../resources/generated/core-v1.ts';
import { setCondition } from '../shared/conditions.ts';
import { isActive, isAvailable, isFinished, isReady, podFromTemplate, readySince, worstFirst } from '../shared/pods.ts';

/** At most so many at once. */
const BURST = 500;

export interface ReplicasInput {
  readonly owner: KubeObject;
  readonly replicas: number;
  readonly template: PodTemplateSpec;
  readonly minReadySeconds: number;
  readonly pods: readonly Pod[];
  readonly now: number;
  /** In [0, 1). */
  readonly random: () => number;
}

export interface ReplicasPlan {
  readonly create: readonly Pod[];
  readonly remove: readonly Pod[];
}

export function planReplicas(input: ReplicasInput): ReplicasPlan {
  const { owner, replicas, template, pods, random } = input;
  if (owner.metadata.deletionTimestamp !== undefined) return { create: [], remove: [] };
  const active = pods.filter(isActive);
  const missing = Math.min(BURST, replicas - active.length);
  if (missing > 0) {
    const prefix = `${owner.metadata.name ?? ''}-`;
    const names = new Set<string>(pods.map((pod) => pod.metadata.name ?? ''));
    const create = Array.from({ length: missing }, () => {
      let name = generateName(prefix, random);
      while (names.has(name)) name = generateName(prefix, random);
      names.add(name);
      return podFromTemplate({ template, owner, name, generateName: prefix });
    });
    return { create, remove: [] };
  }
  return { create: [], remove: missing === 0 ? [] : worstFirst(active).slice(0, Math.min(BURST, -missing)) };
}

export interface StatusInput extends ReplicasInput {
  readonly old: ReplicaSetStatus | undefined;
  /** Why pods could not be created or deleted. */
  readonly failure: string | undefined;
  /** ReplicaSets count the pods that are ending, ReplicationControllers do not (KEP-3973). */
  readonly tellsTerminating: boolean;
}

export interface StatusOutcome {
  readonly status: ReplicaSetStatus;
  /** When the next pod that is ready will have been so for long enough. */
  readonly requeueAfterMs: number | undefined;
}

export function replicasStatus(input: StatusInput): StatusOutcome {
  const { owner, template, pods, minReadySeconds, now, old, failure, replicas } = input;
  const active = pods.filter(isActive);
  const wanted = Object.entries(template.metadata?.labels ?? {});
  const labeled = active.filter((pod) => wanted.every(([key, value]) => pod.metadata.labels?.[key] === value));
  const ready = active.filter(isReady);
  const available = ready.filter((pod) => isAvailable(pod, minReadySeconds, now));
  const waiting = ready
    .filter((pod) => !available.includes(pod))
    .map((pod) => readySince(pod) + minReadySeconds * 1000);
  const conditions = failureConditions(old?.conditions, { failure, missing: replicas - active.length, now });
  const terminating = pods.filter((pod) => pod.metadata.deletionTimestamp !== undefined && !isFinished(pod));
  const status: ReplicaSetStatus = {
    replicas: active.length,
    ...(labeled.length === 0 ? {} : { fullyLabeledReplicas: labeled.length }),
    ...(ready.length === 0 ? {} : { readyReplicas: ready.length }),
    ...(available.length === 0 ? {} : { availableReplicas: available.length }),
    ...(input.tellsTerminating ? { terminatingReplicas: terminating.length } : {}),
    ...(owner.metadata.generation === undefined ? {} : { observedGeneration: owner.metadata.generation }),
    ...(conditions.length === 0 ? {} : { conditions: [...conditions] }),
  };
  return { status, requeueAfterMs: waiting.length === 0 ? undefined : Math.max(1, Math.min(...waiting) - now) };
}

function failureConditions(
  old: readonly ReplicaSetCondition[] | undefined,
  { failure, missing, now }: { failure: string | undefined; missing: number; now: number },
): readonly ReplicaSetCondition[] {
  if (failure === undefined) return (old ?? []).filter((one) => one.type !== 'ReplicaFailure');
  // The first failure stays until there is none: later ones differ in nothing but the pod's name.
  if (old?.some((one) => one.type === 'ReplicaFailure') === true) return old;
  const reason = missing < 0 ? 'FailedDelete' : 'FailedCreate';
  return setCondition(old, { type: 'ReplicaFailure', status: 'True', reason, message: failure }, now);
}
