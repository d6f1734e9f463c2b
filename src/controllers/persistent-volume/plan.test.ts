// What becomes of claims and volumes, decided without a cluster.
import { describe, expect, it } from 'vitest';
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  PersistentVolumeSpec,
} from '../../resources/generated/core-v1.ts';
import { claimBound, claimPhase, volumeBound, volumeUnbound } from './bind.ts';
import { planClaim, planVolume, type View } from './plan.ts';
import { deleteContent } from './reclaim.ts';

const BOUND = { 'pv.kubernetes.io/bind-completed': 'yes' };

function claim(spec: Partial<PersistentVolumeClaimSpec> = {}, annotations = {}): PersistentVolumeClaim {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'c', namespace: 'ns', uid: 'u1', annotations },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '2Gi' } }, ...spec },
  };
}

function volume(name: string, spec: Partial<PersistentVolumeSpec> = {}, phase = 'Available'): PersistentVolume {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '2Gi' }, ...spec },
    status: { phase },
  };
}

function view(volumes: PersistentVolume[], claims: PersistentVolumeClaim[] = []): View {
  return {
    volumes,
    volume: (name) => volumes.find((v) => v.metadata.name === name),
    claim: (namespace, name) => claims.find((c) => c.metadata.namespace === namespace && c.metadata.name === name),
    storageClass: () => undefined,
    classes: [],
    waitingPods: () => [],
  };
}

const chosen = (c: PersistentVolumeClaim, volumes: PersistentVolume[]): string | undefined => {
  const plan = planClaim(c, view(volumes));
  return plan.do === 'bind' ? plan.volume.metadata.name : undefined;
};

describe('a claim', () => {
  it('takes the smallest volume with the fewest modes that holds what it asks for', () => {
    const many = volume('many', { accessModes: ['ReadWriteOnce', 'ReadOnlyMany'] });
    const large = volume('large', { capacity: { storage: '9Gi' } });
    expect(chosen(claim(), [many, large])).toBe('large');
    expect(chosen(claim(), [large, volume('right'), many])).toBe('right');
    expect(chosen(claim({ accessModes: ['ReadOnlyMany'] }), [large, many])).toBe('many');
  });

  it('takes no volume that is too small, of another class or mode, in use, released or on its way out', () => {
    const other = { namespace: 'ns', name: 'other', uid: 'u2' };
    const none = [
      volume('small', { capacity: { storage: '1Gi' } }),
      volume('class', { storageClassName: 'x' }),
      volume('block', { volumeMode: 'Block' }),
      volume('taken', { claimRef: other }, 'Bound'),
      volume('kept', { claimRef: { namespace: 'ns', name: 'other' } }),
      volume('released', {}, 'Released'),
      { ...volume('going'), metadata: { name: 'going', deletionTimestamp: '2026-01-01T00:00:00Z' } },
    ];
    expect(chosen(claim(), none)).toBeUndefined();
  });

  it('prefers the volume that is kept for it', () => {
    const kept = volume('kept', { claimRef: { namespace: 'ns', name: 'c' }, capacity: { storage: '9Gi' } });
    expect(chosen(claim(), [volume('right'), kept])).toBe('kept');
  });

  it('without a class takes the newest default one, unless it said that it wants none', () => {
    const cls = (name: string, creationTimestamp: string, isDefault: string) => ({
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name, creationTimestamp, annotations: { 'storageclass.kubernetes.io/is-default-class': isDefault } },
      provisioner: 'p',
    });
    const classes = [
      cls('old', '2026-01-01T00:00:00Z', 'true'),
      cls('new', '2026-02-01T00:00:00Z', 'true'),
      cls('newest', '2026-03-01T00:00:00Z', 'false'),
    ];
    expect(planClaim(claim(), { ...view([]), classes })).toEqual({ do: 'take-class', name: 'new' });
    expect(planClaim(claim({ storageClassName: '' }), { ...view([]), classes })).toMatchObject({ do: 'pend' });
  });

  it('that was bound is lost with its volume, and with its name for it', () => {
    expect(planClaim(claim({ volumeName: 'gone' }, BOUND), view([]))).toMatchObject({ do: 'lose' });
    expect(planClaim(claim({}, BOUND), view([]))).toMatchObject({ do: 'lose' });
    const stolen = volume('v', { claimRef: { namespace: 'ns', name: 'c', uid: 'u2' } });
    const plan = planClaim(claim({ volumeName: 'v' }, BOUND), view([stolen]));
    expect(plan).toMatchObject({ do: 'lose', say: { reason: 'ClaimMisbound' } });
  });
});

