// When a CronJob starts its next Job, and what it does about those that still run. Pure.
// Source: https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/

import { Cron } from 'croner';
import { nearest } from '../../machinery/int64.ts';
import { parseTime, rfc3339 } from '../../machinery/time.ts';
import type { CronJob, CronJobStatus, Job } from '../../resources/generated/batch-v1.ts';
import { isFinished } from '../job/reconcile.ts';
import { createdAt, ownerReference } from '../shared/pods.ts';
import { zonedTime } from './zoned-time.ts';

const SCHEDULED = 'batch.kubernetes.io/cronjob-scheduled-timestamp';
/** After so many missed starts something is wrong with the clock or the schedule. */
const MANY_MISSED = 100;

export interface CronEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export interface CronPlan {
  readonly create: Job | undefined;
  readonly remove: readonly Job[];
  readonly status: CronJobStatus;
  readonly events: readonly CronEvent[];
  readonly requeueAfterMs: number | undefined;
}

export interface CronInput {
  readonly cron: CronJob;
  /** Jobs that the CronJob owns. */
  readonly jobs: readonly Job[];
  readonly now: number;
}

/** `@every 5m` is a distance, not a pattern. */
function everyMs(schedule: string): number | undefined {
  const match = /^@every\s+(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(schedule);
  if (match === null) return undefined;
  const [, h = '0', m = '0', s = '0'] = match;
  const ms = (Number(h) * 3600 + Number(m) * 60 + Number(s)) * 1000;
  return ms > 0 ? ms : undefined;
}

export class Schedule {
  private readonly every: number | undefined;
  private readonly pattern: Cron | undefined;

  constructor(schedule: string, timeZone: string | undefined) {
    const zone = /^(?:CRON_TZ|TZ)=(\S+)\s+(.*)$/.exec(schedule);
    const text = zone?.[2] ?? schedule;
    const timezone = timeZone ?? zone?.[1] ?? 'UTC';
    this.every = everyMs(text);
    if (this.every === undefined) this.pattern = new Cron(text, { timezone, paused: true, mode: '5-part' });
  }

  /** The first time after `after`. */
  next(after: number): number | undefined {
    if (this.every !== undefined) return Math.floor(after / 1000) * 1000 + this.every;
    return this.pattern?.nextRun(new Date(after))?.getTime();
  }

  /** The newest time after `after` that is not after `now`, and how many there were (no more than are counted). */
  missed(after: number, now: number): { last: number | undefined; count: number } {
    let last: number | undefined;
    let count = 0;
    for (let at = this.next(after); at !== undefined && at <= now; at = this.next(at)) {
      last = at;
      if (++count > MANY_MISSED * 10) {
        // Long asleep: the last one is found from the end, a day at a time.
        const near = this.newest(now);
        return { last: near ?? last, count };
      }
    }
    return { last, count };
  }

  private newest(now: number): number | undefined {
    for (let back = 60_000; back < 400 * 24 * 3600_000; back *= 4) {
      let last: number | undefined;
      for (let at = this.next(now - back); at !== undefined && at <= now; at = this.next(at)) last = at;
      if (last !== undefined) return last;
    }
    return undefined;
  }
}

function jobOf(cron: CronJob, at: number): Job {
  const { metadata, spec } = cron.spec?.jobTemplate ?? {};
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: `${cron.metadata.name ?? ''}-${Math.floor(at / 60_000)}`,
      namespace: cron.metadata.namespace ?? '',
      ...(metadata?.labels === undefined ? {} : { labels: metadata.labels }),
      annotations: { ...metadata?.annotations, [SCHEDULED]: zonedTime(at, cron.spec?.timeZone) },
      ownerReferences: [ownerReference(cron)],
    },
    ...(spec === undefined ? {} : { spec }),
  };
}

export function finishedAs(job: Job): 'Complete' | 'Failed' | undefined {
  const found = job.status?.conditions?.find(
    (one) => (one.type === 'Complete' || one.type === 'Failed') && one.status === 'True',
  );
  return found?.type === 'Complete' ? 'Complete' : found === undefined ? undefined : 'Failed';
}

/** Old finished jobs beyond the limits of the history. */
function history(cron: CronJob, jobs: readonly Job[]): Job[] {
  const { successfulJobsHistoryLimit = 3, failedJobsHistoryLimit = 1 } = cron.spec ?? {};
  const surplus = (kind: 'Complete' | 'Failed', limit: number): Job[] => {
    const done = jobs.filter((job) => finishedAs(job) === kind).sort((a, b) => createdAt(a) - createdAt(b));
    return done.slice(0, Math.max(0, done.length - limit));
  };
  return [...surplus('Complete', successfulJobsHistoryLimit), ...surplus('Failed', failedJobsHistoryLimit)];
}

