// Claims and persistent volumes: binding, use in real containers, reclaiming, block devices, generic ephemeral volumes.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  EVENTS,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  PODS,
  STORAGE_CLASSES,
} from '../../../src/client/index.ts';
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeSpec,
  PodSpec,
} from '../../../src/resources/generated/core-v1.ts';
import { run } from '../../e2e/cluster.ts';
import { Bed, type Room, sh, skipReason, until, withVolume } from './bed.ts';

let bed: Bed;
let room: Room;
let host: string;
let serial = 0;
const fresh = (what: string): string => `${what}-${++serial}`;

async function volume(spec: PersistentVolumeSpec): Promise<string> {
  const name = fresh('pv');
  await bed.client.resource(PERSISTENT_VOLUMES).create('', {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], ...spec },
  });
  return name;
}

/** A claim that only a volume of the same class can serve. */
async function claim(storageClassName: string, spec: Partial<PersistentVolumeClaim['spec']> = {}): Promise<string> {
  const name = fresh('pvc');
  await bed.client.resource(PERSISTENT_VOLUME_CLAIMS).create(room.namespace, {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      storageClassName,
      ...spec,
    },
  });
  return name;
}

const getClaim = (name: string): Promise<PersistentVolumeClaim> =>
  bed.client.resource(PERSISTENT_VOLUME_CLAIMS).get(room.namespace, name);
const getVolume = (name: string): Promise<PersistentVolume> => bed.client.resource(PERSISTENT_VOLUMES).get('', name);

function claimPhase(name: string, phase: string): Promise<PersistentVolumeClaim> {
  return until(async () => {
    const found = await getClaim(name);
    return found.status?.phase === phase && found;
  });
}

function volumePhase(name: string, phase: string): Promise<PersistentVolume> {
  return until(async () => {
    const found = await getVolume(name);
    if (found.status?.phase === phase) return found;
    throw new Error(`${name} is ${JSON.stringify(found.status)}`);
  });
}

function said(name: string, reason: string, message: string): Promise<void> {
  return until(async () => {
    const fieldSelector = `involvedObject.name=${name},reason=${reason}`;
    const { items } = await bed.client.resource(EVENTS).list('', { fieldSelector });
    if (!items.some((one) => one.message === message)) throw new Error(items.map((e) => e.message).join('; '));
    return true;
  }).then(() => undefined);
}

function directory(): string {
  const path = join(host, fresh('dir'));
  mkdirSync(path);
  return path;
}

const using = (script: string, claimName: string, more: Partial<PodSpec> = {}): Partial<PodSpec> =>
  withVolume(script, { persistentVolumeClaim: { claimName } }, more);

const onNode = (node: string) => ({
  nodeAffinity: {
    required: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] }],
    },
  },
});

async function waitingClass(provisioner = 'kubernetes.io/no-provisioner'): Promise<string> {
  const name = fresh('class');
  await bed.client.resource(STORAGE_CLASSES).create('', {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name },
    provisioner,
    volumeBindingMode: 'WaitForFirstConsumer',
  });
  return name;
}

