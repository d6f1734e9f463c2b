// Tests of CronJobs: when the next job is due, and what becomes of those that run.
import { describe, expect, it } from 'vitest';
import type { CronJob, CronJobSpec, Job } from '../../resources/generated/batch-v1.ts';
import { planCron, Schedule } from './reconcile.ts';

const at = (text: string): number => Date.parse(text);

function cron(spec: Partial<CronJobSpec> = {}, status: CronJob['status'] = {}): CronJob {
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'c', namespace: 'ns', uid: 'c', creationTimestamp: '2026-01-01T00:00:30Z' },
    spec: { schedule: '*/5 * * * *', jobTemplate: { spec: { template: {} } }, ...spec },
    status,
  };
}

function job(name: string, finished?: 'Complete' | 'Failed', time = '2026-01-01T00:01:00Z'): Job {
  const conditions = finished === undefined ? [] : [{ type: finished, status: 'True', lastTransitionTime: time }];
  const metadata = { name, namespace: 'ns', uid: name, creationTimestamp: time };
  return { apiVersion: 'batch/v1', kind: 'Job', metadata, status: { conditions, completionTime: time } };
}

describe('a schedule', () => {
  it('is read in its time zone', () => {
    expect(new Schedule('30 9 * * *', 'Asia/Seoul').next(at('2026-01-01T00:00:00Z'))).toBe(at('2026-01-01T00:30:00Z'));
    expect(new Schedule('TZ=Asia/Seoul 30 9 * * *', undefined).next(at('2026-01-01T00:31:00Z'))).toBe(
      at('2026-01-02T00:30:00Z'),
    );
  });

  it('knows names and distances', () => {
    expect(new Schedule('@hourly', undefined).next(at('2026-01-01T00:10:00Z'))).toBe(at('2026-01-01T01:00:00Z'));
    expect(new Schedule('@every 1h30m', undefined).next(at('2026-01-01T00:10:00Z'))).toBe(at('2026-01-01T01:40:00Z'));
    expect(new Schedule('0 0 1 1 *', undefined).next(at('2026-01-01T00:10:00Z'))).toBe(at('2027-01-01T00:00:00Z'));
  });

  it('finds the last of many missed starts', () => {
    const { last, count } = new Schedule('* * * * *', undefined).missed(
      at('2025-01-01T00:00:00Z'),
      at('2026-01-01T00:00:30Z'),
    );
    expect(last).toBe(at('2026-01-01T00:00:00Z'));
    expect(count).toBeGreaterThan(100);
  });
});

describe('a CronJob', () => {
  it('notes when a job was due by the clocks of its time zone', () => {
    const noted = (timeZone: string): string | undefined => {
      const due = planCron({ cron: cron({ timeZone }), jobs: [], now: at('2026-01-01T00:05:01Z') });
      return due.create?.metadata.annotations?.['batch.kubernetes.io/cronjob-scheduled-timestamp'];
    };
    expect(noted('Europe/Berlin')).toBe('2026-01-01T01:05:00+01:00');
    expect(noted('America/St_Johns')).toBe('2025-12-31T20:35:00-03:30');
    expect(noted('Etc/UTC')).toBe('2026-01-01T00:05:00Z');
  });

  it('tells of a schedule that never comes', () => {
    const { events, requeueAfterMs } = planCron({
      cron: cron({ schedule: '0 0 30 2 *' }),
      jobs: [],
      now: at('2026-01-01T00:05:01Z'),
    });
    expect(events.map((event) => event.reason)).toEqual(['InvalidSchedule']);
    expect(requeueAfterMs).toBeUndefined();
  });

  it('waits for its time, then starts a job named after it', () => {
    const early = planCron({ cron: cron(), jobs: [], now: at('2026-01-01T00:04:00Z') });
    expect(early.create).toBeUndefined();
    expect(early.requeueAfterMs).toBe(60_100);
    const due = planCron({ cron: cron(), jobs: [], now: at('2026-01-01T00:05:01Z') });
    expect(due.create?.metadata.name).toBe(`c-${at('2026-01-01T00:05:00Z') / 60_000}`);
    expect(due.create?.metadata.annotations).toEqual({
      'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T00:05:00Z',
    });
    expect(due.status.lastScheduleTime).toBe('2026-01-01T00:05:00Z');
  });

  it('starts one job only for all starts that it missed, and none that is too late', () => {
    const now = at('2026-01-01T00:23:00Z');
    const late = planCron({ cron: cron(), jobs: [], now });
    expect(late.create?.metadata.annotations?.['batch.kubernetes.io/cronjob-scheduled-timestamp']).toBe(
      '2026-01-01T00:20:00Z',
    );
    expect(planCron({ cron: cron({ startingDeadlineSeconds: 60 }), jobs: [], now }).create).toBeUndefined();
  });

  it('heeds its concurrency policy', () => {
    const now = at('2026-01-01T00:05:01Z');
    const old = job('old');
    old.metadata.annotations = { 'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T00:00:00Z' };
    const running = [old];
    expect(planCron({ cron: cron(), jobs: running, now }).create).toBeDefined();
    const forbidden = planCron({ cron: cron({ concurrencyPolicy: 'Forbid' }), jobs: running, now });
    expect(forbidden.create).toBeUndefined();
    expect(forbidden.events[0]?.reason).toBe('JobAlreadyActive');
    const replaced = planCron({ cron: cron({ concurrencyPolicy: 'Replace' }), jobs: running, now });
    expect(replaced.remove.map((one) => one.metadata.name)).toEqual(['old']);
    expect(replaced.create).toBeDefined();
  });

  it('leaves jobs alone that someone made from it by hand', () => {
    const now = at('2026-01-01T00:05:01Z');
    const plan = planCron({ cron: cron({ concurrencyPolicy: 'Replace' }), jobs: [job('by-hand')], now });
    expect(plan.create).toBeDefined();
    expect(plan.remove).toEqual([]);
    expect(plan.events.map((event) => event.reason)).toEqual(['UnexpectedJob']);
  });

  it('does nothing while it is suspended', () => {
    const plan = planCron({ cron: cron({ suspend: true }), jobs: [], now: at('2026-01-01T01:00:00Z') });
    expect(plan).toMatchObject({ create: undefined, requeueAfterMs: undefined });
  });

  it('keeps its history short and tells of completed jobs', () => {
    const jobs = [1, 2, 3, 4, 5].map((i) => job(`ok-${i}`, 'Complete', `2026-01-01T00:0${i}:00Z`));
    const failed = [1, 2].map((i) => job(`bad-${i}`, 'Failed', `2026-01-01T00:0${i}:00Z`));
    const status = { active: [{ uid: 'ok-5' }] };
    const plan = planCron({ cron: cron({}, status), jobs: [...jobs, ...failed], now: at('2026-01-01T00:04:30Z') });
    expect(plan.remove.map((one) => one.metadata.name)).toEqual(['ok-1', 'ok-2', 'bad-1']);
    expect(plan.events[0]?.message).toBe('Saw completed job: ok-5, condition: Complete');
    expect(plan.status).toEqual({ lastSuccessfulTime: '2026-01-01T00:05:00Z' });
  });
});