describe('a volume', () => {
  const ours = { namespace: 'ns', name: 'c', uid: 'u1' };

  it('is released when its claim is gone, or is another of the same name', () => {
    expect(planVolume(volume('v', { claimRef: ours }), view([]))).toEqual({ do: 'release' });
    const another = { ...claim(), metadata: { name: 'c', namespace: 'ns', uid: 'u9' } };
    expect(planVolume(volume('v', { claimRef: ours }), view([], [another]))).toEqual({ do: 'release' });
  });

  it('waits for the claim it is kept for, and is free again when that takes another', () => {
    const kept = volume('v', { claimRef: { namespace: 'ns', name: 'c' } });
    expect(planVolume(kept, view([]))).toMatchObject({ do: 'look-at-claim', phase: 'Available' });
    const taken = volume('v', { claimRef: ours });
    expect(planVolume(taken, view([], [claim({ volumeName: 'other' })]))).toEqual({ do: 'unbind' });
    expect(planVolume(taken, view([], [claim({ volumeName: 'v' })]))).toEqual({ do: 'phase', phase: 'Bound' });
  });
});

describe('binding', () => {
  it('is four writes, and none when all is written', () => {
    let v = volume('v');
    let c = claim();
    v = volumeBound({ volume: v, claim: c }) ?? v;
    c = claimBound({ volume: v, claim: c }) ?? c;
    c = claimPhase(c, 'Bound', v) ?? c;
    expect(c.status).toEqual({ phase: 'Bound', accessModes: ['ReadWriteOnce'], capacity: { storage: '2Gi' } });
    expect(volumeBound({ volume: v, claim: c })).toBeUndefined();
    expect(claimBound({ volume: v, claim: c })).toBeUndefined();
    expect(claimPhase(c, 'Bound', v)).toBeUndefined();
    expect(volumeUnbound(v).spec?.claimRef).toBeUndefined();
  });

  it('leaves what the user wrote into the volume when it is undone', () => {
    const kept = volume('v', { claimRef: { namespace: 'ns', name: 'c' } });
    const bound = volumeBound({ volume: kept, claim: claim() }) ?? kept;
    expect(volumeUnbound(bound).spec?.claimRef).toMatchObject({ namespace: 'ns', name: 'c' });
    expect(volumeUnbound(bound).spec?.claimRef?.uid).toBeUndefined();
  });
});

describe('deleting what is on a volume', () => {
  it('is done only below /tmp', async () => {
    for (const path of ['/etc', '/tmp', '/tmp/', '/tmp/../etc', '/tmpx/y']) {
      await expect(deleteContent(volume('v', { hostPath: { path } }))).rejects.toThrow('only supports /tmp/.+');
    }
  });

  it('is not done by this controller for what others made, nor for volumes it knows nothing of', async () => {
    const made = volume('v', { csi: { driver: 'd', volumeHandle: 'h' } });
    made.metadata.annotations = { 'pv.kubernetes.io/provisioned-by': 'd' };
    expect(await deleteContent(made)).toBe('elsewhere');
    await expect(deleteContent(volume('v', { local: { path: '/x' } }))).rejects.toThrow(
      'error getting deleter volume plugin for volume "v"',
    );
  });
});
