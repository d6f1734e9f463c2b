// What this host is and has: read once for the node's capacity, and again for its conditions.
import { readIfExists } from '../../host/files.ts';
import { appArmorEnabled, machineFacts, memoryInfo } from '../../host/machine.ts';

export interface HostFacts {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly machineId: string;
  readonly bootId: string;
  readonly systemUuid: string;
  readonly kernel: string;
  readonly osImage: string;
  readonly arch: string;
  readonly pidMax: number;
  readonly hugepages: ReadonlyMap<string, number>;
  readonly swapBytes: number;
  readonly unifiedCgroups: boolean;
  /** Whether AppArmor profiles are enforced here. */
  readonly appArmor: boolean;
}

export async function hostFacts(): Promise<HostFacts> {
  const [machine, memory, pidMax, threadsMax, appArmor] = await Promise.all([
    machineFacts(),
    memoryInfo(),
    readIfExists('/proc/sys/kernel/pid_max'),
    readIfExists('/proc/sys/kernel/threads-max'),
    appArmorEnabled(),
  ]);
  const pageSize = memory.get('Hugepagesize') ?? 0;
  const pages = new Map<string, number>();
  if (pageSize > 0) pages.set(`hugepages-${pageSize / 1024 / 1024}Mi`, (memory.get('HugePages_Total') ?? 0) * pageSize);
  return {
    cpus: machine.cpus,
    memoryBytes: machine.memoryBytes,
    machineId: machine.machineId,
    bootId: machine.bootId,
    systemUuid: machine.systemUuid === '' ? machine.machineId : machine.systemUuid,
    kernel: machine.kernel,
    osImage: machine.osImage,
    arch: machine.architecture,
    // Whichever of the two the kernel comes to first.
    pidMax: Math.min(Number(pidMax) || 32_768, Number(threadsMax) || 32_768),
    hugepages: pages,
    swapBytes: machine.swapBytes,
    unifiedCgroups: machine.cgroups.mode === 'unified',
    appArmor,
  };
}

export interface LiveFacts {
  readonly memoryAvailable: number;
  readonly processes: number;
}

export async function liveFacts(): Promise<LiveFacts> {
  const [memory, load] = await Promise.all([memoryInfo(), readIfExists('/proc/loadavg')]);
  const processes = Number(/\d+\/(\d+)/.exec(load ?? '')?.[1] ?? '0');
  return { memoryAvailable: memory.get('MemAvailable') ?? 0, processes };
}
