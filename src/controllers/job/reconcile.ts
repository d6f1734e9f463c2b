// What a Job does next: which pods it makes and takes away, which ended ones it counts, and whether it is done. Pure.
// Source: https://kubernetes.io/docs/concepts/workloads/controllers/job/
import { nearest } from '../../machinery/int64.ts';
import { parseTime, rfc3339 } from '../../machinery/time.ts';
import type { Job, JobCondition, JobStatus } from '../../resources/generated/batch-v1.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { findCondition, setCondition } from '../shared/conditions.ts';
import { isReady, worstFirst } from '../shared/pods.ts';
import { formatIndexes, parseIndexes } from './indexes.ts';
import { endedAt, failureAction, hasFailed, indexFailuresOf, indexOf, isIndexed, isTracked, jobPod } from './pods.ts';

const FIRST_BACKOFF_MS = 10_000;
const MAX_BACKOFF_MS = 600_000;

export interface JobInput {
  readonly job: Job;
  readonly pods: readonly Pod[];
  readonly now: number;
  readonly random: () => number;
}

export interface JobEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export interface JobPlan {
  readonly status: JobStatus;
  /** Ended pods that the status counts: they may go now. */
  readonly untrack: readonly Pod[];
  readonly create: readonly Pod[];
  readonly remove: readonly Pod[];
  /** Of those that are removed: such as are not to count for failed. They are let go first. */
  readonly release: readonly Pod[];
  readonly events: readonly JobEvent[];
  readonly requeueAfterMs: number | undefined;
}

export function isFinished(job: Job): boolean {
  return (job.status?.conditions ?? []).some(
    (one) => (one.type === 'Complete' || one.type === 'Failed') && one.status === 'True',
  );
}

/** What the pods have come to so far. */
interface Tally {
  readonly active: readonly Pod[];
  readonly terminating: readonly Pod[];
  readonly untrack: readonly Pod[];
  /** Counted for good. */
  readonly counted: { readonly succeeded: number; readonly failed: number };
  /** Ended and noted in the status, but not yet let go: counted when they are, so that none is counted twice or never. */
  readonly noted: { readonly succeeded: readonly string[]; readonly failed: string[] };
  /** Counted and noted together. */
  readonly succeeded: number;
  readonly failed: number;
  readonly completed: ReadonlySet<number>;
  readonly failedIndexes: ReadonlySet<number>;
  readonly failJob: string | undefined;
  readonly failures: readonly Pod[];
}

function tally({ job, pods }: JobInput): Tally {
  const completions = job.spec?.completions ?? 0;
  const completed = parseIndexes(job.status?.completedIndexes, completions);
  const failedIndexes = parseIndexes(job.status?.failedIndexes, completions);
  const rules = job.spec?.podFailurePolicy?.rules ?? [];
  const perIndex = job.spec?.backoffLimitPerIndex;
  const before = job.status?.uncountedTerminatedPods;
  const known = { succeeded: new Set(before?.succeeded ?? []), failed: new Set(before?.failed ?? []) };
  const noted = { succeeded: [] as string[], failed: [] as string[] };
  let failJob: string | undefined;
  const active: Pod[] = [];
  const terminating: Pod[] = [];
  const untrack: Pod[] = [];
  const failures: Pod[] = [];
  for (const pod of pods) {
    const uid = pod.metadata.uid ?? '';
    const index = indexOf(pod);
    const won = pod.status?.phase === 'Succeeded';
    const lost = hasFailed(pod, job);
    if (pod.metadata.deletionTimestamp !== undefined && !won && pod.status?.phase !== 'Failed') terminating.push(pod);
    else if (!won && !lost) active.push(pod);
    // One that was let go before it was removed has not failed.
    if (lost && (isTracked(pod) || pod.status?.phase === 'Failed')) failures.push(pod);
    if (!isTracked(pod) || !(won || lost || known.failed.has(uid))) continue;
    untrack.push(pod);
    if (known.succeeded.delete(uid)) noted.succeeded.push(uid);
    else if (known.failed.delete(uid)) noted.failed.push(uid);
    else if (won) {
      if (!isIndexed(job)) noted.succeeded.push(uid);
      else if (index !== undefined && index < completions && !completed.has(index)) {
        completed.add(index);
        noted.succeeded.push(uid);
      }
    } else {
      const action = failureAction(pod, rules);
      if (action === 'Ignore') continue;
      noted.failed.push(uid);
      if (typeof action === 'object' && 'fail' in action) failJob ??= action.fail;
      const spent = perIndex !== undefined && indexFailuresOf(pod) >= perIndex;
      const gaveUp = typeof action === 'object' && 'failIndex' in action;
      if (index !== undefined && (spent || gaveUp) && !completed.has(index)) failedIndexes.add(index);
    }
  }
  for (const index of completed) failedIndexes.delete(index);
  // Those noted before that hold no finalizer any more (or are gone) are counted now.
  const counted = {
    succeeded: (job.status?.succeeded ?? 0) + known.succeeded.size,
    failed: (job.status?.failed ?? 0) + known.failed.size,
  };
  const succeeded = isIndexed(job) ? completed.size : counted.succeeded + noted.succeeded.length;
  const failed = counted.failed + noted.failed.length;
  return {
    active,
    terminating,
    untrack,
    counted,
    noted,
    succeeded,
    failed,
    completed,
    failedIndexes,
    failJob,
    failures,
  };
}

