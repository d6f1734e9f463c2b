// What a container may use and reach: memory, processes, mounts, and nothing of the host.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RuntimeError } from '../port.ts';
import type { Bench } from './bench.ts';
import type { ConformanceOptions } from './options.ts';

export function limits(options: ConformanceOptions, bench: () => Bench): void {
  test('a memory limit kills, and the reason says so', async () => {
    const b = bench();
    const { status } = await b.shell('dd if=/dev/zero of=/dev/null bs=200M count=1', {
      resources: { memoryLimitBytes: 20 * 1024 * 1024 },
    });
    // A foreign runtime may learn of the end before it learns why: containerd hears of either by an event of its own.
    const wait = { timeout: options.foreign === true ? 5_000 : 0 };
    await expect.poll(async () => (await b.runtime.containerStatus(status.id)).reason, wait).toBe('OOMKilled');
    expect(status.exitCode).toBe(137);
  });

  test('limits can be changed while it runs', async () => {
    const b = bench();
    const pod = await b.sandbox();
    const id = await b.start(pod, ['sleep', '1000'], {
      resources: { memoryLimitBytes: 64 * 1024 * 1024, cpuShares: 100 },
    });
    await b.runtime.updateContainerResources(id, { memoryLimitBytes: 128 * 1024 * 1024, cpuShares: 200 });
    expect((await b.runtime.containerStatus(id)).resources).toMatchObject({ memoryLimitBytes: 128 * 1024 * 1024 });
  });

  test.skipIf(options.foreign === true)(
    'an image is mounted as a volume, whole or in part, and cannot be written',
    async () => {
      const b = bench();
      const volume = (containerPath: string, imageSubPath?: string) => ({
        ...{ containerPath, hostPath: '', readonly: true, propagation: 'private' as const, image: b.image },
        ...(imageSubPath === undefined ? {} : { imageSubPath }),
      });
      const { out } = await b.shell(
        'ls /whole; head -n 1 /part/passwd; touch /whole/x || touch /part/x || echo refused',
        {
          mounts: [volume('/whole'), volume('/part', 'etc')],
        },
      );
      // What goes to stderr may come before or after.
      const said = out.split('\n').filter((line) => !line.startsWith('touch:'));
      const names = ['bin', 'dev', 'etc', 'proc', 'root', 'sys', 'tmp'];
      expect(said).toEqual([...names, 'root:x:0:0:root:/root:/bin/sh', 'refused', '']);
      const pod = await b.sandbox();
      const lost = b.containerConfig(['true'], { mounts: [volume('/part', 'no/such')] });
      await expect(b.runtime.createContainer(pod.id, lost, pod.config)).rejects.toMatchObject({
        kind: 'create-container',
      });
    },
  );

  test('a working directory among open files of the runtime leads nowhere outside', async () => {
    const b = bench();
    const pod = await b.sandbox();
    for (let fd = 3; fd < 12; fd += 1) {
      const config = b.containerConfig(['cat', '../../../../../../../../etc/os-release'], {
        name: `fd${fd}`,
        workingDir: `/proc/self/fd/${fd}`,
      });
      try {
        const id = await b.runtime.createContainer(pod.id, config, pod.config);
        await b.runtime.startContainer(id);
        // The image has no such file, the host does.
        expect((await b.exited(id)).exitCode).not.toBe(0);
      } catch (error) {
        expect(error).toBeInstanceOf(RuntimeError);
      }
    }
  });

  test.skipIf(options.foreign === true)('a fork bomb meets its limit', async () => {
    const b = bench();
    const { out } = await b.shell(
      'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 5 & done; echo survived',
      {
        resources: { pidsLimit: 10 },
      },
    );
    expect(out).not.toContain('survived');
  });

  test('host files are mounted, read-only ones cannot be written', async () => {
    const b = bench();
    const directory = await mkdtemp(join(tmpdir(), 'minke-mount-'));
    try {
      const { out } = await b.shell('echo x > /data/file && cat /data/file; touch /fixed/y || echo refused', {
        mounts: [
          { containerPath: '/data', hostPath: directory, readonly: false, propagation: 'private' },
          { containerPath: '/fixed', hostPath: directory, readonly: true, propagation: 'private' },
        ],
      });
      expect(out).toContain('x\n');
      expect(out).toContain('refused');
      expect(await readFile(join(directory, 'file'), 'utf8')).toBe('x\n');
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
}
