// Claims and persistent volumes: who is bound to whom, when, and what becomes of a volume whose claim is gone.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { STORAGE_CLASSES } from '../../../src/client/index.ts';
import { skipReason, until } from './bed.ts';
import { ClaimBed, onNode, using } from './claim-bed.ts';

let bed: ClaimBed;

describe.skipIf(skipReason !== undefined)(`claims (${skipReason ?? 'real containers'})`, () => {
  beforeAll(async () => {
    bed = await ClaimBed.open();
  }, 120_000);
  afterAll(() => bed?.close(), 60_000);

  describe.concurrent('binding', () => {
    it('gives a claim the smallest volume that is large enough, with its class and its access modes', async () => {
      const cls = bed.fresh('c');
      const hostPath = { path: bed.directory() };
      const big = await bed.volume({ hostPath, storageClassName: cls, capacity: { storage: '10Gi' } });
      const small = await bed.volume({ hostPath, storageClassName: cls, capacity: { storage: '1Gi' } });
      const fits = await bed.volume({ hostPath, storageClassName: cls, capacity: { storage: '5Gi' } });
      for (const one of [big, small, fits]) await bed.volumePhase(one, 'Available');
      const name = await bed.claim(cls, { resources: { requests: { storage: '3Gi' } } });
      const bound = await bed.claimPhase(name, 'Bound');
      expect(bound.spec?.volumeName).toBe(fits);
      expect(bound.status).toMatchObject({ accessModes: ['ReadWriteOnce'], capacity: { storage: '5Gi' } });
      expect(bound.metadata.annotations).toMatchObject({
        'pv.kubernetes.io/bind-completed': 'yes',
        'pv.kubernetes.io/bound-by-controller': 'yes',
      });
      const taken = await bed.volumePhase(fits, 'Bound');
      expect(taken.spec?.claimRef).toMatchObject({ kind: 'PersistentVolumeClaim', name, uid: bound.metadata.uid });
      expect(taken.metadata.annotations?.['pv.kubernetes.io/bound-by-controller']).toBe('yes');
    });

    it('waits for a volume, says so, and takes the one that comes', async () => {
      const cls = bed.fresh('c');
      const plain = await bed.claim('');
      await bed.claimPhase(plain, 'Pending');
      await bed.said(
        plain,
        'FailedBinding',
        'no persistent volumes available for this claim and no storage class is set',
      );
      const classed = await bed.claim(cls);
      await bed.said(classed, 'ProvisioningFailed', `storageclass.storage.k8s.io "${cls}" not found`);
      const name = await bed.volume({ hostPath: { path: bed.directory() }, storageClassName: cls });
      expect((await bed.claimPhase(classed, 'Bound')).spec?.volumeName).toBe(name);
    });

    it('obeys the selector of the claim', async () => {
      const cls = bed.fresh('c');
      const wanted = await bed.claim(cls, { selector: { matchLabels: { disk: 'fast' } } });
      const slow = await bed.volume({ hostPath: { path: bed.directory() }, storageClassName: cls });
      await bed.volumePhase(slow, 'Available');
      const fast = await bed.volume({ hostPath: { path: bed.directory() }, storageClassName: cls });
      await bed.volumes.patch('', fast, 'merge', { metadata: { labels: { disk: 'fast' } } });
      expect((await bed.claimPhase(wanted, 'Bound')).spec?.volumeName).toBe(fast);
    });

    it('respects what the user has chosen, on either side', async () => {
      const cls = bed.fresh('c');
      const later = bed.fresh('named');
      const kept = await bed.volume({
        hostPath: { path: bed.directory() },
        storageClassName: cls,
        claimRef: { namespace: bed.room.namespace, name: later },
      });
      await bed.volumePhase(kept, 'Available');
      const other = await bed.claim(cls);
      await bed.claimPhase(other, 'Pending');
      await bed.claims.create(bed.room.namespace, {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: later },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, storageClassName: cls },
      });
      expect((await bed.claimPhase(later, 'Bound')).spec?.volumeName).toBe(kept);
      expect(
        (await bed.getVolume(kept)).metadata.annotations?.['pv.kubernetes.io/bound-by-controller'],
      ).toBeUndefined();
      const small = await bed.volume({
        hostPath: { path: bed.directory() },
        storageClassName: cls,
        accessModes: ['ReadOnlyMany'],
      });
      const picky = await bed.claim(cls, { volumeName: small });
      await bed.said(picky, 'VolumeMismatch', `Cannot bind to requested volume "${small}": incompatible accessMode`);
      const late = await bed.claim(cls, { volumeName: kept });
      await bed.said(late, 'FailedBinding', `volume "${kept}" already bound to a different claim.`);
    });

    it('gives every claim of many a volume of its own', async () => {
      const cls = bed.fresh('c');
      const claims = await Promise.all(Array.from({ length: 12 }, () => bed.claim(cls)));
      await Promise.all(
        Array.from({ length: 12 }, () => bed.volume({ hostPath: { path: bed.host }, storageClassName: cls })),
      );
      const bound = await Promise.all(claims.map((name) => bed.claimPhase(name, 'Bound')));
      expect(new Set(bound.map((one) => one.spec?.volumeName)).size).toBe(12);
    });

    it('takes the default class, also one that comes later, and another only when asked', async () => {
      const name = bed.fresh('pvc');
      await bed.claims.create(bed.room.namespace, {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      });
      await bed.claimPhase(name, 'Pending');
      const cls = bed.fresh('default');
      await bed.bed.client.resource(STORAGE_CLASSES).create('', {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'StorageClass',
        metadata: { name: cls, annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
        provisioner: 'example.com/maker',
      });
      await until(async () => (await bed.getClaim(name)).spec?.storageClassName === cls);
      const text = `Waiting for a volume to be created either by the external provisioner 'example.com/maker' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`;
      await bed.said(name, 'ExternalProvisioning', text);
      const none = await bed.claim('');
      await bed.claimPhase(none, 'Pending');
      expect((await bed.getClaim(none)).spec?.storageClassName).toBe('');
    });

    it('is lost with its volume', async () => {
      const cls = bed.fresh('c');
      const pv = await bed.volume({ hostPath: { path: bed.directory() }, storageClassName: cls });
      const name = await bed.claim(cls);
      await bed.claimPhase(name, 'Bound');
      const volumes = bed.volumes;
      await volumes.delete('', pv);
      // Held back while it is bound: taken by force.
      expect((await volumes.get('', pv)).metadata.deletionTimestamp).toBeDefined();
      await volumes.patch('', pv, 'merge', { metadata: { finalizers: null } });
      await bed.claimPhase(name, 'Lost');
      await bed.said(name, 'ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!');
    });
  });

  describe.concurrent('a class that waits for the first consumer', () => {
    it('binds when the pod is scheduled, to a volume of its node', async () => {
      const cls = await bed.waitingClass();
      await bed.volume({ local: { path: bed.directory() }, storageClassName: cls, ...onNode('elsewhere') });
      const here = await bed.volume({ local: { path: bed.directory() }, storageClassName: cls, ...onNode('node-1') });
      const name = await bed.claim(cls);
      await bed.said(name, 'WaitForFirstConsumer', 'waiting for first consumer to be created before binding');
      expect((await bed.getClaim(name)).status?.phase).toBe('Pending');
      await bed.room.output(using('touch /v/f', name));
      expect((await bed.claimPhase(name, 'Bound')).spec?.volumeName).toBe(here);
    });

    it('keeps the pod waiting while no volume is free, and promises a volume only once', async () => {
      const cls = await bed.waitingClass();
      const names = await Promise.all([bed.claim(cls), bed.claim(cls)]);
      const pods = await Promise.all(names.map((name) => bed.room.create(using('sleep 600', name))));
      for (const pod of pods) {
        await bed.room.event(pod, 'FailedScheduling', "node(s) didn't find available persistent volumes to bind");
      }
      const local = () => bed.volume({ local: { path: bed.directory() }, storageClassName: cls, ...onNode('node-1') });
      await Promise.all([local(), local()]);
      await Promise.all(pods.map((pod) => bed.room.ready(pod)));
      const bound = await Promise.all(names.map((one) => bed.getClaim(one)));
      expect(new Set(bound.map((one) => one.spec?.volumeName)).size).toBe(2);
      await Promise.all(pods.map((pod) => bed.room.delete(pod)));
    });

    it('tells an outside provisioner on which node the volume is wanted', async () => {
      const cls = await bed.waitingClass('example.com/maker');
      const name = await bed.claim(cls);
      const pod = await bed.room.create(using('true', name));
      const asked = await until(async () => {
        const found = await bed.getClaim(name);
        return found.metadata.annotations?.['volume.kubernetes.io/storage-provisioner'] !== undefined && found;
      });
      expect(asked.metadata.annotations).toMatchObject({
        'volume.kubernetes.io/selected-node': 'node-1',
        'volume.kubernetes.io/storage-provisioner': 'example.com/maker',
      });
      // This test is the provisioner.
      const pv = await bed.volume({
        hostPath: { path: bed.directory() },
        storageClassName: cls,
        claimRef: { namespace: bed.room.namespace, name, uid: asked.metadata.uid ?? '' },
      });
      expect((await bed.room.ended(pod)).status?.phase).toBe('Succeeded');
      expect((await bed.getClaim(name)).spec?.volumeName).toBe(pv);
    });
  });

  describe.concurrent('a volume whose claim is deleted', () => {
    async function released(policy: string, path: string): Promise<string> {
      const cls = bed.fresh('c');
      const pv = await bed.volume({ hostPath: { path }, storageClassName: cls, persistentVolumeReclaimPolicy: policy });
      const name = await bed.claim(cls);
      await bed.claimPhase(name, 'Bound');
      await bed.claims.delete(bed.room.namespace, name);
      return pv;
    }

    it('stays as it is with Retain, and is free again when the reference is taken out', async () => {
      const path = bed.directory();
      writeFileSync(join(path, 'precious'), '');
      const pv = await released('Retain', path);
      expect((await bed.volumePhase(pv, 'Released')).spec?.claimRef).toBeDefined();
      expect(existsSync(join(path, 'precious'))).toBe(true);
      await bed.volumes.patch('', pv, 'merge', { spec: { claimRef: null } });
      await bed.volumePhase(pv, 'Available');
    });

    it('goes with Delete, and what is on it too', async () => {
      const path = bed.directory();
      writeFileSync(join(path, 'gone'), '');
      const pv = await released('Delete', path);
      const volumes = bed.volumes;
      await until(async () => (await volumes.list('')).items.every((one) => one.metadata.name !== pv));
      expect(existsSync(path)).toBe(false);
    });

    it('fails with Delete where nothing may be deleted', async () => {
      const pv = await released('Delete', '/var/empty-claims-test');
      const why = 'host_path deleter only supports /tmp/.+ but received provided /var/empty-claims-test';
      expect((await bed.volumePhase(pv, 'Failed')).status?.message).toBe(why);
      await bed.said(pv, 'VolumeFailedDelete', why);
    });
  });
});
