// Tests of what is said of budgets.
import { expect, test } from 'vitest';
import { isUnmanaged, unmanagedMessage } from './reconcile.ts';

test('pods of nobody are told of with the selector as Go prints it', () => {
  const owned = [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'r', uid: 'r', controller: true }];
  expect(isUnmanaged({ apiVersion: 'v1', kind: 'Pod', metadata: {} })).toBe(true);
  expect(isUnmanaged({ apiVersion: 'v1', kind: 'Pod', metadata: { ownerReferences: owned } })).toBe(false);
  expect(
    unmanagedMessage({
      matchLabels: { b: 'c', a: 'b' },
      matchExpressions: [{ key: 'k', operator: 'In', values: ['x', 'y'] }],
    }),
  ).toContain(
    '(selector: &LabelSelector{MatchLabels:map[string]string{a: b,b: c,},MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:k,Operator:In,Values:[x y],},},})',
  );
});
