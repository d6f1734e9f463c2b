// Tests of rolling updates as a whole: whatever the numbers, and however pods come and go, the allowance is kept and the end is reached.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Deployment, ReplicaSet } from '../../resources/generated/apps-v1.ts';
import { DESIRED, MAX } from './revisions.ts';
import {
  allowance,
  desiredOf,
  proportional,
  replicasOf,
  replicasOfNew,
  rollingSteps,
  type Scaling,
} from './rolling.ts';

function deploymentOf(
  replicas: number,
  rollingUpdate: { maxSurge: number | string; maxUnavailable: number | string },
): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd' },
    spec: { replicas, selector: {}, template: {}, strategy: { type: 'RollingUpdate', rollingUpdate } },
  };
}

let made = 0;
function setOf(replicas: number, available: number, annotations: Record<string, string> = {}): ReplicaSet {
  const name = `s${++made}`;
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name,
      uid: name,
      annotations,
      creationTimestamp: new Date(made * 1000).toISOString().replace('.000', ''),
    },
    spec: { replicas, selector: {} },
    status: { replicas: available, availableReplicas: available },
  };
}

function scaled(sets: readonly ReplicaSet[], steps: readonly Scaling[]): ReplicaSet[] {
  return sets.map((set) => {
    const step = steps.find((one) => one.set === set);
    if (step === undefined) return set;
    // Pods that are taken away serve no more at once; new ones do not serve yet.
    const availableReplicas = Math.min(set.status?.availableReplicas ?? 0, step.to);
    return {
      ...set,
      spec: { selector: {}, ...set.spec, replicas: step.to },
      status: { replicas: step.to, availableReplicas },
    };
  });
}

const total = (sets: readonly ReplicaSet[], of: (set: ReplicaSet) => number): number =>
  sets.reduce((sum, set) => sum + of(set), 0);
const availableOf = (set: ReplicaSet): number => set.status?.availableReplicas ?? 0;

describe('a rolling update', () => {
  it('ends with only new pods, and never goes beyond its allowance on the way', () => {
    const share = fc.oneof(
      fc.nat(6),
      fc.nat(100).map((n) => `${n}%`),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        share,
        share,
        fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
        (replicas, maxSurge, maxUnavailable, chance) => {
          const deployment = deploymentOf(replicas, { maxSurge, maxUnavailable });
          const { surge, unavailable } = allowance(deployment);
          let sets = [setOf(replicas, replicas), setOf(0, 0)];
          for (let round = 0; round < 500; round++) {
            const [old, fresh] = sets;
            if (old === undefined || fresh === undefined) throw new Error('a set is lost');
            if (replicasOf(old) === 0 && availableOf(fresh) === replicas) return;
            sets = scaled(sets, rollingSteps(deployment, fresh, [old]));
            expect(total(sets, replicasOf)).toBeLessThanOrEqual(replicas + surge);
            expect(total(sets, availableOf)).toBeGreaterThanOrEqual(replicas - unavailable);
            // Some of the new pods become ready.
            sets = sets.map((set, i) => {
              if (i === 0) return set;
              const more = Math.ceil((chance.next().value ?? 1) * (replicasOf(set) - availableOf(set)));
              return { ...set, status: { replicas: replicasOf(set), availableReplicas: availableOf(set) + more } };
            });
          }
          throw new Error('the update did not end');
        },
      ),
      { numRuns: 150 },
    );
  });

  it('takes pods that do not serve away first', () => {
    const deployment = deploymentOf(4, { maxSurge: 0, maxUnavailable: 1 });
    const broken = setOf(2, 0);
    const good = setOf(2, 2);
    const steps = rollingSteps(deployment, setOf(0, 0), [good, broken]);
    expect(steps.map(({ set, to }) => [set.metadata.name, to])).toEqual([[broken.metadata.name, 1]]);
  });

  it('gives a new set the room that the surge leaves', () => {
    const deployment = deploymentOf(10, { maxSurge: '30%', maxUnavailable: 0 });
    expect(replicasOfNew(deployment, [setOf(10, 10)], undefined)).toBe(3);
    expect(replicasOfNew(deployment, [], undefined)).toBe(10);
  });
});

describe('a change of the wish in the middle of an update', () => {
  it('is shared among the sets in proportion, none lost and none too many', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 10 }),
        fc.integer({ min: 1, max: 10 }),
        (wish, a, b) => {
          const deployment = deploymentOf(wish, { maxSurge: 3, maxUnavailable: 2 });
          const before = { [DESIRED]: String(a + b), [MAX]: String(a + b + 3) };
          const old = setOf(a, a, before);
          const fresh = setOf(b, Math.max(0, b - 1), before);
          const sets = scaled([old, fresh], proportional(deployment, fresh, [old]));
          for (const set of sets) expect(replicasOf(set)).toBeGreaterThanOrEqual(0);
          expect(total(sets, replicasOf)).toBeLessThanOrEqual(Math.max(desiredOf(deployment) + 3, a + b));
        },
      ),
    );
  });

  it('brings a single set to the wish', () => {
    const deployment = deploymentOf(7, { maxSurge: 1, maxUnavailable: 0 });
    const only = setOf(3, 3);
    expect(proportional(deployment, only, []).map(({ to }) => to)).toEqual([7]);
  });
});
