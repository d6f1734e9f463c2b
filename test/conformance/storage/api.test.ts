// The kinds of storage as an API: every verb of each, over HTTPS.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CSI_DRIVERS,
  CSI_NODES,
  CSI_STORAGE_CAPACITIES,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  PODS,
  type ResourceRef,
  STORAGE_CLASSES,
  VOLUME_ATTACHMENTS,
  VOLUME_ATTRIBUTES_CLASSES,
} from '../../../src/client/index.ts';
import type { KubeObject } from '../../../src/machinery/object.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '../../../src/resources/generated/core-v1.ts';
import type { CSIDriver, StorageClass } from '../../../src/resources/generated/storage-v1.ts';
import { covers } from '../covers.ts';
import { eventually, isRoot, maybe, type SimulatedCluster, startSimulated } from '../simulated.ts';

let cluster: SimulatedCluster;

const names = (list: { items: readonly KubeObject[] }): string[] => list.items.map((one) => one.metadata.name ?? '');

/** Makes three, and goes through every verb: what each step changes must be seen in a read and in a watch. */
async function lifecycle<T extends KubeObject>(ref: ResourceRef<T>, make: (name: string) => T): Promise<void> {
  const client = cluster.client.resource(ref);
  const namespace = ref.namespaced ? await cluster.namespace() : '';
  const run = `run-${ref.plural}`;
  const [a, b, c] = ['a', 'b', 'c'].map((part) => `${ref.plural}-${part}`) as [string, string, string];
  const labelled = (name: string): T => {
    const object = make(name);
    return { ...object, metadata: { ...object.metadata, labels: { [run]: 'true' } } };
  };
  const followed = cluster.follow(ref, namespace, { labelSelector: run });
  const seen = (type: string, name: string) =>
    followed.until((event) => event.type === type && event.object.metadata.name === name);
  for (const name of [a, b, c]) {
    const made = await client.create(namespace, labelled(name));
    expect(made.metadata).toMatchObject({ name, labels: { [run]: 'true' } });
    await seen('ADDED', name);
  }
  await expect(client.create(namespace, labelled(a))).rejects.toThrow(`"${a}" already exists`);
  expect(names(await client.list(namespace, { labelSelector: `${run}=true` })).sort()).toEqual([a, b, c]);

  const patched = await client.patch(namespace, a, 'merge', { metadata: { labels: { patched: 'yes' } } });
  expect(patched.metadata.labels).toEqual({ [run]: 'true', patched: 'yes' });
  await seen('MODIFIED', a);
  const current = await client.get(namespace, b);
  const annotated = { ...current, metadata: { ...current.metadata, annotations: { updated: 'yes' } } };
  const updated = await client.update(annotated);
  expect(updated.metadata.annotations).toMatchObject({ updated: 'yes' });
  await seen('MODIFIED', b);
  const stale = { ...annotated, metadata: { ...annotated.metadata, resourceVersion: '1' } };
  await expect(client.update(stale)).rejects.toThrow('the object has been modified');

  await client.delete(namespace, a);
  await seen('DELETED', a);
  await expect(client.get(namespace, a)).rejects.toThrow(`"${a}" not found`);
  await client.deleteCollection(namespace, { labelSelector: run });
  await seen('DELETED', c);
  await eventually(async () => names(await client.list(namespace, { labelSelector: run })).length === 0);
  followed.stop();
}

const csiDriver = (name: string): CSIDriver => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'CSIDriver',
  metadata: { name },
  spec: { attachRequired: true, podInfoOnMount: true, volumeLifecycleModes: ['Persistent'] },
});

const storageClass = (name: string): StorageClass => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name },
  provisioner: 'example.com/maker',
});

const persistentVolume = (name: string): PersistentVolume => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name },
  spec: {
    capacity: { storage: '1Gi' },
    accessModes: ['ReadWriteOnce'],
    storageClassName: 'of-the-api-test',
    hostPath: { path: '/tmp/none' },
  },
});

const persistentVolumeClaim = (name: string): PersistentVolumeClaim => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name },
  spec: {
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: '1Gi' } },
    storageClassName: 'of-no-test',
  },
});

