// What a StatefulSet does next: which pod is made, replaced or taken away, in the order its policy asks for. Pure.
// Source: https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/
import type { StatefulSet, StatefulSetStatus } from '../../resources/generated/apps-v1.ts';
import type { Pod, PodTemplateSpec } from '../../resources/generated/core-v1.ts';
import { scaledUp } from '../shared/int-or-percent.ts';
import { isAvailable, isFinished, isReady, readySince } from '../shared/pods.ts';
import { ordinalOf, ordinalsOf, podAt, revisionOfPod } from './pods.ts';

export interface SetInput {
  readonly set: StatefulSet;
  readonly pods: readonly Pod[];
  /** The revision that pods below the partition (and all before a roll-out) have. */
  readonly current: { readonly name: string; readonly template: PodTemplateSpec };
  /** The revision of the present template. */
  readonly update: { readonly name: string; readonly template: PodTemplateSpec };
  readonly now: number;
}

export interface SetPlan {
  readonly create: readonly Pod[];
  readonly remove: readonly Pod[];
  /** Ended pods that are made anew. */
  readonly recreate: readonly Pod[];
  readonly status: StatefulSetStatus;
  readonly requeueAfterMs: number | undefined;
}

interface Place {
  readonly ordinal: number;
  readonly pod: Pod | undefined;
}

const isGoing = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined;
const isRunningReady = (pod: Pod): boolean => pod.status?.phase === 'Running' && isReady(pod);

function partitionOf(set: StatefulSet): number {
  const { type, rollingUpdate } = set.spec?.updateStrategy ?? {};
  return type === 'OnDelete' ? Number.POSITIVE_INFINITY : (rollingUpdate?.partition ?? 0);
}

/** Pods of the row, pods beyond its end (the last first). */
function row(input: SetInput): { places: Place[]; condemned: Pod[] } {
  const { first, count } = ordinalsOf(input.set);
  const byOrdinal = new Map<number, Pod>();
  const condemned: { ordinal: number; pod: Pod }[] = [];
  for (const pod of input.pods) {
    const ordinal = ordinalOf(input.set, pod);
    if (ordinal === undefined) continue;
    if (ordinal >= first && ordinal < first + count) byOrdinal.set(ordinal, pod);
    else condemned.push({ ordinal, pod });
  }
  const places = Array.from({ length: count }, (_, i) => ({ ordinal: first + i, pod: byOrdinal.get(first + i) }));
  return { places, condemned: condemned.sort((a, b) => b.ordinal - a.ordinal).map((one) => one.pod) };
}

/** A pod made anew below the partition gets the old template, above it the new one. */
function freshPod(input: SetInput, ordinal: number): Pod {
  const { set, current, update } = input;
  const { first } = ordinalsOf(set);
  const onDelete = set.spec?.updateStrategy?.type === 'OnDelete';
  const chosen = !onDelete && ordinal < first + partitionOf(set) ? current : update;
  return podAt(set, { ordinal, template: chosen.template, revision: chosen.name });
}

export function planSet(input: SetInput): SetPlan {
  const { set, now } = input;
  const least = set.spec?.minReadySeconds ?? 0;
  const parallel = set.spec?.podManagementPolicy === 'Parallel';
  const { places, condemned } = row(input);
  const create: Pod[] = [];
  const remove: Pod[] = [];
  const recreate: Pod[] = [];
  let waits = false;
  if (set.metadata.deletionTimestamp === undefined) {
    for (const { ordinal, pod } of places) {
      if (waits && !parallel) break;
      if (pod === undefined) {
        create.push(freshPod(input, ordinal));
        waits = true;
      } else if (isFinished(pod) && !isGoing(pod)) {
        recreate.push(pod);
        waits = true;
      } else if (isGoing(pod) || !isRunningReady(pod) || !isAvailable(pod, least, now)) waits = true;
    }
    if (!waits || parallel) waits = shrink(condemned, { parallel, remove, least, now }) || waits;
    if (!waits || parallel) remove.push(...outdated(input, places, waits));
  }
  const requeue = nextAvailable(input.pods, least, now);
  return { create, remove, recreate, status: statusOf(input), requeueAfterMs: requeue };
}

