// Mount propagation of a pod's own volumes and of directories on mounts that do not propagate, in real containers.
import { existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listMounts } from '../../../src/host/mounts.ts';
import type { VolumeMount } from '../../../src/resources/generated/core-v1.ts';
import { run } from '../../e2e/cluster.ts';
import { leftovers } from '../../e2e/leftovers.ts';
import { Bed, type Room, sh, skipReason, until } from './bed.ts';

let bed: Bed;
let room: Room;

const mountsBelow = async (directory: string): Promise<string[]> =>
  (await listMounts()).map((m) => m.mountPoint).filter((p) => p.startsWith(`${directory}/`));

const volumeMount = (mountPropagation?: string): VolumeMount => ({
  name: 'v',
  mountPath: '/v',
  ...(mountPropagation === undefined ? {} : { mountPropagation }),
});

describe.skipIf(skipReason !== undefined)(`mount propagation (${skipReason ?? 'real containers'})`, () => {
  beforeAll(async () => {
    bed = await Bed.open();
    room = await bed.room();
  }, 120_000);
  afterAll(() => bed?.close(), 60_000);

  it('of an emptyDir goes from container to container and to the host, and the pod takes its mounts along', async () => {
    const pod = await room.start({
      containers: [
        sh('mkdir /v/below; mount -t tmpfs none /v/below; touch /v/below/here; sleep 600', {
          securityContext: { privileged: true },
          volumeMounts: [volumeMount('Bidirectional')],
        }),
        sh('sleep 600', { name: 'slave', volumeMounts: [volumeMount('HostToContainer')] }),
        sh('sleep 600', { name: 'private', volumeMounts: [volumeMount()] }),
      ],
      volumes: [{ name: 'v', emptyDir: {} }],
    });
    await until(async () => (await room.exec(pod, 'ls /v/below')).includes('here'));
    expect(await room.exec(pod, 'ls /v/below', 'slave')).toBe('here\n');
    const uid = (await room.pod(pod)).metadata.uid ?? '';
    const volume = join(bed.cluster.dir, 'kubelet/0/pods', uid, 'volumes/kubernetes.io~empty-dir/v');
    expect(existsSync(join(volume, 'below/here'))).toBe(true);
    expect(await mountsBelow(volume)).toEqual([join(volume, 'below')]);

    mkdirSync(join(volume, 'host'));
    expect((await run('mount', ['-t', 'tmpfs', 'propagation-tests', join(volume, 'host')])).code).toBe(0);
    const script = 'grep -q " /v/host " /proc/mounts && echo mounted || echo plain';
    expect(await room.exec(pod, script, 'slave')).toBe('mounted\n');
    expect(await room.exec(pod, script)).toBe('mounted\n');
    expect(await room.exec(pod, script, 'private')).toBe('plain\n');

    await room.delete(pod);
    await until(async () => !existsSync(volume));
    expect(await mountsBelow(volume)).toEqual([]);
  }, 60_000);

  it('is refused for a directory of a mount that does not propagate', async () => {
    const host = mkdtempSync(join(bed.cluster.dir, 'host-'));
    expect((await run('mount', ['-t', 'tmpfs', '--make-private', 'propagation-tests', host])).code).toBe(0);
    const refused = async (mode: string, what: string): Promise<void> => {
      const pod = await room.create({
        containers: [sh('true', { securityContext: { privileged: true }, volumeMounts: [volumeMount(mode)] })],
        volumes: [{ name: 'v', hostPath: { path: host } }],
      });
      const { state } = await room.waiting(pod, 'CreateContainerError');
      const head = 'failed to generate container "[0-9a-f]{64}" spec: failed to generate spec: path ';
      expect(state?.waiting?.message).toMatch(
        new RegExp(`^${head}"${host}" is mounted on "${host}" but it is not a ${what} mount$`),
      );
      await room.delete(pod);
    };
    try {
      await refused('Bidirectional', 'shared');
      await refused('HostToContainer', 'shared or slave');
    } finally {
      await run('umount', [host]);
    }
  }, 60_000);

  it('still works after a crash, and leaves no mount when the cluster is taken down', async () => {
    const root = join(bed.cluster.dir, 'kubelet/0');
    const own = async () => (await listMounts()).filter((m) => m.mountPoint === root).length;
    const before = await own();
    await bed.crash();
    expect(await own()).toBe(before);
    expect((await bed.cluster.minke('down')).code).toBe(0);
    expect(await leftovers('propagation-tests', bed.cluster.dir)).toEqual([]);
  }, 240_000);
});
