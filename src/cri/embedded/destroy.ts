// Removes all that an embedded runtime has made on the host.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unmendHybrid } from '../../host/cgroup-layout.ts';
import { undelegateControllers } from '../../host/cgroup-root.ts';
import type { Cgroups } from '../../host/cgroups.ts';
import type { Clock } from '../../host/clock.ts';
import { unmountBelow } from '../../host/mounts.ts';
import { removeTree } from '../../host/remove-tree.ts';
import type { RuntimeContext } from './context.ts';
import { endHolders } from './sandbox-holder.ts';

const CONMON_END_MS = 3000;

/** Kills all that runs below a cgroup and removes it; waits for processes that are on their way out. */
async function clearCgroup(cgroups: Cgroups, path: string, clock: Clock): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (await cgroups.remove(path)) return;
    await cgroups.kill(path);
    await clock.sleep(Math.min(2 + attempt, 50));
  }
  throw new Error(`processes in the cgroup ${path} do not end`);
}

/** Ends all pods; the runtime must be closed. */
export async function destroyAll(context: RuntimeContext, stateDir: string): Promise<void> {
  const { cgroups, cgroupRoot, clock, helperCgroup, runDirectory } = context;
  const mended = await readFile(join(runDirectory, 'mended'), 'utf8').catch(() => '');
  await clearCgroup(cgroups, `${cgroupRoot}/kubepods`, clock);
  await endHolders(context, () => true);
  // The shims end by themselves once their containers have; who does not in time is killed.
  for (const begun = clock.now(); clock.now() - begun < CONMON_END_MS; await clock.sleep(5))
    if ((await cgroups.processes(helperCgroup)).length === 0) break;
  await clearCgroup(cgroups, cgroupRoot, clock);
  await undelegateControllers(cgroups.layout);
  await context.apparmor.remove();
  await unmountBelow(stateDir);
  await unmountBelow(runDirectory);
  await context.network.destroy();
  for (const d of ['c', 's', 'cni', 'pause', 'empty']) await removeTree(join(stateDir, d));
  await removeTree(runDirectory);
  await unmendHybrid(
    mended.split('\n').filter((c) => c !== ''),
    cgroups.layout,
  );
}
