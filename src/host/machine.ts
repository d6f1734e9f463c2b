// What the machine is: kernel, distribution, memory, processors, disks, and what this process may do on it.
import { readFile, statfs } from 'node:fs/promises';
import { availableParallelism, machine, release, totalmem } from 'node:os';
import { type CgroupLayout, detectCgroups } from './cgroup-layout.ts';
import { readIfExists } from './files.ts';

export interface MachineFacts {
  readonly kernel: string;
  /** PRETTY_NAME of os-release. */
  readonly osImage: string;
  /** As Go names it: amd64, arm64 … */
  readonly architecture: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly swapBytes: number;
  readonly machineId: string;
  readonly bootId: string;
  readonly systemUuid: string;
  readonly cgroups: CgroupLayout;
}

const ARCHITECTURES: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  aarch64: 'arm64',
  armv7l: 'arm',
  i686: '386',
  riscv64: 'riscv64',
  s390x: 's390x',
  ppc64le: 'ppc64le',
};

export function goArchitecture(name: string = machine()): string {
  return ARCHITECTURES[name] ?? name;
}

async function osImage(): Promise<string> {
  const text = (await readIfExists('/etc/os-release')) ?? (await readIfExists('/usr/lib/os-release')) ?? '';
  const value = /^PRETTY_NAME=(.*)$/m.exec(text)?.[1] ?? 'Linux';
  return value.replace(/^(["'])(.*)\1$/, '$2');
}

export async function memoryInfo(): Promise<ReadonlyMap<string, number>> {
  const map = new Map<string, number>();
  for (const line of (await readFile('/proc/meminfo', 'utf8')).split('\n')) {
    const match = /^([^:]+):\s+(\d+)( kB)?$/.exec(line);
    if (match?.[1] !== undefined) map.set(match[1], Number(match[2]) * (match[3] === undefined ? 1 : 1024));
  }
  return map;
}

export async function machineFacts(): Promise<MachineFacts> {
  const memory = await memoryInfo();
  const first = async (path: string) => ((await readIfExists(path).catch(() => undefined)) ?? '').trim();
  return {
    kernel: release(),
    osImage: await osImage(),
    architecture: goArchitecture(),
    cpus: availableParallelism(),
    memoryBytes: memory.get('MemTotal') ?? totalmem(),
    swapBytes: memory.get('SwapTotal') ?? 0,
    machineId: await first('/etc/machine-id'),
    bootId: await first('/proc/sys/kernel/random/boot_id'),
    systemUuid: await first('/sys/class/dmi/id/product_uuid'),
    cgroups: await detectCgroups(),
  };
}

export interface DiskFacts {
  readonly totalBytes: number;
  readonly freeBytes: number;
  readonly inodes: number;
  readonly inodesFree: number;
}

export async function diskFacts(path: string): Promise<DiskFacts> {
  const s = await statfs(path);
  return { totalBytes: s.blocks * s.bsize, freeBytes: s.bavail * s.bsize, inodes: s.files, inodesFree: s.ffree };
}

const CAPABILITY_BITS: Readonly<Record<string, number>> = {
  CAP_NET_ADMIN: 12,
  CAP_SYS_ADMIN: 21,
  CAP_SYS_RESOURCE: 24,
  CAP_MKNOD: 27,
};

/** Whether this process holds a capability in its effective set. */
export async function hasCapability(name: keyof typeof CAPABILITY_BITS): Promise<boolean> {
  const hex = /^CapEff:\s*([0-9a-f]+)$/m.exec(await readFile('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const bit = CAPABILITY_BITS[name];
  return bit !== undefined && ((BigInt(`0x${hex}`) >> BigInt(bit)) & 1n) === 1n;
}

/** Whether the kernel enforces AppArmor profiles. */
export async function appArmorEnabled(): Promise<boolean> {
  const text = await readFile('/sys/module/apparmor/parameters/enabled', 'utf8').catch(() => 'N');
  return text.startsWith('Y');
}
