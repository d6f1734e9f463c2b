// After a restart: takes over the sandboxes and containers that run on, ends what was half made, and sweeps what nobody owns.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from '../../host/files.ts';
import { listMounts, unmount, unmountBelow } from '../../host/mounts.ts';
import { removeTree } from '../../host/remove-tree.ts';
import type { Containers } from './containers.ts';
import { containerCgroup, podCgroup, type RuntimeContext } from './context.ts';
import { isAlive, processRef } from './processes.ts';
import type { ContainerRecord, SandboxRecord } from './records.ts';
import { endHolder, endHolders } from './sandbox-holder.ts';
import { publishedPorts, type Sandboxes } from './sandboxes.ts';
import { removeSharedMemory } from './shared-memory.ts';

async function adoptSandbox(context: RuntimeContext, record: SandboxRecord): Promise<'keep' | 'drop'> {
  const alive = record.pause !== undefined && isAlive(record.pause);
  if (record.state === 'ready' && alive) return 'keep';
  await endHolder(context, record);
  await context.userNamespaces.release(record);
  if (record.state === 'creating') return 'drop';
  record.state = 'notready';
  delete record.slot;
  delete record.shm;
  await context.sandboxes.save(record);
  return 'keep';
}

/** Started, but this program's predecessor died before it wrote that down? */
async function adoptCreated(context: RuntimeContext, record: ContainerRecord, cgroup: string): Promise<void> {
  const pid = Number(await readFile(context.containers.path(record.id, 'pidfile'), 'utf8').catch(() => '0'));
  const ref = pid > 0 ? processRef(pid) : undefined;
  const ended = await exists(join(context.exitDirectory, record.id));
  const ours = ref !== undefined && (await context.cgroups.processes(cgroup)).includes(pid);
  if ((ours || ended) && !context.oci.isWaiting(record.id)) {
    record.state = 'running';
    record.startedAt = record.createdAt;
    if (ours) record.process = ref;
    await context.containers.save(record);
    return;
  }
  if (!ours && (await exists(context.containers.path(record.id, 'rootfs'))) && pid === 0) {
    const root = context.containers.path(record.id, 'rootfs');
    if ((await listMounts()).some((m) => m.mountPoint === root)) {
      // Not begun, or in a program that was ended while it made the first groups: it can still be started.
      await context.oci.delete(record.id, cgroup);
      return;
    }
  }
  await context.oci.delete(record.id, cgroup);
  record.state = 'exited';
  record.exitCode = 128;
  record.reason = 'StartError';
  record.message = 'the start of the container was interrupted';
  record.finishedAt = context.clock.now();
  await context.containers.save(record);
}

async function sweep(
  context: RuntimeContext,
  known: Iterable<ContainerRecord>,
  broken: readonly string[],
): Promise<void> {
  const store = context.containers.directory;
  const mounted = (await listMounts()).map((m) => m.mountPoint).filter((p) => p.startsWith(`${store}/`));
  const keep = new Set([...known].flatMap((r) => [context.containers.path(r.id, 'rootfs'), ...r.imageMounts]));
  await unmount(mounted.filter((p) => !keep.has(p)));
  await Promise.all(broken.map((name) => removeTree(join(store, name))));
}

async function sweepSandboxes(
  context: RuntimeContext,
  kept: readonly SandboxRecord[],
  broken: readonly string[],
): Promise<void> {
  for (const name of broken) {
    await unmountBelow(join(context.sandboxes.directory, name));
    await removeTree(join(context.sandboxes.directory, name));
  }
  const shm = join(context.runDirectory, 'shm');
  const used = new Set(kept.map((r) => r.shm));
  const left = (await readdir(shm)).map((name) => join(shm, name)).filter((p) => !used.has(p));
  await removeSharedMemory(left);
}

/** Containers that no record names, and groups of pods without one: made by a predecessor that died in the middle. */
async function sweepCgroups(context: RuntimeContext, sandboxes: Sandboxes, containers: Containers): Promise<void> {
  const { cgroups } = context;
  const pods = new Set([...sandboxes.records.values()].map((r) => podCgroup(context, r)));
  const walk = async (path: string): Promise<void> => {
    for (const name of await cgroups.below(path)) {
      const child = `${path}/${name}`;
      if (!/^[0-9a-f]{64}$/.test(name)) await walk(child);
      else if (!sandboxes.records.has(name) && !containers.records.has(name)) await context.oci.delete(name, child);
    }
    if (/\/pod[^/]+$/.test(path) && !pods.has(path)) await cgroups.remove(path);
  };
  await walk(context.cgroupRoot);
}

export async function adopt(context: RuntimeContext, sandboxes: Sandboxes, containers: Containers): Promise<void> {
  const pods = await context.sandboxes.load();
  for (const record of pods.records) {
    if ((await adoptSandbox(context, record)) === 'keep') sandboxes.records.set(record.id, record);
    else await context.sandboxes.remove(record.id);
  }
  const loaded = await context.containers.load();
  for (const record of loaded.records) {
    const sandbox = sandboxes.records.get(record.sandboxId);
    if (sandbox === undefined) {
      loaded.broken.push(record.id.slice(0, 13));
      continue;
    }
    containers.records.set(record.id, record);
    const cgroup = containerCgroup(context, sandbox, record.id);
    if (record.state === 'created') await adoptCreated(context, record, cgroup);
    if (record.state === 'running' && !(await containers.checkExit(record.id))) {
      if (record.process === undefined || !isAlive(record.process)) await containers.markLost(record);
    }
    if (record.state === 'exited') await context.oci.delete(record.id, cgroup);
  }
  await sweepCgroups(context, sandboxes, containers);
  await endHolders(context, (id) => sandboxes.records.get(id)?.state !== 'ready');
  await sweep(context, containers.records.values(), loaded.broken);
  await sweepSandboxes(context, [...sandboxes.records.values()], pods.broken);
  const lost = await context.network.start(
    [...sandboxes.records.values()].flatMap((r) =>
      r.slot === undefined ? [] : [{ slot: r.slot, id: r.id, ports: publishedPorts(r) }],
    ),
  );
  // The kubelet makes a pod anew whose sandbox is over.
  for (const id of lost) {
    const record = sandboxes.records.get(id);
    if (record !== undefined) await sandboxes.markDead(record);
  }
}