type Verdict = { readonly kind: 'Failed' | 'Complete'; readonly reason: string; readonly message: string };

function verdict(input: JobInput, t: Tally): Verdict | undefined {
  const { job, now } = input;
  const { spec } = job;
  for (const [interim, kind] of [
    ['FailureTarget', 'Failed'],
    ['SuccessCriteriaMet', 'Complete'],
  ] as const) {
    const set = findCondition(job.status?.conditions, interim);
    if (set?.status === 'True') return { kind, reason: set.reason ?? '', message: set.message ?? '' };
  }
  const fail = (reason: string, message: string): Verdict => ({ kind: 'Failed', reason, message });
  if (t.failJob !== undefined) return fail('PodFailurePolicy', t.failJob);
  const limit = spec?.backoffLimit ?? 6;
  if (t.failed > limit || restartsSpent(job, t.active, limit))
    return fail('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  const started = parseTime(job.status?.startTime ?? '');
  const deadline = spec?.activeDeadlineSeconds;
  if (
    spec?.suspend !== true &&
    deadline !== undefined &&
    started !== undefined &&
    now - started >= nearest(deadline) * 1000
  )
    return fail('DeadlineExceeded', 'Job was active longer than specified deadline');
  if (spec?.maxFailedIndexes !== undefined && t.failedIndexes.size > spec.maxFailedIndexes)
    return fail('MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes');
  return success(job, t);
}

function success(job: Job, t: Tally): Verdict | undefined {
  const { completions, successPolicy } = job.spec ?? {};
  for (const [i, rule] of (successPolicy?.rules ?? []).entries()) {
    const among =
      rule.succeededIndexes === undefined ? undefined : parseIndexes(rule.succeededIndexes, completions ?? 0);
    const done = [...t.completed].filter((index) => among?.has(index) ?? true).length;
    const needed = rule.succeededCount ?? among?.size ?? Number.POSITIVE_INFINITY;
    if (done >= needed) return { kind: 'Complete', reason: 'SuccessPolicy', message: `Matched rules at index ${i}` };
  }
  const reached: Verdict = {
    kind: 'Complete',
    reason: 'CompletionsReached',
    message: 'Reached expected number of succeeded pods',
  };
  if (completions === undefined) return t.succeeded > 0 && t.active.length === 0 ? reached : undefined;
  if (t.succeeded >= completions && t.failedIndexes.size === 0) return reached;
  if (isIndexed(job) && t.failedIndexes.size > 0 && t.completed.size + t.failedIndexes.size >= completions)
    return { kind: 'Failed', reason: 'FailedIndexes', message: 'Job has failed indexes' };
  return undefined;
}

/** With restartPolicy OnFailure it is the containers that are started again, and their restarts count. */
function restartsSpent(job: Job, active: readonly Pod[], limit: number): boolean {
  if (job.spec?.template?.spec?.restartPolicy !== 'OnFailure') return false;
  let restarts = 0;
  for (const pod of active)
    for (const status of [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])])
      restarts += status.restartCount ?? 0;
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

