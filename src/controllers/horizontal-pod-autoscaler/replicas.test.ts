// Tests of how many replicas a measure asks for, and how fast a target may change.
import { describe, expect, it } from 'vitest';
import type { HorizontalPodAutoscaler } from '../../resources/generated/autoscaling-v2.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { type History, limit } from './behavior.ts';
import { byUsage, byValue } from './replicas.ts';

const now = Date.UTC(2026, 0, 1);
const tolerance = { up: 0.1, down: 0.1 };

function pod(name: string, options: { cpu?: string; ready?: boolean; phase?: string } = {}): Pod {
  const { cpu = '100m', ready = true, phase = 'Running' } = options;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, creationTimestamp: '2025-12-31T23:59:00Z' },
    spec: { containers: [{ name: 'c', resources: { requests: { cpu } } }] },
    status: { phase, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  };
}

const input = (usages: (number | undefined)[], extra: Partial<Parameters<typeof byUsage>[0]> = {}) => {
  const pods = usages.map((_, i) => pod(`p${i}`));
  const usage = new Map(usages.flatMap((used, i) => (used === undefined ? [] : [[`p${i}`, used] as const])));
  return { current: pods.length, pods, usage, resource: 'cpu', target: { utilization: 50 }, tolerance, now, ...extra };
};

describe('a measure of use', () => {
  it('grows and shrinks in proportion, and stays within the tolerance', () => {
    expect(byUsage(input([100, 100, 100]))).toEqual({ replicas: 6, utilization: 100, average: 100 });
    expect(byUsage(input([20, 20, 20, 20])).replicas).toBe(2);
    expect(byUsage(input([54, 54])).replicas).toBe(2);
    expect(byUsage(input([56, 56])).replicas).toBe(3);
  });

  it('takes pods without a measure as idle when it grows and as busy when it shrinks', () => {
    expect(byUsage(input([200, undefined])).replicas).toBe(4);
    expect(byUsage(input([10, 10, undefined, undefined])).replicas).toBe(4);
  });

  it('wants a request of every container', () => {
    const pods = [{ ...pod('p0'), spec: { containers: [{ name: 'c' }] } }];
    expect(() => byUsage(input([50], { pods }))).toThrow('missing request for cpu in container c of Pod p0');
    expect(byUsage(input([50], { pods, target: { average: 25 } })).replicas).toBe(2);
  });

  it('leaves young pods that are not ready out of a measure of CPU', () => {
    const pods = [pod('p0'), pod('p1', { ready: false })];
    expect(byUsage(input([50, 900], { pods })).replicas).toBe(2);
  });
});

describe('a single value', () => {
  it('is compared with the target, whole or per pod', () => {
    const base = { current: 2, ready: 2, tolerance };
    expect(byValue({ ...base, value: 300_000, target: { value: 100_000 } }).replicas).toBe(6);
    expect(byValue({ ...base, value: 300_000, target: { average: 100_000 } }).replicas).toBe(3);
    expect(byValue({ ...base, value: 205_000, target: { average: 100_000 } }).replicas).toBe(2);
  });
});

describe('the behaviour', () => {
  const hpa = (behavior: NonNullable<HorizontalPodAutoscaler['spec']>['behavior']): HorizontalPodAutoscaler => ({
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'h' },
    spec: {
      minReplicas: 1,
      maxReplicas: 20,
      scaleTargetRef: { kind: 'Deployment', name: 'd' },
      ...(behavior === undefined ? {} : { behavior }),
    },
  });
  const history = (): History => ({ recommendations: [], changes: [] });

  it('doubles or adds four at most in fifteen seconds', () => {
    expect(limit(hpa(undefined), { desired: 20, current: 2, history: history(), now })).toMatchObject({
      replicas: 6,
      limitReason: 'ScaleUpLimit',
    });
    expect(limit(hpa(undefined), { desired: 20, current: 8, history: history(), now }).replicas).toBe(16);
    expect(limit(hpa(undefined), { desired: 30, current: 15, history: history(), now })).toMatchObject({
      replicas: 20,
      limitReason: 'TooManyReplicas',
    });
  });

  it('shrinks only to the highest recommendation of five minutes', () => {
    const past = history();
    past.recommendations.push({ at: now - 200_000, replicas: 8 });
    expect(limit(hpa(undefined), { desired: 2, current: 10, history: past, now })).toMatchObject({
      replicas: 8,
      ableReason: 'ScaleDownStabilized',
    });
    expect(limit(hpa(undefined), { desired: 2, current: 10, history: past, now: now + 200_000 }).replicas).toBe(2);
  });

  it('heeds policies, and counts what was done already', () => {
    const slow = hpa({
      scaleDown: { stabilizationWindowSeconds: 0, policies: [{ type: 'Pods', value: 2, periodSeconds: 60 }] },
    });
    const past = history();
    expect(limit(slow, { desired: 1, current: 10, history: past, now })).toMatchObject({
      replicas: 8,
      limitReason: 'ScaleDownLimit',
    });
    past.changes.push({ at: now, replicas: -2 });
    expect(limit(slow, { desired: 1, current: 8, history: past, now: now + 15_000 }).replicas).toBe(8);
    const never = hpa({ scaleUp: { selectPolicy: 'Disabled' } });
    expect(limit(never, { desired: 9, current: 3, history: history(), now }).replicas).toBe(3);
  });
});
