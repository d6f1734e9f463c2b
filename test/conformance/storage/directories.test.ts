// emptyDir, hostPath and image volumes, mount propagation and subPaths of directories, in real containers.
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PODS } from '../../../src/client/index.ts';
import type { EmptyDirVolumeSource, PodSpec, VolumeMount } from '../../../src/resources/generated/core-v1.ts';
import { run } from '../../e2e/cluster.ts';
import { covers } from '../covers.ts';
import { Bed, type Room, sh, skipReason, until, withVolume } from './bed.ts';

let bed: Bed;
let room: Room;
/** A directory of the host for hostPath volumes. */
let host: string | undefined;

function below(...parts: string[]): string {
  if (host === undefined) throw new Error('the directory of the host is not made yet');
  return join(host, ...parts);
}

async function program(file: string, args: readonly string[]): Promise<void> {
  const ran = await run(file, args);
  if (ran.code !== 0) throw new Error(`${file}: ${ran.stderr}`);
}

const NON_ROOT = { securityContext: { runAsUser: 1001 } };

/** Makes a file of this mode in an emptyDir and tells its mode, its owner and the volume's file system. */
function emptyDirFile(mode: string, emptyDir: EmptyDirVolumeSource, more: Partial<PodSpec> = {}): Promise<string> {
  const script = `umask 0; echo -n content > /v/f; chmod ${mode} /v/f; stat -c "%A %u" /v/f; cat /v/f; echo; ${FILE_SYSTEM}`;
  return room.output(withVolume(script, { emptyDir }, more));
}

const FILE_SYSTEM = 'grep " /v " /proc/mounts | cut -d" " -f3 | sed s/tmpfs/memory/ | grep memory || echo disk';
const MEMORY = { medium: 'Memory' };

