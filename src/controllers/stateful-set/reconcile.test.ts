// How a StatefulSet gets smaller: from the end of the row, and not over the heads of those that are ill.
import { expect, test } from 'vitest';
import type { StatefulSet } from '../../resources/generated/apps-v1.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { planSet } from './reconcile.ts';

const REVISION = { name: 'ss-1', template: { spec: { containers: [{ name: 'c', image: 'i' }] } } };

function removed(ready: readonly boolean[], spec: object = {}): string[] {
  const set = {
    metadata: { name: 'ss', uid: 'u' },
    spec: { replicas: 0, template: REVISION.template, updateStrategy: { type: 'RollingUpdate' }, ...spec },
  } as unknown as StatefulSet;
  const pods = ready.map(
    (is, i) =>
      ({
        metadata: { name: `ss-${i}`, labels: { 'controller-revision-hash': 'ss-1' } },
        status: {
          phase: 'Running',
          conditions: [{ type: 'Ready', status: is ? 'True' : 'False', lastTransitionTime: '2026-01-01T00:00:00Z' }],
        },
      }) as unknown as Pod,
  );
  const now = Date.parse('2026-01-01T00:00:10Z');
  return planSet({ set, pods, current: REVISION, update: REVISION, now }).remove.map((pod) => pod.metadata.name ?? '');
}

test('the last pod goes first, and alone', () => {
  expect(removed([true, true, true])).toEqual(['ss-2']);
});

test('a pod that does not serve is waited for, unless it is the first of them in the row', () => {
  expect(removed([false, false, false])).toEqual([]);
  expect(removed([true, false, false])).toEqual([]);
  expect(removed([true, true, false])).toEqual(['ss-2']);
  expect(removed([false, true, true])).toEqual(['ss-2']);
});

test('a pod that has not served long enough is waited for', () => {
  expect(removed([true, true], { minReadySeconds: 60 })).toEqual([]);
  expect(removed([true, true], { minReadySeconds: 5 })).toEqual(['ss-1']);
});

test('in parallel all go at once, ill or not', () => {
  expect(removed([true, false, false], { podManagementPolicy: 'Parallel' })).toEqual(['ss-2', 'ss-1', 'ss-0']);
});
