// emptyDir and image volumes in real containers, limits of the disk, and what a node cannot mount.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PODS } from '../../../src/client/index.ts';
import type { EmptyDirVolumeSource, PodSpec } from '../../../src/resources/generated/core-v1.ts';
import { covers } from '../covers.ts';
import { Bed, type Room, sh, skipReason, until, withVolume } from './bed.ts';

let bed: Bed;
let room: Room;

const NON_ROOT = { securityContext: { runAsUser: 1001 } };

/** Makes a file of this mode in an emptyDir and tells its mode, its owner and the volume's file system. */
function emptyDirFile(mode: string, emptyDir: EmptyDirVolumeSource, more: Partial<PodSpec> = {}): Promise<string> {
  const script = `umask 0; echo -n content > /v/f; chmod ${mode} /v/f; stat -c "%A %u" /v/f; cat /v/f; echo; ${FILE_SYSTEM}`;
  return room.output(withVolume(script, { emptyDir }, more));
}

const FILE_SYSTEM = 'grep " /v " /proc/mounts | cut -d" " -f3 | sed s/tmpfs/memory/ | grep memory || echo disk';
const MEMORY = { medium: 'Memory' };

describe.skipIf(skipReason !== undefined)(`emptyDir and others (${skipReason ?? 'real containers'})`, () => {
  beforeAll(async () => {
    bed = await Bed.open();
    room = await bed.room();
  }, 120_000);
  afterAll(() => bed?.close(), 60_000);

  describe.concurrent('an emptyDir', () => {
    it(covers('EmptyDir, medium default, volume mode 0644'), async () => {
      expect(await emptyDirFile('0644', {}, NON_ROOT)).toBe('-rw-r--r-- 1001\ncontent\ndisk\n');
    });
    it(covers('EmptyDir, medium default, volume mode 0666'), async () => {
      expect(await emptyDirFile('0666', {}, NON_ROOT)).toBe('-rw-rw-rw- 1001\ncontent\ndisk\n');
    });
    it(covers('EmptyDir, medium default, volume mode 0777'), async () => {
      expect(await emptyDirFile('0777', {}, NON_ROOT)).toBe('-rwxrwxrwx 1001\ncontent\ndisk\n');
    });
    it(covers('EmptyDir, medium default, volume mode 0644 (2)'), async () => {
      expect(await emptyDirFile('0644', {})).toBe('-rw-r--r-- 0\ncontent\ndisk\n');
    });
    it(covers('EmptyDir, medium default, volume mode 0666 (2)'), async () => {
      expect(await emptyDirFile('0666', {})).toBe('-rw-rw-rw- 0\ncontent\ndisk\n');
    });
    it(covers('EmptyDir, medium default, volume mode 0777 (2)'), async () => {
      expect(await emptyDirFile('0777', {})).toBe('-rwxrwxrwx 0\ncontent\ndisk\n');
    });
    it(covers('EmptyDir, medium memory, volume mode 0644, non-root user'), async () => {
      expect(await emptyDirFile('0644', MEMORY, NON_ROOT)).toBe('-rw-r--r-- 1001\ncontent\nmemory\n');
    });
    it(covers('EmptyDir, medium memory, volume mode 0666,, non-root user'), async () => {
      expect(await emptyDirFile('0666', MEMORY, NON_ROOT)).toBe('-rw-rw-rw- 1001\ncontent\nmemory\n');
    });
    it(covers('EmptyDir, medium memory, volume mode 0777, non-root user'), async () => {
      expect(await emptyDirFile('0777', MEMORY, NON_ROOT)).toBe('-rwxrwxrwx 1001\ncontent\nmemory\n');
    });
    it(covers('EmptyDir, medium memory, volume mode 0644'), async () => {
      expect(await emptyDirFile('0644', MEMORY)).toBe('-rw-r--r-- 0\ncontent\nmemory\n');
    });
    it(covers('EmptyDir, medium memory, volume mode 0666'), async () => {
      expect(await emptyDirFile('0666', MEMORY)).toBe('-rw-rw-rw- 0\ncontent\nmemory\n');
    });
    it(covers('EmptyDir, medium memory, volume mode 0777'), async () => {
      expect(await emptyDirFile('0777', MEMORY)).toBe('-rwxrwxrwx 0\ncontent\nmemory\n');
    });
    it(covers('EmptyDir, medium default, volume mode default'), async () => {
      const text = await room.output(withVolume(`stat -c %A /v; ${FILE_SYSTEM}`, { emptyDir: {} }));
      expect(text).toBe('drwxrwxrwx\ndisk\n');
    });
    it(covers('EmptyDir, medium memory, volume mode default'), async () => {
      const text = await room.output(withVolume(`stat -c %A /v; ${FILE_SYSTEM}`, { emptyDir: MEMORY }));
      // A tmpfs has the sticky bit: so it is with a genuine kubelet.
      expect(text).toBe('drwxrwxrwt\nmemory\n');
    });

    it(covers('EmptyDir, Shared volumes between containers'), async () => {
      const volumeMounts = [{ name: 'v', mountPath: '/shared' }];
      const text = await room.output({
        containers: [
          sh('until [ -f /shared/done ]; do sleep 0.05; done; cat /shared/done', { volumeMounts }),
          sh('echo -n "from the other" > /shared/done', { name: 'other', volumeMounts }),
        ],
        volumes: [{ name: 'v', emptyDir: {} }],
      });
      expect(text).toBe('from the other');
    });

    it('belongs to the fsGroup, with the bit that hands the group down', async () => {
      const securityContext = { runAsUser: 1001, fsGroup: 123 };
      const script = 'stat -c "%A %g" /v; touch /v/f; stat -c "%u %g" /v/f';
      const run = (emptyDir: object): Promise<string> =>
        room.output(withVolume(script, { emptyDir }, { securityContext }));
      expect(await run({})).toBe('drwxrwsrwx 123\n1001 123\n');
      expect(await run(MEMORY)).toBe('drwxrwsrwt 123\n1001 123\n');
    });

    it('lives as long as the pod, whatever its containers do, and goes with it', async () => {
      const script = 'echo . >> /v/runs; [ $(wc -l < /v/runs) -ge 2 ] && sleep 600; exit 1';
      const pod = await room.create(withVolume(script, { emptyDir: {} }, { restartPolicy: 'Always' }));
      await room.pods(
        pod,
        (p) => p.status?.containerStatuses?.[0]?.restartCount === 1 && p.status.containerStatuses[0].ready,
      );
      const uid = (await room.pod(pod)).metadata.uid ?? '';
      const directory = join(bed.cluster.dir, 'kubelet/0/pods', uid, 'volumes');
      expect(existsSync(directory)).toBe(true);
      await room.delete(pod);
      await until(async () => !existsSync(directory));
    });

    it('of memory is as big as the pod may become, or smaller when it says so', async () => {
      const kilobytes = (emptyDir: EmptyDirVolumeSource): Promise<string> => {
        const spec = withVolume('df -k /v | tail -1 | tr -s " " | cut -d" " -f2', { emptyDir });
        for (const c of spec.containers ?? []) c.resources = { limits: { memory: '64Mi' } };
        return room.output(spec);
      };
      expect(await kilobytes({ ...MEMORY, sizeLimit: '10Mi' })).toBe('10240\n');
      expect(await kilobytes(MEMORY)).toBe('65536\n');
      expect(await kilobytes({ ...MEMORY, sizeLimit: '1Gi' })).toBe('65536\n');
    });

    it('of memory counts as memory of the container that fills it', async () => {
      const limited = (memory: string) => ({
        resources: { limits: { memory } },
        volumeMounts: [{ name: 'v', mountPath: '/v' }],
      });
      const name = await room.create({
        containers: [
          sh('exec dd if=/dev/zero of=/v/f bs=1M count=60', limited('32Mi')),
          sh('sleep 600', { name: 'other', ...limited('64Mi') }),
        ],
        volumes: [{ name: 'v', emptyDir: MEMORY }],
      });
      const pod = await room.pods(name, (p) => p.status?.containerStatuses?.[0]?.state?.terminated !== undefined);
      expect(pod.status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({
        reason: 'OOMKilled',
        exitCode: 137,
      });
      await room.delete(name);
    });
  });

  describe.concurrent('a pod that fills the disk', () => {
    const evicted = async (spec: Partial<PodSpec>, message: string): Promise<void> => {
      const name = await room.create(spec);
      const pod = await room.pods(name, (p) => p.status?.phase === 'Failed', 40_000);
      expect(pod.status).toMatchObject({ reason: 'Evicted', message });
      // It was no disruption: the pod itself is to blame.
      expect(pod.status?.conditions?.some((c) => c.type === 'DisruptionTarget')).toBe(false);
      await room.event(name, 'Evicted', message);
    };
    const fill = 'dd if=/dev/zero of=$0/f bs=1M count=3 2>/dev/null; sleep 600';
    const filling = (at: string, limit?: string) => ({
      ...sh(fill, { volumeMounts: [{ name: 'v', mountPath: '/v' }] }),
      command: ['sh', '-c', fill, at],
      ...(limit === undefined ? {} : { resources: { limits: { 'ephemeral-storage': limit } } }),
    });
    const volumes = [{ name: 'v', emptyDir: {} }];

    it('is evicted when an emptyDir is over its limit, a container over its own, or all over the sum', async () => {
      const limited = [{ name: 'v', emptyDir: { sizeLimit: '1Mi' } }];
      await Promise.all([
        evicted(
          { containers: [filling('/v')], volumes: limited },
          'Usage of EmptyDir volume "v" exceeds the limit "1Mi". ',
        ),
        evicted(
          { containers: [filling('/tmp', '1Mi'), { ...filling('/none', '8Mi'), name: 'other' }], volumes },
          'Container c exceeded its local ephemeral storage limit "1Mi". ',
        ),
        evicted(
          { containers: [filling('/v', '2Mi')], volumes },
          'Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. ',
        ),
      ]);
    });
  });

  describe.concurrent('wrapped volumes', () => {
    it(covers('EmptyDir Wrapper Volume, Secret and ConfigMap volumes, no conflict'), async () => {
      const secretName = await room.secret({ 'data-1': 'value-1' });
      const name = await room.configMap({ 'data-1': 'value-1' });
      const volumeMounts = ['secret-volume', 'configmap-volume'].map((v) => ({ name: v, mountPath: `/etc/${v}` }));
      const pod = await room.start({
        containers: [sh('sleep 600', { volumeMounts })],
        volumes: [
          { name: 'secret-volume', secret: { secretName } },
          { name: 'configmap-volume', configMap: { name } },
        ],
      });
      await room.delete(pod);
    });

    it(covers('EmptyDir Wrapper Volume, ConfigMap volumes, no race'), async () => {
      const maps = await Promise.all(Array.from({ length: 50 }, (_, i) => room.configMap({ 'data-1': `value-${i}` })));
      const volumeMounts = maps.map((name) => ({ name, mountPath: `/etc/config-${name}` }));
      const spec = {
        containers: [sh('cat /etc/config-*/data-1 | wc -c; sleep 600', { volumeMounts })],
        volumes: maps.map((name) => ({ name, configMap: { name, items: [{ key: 'data-1', path: 'data-1' }] } })),
      };
      const pods = await Promise.all(Array.from({ length: 5 }, () => room.start(spec)));
      for (const pod of pods) {
        await room.logs(pod, `${10 * 7 + 40 * 8}\n`);
        expect(await room.events(pod, 'FailedMount')).toBe('');
        await room.delete(pod);
      }
    });
  });

  describe.concurrent('an image volume', () => {
    it('shows the image’s files, and a directory of it by subPath, read-only', async () => {
      const volumeMounts = [
        { name: 'v', mountPath: '/image' },
        { name: 'v', mountPath: '/www', subPath: 'www' },
      ];
      const script =
        'cat /image/www/index.html /www/index.html; touch /image/f 2>&1 | grep -o Read-only; touch /www/f 2>&1 | grep -o Read-only';
      const text = await room.output({
        containers: [sh(script, { volumeMounts })],
        volumes: [{ name: 'v', image: { reference: 'busybox:latest', pullPolicy: 'IfNotPresent' } }],
      });
      expect(text).toBe('hello\nhello\nRead-only\nRead-only\n');
    });

    it('that is not there holds the pod back as a container’s image would', async () => {
      const volumes = (pullPolicy: string) => [{ name: 'v', image: { reference: 'nosuch:1', pullPolicy } }];
      const containers = [sh('true', { volumeMounts: [{ name: 'v', mountPath: '/v' }] })];
      const never = await room.create({ containers, volumes: volumes('Never') });
      await room.waiting(never, 'ErrImageNeverPull');
      await room.event(
        never,
        'ErrImageNeverPull',
        'Container image "nosuch:1" is not present with pull policy of Never',
      );
      const pulled = await room.create({ containers, volumes: volumes('IfNotPresent') });
      await room.waiting(pulled, 'ImagePullBackOff');
      await room.delete(never);
      await room.delete(pulled);
    });

    it('whose subPath is not in the image lets the container fail to be made', async () => {
      const volumeMounts = [{ name: 'v', mountPath: '/v', subPath: 'nosuch' }];
      const pod = await room.create({
        containers: [sh('true', { volumeMounts })],
        volumes: [{ name: 'v', image: { reference: 'busybox:latest', pullPolicy: 'IfNotPresent' } }],
      });
      await room.pods(
        pod,
        (p) => p.status?.containerStatuses?.[0]?.state?.waiting?.reason?.startsWith('CreateContainer') === true,
      );
      await room.delete(pod);
    });
  });

  describe.concurrent('what this node cannot mount', () => {
    const cases: [string, object, RegExp | string][] = [
      [
        'csi',
        { csi: { driver: 'inline.example.com', volumeAttributes: { a: 'b' } } },
        'MountVolume.SetUp failed for volume "v" : kubernetes.io/csi: mounter.SetUpAt failed to get CSI client: driver name inline.example.com not found in the list of registered CSI drivers',
      ],
      ['nfs', { nfs: { server: '127.0.0.1', path: '/x' } }, /MountVolume.SetUp failed for volume "v" : /],
      [
        'iscsi',
        { iscsi: { targetPortal: '127.0.0.1', iqn: 'iqn.2001-04.com.example:storage', lun: 0 } },
        /volume "v" : /,
      ],
    ];
    for (const [kind, source, wanted] of cases) {
      it(`keeps the pod in ContainerCreating: ${kind}`, async () => {
        const pod = await room.create(withVolume('true', source));
        await room.event(pod, 'FailedMount', wanted);
        await room.waiting(pod, 'ContainerCreating');
        await room.delete(pod);
        await until(async () =>
          (await bed.client.resource(PODS).list(room.namespace)).items.every((p) => p.metadata.name !== pod),
        );
      });
    }

    it('keeps the pod in ContainerCreating: huge pages that the pod does not ask for', async () => {
      const pod = await room.create(withVolume('true', { emptyDir: { medium: 'HugePages' } }));
      await room.event(
        pod,
        'FailedMount',
        'MountVolume.SetUp failed for volume "v" : medium HugePages: hugePages storage requested, but there is no resource request for huge pages',
      );
      await room.delete(pod);
    });

    it('huge pages where the host has none keep the pod from being scheduled', async () => {
      const spec = withVolume('true', { emptyDir: { medium: 'HugePages-2Mi' } });
      for (const c of spec.containers ?? []) c.resources = { limits: { 'hugepages-2Mi': '4Mi', memory: '32Mi' } };
      const pod = await room.create(spec);
      await room.event(pod, 'FailedScheduling', 'Insufficient hugepages-2Mi');
      await room.delete(pod);
    });
  });
});
