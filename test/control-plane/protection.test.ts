// What is in use is held back: a volume attributes class stays until no claim and no volume names it.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, VOLUME_ATTRIBUTES_CLASSES } from '../../src/client/index.ts';
import { eventually, maybe, type Plane, startPlane } from './plane.ts';

let plane: Plane;
beforeAll(async () => {
  plane = await startPlane();
});
afterAll(async () => {
  await plane.stop();
  expect(plane.errors).toEqual([]);
});

const FINALIZERS = ['kubernetes.io/vac-protection'];

async function made(name: string): Promise<void> {
  const one = await plane.client.resource(VOLUME_ATTRIBUTES_CLASSES).create('', {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'VolumeAttributesClass',
    metadata: { name },
    driverName: 'csi.example.com',
    parameters: { iops: '100' },
  });
  expect(one.metadata.finalizers).toEqual(FINALIZERS);
}

const present = () => plane.client.resource(VOLUME_ATTRIBUTES_CLASSES);
const found = (name: string) => maybe(present().get('', name));

async function claim(name: string, volumeAttributesClassName: string): Promise<void> {
  await plane.client.resource(PERSISTENT_VOLUME_CLAIMS).create('default', {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      storageClassName: 'none',
      volumeAttributesClassName,
    },
  });
}

it('a class that a claim names stays until the claim is gone', async () => {
  await made('named');
  await claim('claim', 'named');
  await present().delete('', 'named');
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect((await found('named'))?.metadata.deletionTimestamp).toBeDefined();
  await plane.client.resource(PERSISTENT_VOLUME_CLAIMS).delete('default', 'claim');
  await eventually(async () => (await found('named')) === undefined);
});

it('a class that a volume names stays until the volume is gone, and one that nothing names goes', async () => {
  await made('kept');
  await made('free');
  await plane.client.resource(PERSISTENT_VOLUMES).create('', {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'volume' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      csi: { driver: 'csi.example.com', volumeHandle: 'h' },
      persistentVolumeReclaimPolicy: 'Retain',
      volumeAttributesClassName: 'kept',
    },
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  await present().delete('', 'kept');
  await present().delete('', 'free');
  await eventually(async () => (await found('free')) === undefined);
  expect(await found('kept')).toBeDefined();
  await plane.client.resource(PERSISTENT_VOLUMES).delete('', 'volume');
  await eventually(async () => (await found('kept')) === undefined);
});

it('a class that lost its protection is given it again', async () => {
  await made('bare');
  await present().patch('', 'bare', 'merge', { metadata: { finalizers: null } });
  await eventually(async () => (await found('bare'))?.metadata.finalizers?.includes(FINALIZERS[0] ?? ''));
});

it('claims and volumes that lost their protection are given it again', async () => {
  const claims = plane.client.resource(PERSISTENT_VOLUME_CLAIMS);
  const volumes = plane.client.resource(PERSISTENT_VOLUMES);
  await claim('loose', 'none');
  await claims.patch('default', 'loose', 'merge', { metadata: { finalizers: null } });
  await eventually(async () =>
    (await claims.get('default', 'loose')).metadata.finalizers?.includes('kubernetes.io/pvc-protection'),
  );
  await volumes.create('', {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'loose' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      csi: { driver: 'csi.example.com', volumeHandle: 'h' },
      persistentVolumeReclaimPolicy: 'Retain',
    },
  });
  await volumes.patch('', 'loose', 'merge', { metadata: { finalizers: null } });
  await eventually(async () =>
    (await volumes.get('', 'loose')).metadata.finalizers?.includes('kubernetes.io/pv-protection'),
  );
});