describe.skipIf(skipReason !== undefined)(`directories (${skipReason ?? 'real containers'})`, () => {
  beforeAll(async () => {
    bed = await Bed.open();
    room = await bed.room();
    host = mkdtempSync(join(bed.cluster.dir, 'host-'));
    // Propagation asks for a shared mount, which the root of not every host is.
    await program('mount', ['-t', 'tmpfs', 'storage-tests', host]);
    await program('mount', ['--make-rshared', host]);
  }, 120_000);
  afterAll(async () => {
    if (host !== undefined) await program('umount', ['-R', host]);
    await bed?.close();
  }, 60_000);

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
    }, 60_000);
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
    }, 60_000);
  });

  describe.concurrent('a hostPath', () => {
    const listing = (target: string, type: string, script = 'ls -d /v; echo done'): Partial<PodSpec> =>
      withVolume(script, { hostPath: { path: target, type } });
    const refused = async (target: string, type: string, what: string): Promise<void> => {
      const pod = await room.create(listing(target, type));
      const message = `MountVolume.SetUp failed for volume "v" : hostPath type check failed: ${target} is not a ${what}`;
      await room.event(pod, 'FailedMount', message);
      expect(await room.waiting(pod, 'ContainerCreating')).toMatchObject({ started: false });
      await room.delete(pod);
    };

    it('without a type is mounted as it is, and what the pod writes stays', async () => {
      writeFileSync(below('plain'), 'from the host');
      const script = 'cat /v/plain; echo -n "from the pod" > /v/answer';
      expect(await room.output(withVolume(script, { hostPath: { path: below() } }))).toBe('from the host');
      expect(await room.output(withVolume('cat /v/answer', { hostPath: { path: below() } }))).toBe('from the pod');
    });

    it('of type DirectoryOrCreate is made, FileOrCreate too, but not what lies above a file', async () => {
      const script = 'stat -c %a-%F /v';
      expect(await room.output(listing(below('new/dir'), 'DirectoryOrCreate', script))).toBe('755-directory\n');
      expect(await room.output(listing(below('newfile'), 'FileOrCreate', script))).toBe('644-regular empty file\n');
      await refused(below('no/such/file'), 'FileOrCreate', 'file');
    });

    it('of type Directory, File, CharDevice, BlockDevice or Socket must be there and be one', async () => {
      const socket = below('sock');
      const server = await listening(socket);
      const file = below('file');
      writeFileSync(file, '');
      expect(await room.output(listing(below(), 'Directory'))).toContain('done');
      expect(await room.output(listing(file, 'File'))).toContain('done');
      expect(await room.output(listing(socket, 'Socket'))).toContain('done');
      expect(await room.output(listing('/dev/null', 'CharDevice'))).toContain('done');
      await refused(file, 'Directory', 'directory');
      await refused(below(), 'File', 'file');
      await refused(file, 'Socket', 'socket file');
      await refused(file, 'CharDevice', 'character device');
      await refused(file, 'BlockDevice', 'block device');
      server.close();
    }, 40_000);

    it.skipIf(!existsSync('/dev/loop0'))('of type BlockDevice takes a block device', async () => {
      expect(await room.output(listing('/dev/loop0', 'BlockDevice', 'stat -c %F /v'))).toBe('block special file\n');
    });
  });

  describe.concurrent('mounts', () => {
    const volumes = (path: string) => [{ name: 'v', hostPath: { path } }];
    const privileged = { securityContext: { privileged: true } };

    /** Mounts a tmpfs below the volume in one container, and says who sees it: another container, the host. */
    async function spread(directory: string, mounts: Partial<VolumeMount>): Promise<{ other: boolean; back: boolean }> {
      const path = below(directory);
      mkdirSync(join(path, 'below'), { recursive: true });
      const volumeMounts = [{ name: 'v', mountPath: '/v', ...mounts }];
      const pod = await room.start({
        containers: [
          sh('mount -t tmpfs none /v/below; touch /v/below/here; sleep 600', { ...privileged, volumeMounts }),
          sh('sleep 600', {
            name: 'other',
            volumeMounts: [{ name: 'v', mountPath: '/v', mountPropagation: 'HostToContainer' }],
          }),
        ],
        volumes: volumes(path),
      });
      await until(async () => (await room.exec(pod, 'ls /v/below')).includes('here'));
      const other = (await room.exec(pod, 'ls /v/below', 'other')).includes('here');
      const back = existsSync(join(path, 'below/here'));
      await room.exec(pod, 'umount /v/below');
      await room.delete(pod);
      return { other, back };
    }

    it('of one container stay its own, unless they are Bidirectional', async () => {
      expect(await spread('private', {})).toEqual({ other: false, back: false });
      expect(await spread('slave', { mountPropagation: 'HostToContainer' })).toEqual({ other: false, back: false });
      expect(await spread('shared', { mountPropagation: 'Bidirectional' })).toEqual({ other: true, back: true });
    }, 40_000);

    it('of the host come into a container that runs only with HostToContainer', async () => {
      const path = below('coming');
      mkdirSync(join(path, 'below'), { recursive: true });
      const mount = (mountPath: string, mountPropagation?: string): VolumeMount => ({
        name: 'v',
        mountPath,
        ...(mountPropagation === undefined ? {} : { mountPropagation }),
      });
      // A pod with Bidirectional is the host's hand here.
      const hand = await room.start({
        containers: [sh('sleep 600', { ...privileged, volumeMounts: [mount('/v', 'Bidirectional')] })],
        volumes: volumes(path),
      });
      const eye = await room.start({
        containers: [sh('sleep 600', { volumeMounts: [mount('/none'), mount('/slave', 'HostToContainer')] })],
        volumes: volumes(path),
      });
      await room.exec(hand, 'mount -t tmpfs none /v/below; touch /v/below/here');
      expect(await room.exec(eye, 'ls /none/below /slave/below')).toBe('/none/below:\n\n/slave/below:\nhere\n');
      await room.exec(hand, 'umount /v/below');
      await room.delete(eye);
      await room.delete(hand);
    }, 40_000);

    it('that are read-only are so to the bottom only when recursiveReadOnly says so', async () => {
      const path = below('recursive');
      mkdirSync(join(path, 'below'), { recursive: true });
      const hand = await room.start({
        containers: [
          sh('mount -t tmpfs none /v/below; sleep 600', {
            ...privileged,
            volumeMounts: [{ name: 'v', mountPath: '/v', mountPropagation: 'Bidirectional' }],
          }),
        ],
        volumes: volumes(path),
      });
      await until(async () => (await room.exec(hand, 'mount')).includes('/v/below'));
      const script =
        'for d in /plain /all; do touch $d/f 2>/dev/null && echo "$d writable"; touch $d/below/f && echo "$d/below writable"; done; true';
      const text = await room.output({
        containers: [
          sh(script, {
            volumeMounts: [
              { name: 'v', mountPath: '/plain', readOnly: true },
              { name: 'v', mountPath: '/all', readOnly: true, recursiveReadOnly: 'Enabled' },
            ],
          }),
        ],
        volumes: volumes(path),
      });
      expect(text).toContain('/plain/below writable');
      expect(text).not.toContain('/plain writable');
      expect(text).not.toContain('/all/below writable');
      await room.exec(hand, 'umount /v/below');
      await room.delete(hand);
    }, 40_000);

    it('that are recursively read-only show it in the status', async () => {
      const pod = await room.start({
        containers: [
          sh('sleep 600', {
            volumeMounts: [{ name: 'v', mountPath: '/v', readOnly: true, recursiveReadOnly: 'IfPossible' }],
          }),
        ],
        volumes: [{ name: 'v', emptyDir: {} }],
      });
      const mounts = (await room.pod(pod)).status?.containerStatuses?.[0]?.volumeMounts ?? [];
      expect(mounts).toContainEqual({ name: 'v', mountPath: '/v', readOnly: true, recursiveReadOnly: 'Enabled' });
      await room.delete(pod);
    });
  });

  describe.concurrent('a subPath of a directory', () => {
    it('is made, and holds what the container writes', async () => {
      const volumeMounts = [
        { name: 'v', mountPath: '/deep', subPath: 'a/b' },
        { name: 'v', mountPath: '/v' },
      ];
      const script = 'echo -n here > /deep/f; cat /v/a/b/f; stat -c " %A" /v/a/b';
      const text = await room.output({
        containers: [sh(script, { volumeMounts })],
        volumes: [{ name: 'v', emptyDir: {} }],
      });
      expect(text).toBe('here drwxr-x---\n');
    });

    it('may be a file that takes the place of one file of the image', async () => {
      const initContainers = [
        sh('echo -n mine > /v/passwd', { name: 'init', volumeMounts: [{ name: 'v', mountPath: '/v' }] }),
      ];
      const volumeMounts = [{ name: 'v', mountPath: '/etc/passwd', subPath: 'passwd' }];
      const text = await room.output({
        initContainers,
        containers: [sh('cat /etc/passwd; ls /etc/group', { volumeMounts })],
        volumes: [{ name: 'v', emptyDir: {} }],
      });
      expect(text).toBe('mine/etc/group\n');
    });

    it('by expression has the pod’s own name in it', async () => {
      const env = [{ name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }];
      const volumeMounts = [{ name: 'v', mountPath: '/logs', subPathExpr: '$(POD_NAME)/logs' }];
      const path = below('expressions');
      const spec = {
        containers: [sh('echo -n mine > /logs/f', { env, volumeMounts })],
        volumes: [{ name: 'v', hostPath: { path, type: 'DirectoryOrCreate' } }],
      };
      await room.output(spec, { name: 'expressive' });
      expect(existsSync(join(path, 'expressive/logs/f'))).toBe(true);
    });

    it('by expression with a variable that is not there, or that leads up or out, is refused', async () => {
      const refused = async (value: string | undefined, subPathExpr: string, wanted: RegExp): Promise<void> => {
        const env = value === undefined ? [] : [{ name: 'X', value }];
        const volumeMounts = [{ name: 'v', mountPath: '/v', subPathExpr }];
        const pod = await room.create({
          containers: [sh('true', { env, volumeMounts })],
          volumes: [{ name: 'v', emptyDir: {} }],
        });
        expect((await room.waiting(pod, 'CreateContainerConfigError')).state?.waiting?.message).toMatch(wanted);
        await room.delete(pod);
      };
      await refused(undefined, '$(X)', /^missing value for X$/);
      await refused('/etc', '$(X)', /^error SubPath `\/etc` must not be an absolute path$/);
      await refused('..', '$(X)', /^unable to provision SubPath `\.\.`: must not contain '\.\.'$/);
    });

    it('never leads out of the volume through a link', async () => {
      symlinkSync('/etc', below('out'));
      const volumeMounts = [{ name: 'v', mountPath: '/v', subPath: 'out' }];
      const pod = await room.create({
        containers: [sh('cat /v/shadow', { volumeMounts })],
        volumes: [{ name: 'v', hostPath: { path: below() } }],
      });
      const waiting = (await room.waiting(pod, 'CreateContainerConfigError')).state?.waiting;
      expect(waiting?.message).toBe('failed to prepare subPath for volumeMount "v" of container "c"');
      await room.delete(pod);
    });

    it('is not fooled by a process that swaps a directory and a link all the time', async () => {
      const path = below('race');
      mkdirSync(join(path, 'dir'), { recursive: true });
      writeFileSync(join(path, 'dir/inside'), '');
      mkdirSync(below('outside'));
      writeFileSync(below('outside/treasure'), '');
      const swap = `cd /v; while true; do mv -T dir real && ln -s ${below('outside')} dir; rm -f dir || rmdir dir; mv -T real dir; done 2>/dev/null`;
      const racer = await room.start(withVolume(swap, { hostPath: { path } }));
      const volumeMounts = [{ name: 'v', mountPath: '/x', subPath: 'dir' }];
      const spec = { containers: [sh('ls -a /x', { volumeMounts })], volumes: [{ name: 'v', hostPath: { path } }] };
      const names = await Promise.all(Array.from({ length: 15 }, () => room.create(spec)));
      for (const name of names) {
        const pod = await room.pods(name, (p) => {
          const state = p.status?.containerStatuses?.[0]?.state;
          return state?.terminated !== undefined || state?.waiting?.reason === 'CreateContainerConfigError';
        });
        // Mounted is what lies in the volume, or nothing.
        if (pod.status?.containerStatuses?.[0]?.state?.terminated !== undefined) {
          expect(await room.log(name)).not.toContain('treasure');
        }
      }
      await room.delete(racer);
      await Promise.all(names.map((name) => room.delete(name)));
    }, 60_000);
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
        'MountVolume.SetUp failed for volume "v" : hugePages storage requested, but there is no resource request for huge pages.',
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

function listening(path: string): Promise<Server> {
  rmSync(path, { force: true });
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(path, () => resolve(server));
  });
}
