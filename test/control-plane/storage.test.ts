// What holds back the deletion of storage: the finalizers of claims, volumes and attributes classes.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, VOLUME_ATTRIBUTES_CLASSES } from '../../src/client/index.ts';
import { type Plane, startPlane } from './plane.ts';

let plane: Plane;
beforeAll(async () => {
  plane = await startPlane();
});
afterAll(async () => {
  await plane.stop();
  expect(plane.errors).toEqual([]);
});

const FINALIZER = 'kubernetes.io/vac-protection';
const classNamed = (name: string) => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'VolumeAttributesClass',
  metadata: { name },
  driverName: 'csi.example.com',
  parameters: { iops: '1' },
});
const claimWith = (name: string, volumeAttributesClassName: string) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name, namespace: 'default' },
  spec: {
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: '1Gi' } },
    storageClassName: 'none',
    volumeAttributesClassName,
  },
});
const isThere = (name: string) =>
  plane.client
    .resource(VOLUME_ATTRIBUTES_CLASSES)
    .get('', name)
    .then(
      () => true,
      () => false,
    );

it('an attributes class stays while a claim names it', async () => {
  const classes = plane.client.resource(VOLUME_ATTRIBUTES_CLASSES);
  const claims = plane.client.resource(PERSISTENT_VOLUME_CLAIMS);
  const made = await classes.create('', classNamed('gold'));
  expect(made.metadata?.finalizers).toEqual([FINALIZER]);
  await claims.create('default', claimWith('c', 'gold'));
  await expect.poll(() => plane.informers.informer(PERSISTENT_VOLUME_CLAIMS).get('default/c')).toBeDefined();
  await classes.delete('', 'gold');
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await isThere('gold')).toBe(true);
  await claims.delete('default', 'c');
  await expect.poll(() => isThere('gold')).toBe(false);
});

it('an attributes class that nobody names goes at once, and takes its finalizer back while it stays', async () => {
  const classes = plane.client.resource(VOLUME_ATTRIBUTES_CLASSES);
  await classes.create('', classNamed('silver'));
  await classes.patch('', 'silver', 'merge', { metadata: { finalizers: null } });
  await expect
    .poll(async () => (await classes.get('', 'silver')).metadata?.finalizers, { timeout: 3000 })
    .toEqual([FINALIZER]);
  await classes.delete('', 'silver');
  await expect.poll(() => isThere('silver')).toBe(false);
});

it('a volume that names an attributes class holds it too', async () => {
  const classes = plane.client.resource(VOLUME_ATTRIBUTES_CLASSES);
  const volumes = plane.client.resource(PERSISTENT_VOLUMES);
  await classes.create('', classNamed('bronze'));
  await volumes.create('', {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'v' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      csi: { driver: 'csi.example.com', volumeHandle: 'h' },
      volumeAttributesClassName: 'bronze',
    },
  });
  await expect.poll(() => plane.informers.informer(PERSISTENT_VOLUMES).get('v')).toBeDefined();
  await classes.delete('', 'bronze');
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await isThere('bronze')).toBe(true);
  await volumes.delete('', 'v');
  await expect.poll(() => isThere('bronze')).toBe(false);
});