describe.skipIf(!isRoot)('the kinds of storage (their nodes need root)', () => {
  beforeAll(async () => {
    cluster = await startSimulated();
  });
  afterAll(() => cluster?.stop(), 60_000);

  it.concurrent(covers('CSIDriver, lifecycle'), async () => {
    await lifecycle(CSI_DRIVERS, csiDriver);
    const made = await cluster.client.resource(CSI_DRIVERS).create('', csiDriver('defaults.example.com'));
    expect(made.spec).toMatchObject({
      fsGroupPolicy: 'ReadWriteOnceWithFSType',
      requiresRepublish: false,
      seLinuxMount: false,
      storageCapacity: false,
    });
    await expect(
      cluster.client
        .resource(CSI_DRIVERS)
        .patch('', 'defaults.example.com', 'merge', { spec: { attachRequired: false } }),
    ).rejects.toThrow('field is immutable');
  });

  it.concurrent(covers('CSIStorageCapacity API'), async () => {
    const discovered = async (path: string): Promise<string> => (await cluster.call('GET', path)).text;
    expect(await discovered('/apis')).toContain('"storage.k8s.io"');
    expect(await discovered('/apis/storage.k8s.io')).toContain('"storage.k8s.io/v1"');
    expect(await discovered('/apis/storage.k8s.io/v1')).toContain('"csistoragecapacities"');
    await lifecycle(CSI_STORAGE_CAPACITIES, (name) => ({
      apiVersion: 'storage.k8s.io/v1',
      kind: 'CSIStorageCapacity',
      metadata: { name },
      storageClassName: 'a-class',
      capacity: '100Gi',
      nodeTopology: { matchLabels: { zone: 'a' } },
    }));
    const all = await cluster.client.resource(CSI_STORAGE_CAPACITIES).list('');
    expect(all.items).toEqual([]);
  });

  it.concurrent(covers('CSIInlineVolumes should support Pods with inline volumes'), async () => {
    const namespace = await cluster.namespace();
    await cluster.client.resource(CSI_DRIVERS).create('', {
      ...csiDriver('inline.example.com'),
      spec: { attachRequired: false, volumeLifecycleModes: ['Ephemeral'] },
    });
    const pods = cluster.client.resource(PODS);
    const csi = { driver: 'inline.example.com', volumeAttributes: { size: '1Gi' }, readOnly: true };
    await pods.create(namespace, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'inline', labels: { of: 'inline' } },
      spec: {
        // Whether the driver is there is the node's question, not the API's.
        schedulerName: 'nobody',
        containers: [{ name: 'c', image: 'x', volumeMounts: [{ name: 'v', mountPath: '/v' }] }],
        volumes: [{ name: 'v', csi }],
      },
    });
    const own = async () => (await pods.get(namespace, 'inline')).spec?.volumes?.find((v) => v.name === 'v')?.csi;
    expect(await own()).toEqual(csi);
    expect(names(await pods.list(namespace, { labelSelector: 'of=inline' }))).toEqual(['inline']);
    await pods.patch(namespace, 'inline', 'strategic', { metadata: { labels: { patched: 'yes' } } });
    expect(await own()).toEqual(csi);
    await pods.delete(namespace, 'inline', { gracePeriodSeconds: 0 });
    expect(names(await pods.list(namespace))).toEqual([]);
  });

  it.concurrent('CSINode: every verb, and one of each node', async () => {
    const own = await eventually(() => maybe(cluster.client.resource(CSI_NODES).get('', 'node-1')));
    expect(own.spec.drivers ?? []).toEqual([]);
    expect(own.metadata.ownerReferences).toMatchObject([{ kind: 'Node', name: 'node-1' }]);
    await lifecycle(CSI_NODES, (name) => ({
      apiVersion: 'storage.k8s.io/v1',
      kind: 'CSINode',
      metadata: { name },
      spec: { drivers: [{ name: 'd.example.com', nodeID: 'n', topologyKeys: ['zone'], allocatable: { count: 3 } }] },
    }));
  });

  it.concurrent('StorageClass: every verb, defaults, and what cannot change', async () => {
    await lifecycle(STORAGE_CLASSES, storageClass);
    const classes = cluster.client.resource(STORAGE_CLASSES);
    const made = await classes.create('', storageClass('kept'));
    expect(made).toMatchObject({ reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' });
    const change = (body: object) => classes.patch('', 'kept', 'merge', body);
    for (const body of [{ provisioner: 'other' }, { reclaimPolicy: 'Retain' }, { parameters: { a: 'b' } }]) {
      const [field] = Object.keys(body);
      await expect(change(body)).rejects.toThrow(`${field}: Forbidden: updates to ${field} are forbidden.`);
    }
    await change({ allowVolumeExpansion: true });
  });

  it.concurrent('VolumeAttachment: every verb, and its status', async () => {
    await lifecycle(VOLUME_ATTACHMENTS, (name) => ({
      apiVersion: 'storage.k8s.io/v1',
      kind: 'VolumeAttachment',
      metadata: { name },
      spec: { attacher: 'd.example.com', nodeName: 'node-1', source: { persistentVolumeName: 'pv' } },
    }));
    const attachments = cluster.client.resource(VOLUME_ATTACHMENTS);
    await attachments.create('', {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'VolumeAttachment',
      metadata: { name: 'with-status' },
      spec: { attacher: 'd.example.com', nodeName: 'node-1', source: { persistentVolumeName: 'pv' } },
    });
    const status = { attached: true, attachmentMetadata: { device: '/dev/xvda' } };
    const said = await attachments.patch('', 'with-status', 'merge', { status }, { subresource: 'status' });
    expect(said.status).toEqual(status);
    await expect(attachments.patch('', 'with-status', 'merge', { spec: { nodeName: 'node-2' } })).rejects.toThrow(
      'field is immutable',
    );
    const silent = await attachments.patch('', 'with-status', 'merge', { status: { attached: false } });
    expect(silent.status).toEqual(status);
  });

  it.concurrent('VolumeAttributesClass: every verb', () =>
    lifecycle(VOLUME_ATTRIBUTES_CLASSES, (name) => ({
      apiVersion: 'storage.k8s.io/v1',
      kind: 'VolumeAttributesClass',
      metadata: { name },
      driverName: 'd.example.com',
      parameters: { iops: '1000' },
    })));

  it.concurrent('PersistentVolume: every verb, and its status', async () => {
    await lifecycle(PERSISTENT_VOLUMES, persistentVolume);
    const volumes = cluster.client.resource(PERSISTENT_VOLUMES);
    await volumes.create('', persistentVolume('pv-status'));
    await eventually(async () => (await volumes.get('', 'pv-status')).status?.phase === 'Available');
    const said = await volumes.patch(
      '',
      'pv-status',
      'merge',
      { status: { message: 'told', reason: 'Test' } },
      { subresource: 'status' },
    );
    expect(said.status).toMatchObject({ message: 'told', reason: 'Test' });
    await expect(volumes.patch('', 'pv-status', 'merge', { spec: { hostPath: { path: '/other' } } })).rejects.toThrow(
      'spec.persistentvolumesource is immutable after creation',
    );
  });

  it.concurrent('PersistentVolumeClaim: every verb, and its status', async () => {
    await lifecycle(PERSISTENT_VOLUME_CLAIMS, persistentVolumeClaim);
    const namespace = await cluster.namespace();
    const claims = cluster.client.resource(PERSISTENT_VOLUME_CLAIMS);
    const made = await claims.create(namespace, persistentVolumeClaim('one'));
    expect(made.metadata.finalizers).toEqual(['kubernetes.io/pvc-protection']);
    expect(made.spec?.volumeMode).toBe('Filesystem');
    const condition = { type: 'Told', status: 'True', reason: 'Test', message: 'told' };
    const said = await claims.patch(
      namespace,
      'one',
      'strategic',
      { status: { conditions: [condition] } },
      { subresource: 'status' },
    );
    expect(said.status?.conditions).toMatchObject([condition]);
    await expect(claims.patch(namespace, 'one', 'merge', { spec: { accessModes: ['ReadOnlyMany'] } })).rejects.toThrow(
      'spec is immutable after creation except resources.requests and volumeAttributesClassName',
    );
  });
});