/** From the end of the row, one after the other; true while one is waited for. Of those that do not serve only the first in the row may go. */
function shrink(
  condemned: readonly Pod[],
  options: { parallel: boolean; remove: Pod[]; least: number; now: number },
): boolean {
  const ill = (pod: Pod): boolean => !isRunningReady(pod) || !isAvailable(pod, options.least, options.now);
  const firstIll = condemned.findLast((pod) => isGoing(pod) || !isRunningReady(pod));
  for (const pod of condemned) {
    if (isGoing(pod)) {
      if (options.parallel) continue;
      return true;
    }
    if (!options.parallel && ill(pod) && pod !== firstIll) return true;
    options.remove.push(pod);
    if (!options.parallel) return true;
  }
  return condemned.length > 0 && !options.parallel;
}

/** Pods of an old template, from the end of the row down to the partition; the next only when those above it serve. */
function outdated({ set, update, now }: SetInput, places: readonly Place[], waits: boolean): Pod[] {
  const { first } = ordinalsOf(set);
  const partition = partitionOf(set);
  if (partition === Number.POSITIVE_INFINITY) return [];
  const least = set.spec?.minReadySeconds ?? 0;
  const allowed = Math.max(1, scaledUp(set.spec?.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1, places.length));
  const serves = (pod: Pod | undefined): boolean =>
    pod !== undefined && !isGoing(pod) && isRunningReady(pod) && isAvailable(pod, least, now);
  let missing = places.filter(({ pod }) => !serves(pod)).length;
  const out: Pod[] = [];
  for (const { ordinal, pod } of [...places].reverse()) {
    if (ordinal < first + partition) break;
    if (pod === undefined || isGoing(pod)) {
      if (missing >= allowed) return out;
      continue;
    }
    if (revisionOfPod(pod) !== update.name) {
      // One that does not serve is replaced without being missed.
      if (serves(pod)) {
        if (missing >= allowed || waits) return out;
        missing++;
      }
      out.push(pod);
      if (out.length >= allowed) return out;
    } else if (!serves(pod) && missing >= allowed) return out;
  }
  return out;
}

function nextAvailable(pods: readonly Pod[], least: number, now: number): number | undefined {
  const waiting = pods.filter((pod) => isReady(pod) && !isAvailable(pod, least, now));
  if (waiting.length === 0) return undefined;
  return Math.max(1, Math.min(...waiting.map(readySince)) + least * 1000 - now);
}

function statusOf({ set, pods, current, update, now }: SetInput): StatefulSetStatus {
  const least = set.spec?.minReadySeconds ?? 0;
  const { first, count } = ordinalsOf(set);
  const inRow = pods.filter((pod) => ordinalOf(set, pod) !== undefined && !isFinished(pod));
  const alive = inRow.filter((pod) => !isGoing(pod));
  // Those that are ending serve until they have ended.
  const ready = inRow.filter(isRunningReady);
  const available = ready.filter((pod) => isAvailable(pod, least, now));
  const updated = alive.filter((pod) => revisionOfPod(pod) === update.name).length;
  const old = alive.filter((pod) => revisionOfPod(pod) === current.name).length;
  // When all of the row have the new template and serve, it is the current one.
  const places = alive.filter(
    (pod) => (ordinalOf(set, pod) ?? -1) >= first && (ordinalOf(set, pod) ?? -1) < first + count,
  );
  const done =
    set.spec?.updateStrategy?.type !== 'OnDelete' &&
    updated === inRow.length &&
    places.length === count &&
    alive.length === inRow.length &&
    ready.length === inRow.length;
  const currentName = done ? update.name : current.name;
  const currentReplicas = done ? updated : old;
  return {
    ...(set.metadata.generation === undefined ? {} : { observedGeneration: set.metadata.generation }),
    replicas: inRow.length,
    ...(ready.length === 0 ? {} : { readyReplicas: ready.length }),
    ...(currentReplicas === 0 ? {} : { currentReplicas }),
    ...(updated === 0 ? {} : { updatedReplicas: updated }),
    availableReplicas: available.length,
    currentRevision: currentName,
    updateRevision: update.name,
    collisionCount: set.status?.collisionCount ?? 0,
    // Conditions are others': this controller has none.
    ...(set.status?.conditions === undefined ? {} : { conditions: set.status.conditions }),
  };
}