function condition(type: string, status: string, reason: string, message: string, now: number): JobCondition {
  const time = rfc3339(now);
  return { type, status, reason, message, lastProbeTime: time, lastTransitionTime: time };
}

export function planJob(input: JobInput): JobPlan {
  const { job, now } = input;
  const t = tally(input);
  const suspended = job.spec?.suspend === true;
  const events: JobEvent[] = [];
  let conditions: readonly JobCondition[] = job.status?.conditions ?? [];
  let startTime = job.status?.startTime;
  if (startTime === undefined && !suspended) startTime = rfc3339(now);
  const seen: JobInput = {
    ...input,
    job: { ...job, status: { ...job.status, ...(startTime === undefined ? {} : { startTime }) } },
  };
  const end = verdict(seen, t);
  const untrack = [...t.untrack];
  let create: readonly Pod[] = [];
  let remove: readonly Pod[] = [];
  let release: readonly Pod[] = [];
  let requeueAfterMs: number | undefined;
  let completionTime = job.status?.completionTime;
  if (end !== undefined) {
    remove = t.active;
    const open = [...t.active, ...t.terminating].filter((pod) => isTracked(pod) && !untrack.includes(pod));
    untrack.push(...open);
    // With the Job all that still runs has failed; after a success nobody asks.
    if (end.kind === 'Failed') noteFailed(job, t, open);
    const interim = end.kind === 'Failed' ? 'FailureTarget' : 'SuccessCriteriaMet';
    conditions = setCondition(conditions, condition(interim, 'True', end.reason, end.message, now), now);
    const settled = t.noted.succeeded.length + t.noted.failed.length === 0;
    if (settled && t.active.length + t.terminating.length === 0) {
      conditions = setCondition(conditions, condition(end.kind, 'True', end.reason, end.message, now), now);
      if (end.kind === 'Complete') {
        completionTime = rfc3339(now);
        events.push({ type: 'Normal', reason: 'Completed', message: 'Job completed' });
      } else events.push({ type: 'Warning', reason: end.reason, message: end.message });
    }
  } else if (suspended) {
    remove = t.active;
    release = remove;
    const was = findCondition(conditions, 'Suspended')?.status === 'True';
    conditions = setCondition(conditions, condition('Suspended', 'True', 'JobSuspended', 'Job suspended', now), now);
    if (!was) events.push({ type: 'Normal', reason: 'Suspended', message: 'Job suspended' });
    startTime = undefined;
  } else {
    if (findCondition(conditions, 'Suspended')?.status === 'True') {
      conditions = setCondition(conditions, condition('Suspended', 'False', 'JobResumed', 'Job resumed', now), now);
      startTime = rfc3339(now);
      events.push({ type: 'Normal', reason: 'Resumed', message: 'Job resumed' });
    }
    ({ create, remove, requeueAfterMs } = managePods(seen, t));
    release = remove;
    requeueAfterMs = soonest(requeueAfterMs, deadlineIn(job, startTime, now));
  }
  const status = statusOf({ job, t, conditions, startTime, completionTime });
  return { status, untrack, create, remove, release, events, requeueAfterMs };
}

function noteFailed(job: Job, t: Tally, pods: readonly Pod[]): void {
  const rules = job.spec?.podFailurePolicy?.rules ?? [];
  for (const pod of pods) {
    const index = indexOf(pod);
    const inRow = !isIndexed(job) || (index !== undefined && index < (job.spec?.completions ?? 0));
    if (inRow && failureAction(pod, rules) !== 'Ignore') t.noted.failed.push(pod.metadata.uid ?? '');
  }
}

function soonest(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}

function deadlineIn(job: Job, startTime: string | undefined, now: number): number | undefined {
  const deadline = job.spec?.activeDeadlineSeconds;
  const started = parseTime(startTime ?? '');
  return deadline === undefined || started === undefined
    ? undefined
    : Math.max(1, started + nearest(deadline) * 1000 - now);
}

