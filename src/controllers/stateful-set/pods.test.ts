// Tests of the pods and claims of StatefulSets.
import { describe, expect, it } from 'vitest';
import type { StatefulSet } from '../../resources/generated/apps-v1.ts';
import type { PersistentVolumeClaim, Pod } from '../../resources/generated/core-v1.ts';
import { claimOwners, podAt } from './pods.ts';

const owners = (...list: NonNullable<PersistentVolumeClaim['metadata']['ownerReferences']>): PersistentVolumeClaim => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'data-s-0', ownerReferences: list },
});
const set = (whenDeleted: string, whenScaled: string): StatefulSet => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 's', namespace: 'ns', uid: 'set' },
  spec: {
    selector: {},
    template: { spec: { containers: [] } },
    persistentVolumeClaimRetentionPolicy: { whenDeleted, whenScaled },
  },
});
const pod: Pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 's-0', namespace: 'ns', uid: 'pod' } };
const ref = (kind: string, name: string, uid: string, controller?: boolean) => ({
  apiVersion: kind === 'Pod' ? 'v1' : 'apps/v1',
  kind,
  name,
  uid,
  ...(controller === undefined ? {} : { controller, blockOwnerDeletion: true }),
});

describe('the claims of a StatefulSet', () => {
  it.each([
    ['Retain', 'Retain', false, []],
    ['Delete', 'Retain', false, [ref('StatefulSet', 's', 'set', true)]],
    ['Delete', 'Retain', true, [ref('StatefulSet', 's', 'set', true)]],
    ['Retain', 'Delete', false, []],
    ['Retain', 'Delete', true, [ref('Pod', 's-0', 'pod', true)]],
    ['Delete', 'Delete', true, [ref('Pod', 's-0', 'pod', true)]],
  ])('go with it (%s) and with its pods (%s), the pod beyond the row: %s', (deleted, scaled, condemned, want) => {
    const claim = owners(ref('StatefulSet', 's', 'set', true), ref('Pod', 's-0', 'pod'));
    expect(claimOwners(set(deleted, scaled), pod, { claim, condemned })).toEqual(want);
  });

  it('stay with another controller, and with a set of the same name that is gone', () => {
    const other = owners(ref('Thing', 't', 'thing', true), ref('StatefulSet', 's', 'set', true));
    expect(claimOwners(set('Delete', 'Retain'), pod, { claim: other, condemned: false })).toHaveLength(1);
    const old = owners(ref('StatefulSet', 's', 'old', true));
    expect(claimOwners(set('Delete', 'Retain'), pod, { claim: old, condemned: false })).toEqual(
      old.metadata.ownerReferences,
    );
  });
});

describe('a pod of a StatefulSet', () => {
  it('has its place in its name and says what the name is made of', () => {
    const made = podAt(set('Retain', 'Retain'), { ordinal: 2, template: { spec: { containers: [] } }, revision: 'r' });
    expect(made.metadata).toMatchObject({ name: 's-2', generateName: 's-' });
    expect(made.metadata.labels).toMatchObject({
      'apps.kubernetes.io/pod-index': '2',
      'controller-revision-hash': 'r',
    });
  });
});