describe.skipIf(skipReason !== undefined)(`claims (${skipReason ?? 'real containers'})`, () => {
  beforeAll(async () => {
    bed = await Bed.open();
    room = await bed.room();
    // Kubernetes deletes hostPath volumes below /tmp only.
    host = mkdtempSync(join(tmpdir(), 'minke-claims-'));
  }, 120_000);
  afterAll(async () => {
    await bed?.close();
    rmSync(host, { recursive: true, force: true });
  }, 60_000);

  describe.concurrent('binding', () => {
    it('gives a claim the smallest volume that is large enough, with its class and its access modes', async () => {
      const cls = fresh('c');
      const hostPath = { path: directory() };
      const big = await volume({ hostPath, storageClassName: cls, capacity: { storage: '10Gi' } });
      const small = await volume({ hostPath, storageClassName: cls, capacity: { storage: '1Gi' } });
      const fits = await volume({ hostPath, storageClassName: cls, capacity: { storage: '5Gi' } });
      for (const one of [big, small, fits]) await volumePhase(one, 'Available');
      const name = await claim(cls, { resources: { requests: { storage: '3Gi' } } });
      const bound = await claimPhase(name, 'Bound');
      expect(bound.spec?.volumeName).toBe(fits);
      expect(bound.status).toMatchObject({ accessModes: ['ReadWriteOnce'], capacity: { storage: '5Gi' } });
      expect(bound.metadata.annotations).toMatchObject({
        'pv.kubernetes.io/bind-completed': 'yes',
        'pv.kubernetes.io/bound-by-controller': 'yes',
      });
      const taken = await volumePhase(fits, 'Bound');
      expect(taken.spec?.claimRef).toMatchObject({ kind: 'PersistentVolumeClaim', name, uid: bound.metadata.uid });
      expect(taken.metadata.annotations?.['pv.kubernetes.io/bound-by-controller']).toBe('yes');
    });

    it('waits for a volume, says so, and takes the one that comes', async () => {
      const cls = fresh('c');
      const plain = await claim('');
      await claimPhase(plain, 'Pending');
      await said(plain, 'FailedBinding', 'no persistent volumes available for this claim and no storage class is set');
      const classed = await claim(cls);
      await said(classed, 'ProvisioningFailed', `storageclass.storage.k8s.io "${cls}" not found`);
      const name = await volume({ hostPath: { path: directory() }, storageClassName: cls });
      expect((await claimPhase(classed, 'Bound')).spec?.volumeName).toBe(name);
    });

    it('obeys the selector of the claim', async () => {
      const cls = fresh('c');
      const wanted = await claim(cls, { selector: { matchLabels: { disk: 'fast' } } });
      const slow = await volume({ hostPath: { path: directory() }, storageClassName: cls });
      await volumePhase(slow, 'Available');
      const fast = await volume({ hostPath: { path: directory() }, storageClassName: cls });
      await bed.client
        .resource(PERSISTENT_VOLUMES)
        .patch('', fast, 'merge', { metadata: { labels: { disk: 'fast' } } });
      expect((await claimPhase(wanted, 'Bound')).spec?.volumeName).toBe(fast);
    });

    it('respects what the user has chosen, on either side', async () => {
      const cls = fresh('c');
      const later = fresh('named');
      const kept = await volume({
        hostPath: { path: directory() },
        storageClassName: cls,
        claimRef: { namespace: room.namespace, name: later },
      });
      await volumePhase(kept, 'Available');
      const other = await claim(cls);
      await claimPhase(other, 'Pending');
      await bed.client.resource(PERSISTENT_VOLUME_CLAIMS).create(room.namespace, {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: later },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, storageClassName: cls },
      });
      expect((await claimPhase(later, 'Bound')).spec?.volumeName).toBe(kept);
      expect((await getVolume(kept)).metadata.annotations?.['pv.kubernetes.io/bound-by-controller']).toBeUndefined();
      const small = await volume({
        hostPath: { path: directory() },
        storageClassName: cls,
        accessModes: ['ReadOnlyMany'],
      });
      const picky = await claim(cls, { volumeName: small });
      await said(picky, 'VolumeMismatch', `Cannot bind to requested volume "${small}": incompatible accessMode`);
      const late = await claim(cls, { volumeName: kept });
      await said(late, 'FailedBinding', `volume "${kept}" already bound to a different claim.`);
    });

    it('gives every claim of many a volume of its own', async () => {
      const cls = fresh('c');
      const claims = await Promise.all(Array.from({ length: 12 }, () => claim(cls)));
      await Promise.all(Array.from({ length: 12 }, () => volume({ hostPath: { path: host }, storageClassName: cls })));
      const bound = await Promise.all(claims.map((name) => claimPhase(name, 'Bound')));
      expect(new Set(bound.map((one) => one.spec?.volumeName)).size).toBe(12);
    });

    it('takes the default class, also one that comes later, and another only when asked', async () => {
      const name = fresh('pvc');
      await bed.client.resource(PERSISTENT_VOLUME_CLAIMS).create(room.namespace, {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      });
      await claimPhase(name, 'Pending');
      const cls = fresh('default');
      await bed.client.resource(STORAGE_CLASSES).create('', {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'StorageClass',
        metadata: { name: cls, annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
        provisioner: 'example.com/maker',
      });
      await until(async () => (await getClaim(name)).spec?.storageClassName === cls);
      const text = `Waiting for a volume to be created either by the external provisioner 'example.com/maker' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`;
      await said(name, 'ExternalProvisioning', text);
      const none = await claim('');
      await claimPhase(none, 'Pending');
      expect((await getClaim(none)).spec?.storageClassName).toBe('');
    });

    it('is lost with its volume', async () => {
      const cls = fresh('c');
      const pv = await volume({ hostPath: { path: directory() }, storageClassName: cls });
      const name = await claim(cls);
      await claimPhase(name, 'Bound');
      const volumes = bed.client.resource(PERSISTENT_VOLUMES);
      await volumes.delete('', pv);
      // Held back while it is bound: taken by force.
      expect((await volumes.get('', pv)).metadata.deletionTimestamp).toBeDefined();
      await volumes.patch('', pv, 'merge', { metadata: { finalizers: null } });
      await claimPhase(name, 'Lost');
      await said(name, 'ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!');
    });
  });

  describe.concurrent('a pod', () => {
    it('has a ReadWriteOncePod claim for itself', async () => {
      const cls = fresh('c');
      const accessModes = ['ReadWriteOncePod'];
      await volume({ hostPath: { path: directory() }, storageClassName: cls, accessModes });
      const name = await claim(cls, { accessModes });
      const first = await room.start(using('sleep 600', name));
      const second = await room.create(using('true', name));
      await room.event(
        second,
        'FailedScheduling',
        'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode',
      );
      await room.delete(first);
      expect((await room.ended(second)).status?.phase).toBe('Succeeded');
    });

    it('reads and writes the volume of its claim, and the next pod finds what it wrote', async () => {
      const cls = fresh('c');
      const path = directory();
      await volume({ hostPath: { path }, storageClassName: cls });
      const name = await claim(cls);
      await room.output(using('echo -n kept > /v/f', name));
      expect(readFileSync(join(path, 'f'), 'utf8')).toBe('kept');
      expect(await room.output(using('cat /v/f', name))).toBe('kept');
    });

    it('waits for a claim that is not there or not bound', async () => {
      const absent = await room.create(using('true', 'nosuch'));
      await room.event(absent, 'FailedScheduling', 'persistentvolumeclaim "nosuch" not found');
      const cls = fresh('c');
      const name = await claim(cls);
      const pod = await room.create(using('true', name));
      await room.event(pod, 'FailedScheduling', 'pod has unbound immediate PersistentVolumeClaims');
      await volume({ hostPath: { path: directory() }, storageClassName: cls });
      expect((await room.ended(pod)).status?.phase).toBe('Succeeded');
      await room.delete(absent);
    });

    it('keeps its claim from being deleted while it runs', async () => {
      const cls = fresh('c');
      await volume({ hostPath: { path: directory() }, storageClassName: cls });
      const name = await claim(cls);
      const pod = await room.start(using('sleep 600', name));
      const claims = bed.client.resource(PERSISTENT_VOLUME_CLAIMS);
      await claims.delete(room.namespace, name);
      expect((await getClaim(name)).metadata.deletionTimestamp).toBeDefined();
      const late = await room.create(using('true', name));
      await room.event(late, 'FailedScheduling', `persistentvolumeclaim "${name}" is being deleted`);
      await room.delete(late);
      await room.delete(pod);
      await until(async () => (await claims.list(room.namespace)).items.every((one) => one.metadata.name !== name));
    });

    it('gives a local volume to its fsGroup', async () => {
      const cls = fresh('c');
      await volume({ local: { path: directory() }, storageClassName: cls, ...onNode('node-1') });
      const name = await claim(cls);
      const securityContext = { runAsUser: 1000, fsGroup: 1234 };
      const script = 'stat -c "%A %g" /v; touch /v/f; stat -c "%u %g" /v/f';
      expect(await room.output(using(script, name, { securityContext }))).toBe('drwxrwsr-x 1234\n1000 1234\n');
    });

    it('is told when the directory of a local volume is not there', async () => {
      const cls = fresh('c');
      const path = join(host, 'nosuch');
      const pv = await volume({ local: { path }, storageClassName: cls, ...onNode('node-1') });
      const pod = await room.create(using('true', await claim(cls)));
      await room.event(
        pod,
        'FailedMount',
        `MountVolume.SetUp failed for volume "${pv}" : path "${path}" does not exist`,
      );
      await room.delete(pod);
    });

    it('goes only where its volume can be reached', async () => {
      const cls = fresh('c');
      await volume({ local: { path: directory() }, storageClassName: cls, ...onNode('elsewhere') });
      const pod = await room.create(using('true', await claim(cls)));
      await room.event(pod, 'FailedScheduling', "node(s) didn't match PersistentVolume's node affinity");
      await room.delete(pod);
    });

    it('mounts its claim read-only when it says so', async () => {
      const cls = fresh('c');
      await volume({ hostPath: { path: directory() }, storageClassName: cls });
      const source = { persistentVolumeClaim: { claimName: await claim(cls), readOnly: true } };
      expect(await room.output(withVolume('touch /v/f 2>&1 | grep -o Read-only', source))).toBe('Read-only\n');
    });
  });

  describe.concurrent('a class that waits for the first consumer', () => {
    it('binds when the pod is scheduled, to a volume of its node', async () => {
      const cls = await waitingClass();
      await volume({ local: { path: directory() }, storageClassName: cls, ...onNode('elsewhere') });
      const here = await volume({ local: { path: directory() }, storageClassName: cls, ...onNode('node-1') });
      const name = await claim(cls);
      await said(name, 'WaitForFirstConsumer', 'waiting for first consumer to be created before binding');
      expect((await getClaim(name)).status?.phase).toBe('Pending');
      await room.output(using('touch /v/f', name));
      expect((await claimPhase(name, 'Bound')).spec?.volumeName).toBe(here);
    });

    it('keeps the pod waiting while no volume is free, and promises a volume only once', async () => {
      const cls = await waitingClass();
      const names = await Promise.all([claim(cls), claim(cls)]);
      const pods = await Promise.all(names.map((name) => room.create(using('sleep 600', name))));
      for (const pod of pods) {
        await room.event(pod, 'FailedScheduling', "node(s) didn't find available persistent volumes to bind");
      }
      const local = () => volume({ local: { path: directory() }, storageClassName: cls, ...onNode('node-1') });
      await Promise.all([local(), local()]);
      await Promise.all(pods.map((pod) => room.ready(pod)));
      const bound = await Promise.all(names.map(getClaim));
      expect(new Set(bound.map((one) => one.spec?.volumeName)).size).toBe(2);
      await Promise.all(pods.map((pod) => room.delete(pod)));
    });

    it('tells an outside provisioner on which node the volume is wanted', async () => {
      const cls = await waitingClass('example.com/maker');
      const name = await claim(cls);
      const pod = await room.create(using('true', name));
      const asked = await until(async () => {
        const found = await getClaim(name);
        return found.metadata.annotations?.['volume.kubernetes.io/storage-provisioner'] !== undefined && found;
      });
      expect(asked.metadata.annotations).toMatchObject({
        'volume.kubernetes.io/selected-node': 'node-1',
        'volume.kubernetes.io/storage-provisioner': 'example.com/maker',
      });
      // This test is the provisioner.
      const pv = await volume({
        hostPath: { path: directory() },
        storageClassName: cls,
        claimRef: { namespace: room.namespace, name, uid: asked.metadata.uid ?? '' },
      });
      expect((await room.ended(pod)).status?.phase).toBe('Succeeded');
      expect((await getClaim(name)).spec?.volumeName).toBe(pv);
    });
  });

  describe.concurrent('a volume whose claim is deleted', () => {
    async function released(policy: string, path: string): Promise<string> {
      const cls = fresh('c');
      const pv = await volume({ hostPath: { path }, storageClassName: cls, persistentVolumeReclaimPolicy: policy });
      const name = await claim(cls);
      await claimPhase(name, 'Bound');
      await bed.client.resource(PERSISTENT_VOLUME_CLAIMS).delete(room.namespace, name);
      return pv;
    }

    it('stays as it is with Retain, and is free again when the reference is taken out', async () => {
      const path = directory();
      writeFileSync(join(path, 'precious'), '');
      const pv = await released('Retain', path);
      expect((await volumePhase(pv, 'Released')).spec?.claimRef).toBeDefined();
      expect(existsSync(join(path, 'precious'))).toBe(true);
      await bed.client.resource(PERSISTENT_VOLUMES).patch('', pv, 'merge', { spec: { claimRef: null } });
      await volumePhase(pv, 'Available');
    });

    it('goes with Delete, and what is on it too', async () => {
      const path = directory();
      writeFileSync(join(path, 'gone'), '');
      const pv = await released('Delete', path);
      const volumes = bed.client.resource(PERSISTENT_VOLUMES);
      await until(async () => (await volumes.list('')).items.every((one) => one.metadata.name !== pv));
      expect(existsSync(path)).toBe(false);
    });

    it('fails with Delete where nothing may be deleted', async () => {
      const pv = await released('Delete', '/var/empty-claims-test');
      const why = 'host_path deleter only supports /tmp/.+ but received provided /var/empty-claims-test';
      expect((await volumePhase(pv, 'Failed')).status?.message).toBe(why);
      await said(pv, 'VolumeFailedDelete', why);
    });
  });

  describe.concurrent('a generic ephemeral volume', () => {
    const ephemeral = (cls: string) => ({
      ephemeral: {
        volumeClaimTemplate: {
          metadata: { labels: { of: 'template' } },
          spec: {
            accessModes: ['ReadWriteOnce'],
            resources: { requests: { storage: '1Gi' } },
            storageClassName: cls,
          },
        },
      },
    });

    it('gets a claim that is its pod’s, and goes with it', async () => {
      const cls = fresh('c');
      await volume({ hostPath: { path: directory() }, storageClassName: cls });
      const pod = await room.start(withVolume('touch /v/f; sleep 600', ephemeral(cls)));
      const made = await getClaim(`${pod}-v`);
      expect(made.metadata.labels).toEqual({ of: 'template' });
      expect(made.metadata.ownerReferences).toMatchObject([
        { kind: 'Pod', name: pod, controller: true, blockOwnerDeletion: true },
      ]);
      await room.delete(pod);
      const claims = bed.client.resource(PERSISTENT_VOLUME_CLAIMS);
      await until(async () =>
        (await claims.list(room.namespace)).items.every((one) => one.metadata.name !== `${pod}-v`),
      );
    });

    it('does not take a claim that is not its pod’s', async () => {
      const name = fresh('eph');
      await bed.client.resource(PERSISTENT_VOLUME_CLAIMS).create(room.namespace, {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: `${name}-v` },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, storageClassName: '' },
      });
      const pod = await room.create(withVolume('true', ephemeral('')), { name });
      const text = `PVC ${room.namespace}/${name}-v was not created for pod ${room.namespace}/${name} (pod is not owner)`;
      await room.event(pod, 'FailedScheduling', text);
      await room.delete(pod);
    });
  });

  describe('a block volume', () => {
    let device = '';
    let why: string | undefined;
    beforeAll(async () => {
      const file = join(host, 'disk');
      writeFileSync(file, Buffer.alloc(1 << 20, 'x'));
      const made = await run('losetup', ['--find', '--show', file]).catch(() => undefined);
      if (made?.code === 0) device = made.stdout.trim();
      else why = 'this host makes no loop devices';
    });
    afterAll(async () => {
      if (device !== '') await run('losetup', ['--detach', device]);
    });

    it('gets a file system when it is empty and used as one, and keeps what is written', async (context) => {
      const file = join(host, 'empty');
      writeFileSync(file, '');
      truncateSync(file, 8 << 20);
      const made = await run('losetup', ['--find', '--show', file]).catch(() => undefined);
      if (made?.code !== 0) context.skip('this host makes no loop devices');
      const loop = made?.stdout.trim() ?? '';
      try {
        const cls = fresh('c');
        await volume({ local: { path: loop, fsType: 'ext4' }, storageClassName: cls, ...onNode('node-1') });
        const name = await claim(cls);
        const securityContext = { runAsUser: 1000, fsGroup: 2000 };
        const script = 'grep " /v " /proc/mounts | cut -d" " -f3; echo -n kept > /v/f; stat -c "%u %g" /v/f; sync';
        expect(await room.output(using(script, name, { securityContext }))).toBe('ext4\n1000 2000\n');
        expect(await room.output(using('cat /v/f', name))).toBe('kept');
        const pods = await bed.client.resource(PODS).list(room.namespace);
        const own = pods.items.filter((p) => p.spec?.volumes?.some((v) => v.persistentVolumeClaim?.claimName === name));
        for (const pod of own) await room.delete(pod.metadata.name ?? '');
        // Nothing of the pods is left mounted, or the device could not be taken away.
        await until(async () => !readFileSync('/proc/self/mountinfo', 'utf8').includes(`${loop} `));
      } finally {
        await run('losetup', ['--detach', loop]);
      }
    });

    it('is a device in the container', async (context) => {
      if (why !== undefined) context.skip(why);
      const cls = fresh('c');
      await volume({ local: { path: device }, volumeMode: 'Block', storageClassName: cls, ...onNode('node-1') });
      const filesystem = await claim(cls);
      const name = await claim(cls, { volumeMode: 'Block' });
      await claimPhase(name, 'Bound');
      expect((await getClaim(filesystem)).status?.phase).toBe('Pending');
      const script =
        'stat -c %F /dev/disk; dd if=/dev/disk bs=4 count=1 2>/dev/null; echo; echo -n changed | dd of=/dev/disk conv=notrunc 2>/dev/null';
      const text = await room.output({
        containers: [sh(script, { volumeDevices: [{ name: 'v', devicePath: '/dev/disk' }] })],
        volumes: [{ name: 'v', persistentVolumeClaim: { claimName: name } }],
      });
      expect(text).toBe('block special file\nxxxx\n');
      expect(readFileSync(join(host, 'disk')).subarray(0, 8).toString()).toBe('changedx');
      const mounted = await room.create(using('true', name));
      await room.event(
        mounted,
        'FailedMount',
        'unmounted volumes=[v], unattached volumes=[], failed to process volumes=[v]: volume v has volumeMode Block, but is specified in volumeMounts',
      );
      await bed.client.resource(PODS).delete(room.namespace, mounted, { gracePeriodSeconds: 0 });
    });
  });
});
