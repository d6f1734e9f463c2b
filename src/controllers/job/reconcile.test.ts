// Tests of Jobs: what becomes of pods that still run when the Job ends, is suspended or is made smaller.
import { describe, expect, it } from 'vitest';
import type { Job, JobSpec } from '../../resources/generated/batch-v1.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { TRACKING } from './pods.ts';
import { planJob } from './reconcile.ts';

const NOW = Date.parse('2026-01-01T00:01:00Z');

function job(spec: Partial<JobSpec>, status: Job['status'] = {}): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'j', namespace: 'ns', uid: 'j' },
    spec: {
      parallelism: 3,
      completions: 3,
      completionMode: 'Indexed',
      template: { spec: { containers: [] } },
      ...spec,
    },
    status: { startTime: '2026-01-01T00:00:00Z', ...status },
  };
}

function pod(index: number, phase: string, meta: Partial<Pod['metadata']> = {}): Pod {
  const annotations = { 'batch.kubernetes.io/job-completion-index': String(index) };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `j-${index}`, namespace: 'ns', uid: `u${index}`, annotations, finalizers: [TRACKING], ...meta },
    spec: { containers: [] },
    status: { phase },
  };
}

const names = (pods: readonly Pod[]): (string | undefined)[] => pods.map((one) => one.metadata.name);
const plan = (one: Job, pods: readonly Pod[]) => planJob({ job: one, pods, now: NOW, random: () => 0.5 });

describe('a Job', () => {
  it('lets its last pods go without counting them when its success policy is met', () => {
    const done = plan(job({ successPolicy: { rules: [{ succeededIndexes: '0' }] } }), [
      pod(0, 'Succeeded'),
      pod(1, 'Running'),
      pod(2, 'Running'),
    ]);
    expect(names(done.remove)).toEqual(['j-1', 'j-2']);
    expect(names(done.untrack)).toEqual(['j-0', 'j-1', 'j-2']);
    expect(done.status.uncountedTerminatedPods).toEqual({ succeeded: ['u0'] });
  });

  it('counts what still runs for failed when it fails, and no further index', () => {
    const failed = plan(job({ backoffLimitPerIndex: 0, maxFailedIndexes: 0, backoffLimit: 9 }), [
      pod(0, 'Failed'),
      pod(1, 'Running'),
    ]);
    expect(names(failed.untrack)).toEqual(['j-0', 'j-1']);
    expect(failed.status.uncountedTerminatedPods).toEqual({ failed: ['u0', 'u1'] });
    expect(failed.status.failedIndexes).toBe('0');
  });

  it('notes a pod once that it noted and could not let go', () => {
    const before = { uncountedTerminatedPods: { failed: ['u1'] }, failed: 1 };
    const conditions = [{ type: 'FailureTarget', status: 'True', reason: 'R', message: 'm' }];
    const going = pod(1, 'Running', { deletionTimestamp: '2026-01-01T00:00:30Z' });
    const again = plan(job({ podReplacementPolicy: 'Failed' }, { ...before, conditions }), [going]);
    expect(again.status.uncountedTerminatedPods).toEqual({ failed: ['u1'] });
    expect(again.status.failed).toBe(1);
  });

  it('lets pods go before it removes them when it is suspended or made smaller: they have not failed', () => {
    const pods = [pod(0, 'Running'), pod(1, 'Running')];
    const suspended = plan(job({ suspend: true }), pods);
    expect(names(suspended.release)).toEqual(['j-0', 'j-1']);
    expect(suspended.status.uncountedTerminatedPods).toEqual({});
    const smaller = plan(job({ parallelism: 1 }), pods);
    expect(smaller.release).toHaveLength(1);
    expect(smaller.release).toEqual(smaller.remove);
    const gone = pod(0, 'Running', { deletionTimestamp: '2026-01-01T00:00:59Z', finalizers: [] });
    expect(plan(job({}), [gone, pod(1, 'Running'), pod(2, 'Running')]).create).toHaveLength(1);
  });
});
