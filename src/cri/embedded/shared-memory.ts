// The /dev/shm of pods: small tmpfs mounts made ahead, one for each pod.
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Clock } from '../../host/clock.ts';
import { unmount } from '../../host/mounts.ts';
import { Pool } from '../../host/pool.ts';
import type { RunProgram } from '../../host/spawn-helper.ts';

/** As containerd's. */
const SIZE = '65536k';

export function sharedMemoryPool(
  directory: string,
  clock: Clock,
  run: RunProgram,
  log: (message: string) => void,
): Pool<string> {
  let serial = 0;
  const make = async (n: number): Promise<string[]> => {
    const taken = new Set(await readdir(directory));
    const paths: string[] = [];
    while (paths.length < n) {
      serial += 1;
      if (!taken.has(String(serial))) paths.push(join(directory, String(serial)));
    }
    await Promise.all(paths.map((p) => mkdir(p)));
    const table = `${directory}.fstab.${basename(paths[0] ?? '')}`;
    await writeFile(
      table,
      paths.map((p) => `shm ${p} tmpfs nosuid,noexec,nodev,mode=1777,size=${SIZE} 0 0\n`).join(''),
    );
    try {
      await run('mount', ['-n', '-a', '-T', table]);
    } catch (error) {
      await removeSharedMemory(paths, run);
      throw error;
    } finally {
      await rm(table, { force: true });
    }
    return paths;
  };
  return new Pool<string>({
    clock,
    make,
    drop: (paths) => removeSharedMemory(paths, run),
    min: 6,
    max: 16,
    onError: (error) => log(`shared memory: ${String(error)}`),
  });
}

export async function removeSharedMemory(paths: readonly string[], run?: RunProgram): Promise<void> {
  await unmount(paths, run);
  await Promise.all(paths.map((p) => rm(p, { recursive: true, force: true })));
}
