// Numbers of containers and pods: processor, memory, processes, network, and what a container wrote to its root file system.
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerStats, PodSandboxStats } from '../port.ts';
import type { Containers } from './containers.ts';
import { podCgroup, type RuntimeContext } from './context.ts';
import type { ContainerRecord, SandboxRecord } from './records.ts';

/** A walk through a container's files is dear, so its answer holds for a while. */
const DISK_VALID_MS = 10_000;

interface Usage {
  readonly bytes: number;
  readonly inodes: number;
}

async function diskUsage(directory: string): Promise<Usage> {
  let bytes = 0;
  let inodes = 0;
  const seen = new Set<number>();
  const walk = async (dir: string): Promise<void> => {
    for (const entry of await readdir(dir, { withFileTypes: true }).catch(() => [])) {
      const path = join(dir, entry.name);
      const info = await lstat(path).catch(() => undefined);
      if (info === undefined || seen.has(info.ino)) continue;
      if (info.nlink > 1) seen.add(info.ino);
      bytes += info.blocks * 512;
      inodes += 1;
      if (entry.isDirectory()) await walk(path);
    }
  };
  await walk(directory);
  return { bytes, inodes };
}

export class Stats {
  readonly #context: RuntimeContext;
  readonly #containers: Containers;
  readonly #disk = new Map<string, { at: number; usage: Promise<Usage> }>();
  readonly #cpu = new Map<string, { at: number; usage: number }>();

  constructor(context: RuntimeContext, containers: Containers) {
    this.#context = context;
    this.#containers = containers;
  }

  #usage(record: ContainerRecord): Promise<Usage> {
    const now = this.#context.clock.now();
    const known = this.#disk.get(record.id);
    if (known !== undefined && now - known.at < DISK_VALID_MS) return known.usage;
    const usage = diskUsage(join(this.#containers.bundle(record), 'upper'));
    this.#disk.set(record.id, { at: now, usage });
    return usage;
  }

  #nanoCores(id: string, usage: number, at: number): number | undefined {
    const before = this.#cpu.get(id);
    if (before === undefined || at - before.at >= 1000) this.#cpu.set(id, { at, usage });
    if (before === undefined || at <= before.at) return undefined;
    return Math.max(0, Math.round(((usage - before.usage) / (at - before.at)) * 1000));
  }

  async #container(record: ContainerRecord): Promise<ContainerStats> {
    const timestamp = this.#context.clock.now();
    const numbers = this.#context.cgroups.stats(this.#containers.cgroup(record));
    const disk = await this.#usage(record);
    const nano = this.#nanoCores(record.id, numbers.cpuUsageNs, timestamp);
    return {
      id: record.id,
      sandboxId: record.sandboxId,
      name: record.config.name,
      timestamp,
      ...(nano === undefined ? {} : { cpuUsageNanoCores: nano }),
      cpuUsageCoreNanoSeconds: numbers.cpuUsageNs,
      memoryUsageBytes: numbers.memoryUsageBytes,
      memoryWorkingSetBytes: numbers.memoryWorkingSetBytes,
      memoryRssBytes: numbers.memoryRssBytes,
      memoryPageFaults: numbers.pageFaults,
      memoryMajorPageFaults: numbers.majorPageFaults,
      pids: numbers.pids,
      rootfsUsedBytes: disk.bytes,
      rootfsInodes: disk.inodes,
    };
  }

  async pod(record: SandboxRecord): Promise<PodSandboxStats> {
    const running = this.#containers.of(record.id).filter((c) => c.state === 'running');
    const { slot } = record;
    const numbers = this.#context.cgroups.stats(podCgroup(this.#context, record));
    const network = slot === undefined ? undefined : this.#context.network.stats(slot, record.pause?.pid);
    const containers = await Promise.all(running.map((c) => this.#container(c)));
    this.#forget();
    return {
      id: record.id,
      uid: record.config.uid,
      timestamp: this.#context.clock.now(),
      cpuUsageCoreNanoSeconds: numbers.cpuUsageNs,
      memoryUsageBytes: numbers.memoryUsageBytes,
      memoryWorkingSetBytes: numbers.memoryWorkingSetBytes,
      pids: numbers.pids,
      ...(network === undefined ? {} : { network: { name: 'eth0', ...network } }),
      containers,
    };
  }

  #forget(): void {
    for (const map of [this.#disk, this.#cpu])
      for (const id of map.keys()) if (!this.#containers.records.has(id)) map.delete(id);
  }
}
