// Tests of the rules of small controllers: budgets, aggregated roles, indexes of jobs, expectations.
import { describe, expect, it } from 'vitest';
import type { Pod } from '../resources/generated/core-v1.ts';
import type { PodDisruptionBudget } from '../resources/generated/policy-v1.ts';
import { aggregated } from './cluster-role-aggregation/controller.ts';
import { budgetStatus } from './disruption/reconcile.ts';
import { formatIndexes, parseIndexes } from './job/indexes.ts';
import { Expectations } from './shared/expectations.ts';
import { worstFirst } from './shared/pods.ts';

const now = Date.UTC(2026, 0, 1);

function pod(
  name: string,
  options: { ready?: boolean; node?: string; phase?: string; cost?: string; created?: string } = {},
): Pod {
  const { ready = true, node = 'n', phase = 'Running', cost, created = '2025-12-31T00:00:00Z' } = options;
  const annotations = cost === undefined ? {} : { annotations: { 'controller.kubernetes.io/pod-deletion-cost': cost } };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, uid: name, creationTimestamp: created, ...annotations },
    spec: { containers: [], ...(node === '' ? {} : { nodeName: node }) },
    status: { phase, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: created }] },
  };
}

describe('a budget', () => {
  const budget = (spec: PodDisruptionBudget['spec'], status?: PodDisruptionBudget['status']): PodDisruptionBudget => ({
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'b', generation: 2 },
    ...(spec === undefined ? {} : { spec }),
    ...(status === undefined ? {} : { status }),
  });
  const pods = [pod('a'), pod('b'), pod('c', { ready: false })];
  const allowed = (spec: PodDisruptionBudget['spec'], expected: number | undefined): number =>
    budgetStatus({ budget: budget(spec), pods, expected, now }).status.disruptionsAllowed ?? 0;

  it('counts what may go by what must stay, or by what may be missing', () => {
    expect(allowed({ minAvailable: 1 }, 3)).toBe(1);
    expect(allowed({ minAvailable: '50%' }, 4)).toBe(0);
    expect(allowed({ maxUnavailable: 1 }, 3)).toBe(0);
    expect(allowed({ maxUnavailable: '50%' }, 4)).toBe(0);
    expect(allowed({ maxUnavailable: '60%' }, 3)).toBe(1);
  });

  it('allows nothing when it cannot tell how many there should be', () => {
    const { status } = budgetStatus({ budget: budget({ maxUnavailable: 3 }), pods, expected: undefined, now });
    expect(status.disruptionsAllowed).toBe(0);
    expect(status.conditions?.[0]).toMatchObject({ status: 'False', reason: 'SyncFailed', observedGeneration: 2 });
  });

  it('counts pods that were let go as gone, for two minutes', () => {
    const status = {
      currentHealthy: 2,
      desiredHealthy: 1,
      disruptionsAllowed: 1,
      expectedPods: 3,
      disruptedPods: { a: '2025-12-31T23:59:00Z', b: '2025-12-31T23:00:00Z' },
    };
    const outcome = budgetStatus({ budget: budget({ minAvailable: 1 }, status), pods, expected: 3, now });
    expect(outcome.status).toMatchObject({ currentHealthy: 1, disruptedPods: { a: '2025-12-31T23:59:00Z' } });
    expect(outcome.requeueAfterMs).toBe(60_000);
  });
});

describe('aggregated roles', () => {
  it('have the rules of all that their selectors choose, none twice', () => {
    const role = (name: string, labels: Record<string, string>, verbs: string[]) => ({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name, labels },
      rules: [{ apiGroups: [''], resources: ['pods'], verbs }],
    });
    const admin = {
      ...role('admin', { to: 'admin' }, []),
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { to: 'admin' } }] },
    };
    const roles = [
      role('b', { to: 'admin' }, ['get']),
      role('a', { to: 'admin' }, ['list']),
      role('c', { to: 'admin' }, ['get']),
      role('d', {}, ['delete']),
      admin,
    ];
    expect(aggregated(admin, roles).map((rule) => rule.verbs)).toEqual([['list'], ['get']]);
  });
});

describe('completion indexes', () => {
  it('are written as ranges and read again', () => {
    expect(formatIndexes([7, 3, 1, 4, 5, 9, 10])).toBe('1,3-5,7,9,10');
    expect([...parseIndexes('1,3-5,7', 10)]).toEqual([1, 3, 4, 5, 7]);
    expect([...parseIndexes('0-100', 3)]).toEqual([0, 1, 2]);
    expect(parseIndexes('', 3).size).toBe(0);
  });
});

describe('pods that are too many', () => {
  it('go in the order of their use', () => {
    const pods = [
      pod('old'),
      pod('young', { created: '2025-12-31T23:59:00Z' }),
      pod('unready', { ready: false }),
      pod('unplaced', { node: '', phase: 'Pending', ready: false }),
      pod('cheap', { cost: '-5' }),
      pod('pending', { phase: 'Pending', ready: false }),
    ];
    expect(worstFirst(pods).map((one) => one.metadata.name)).toEqual([
      'unplaced',
      'pending',
      'unready',
      'cheap',
      'young',
      'old',
    ]);
  });
});

describe('expectations', () => {
  it('hold until all that was done has been seen, or patience is over', () => {
    const expectations = new Expectations();
    expectations.expectCreation('k', 'ns/a', now);
    expectations.expectDeletion('k', 'uid', now);
    expect(expectations.satisfied('k', now)).toBe(false);
    expect(expectations.satisfied('other', now)).toBe(true);
    expectations.created('ns/a');
    expect(expectations.satisfied('k', now)).toBe(false);
    expectations.deleted('uid');
    expect(expectations.satisfied('k', now)).toBe(true);
    expectations.expectCreation('k', 'ns/lost', now);
    expect(expectations.satisfied('k', now + 301_000)).toBe(true);
  });
});