interface StatusParts {
  readonly job: Job;
  readonly t: Tally;
  readonly conditions: readonly JobCondition[];
  readonly startTime: string | undefined;
  readonly completionTime: string | undefined;
}

function statusOf({ job, t, conditions, startTime, completionTime }: StatusParts): JobStatus {
  const done = conditions.some((one) => (one.type === 'Complete' || one.type === 'Failed') && one.status === 'True');
  return {
    ...(conditions.length === 0 ? {} : { conditions: [...conditions] }),
    ...(startTime === undefined ? {} : { startTime }),
    ...(completionTime === undefined ? {} : { completionTime }),
    ...(t.active.length === 0 || done ? {} : { active: t.active.length }),
    ...(t.counted.succeeded === 0 ? {} : { succeeded: t.counted.succeeded }),
    ...(t.counted.failed === 0 ? {} : { failed: t.counted.failed }),
    terminating: t.terminating.length,
    ...(t.completed.size === 0 ? {} : { completedIndexes: formatIndexes(t.completed) }),
    ...(job.spec?.backoffLimitPerIndex === undefined ? {} : { failedIndexes: formatIndexes(t.failedIndexes) }),
    uncountedTerminatedPods: {
      ...(t.noted.succeeded.length === 0 ? {} : { succeeded: [...t.noted.succeeded] }),
      ...(t.noted.failed.length === 0 ? {} : { failed: [...t.noted.failed] }),
    },
    ready: t.active.filter(isReady).length,
  };
}

function managePods(
  { job, now, random }: JobInput,
  t: Tally,
): { create: readonly Pod[]; remove: readonly Pod[]; requeueAfterMs: number | undefined } {
  const { parallelism = 1, completions, podReplacementPolicy, podFailurePolicy } = job.spec ?? {};
  const active = t.active.length;
  let wanted: number;
  if (completions === undefined) wanted = t.succeeded > 0 ? Math.min(active, parallelism) : parallelism;
  else wanted = Math.max(0, Math.min(parallelism, completions - t.succeeded - t.failedIndexes.size));
  if (active > wanted)
    return { create: [], remove: worstFirst(t.active).slice(0, active - wanted), requeueAfterMs: undefined };
  const waitsForEnd = podReplacementPolicy === 'Failed' || podFailurePolicy !== undefined;
  const missing = wanted - active - (waitsForEnd ? t.terminating.length : 0);
  if (missing <= 0) return { create: [], remove: [], requeueAfterMs: undefined };
  const wait = backoff(t, now);
  if (wait > 0) return { create: [], remove: [], requeueAfterMs: wait };
  if (!isIndexed(job)) {
    const create = Array.from({ length: missing }, () =>
      jobPod(job, { index: undefined, indexFailures: undefined, random }),
    );
    return { create, remove: [], requeueAfterMs: undefined };
  }
  return { create: indexedPods({ job, t, missing, random }), remove: [], requeueAfterMs: undefined };
}

function indexedPods(options: { job: Job; t: Tally; missing: number; random: () => number }): Pod[] {
  const { job, t, missing, random } = options;
  const taken = new Set([...t.completed, ...t.failedIndexes, ...t.active.map(indexOf)]);
  const failures = new Map<number, number>();
  for (const pod of t.failures) {
    const index = indexOf(pod);
    if (index !== undefined) failures.set(index, Math.max(failures.get(index) ?? 0, indexFailuresOf(pod) + 1));
  }
  const counts = job.spec?.backoffLimitPerIndex !== undefined;
  const create: Pod[] = [];
  for (let index = 0; index < (job.spec?.completions ?? 0) && create.length < missing; index++) {
    if (taken.has(index)) continue;
    create.push(jobPod(job, { index, indexFailures: counts ? (failures.get(index) ?? 0) : undefined, random }));
  }
  return create;
}

/** The longer the row of failures, the longer the wait after the last of them. */
function backoff(t: Tally, now: number): number {
  if (t.failures.length === 0) return 0;
  const last = Math.max(...t.failures.map((pod) => endedAt(pod, now)));
  const row = Math.min(t.failures.length, 20);
  return last + Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (row - 1)) - now;
}
