// The /dev/shm of pods: small tmpfs mounts made ahead, one for each pod.
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../host/clock.ts';
import { mount, unmount } from '../../host/mounts.ts';
import { Pool } from '../../host/pool.ts';

/** As containerd's. */
const OPTIONS = ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'];

export function sharedMemoryPool(directory: string, clock: Clock, log: (message: string) => void): Pool<string> {
  let serial = 0;
  const make = async (n: number): Promise<string[]> => {
    const taken = new Set(await readdir(directory));
    const paths: string[] = [];
    while (paths.length < n) {
      serial += 1;
      if (!taken.has(String(serial))) paths.push(join(directory, String(serial)));
    }
    try {
      for (const target of paths) {
        await mkdir(target);
        await mount({ type: 'tmpfs', source: 'shm', target, options: OPTIONS });
      }
    } catch (error) {
      await removeSharedMemory(paths);
      throw error;
    }
    return paths;
  };
  return new Pool<string>({
    clock,
    make,
    drop: removeSharedMemory,
    min: 6,
    max: 16,
    onError: (error) => log(`shared memory: ${String(error)}`),
  });
}

export async function removeSharedMemory(paths: readonly string[]): Promise<void> {
  await unmount(paths);
  await Promise.all(paths.map((p) => rm(p, { recursive: true, force: true })));
}
