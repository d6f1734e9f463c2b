// Pods that use claims, in real containers: directories, devices, claims that are made for them; and volumes across a crash.
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONFIG_MAPS, PODS } from '../../../src/client/index.ts';
import { run } from '../../e2e/cluster.ts';
import { sh, skipReason, until, withVolume } from './bed.ts';
import { ClaimBed, onNode, using } from './claim-bed.ts';

let bed: ClaimBed;

describe.skipIf(skipReason !== undefined)(`volumes of claims (${skipReason ?? 'real containers'})`, () => {
  beforeAll(async () => {
    bed = await ClaimBed.open();
  }, 120_000);
  afterAll(() => bed?.close(), 60_000);

  describe.concurrent('a pod', () => {
    it('has a ReadWriteOncePod claim for itself', async () => {
      const cls = bed.fresh('c');
      const accessModes = ['ReadWriteOncePod'];
      await bed.volume({ hostPath: { path: bed.directory() }, storageClassName: cls, accessModes });
      const name = await bed.claim(cls, { accessModes });
      const first = await bed.room.start(using('sleep 600', name));
      const second = await bed.room.create(using('true', name));
      await bed.room.event(
        second,
        'FailedScheduling',
        'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode',
      );
      await bed.room.delete(first);
      expect((await bed.room.ended(second)).status?.phase).toBe('Succeeded');
    });

    it('reads and writes the volume of its claim, and the next pod finds what it wrote', async () => {
      const cls = bed.fresh('c');
      const path = bed.directory();
      await bed.volume({ hostPath: { path }, storageClassName: cls });
      const name = await bed.claim(cls);
      await bed.room.output(using('echo -n kept > /v/f', name));
      expect(readFileSync(join(path, 'f'), 'utf8')).toBe('kept');
      expect(await bed.room.output(using('cat /v/f', name))).toBe('kept');
    });

    it('waits for a claim that is not there or not bound', async () => {
      const absent = await bed.room.create(using('true', 'nosuch'));
      await bed.room.event(absent, 'FailedScheduling', 'persistentvolumeclaim "nosuch" not found');
      const cls = bed.fresh('c');
      const name = await bed.claim(cls);
      const pod = await bed.room.create(using('true', name));
      await bed.room.event(pod, 'FailedScheduling', 'pod has unbound immediate PersistentVolumeClaims');
      await bed.volume({ hostPath: { path: bed.directory() }, storageClassName: cls });
      expect((await bed.room.ended(pod)).status?.phase).toBe('Succeeded');
      await bed.room.delete(absent);
    });

    it('keeps its claim from being deleted while it runs', async () => {
      const cls = bed.fresh('c');
      await bed.volume({ hostPath: { path: bed.directory() }, storageClassName: cls });
      const name = await bed.claim(cls);
      const pod = await bed.room.start(using('sleep 600', name));
      const claims = bed.claims;
      await claims.delete(bed.room.namespace, name);
      expect((await bed.getClaim(name)).metadata.deletionTimestamp).toBeDefined();
      const late = await bed.room.create(using('true', name));
      await bed.room.event(late, 'FailedScheduling', `persistentvolumeclaim "${name}" is being deleted`);
      await bed.room.delete(late);
      await bed.room.delete(pod);
      await until(async () => (await claims.list(bed.room.namespace)).items.every((one) => one.metadata.name !== name));
    });

    it('gives a local volume to its fsGroup', async () => {
      const cls = bed.fresh('c');
      await bed.volume({ local: { path: bed.directory() }, storageClassName: cls, ...onNode('node-1') });
      const name = await bed.claim(cls);
      const securityContext = { runAsUser: 1000, fsGroup: 1234 };
      const script = 'stat -c "%A %g" /v; touch /v/f; stat -c "%u %g" /v/f';
      expect(await bed.room.output(using(script, name, { securityContext }))).toBe('drwxrwsr-x 1234\n1000 1234\n');
    });

    it('is told when the directory of a local volume is not there', async () => {
      const cls = bed.fresh('c');
      const path = join(bed.host, 'nosuch');
      const pv = await bed.volume({ local: { path }, storageClassName: cls, ...onNode('node-1') });
      const pod = await bed.room.create(using('true', await bed.claim(cls)));
      await bed.room.event(
        pod,
        'FailedMount',
        `MountVolume.SetUp failed for volume "${pv}" : path "${path}" does not exist`,
      );
      await bed.room.delete(pod);
    });

    it('goes only where its volume can be reached', async () => {
      const cls = bed.fresh('c');
      await bed.volume({ local: { path: bed.directory() }, storageClassName: cls, ...onNode('elsewhere') });
      const pod = await bed.room.create(using('true', await bed.claim(cls)));
      await bed.room.event(pod, 'FailedScheduling', "node(s) didn't match PersistentVolume's node affinity");
      await bed.room.delete(pod);
    });

    it('mounts its claim read-only when it says so', async () => {
      const cls = bed.fresh('c');
      await bed.volume({ hostPath: { path: bed.directory() }, storageClassName: cls });
      const source = { persistentVolumeClaim: { claimName: await bed.claim(cls), readOnly: true } };
      expect(await bed.room.output(withVolume('touch /v/f 2>&1 | grep -o Read-only', source))).toBe('Read-only\n');
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
      const cls = bed.fresh('c');
      await bed.volume({ hostPath: { path: bed.directory() }, storageClassName: cls });
      const pod = await bed.room.start(withVolume('touch /v/f; sleep 600', ephemeral(cls)));
      const made = await bed.getClaim(`${pod}-v`);
      expect(made.metadata.labels).toEqual({ of: 'template' });
      expect(made.metadata.ownerReferences).toMatchObject([
        { kind: 'Pod', name: pod, controller: true, blockOwnerDeletion: true },
      ]);
      await bed.room.delete(pod);
      const claims = bed.claims;
      await until(async () =>
        (await claims.list(bed.room.namespace)).items.every((one) => one.metadata.name !== `${pod}-v`),
      );
    });

    it('does not take a claim that is not its pod’s', async () => {
      const name = bed.fresh('eph');
      await bed.claims.create(bed.room.namespace, {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: `${name}-v` },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, storageClassName: '' },
      });
      const pod = await bed.room.create(withVolume('true', ephemeral('')), { name });
      const text = `PVC ${bed.room.namespace}/${name}-v was not created for pod ${bed.room.namespace}/${name} (pod is not owner)`;
      await bed.room.event(pod, 'FailedScheduling', text);
      await bed.room.delete(pod);
    });
  });

  describe('a block volume', () => {
    let device = '';
    let why: string | undefined;
    beforeAll(async () => {
      const file = join(bed.host, 'disk');
      writeFileSync(file, Buffer.alloc(1 << 20, 'x'));
      const made = await run('losetup', ['--find', '--show', file]).catch(() => undefined);
      if (made?.code === 0) device = made.stdout.trim();
      else why = 'this host makes no loop devices';
    });
    afterAll(async () => {
      if (device !== '') await run('losetup', ['--detach', device]);
    });

    it('gets a file system when it is empty and used as one, and keeps what is written', async (context) => {
      const file = join(bed.host, 'empty');
      writeFileSync(file, '');
      truncateSync(file, 8 << 20);
      for (const tool of ['mkfs.ext4', 'blkid']) {
        const there = await run(tool, ['-V']).catch(() => undefined);
        if (there === undefined) context.skip(`this host has no ${tool}`);
      }
      const made = await run('losetup', ['--find', '--show', file]).catch(() => undefined);
      if (made?.code !== 0) context.skip('this host makes no loop devices');
      const loop = made?.stdout.trim() ?? '';
      try {
        const cls = bed.fresh('c');
        await bed.volume({ local: { path: loop, fsType: 'ext4' }, storageClassName: cls, ...onNode('node-1') });
        const name = await bed.claim(cls);
        const securityContext = { runAsUser: 1000, fsGroup: 2000 };
        const script = 'grep " /v " /proc/mounts | cut -d" " -f3; echo -n kept > /v/f; stat -c "%u %g" /v/f; sync';
        expect(await bed.room.output(using(script, name, { securityContext }))).toBe('ext4\n1000 2000\n');
        expect(await bed.room.output(using('cat /v/f', name))).toBe('kept');
        const pods = await bed.bed.client.resource(PODS).list(bed.room.namespace);
        const own = pods.items.filter((p) => p.spec?.volumes?.some((v) => v.persistentVolumeClaim?.claimName === name));
        for (const pod of own) await bed.room.delete(pod.metadata.name ?? '');
        // Nothing of the pods is left mounted, or the device could not be taken away.
        await until(async () => !readFileSync('/proc/self/mountinfo', 'utf8').includes(`${loop} `));
      } finally {
        await run('losetup', ['--detach', loop]);
      }
    });

    it('is a device in the container', async (context) => {
      if (why !== undefined) context.skip(why);
      const cls = bed.fresh('c');
      await bed.volume({ local: { path: device }, volumeMode: 'Block', storageClassName: cls, ...onNode('node-1') });
      const filesystem = await bed.claim(cls);
      const name = await bed.claim(cls, { volumeMode: 'Block' });
      await bed.claimPhase(name, 'Bound');
      expect((await bed.getClaim(filesystem)).status?.phase).toBe('Pending');
      const script =
        'stat -c %F /dev/disk; dd if=/dev/disk bs=4 count=1 2>/dev/null; echo; echo -n changed | dd of=/dev/disk conv=notrunc 2>/dev/null';
      const text = await bed.room.output({
        containers: [sh(script, { volumeDevices: [{ name: 'v', devicePath: '/dev/disk' }] })],
        volumes: [{ name: 'v', persistentVolumeClaim: { claimName: name } }],
      });
      expect(text).toBe('block special file\nxxxx\n');
      expect(readFileSync(join(bed.host, 'disk')).subarray(0, 8).toString()).toBe('changedx');
      const mounted = await bed.room.create(using('true', name));
      await bed.room.event(
        mounted,
        'FailedMount',
        'unmounted volumes=[v], unattached volumes=[], failed to process volumes=[v]: volume v has volumeMode Block, but is specified in volumeMounts',
      );
      await bed.bed.client.resource(PODS).delete(bed.room.namespace, mounted, { gracePeriodSeconds: 0 });
    });
  });

  describe('volumes of a pod that outlives the server', () => {
    it('stay, follow, and go', async () => {
      const name = await bed.room.configMap({ a: '1' });
      const cls = bed.fresh('c');
      const path = bed.directory();
      await bed.volume({ hostPath: { path }, storageClassName: cls });
      const claimName = await bed.claim(cls);
      const mount = (volume: string, more: object = {}) => ({ name: volume, mountPath: `/${volume}`, ...more });
      const pod = await bed.room.start({
        containers: [
          sh('echo -n mine > /memory/f; echo -n mine > /disk/f; sleep 600', {
            volumeMounts: [
              mount('map'),
              mount('memory'),
              mount('disk'),
              mount('claim'),
              { name: 'disk', mountPath: '/sub', subPath: 'deep/sub' },
            ],
          }),
        ],
        volumes: [
          { name: 'map', configMap: { name } },
          { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
          { name: 'disk', emptyDir: {} },
          { name: 'claim', persistentVolumeClaim: { claimName } },
        ],
      });
      const { uid = '' } = (await bed.room.pod(pod)).metadata;
      await until(async () => (await bed.room.exec(pod, 'cat /disk/f')) === 'mine');
      await bed.bed.crash();
      await bed.bed.client.resource(CONFIG_MAPS).patch(bed.room.namespace, name, 'merge', { data: { a: '2' } });
      await until(async () => (await bed.room.exec(pod, 'cat /map/a')) === '2');
      expect(await bed.room.exec(pod, 'cat /memory/f /disk/f; ls -d /sub; touch /claim/f')).toBe('minemine/sub\n');
      expect(existsSync(join(path, 'f'))).toBe(true);
      expect((await bed.room.pod(pod)).status?.containerStatuses?.[0]?.restartCount).toBe(0);
      await bed.room.delete(pod);
      await until(async () => !readFileSync('/proc/self/mountinfo', 'utf8').includes(uid));
      await until(async () => !existsSync(join(bed.bed.cluster.dir, 'kubelet/0/pods', uid)));
      expect(existsSync(join(path, 'f'))).toBe(true);
    });
  });
});