export function planCron({ cron, jobs, now }: CronInput): CronPlan {
  const events: CronEvent[] = [];
  const noted = new Set((cron.status?.active ?? []).map((ref) => ref.uid));
  const running = jobs.filter((job) => !isFinished(job) && job.metadata.deletionTimestamp === undefined);
  const ours = (job: Job): boolean =>
    noted.has(job.metadata.uid) || job.metadata.annotations?.[SCHEDULED] !== undefined;
  const active = running.filter(ours);
  // Someone may start a job by hand from the template: it is left alone and hinders nothing.
  for (const job of running.filter((one) => !ours(one)))
    events.push({
      type: 'Warning',
      reason: 'UnexpectedJob',
      message: `Saw a job that the controller did not create or forgot: ${job.metadata.name}`,
    });
  let lastSuccess = parseTime(cron.status?.lastSuccessfulTime ?? '') ?? 0;
  for (const job of jobs) {
    const kind = finishedAs(job);
    const known = (cron.status?.active ?? []).some((ref) => ref.uid === job.metadata.uid);
    if (kind !== undefined && known)
      events.push({
        type: 'Normal',
        reason: 'SawCompletedJob',
        message: `Saw completed job: ${job.metadata.name}, condition: ${kind}`,
      });
    if (kind === 'Complete') lastSuccess = Math.max(lastSuccess, parseTime(job.status?.completionTime ?? '') ?? 0);
  }
  const remove = history(cron, jobs);
  const statusOf = (listed: readonly Job[], lastSchedule: string | undefined): CronJobStatus => ({
    ...(listed.length === 0
      ? {}
      : {
          active: listed.map(({ metadata }) => ({
            kind: 'Job',
            apiVersion: 'batch/v1',
            ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
            ...(metadata.name === undefined ? {} : { name: metadata.name }),
            ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
            ...(metadata.resourceVersion === undefined ? {} : { resourceVersion: metadata.resourceVersion }),
          })),
        }),
    ...(lastSchedule === undefined ? {} : { lastScheduleTime: lastSchedule }),
    ...(lastSuccess === 0 ? {} : { lastSuccessfulTime: rfc3339(lastSuccess) }),
  });
  const rest = (requeueAfterMs: number | undefined): CronPlan => ({
    create: undefined,
    remove,
    status: statusOf(active, cron.status?.lastScheduleTime),
    events,
    requeueAfterMs,
  });
  if (cron.spec?.suspend === true || cron.metadata.deletionTimestamp !== undefined) return rest(undefined);
  let schedule: Schedule;
  try {
    schedule = new Schedule(cron.spec?.schedule ?? '', cron.spec?.timeZone);
  } catch (error) {
    const message = `unparseable schedule "${cron.spec?.schedule}" : ${error instanceof Error ? error.message : String(error)}`;
    events.push({ type: 'Warning', reason: 'UnparseableSchedule', message });
    return rest(undefined);
  }
  const next = schedule.next(now);
  if (next === undefined) {
    // A day that no month has.
    const message = `invalid schedule: ${cron.spec?.schedule} : time difference between two schedules is less than 1 second`;
    events.push({ type: 'Warning', reason: 'InvalidSchedule', message });
    return rest(undefined);
  }
  const untilNext = next - now + 100;
  const since = Math.max(createdAt(cron), parseTime(cron.status?.lastScheduleTime ?? '') ?? 0);
  const deadline = cron.spec?.startingDeadlineSeconds;
  const from = deadline === undefined ? since : Math.max(since, now - nearest(deadline) * 1000);
  const { last, count } = schedule.missed(from, now);
  if (count > MANY_MISSED)
    events.push({
      type: 'Warning',
      reason: 'TooManyMissedTimes',
      message: `too many missed start times: ${count}. Set or decrease .spec.startingDeadlineSeconds or check clock skew`,
    });
  if (last === undefined) return rest(untilNext);
  const wanted = jobOf(cron, last);
  if (jobs.some((job) => job.metadata.name === wanted.metadata.name)) {
    const plan = rest(untilNext);
    return { ...plan, status: { ...plan.status, lastScheduleTime: rfc3339(last) } };
  }
  if (active.length > 0 && cron.spec?.concurrencyPolicy === 'Forbid') {
    const message = 'Not starting job because prior execution is running and concurrency policy is Forbid';
    events.push({ type: 'Normal', reason: 'JobAlreadyActive', message });
    return rest(untilNext);
  }
  const replaced = cron.spec?.concurrencyPolicy === 'Replace' ? active : [];
  const staying = active.filter((job) => !replaced.includes(job));
  return {
    create: wanted,
    remove: [...remove, ...replaced],
    status: statusOf(staying, rfc3339(last)),
    events,
    requeueAfterMs: untilNext,
  };
}
