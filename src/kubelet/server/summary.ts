// /stats/summary: what node and pods use, in the form of the kubelet's stats/v1alpha1.
// https://kubernetes.io/docs/reference/instrumentation/node-metrics/
import { readFile } from 'node:fs/promises';
import type { ContainerStats, ImageService } from '../../cri/port.ts';
import { diskFacts, memoryInfo } from '../../host/machine.ts';
import { rfc3339 } from '../../machinery/time.ts';
import { LABEL } from '../pod/identity.ts';
import type { PodSample } from './metrics.ts';

export interface NodeUse {
  readonly cpuNanoSeconds: number;
  readonly memoryAvailable: number;
  readonly memoryUsed: number;
  readonly workingSet: number;
}

const HZ_NANOS = 10_000_000;

export async function nodeUse(): Promise<NodeUse> {
  const [stat, memory] = await Promise.all([readFile('/proc/stat', 'utf8'), memoryInfo()]);
  const ticks = (/^cpu +(.*)$/m.exec(stat)?.[1] ?? '').split(' ').map(Number);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = ticks;
  const total = memory.get('MemTotal') ?? 0;
  const available = memory.get('MemAvailable') ?? 0;
  return {
    cpuNanoSeconds: (user + nice + system + irq + softirq + steal) * HZ_NANOS,
    memoryAvailable: available,
    memoryUsed: total - (memory.get('MemFree') ?? 0),
    workingSet: total - available,
  };
}

/** Rates need two looks; the last one of each thing is kept. */
export class Rates {
  private readonly last = new Map<string, { at: number; total: number; rate: number }>();

  nanoCores(key: string, total: number, at: number): number {
    const before = this.last.get(key);
    if (before !== undefined && at - before.at < 1_000) return before.rate;
    const seconds = before === undefined ? 0 : (at - before.at) / 1000;
    const rate = before === undefined || seconds <= 0 ? 0 : Math.max(0, Math.round((total - before.total) / seconds));
    this.last.set(key, { at, total, rate });
    return rate;
  }

  keep(keys: ReadonlySet<string>): void {
    for (const key of this.last.keys()) if (!keys.has(key) && key !== 'node') this.last.delete(key);
  }
}

function containerSummary(c: ContainerStats, sample: PodSample, rates: Rates): Record<string, unknown> {
  const run = sample.observed.containers.find((x) => x.id === c.id);
  const time = rfc3339(c.timestamp);
  return {
    name: c.name,
    startTime: rfc3339(run?.startedAt ?? c.timestamp),
    cpu: {
      time,
      usageNanoCores: c.cpuUsageNanoCores ?? rates.nanoCores(c.id, c.cpuUsageCoreNanoSeconds, c.timestamp),
      usageCoreNanoSeconds: c.cpuUsageCoreNanoSeconds,
    },
    memory: {
      time,
      usageBytes: c.memoryUsageBytes,
      workingSetBytes: c.memoryWorkingSetBytes,
      rssBytes: c.memoryRssBytes,
      pageFaults: c.memoryPageFaults,
      majorPageFaults: c.memoryMajorPageFaults,
    },
    rootfs: { time, usedBytes: c.rootfsUsedBytes, inodesUsed: c.rootfsInodes },
    logs: { time },
  };
}

function podSummary(sample: PodSample, rates: Rates): Record<string, unknown> {
  const { stats, observed } = sample;
  const labels = observed.sandboxes[0]?.labels ?? {};
  const time = rfc3339(stats.timestamp);
  const net = stats.network;
  return {
    podRef: { name: labels[LABEL.podName] ?? '', namespace: labels[LABEL.podNamespace] ?? '', uid: stats.uid },
    startTime: rfc3339(observed.sandboxes[0]?.createdAt ?? stats.timestamp),
    containers: stats.containers.map((c) => containerSummary(c, sample, rates)),
    cpu: {
      time,
      usageNanoCores: rates.nanoCores(stats.id, stats.cpuUsageCoreNanoSeconds, stats.timestamp),
      usageCoreNanoSeconds: stats.cpuUsageCoreNanoSeconds,
    },
    memory: { time, usageBytes: stats.memoryUsageBytes, workingSetBytes: stats.memoryWorkingSetBytes },
    ...(net === undefined
      ? {}
      : {
          network: {
            time,
            ...net,
            interfaces: [net],
          },
        }),
    process_stats: { process_count: stats.pids },
  };
}

export interface SummaryInput {
  readonly nodeName: string;
  readonly samples: readonly PodSample[];
  readonly rates: Rates;
  readonly now: number;
  readonly rootDir: string;
  readonly images: ImageService;
  readonly bootTime: number;
}

export async function summary(input: SummaryInput): Promise<Record<string, unknown>> {
  const [use, disk, imageFs] = await Promise.all([
    nodeUse(),
    diskFacts(input.rootDir),
    input.images.imageFsInfo().catch(() => undefined),
  ]);
  const time = rfc3339(input.now);
  const fs = {
    time,
    availableBytes: disk.freeBytes,
    capacityBytes: disk.totalBytes,
    usedBytes: disk.totalBytes - disk.freeBytes,
    inodesFree: disk.inodesFree,
    inodes: disk.inodes,
    inodesUsed: disk.inodes - disk.inodesFree,
  };
  const imageStats =
    imageFs === undefined ? fs : { ...fs, usedBytes: imageFs.usedBytes, inodesUsed: imageFs.inodesUsed };
  return {
    node: {
      nodeName: input.nodeName,
      startTime: rfc3339(input.bootTime),
      cpu: {
        time,
        usageNanoCores: input.rates.nanoCores('node', use.cpuNanoSeconds, input.now),
        usageCoreNanoSeconds: use.cpuNanoSeconds,
      },
      memory: {
        time,
        availableBytes: use.memoryAvailable,
        usageBytes: use.memoryUsed,
        workingSetBytes: use.workingSet,
      },
      fs,
      runtime: { imageFs: imageStats, containerFs: imageStats },
    },
    pods: input.samples.map((sample) => podSummary(sample, input.rates)),
  };
}
