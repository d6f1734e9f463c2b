// hostPath volumes, mount propagation and subPaths of directories, in real containers.
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PodSpec, VolumeMount } from '../../../src/resources/generated/core-v1.ts';
import { run } from '../../e2e/cluster.ts';
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

describe.skipIf(skipReason !== undefined)(`directories of the host (${skipReason ?? 'real containers'})`, () => {
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
  });

  describe.concurrent('a hostPath', () => {
    const listing = (target: string, type: string, script = 'ls -d /v; echo done'): Partial<PodSpec> =>
      withVolume(script, { hostPath: { path: target, type } });
    const refused = async (target: string, type: string, what: string): Promise<void> => {
      const why = what.includes(' such ') ? what : `hostPath type check failed: ${target} is not a ${what}`;
      const pod = await room.create(listing(target, type));
      const message = `MountVolume.SetUp failed for volume "v" : ${why}`;
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
      const orphan = below('no/such/file');
      await refused(orphan, 'FileOrCreate', `open ${orphan}: no such file or directory`);
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
      expect(text).toBe('here drwxrwxrwx\n');
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
