// Control groups in the unified (v2), the legacy (v1) and the hybrid layout: limits, numbers, kills and removal.
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, isMissing } from './files.ts';
import { listMounts, mount } from './mounts.ts';

export interface CgroupLayout {
  readonly mode: 'unified' | 'legacy' | 'hybrid' | 'none';
  /** Where the v2 tree is mounted. */
  readonly unified?: string;
  /** Controller (or `name=systemd`) → where its v1 tree is mounted. */
  readonly legacy: ReadonlyMap<string, string>;
}

/** Resource limits in the terms of the CRI; each cgroup version has its own files for them. */
export interface CgroupLimits {
  readonly cpuPeriod?: number;
  readonly cpuQuota?: number;
  readonly cpuShares?: number;
  readonly memoryLimitBytes?: number;
  readonly memorySwapLimitBytes?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly pidsLimit?: number;
  readonly hugepageLimits?: readonly { readonly pageSize: string; readonly limit: number }[];
  readonly unified?: Readonly<Record<string, string>>;
}

export interface CgroupStats {
  readonly cpuUsageNs: number;
  readonly memoryUsageBytes: number;
  readonly memoryWorkingSetBytes: number;
  readonly memoryRssBytes: number;
  readonly pageFaults: number;
  readonly majorPageFaults: number;
  readonly pids: number;
}

const V1_CONTROLLERS = [
  'cpu',
  'cpuacct',
  'cpuset',
  'memory',
  'devices',
  'freezer',
  'blkio',
  'pids',
  'hugetlb',
  'net_cls',
  'net_prio',
  'perf_event',
  'rdma',
  'misc',
];

export async function detectCgroups(): Promise<CgroupLayout> {
  const legacy = new Map<string, string>();
  let unified: string | undefined;
  for (const entry of await listMounts()) {
    if (entry.type === 'cgroup2') unified ??= entry.mountPoint;
    if (entry.type !== 'cgroup') continue;
    for (const option of entry.superOptions)
      if (V1_CONTROLLERS.includes(option) || option.startsWith('name=')) legacy.set(option, entry.mountPoint);
  }
  const controllers = [...legacy.keys()].filter((k) => !k.startsWith('name='));
  const mode =
    controllers.length > 0 ? (unified === undefined ? 'legacy' : 'hybrid') : unified === undefined ? 'none' : 'unified';
  return { mode, legacy, ...(unified === undefined ? {} : { unified }) };
}

/**
 * In the hybrid layout crun refuses to work while a controller is left on the v2 side. Those that no v1 mount carries are mounted
 * beside the others. Answers the layout as it is afterwards, and what was mounted.
 */
export async function mendHybrid(layout: CgroupLayout): Promise<{ layout: CgroupLayout; mounted: string[] }> {
  if (layout.mode !== 'hybrid' || layout.unified === undefined) return { layout, mounted: [] };
  const left = (await readFile(join(layout.unified, 'cgroup.controllers'), 'utf8').catch(() => ''))
    .split(/\s+/)
    .filter((c) => c !== '' && V1_CONTROLLERS.includes(c) && !layout.legacy.has(c));
  const base = join(layout.unified, '..');
  for (const controller of left) {
    const target = join(base, controller);
    await mkdir(target, { recursive: true });
    await mount({ type: 'cgroup', source: 'cgroup', target, options: [controller] });
  }
  return { layout: left.length === 0 ? layout : await detectCgroups(), mounted: left };
}

/** Every tree of the layout, each once (cpu and cpuacct often share one). */
function trees(layout: CgroupLayout): string[] {
  const all = new Set(layout.legacy.values());
  if (layout.unified !== undefined) all.add(layout.unified);
  return [...all];
}

function sharesToWeight(shares: number): number {
  // https://kubernetes.io/docs/concepts/architecture/cgroups/ : 2..262144 onto 1..10000.
  return shares <= 0 ? 0 : Math.floor(1 + ((Math.min(Math.max(shares, 2), 262_144) - 2) * 9999) / 262_142);
}

async function put(path: string, value: string): Promise<void> {
  await writeFile(path, value).catch((error: unknown) => {
    throw new Error(`cgroup: writing ${value} to ${path}: ${errorCode(error) ?? String(error)}`);
  });
}

async function read(path: string): Promise<string> {
  return (await readFile(path, 'utf8').catch(() => '')).trim();
}

async function readNumber(path: string): Promise<number> {
  const text = await read(path);
  return text === '' || text === 'max' ? 0 : Number(text);
}

async function readKeys(path: string): Promise<Map<string, number>> {
  const map = new Map<string, number>();
  for (const line of (await read(path)).split('\n')) {
    const space = line.indexOf(' ');
    if (space > 0) map.set(line.slice(0, space), Number(line.slice(space + 1)));
  }
  return map;
}

/** The control groups of one layout; paths are like `/minke/kubepods/burstable/pod1`, the same in every tree. */
export class Cgroups {
  constructor(readonly layout: CgroupLayout) {}

  /** Makes a group in every tree; on v2 with the controllers its parents can give. */
  async create(path: string): Promise<void> {
    const parts = path.split('/').filter((p) => p !== '');
    for (const tree of trees(this.layout)) {
      if (tree === this.layout.unified) await this.#enable(parts);
      await mkdir(join(tree, path), { recursive: true });
      if (tree === this.layout.legacy.get('cpuset')) await this.#inheritCpuset(tree, parts);
    }
  }

  async #enable(parts: readonly string[]): Promise<void> {
    const root = this.layout.unified;
    if (root === undefined) return;
    let current = root;
    for (const part of parts) {
      const wanted = (await read(join(current, 'cgroup.controllers'))).split(/\s+/).filter((c) => c !== '');
      for (const controller of wanted)
        await writeFile(join(current, 'cgroup.subtree_control'), `+${controller}`).catch(() => undefined); // a threaded or busy group keeps what it has
      current = join(current, part);
      await mkdir(current, { recursive: true });
    }
  }

  /** A v1 cpuset takes no process before its cpus and mems are set. */
  async #inheritCpuset(tree: string, parts: readonly string[]): Promise<void> {
    let parent = tree;
    for (const part of parts) {
      const current = join(parent, part);
      for (const file of ['cpuset.cpus', 'cpuset.mems'])
        if ((await read(join(current, file))) === '') await put(join(current, file), await read(join(parent, file)));
      parent = current;
    }
  }

  async setLimits(path: string, limits: CgroupLimits): Promise<void> {
    if (this.layout.mode === 'unified' && this.layout.unified !== undefined)
      return this.#setUnified(join(this.layout.unified, path), limits);
    return this.#setLegacy(path, limits);
  }

  async #setUnified(dir: string, l: CgroupLimits): Promise<void> {
    if (l.cpuShares !== undefined && l.cpuShares > 0)
      await put(join(dir, 'cpu.weight'), String(sharesToWeight(l.cpuShares)));
    if (l.cpuQuota !== undefined && l.cpuQuota !== 0)
      await put(join(dir, 'cpu.max'), `${l.cpuQuota < 0 ? 'max' : l.cpuQuota} ${l.cpuPeriod || 100_000}`);
    if (l.memoryLimitBytes !== undefined && l.memoryLimitBytes !== 0)
      await put(join(dir, 'memory.max'), l.memoryLimitBytes < 0 ? 'max' : String(l.memoryLimitBytes));
    if (l.memorySwapLimitBytes !== undefined && l.memoryLimitBytes !== undefined && l.memorySwapLimitBytes > 0)
      await put(join(dir, 'memory.swap.max'), String(Math.max(0, l.memorySwapLimitBytes - l.memoryLimitBytes)));
    if (l.pidsLimit !== undefined && l.pidsLimit !== 0)
      await put(join(dir, 'pids.max'), l.pidsLimit < 0 ? 'max' : String(l.pidsLimit));
    if (l.cpusetCpus) await put(join(dir, 'cpuset.cpus'), l.cpusetCpus);
    if (l.cpusetMems) await put(join(dir, 'cpuset.mems'), l.cpusetMems);
    for (const huge of l.hugepageLimits ?? []) await put(join(dir, `hugetlb.${huge.pageSize}.max`), String(huge.limit));
    for (const [file, value] of Object.entries(l.unified ?? {}))
      if (!file.includes('/')) await put(join(dir, file), value);
  }

  async #setLegacy(path: string, l: CgroupLimits): Promise<void> {
    const file = (controller: string, name: string): string | undefined => {
      const tree = this.layout.legacy.get(controller);
      return tree === undefined ? undefined : join(tree, path, name);
    };
    const set = async (controller: string, name: string, value: string | number) => {
      const target = file(controller, name);
      if (target !== undefined) await put(target, String(value));
    };
    if (l.cpuShares !== undefined && l.cpuShares > 0) await set('cpu', 'cpu.shares', l.cpuShares);
    if (l.cpuPeriod !== undefined && l.cpuPeriod > 0) await set('cpu', 'cpu.cfs_period_us', l.cpuPeriod);
    if (l.cpuQuota !== undefined && l.cpuQuota !== 0) await set('cpu', 'cpu.cfs_quota_us', l.cpuQuota);
    if (l.memoryLimitBytes !== undefined && l.memoryLimitBytes !== 0)
      await set('memory', 'memory.limit_in_bytes', l.memoryLimitBytes);
    if (l.pidsLimit !== undefined && l.pidsLimit !== 0)
      await set('pids', 'pids.max', l.pidsLimit < 0 ? 'max' : l.pidsLimit);
    if (l.cpusetCpus) await set('cpuset', 'cpuset.cpus', l.cpusetCpus);
    if (l.cpusetMems) await set('cpuset', 'cpuset.mems', l.cpusetMems);
    for (const huge of l.hugepageLimits ?? [])
      await set('hugetlb', `hugetlb.${huge.pageSize}.limit_in_bytes`, huge.limit);
  }

  /** Moves a process; trees that refuse (a v1 realtime group, a missing tree) are passed over. */
  async addProcess(path: string, pid: number): Promise<void> {
    await Promise.all(
      trees(this.layout).map((tree) => writeFile(join(tree, path, 'cgroup.procs'), String(pid)).catch(() => undefined)),
    );
  }

  /** The processes of the group and of all below it. */
  async processes(path: string): Promise<number[]> {
    const tree = this.layout.unified ?? trees(this.layout)[0];
    if (tree === undefined) return [];
    const all: number[] = [];
    const walk = async (dir: string): Promise<void> => {
      for (const line of (await read(join(dir, 'cgroup.procs'))).split('\n')) if (line !== '') all.push(Number(line));
      for (const entry of await readdir(dir, { withFileTypes: true }).catch(() => []))
        if (entry.isDirectory()) await walk(join(dir, entry.name));
    };
    await walk(join(tree, path));
    return all;
  }

  /** Kills every process of the group and below it. */
  async kill(path: string): Promise<void> {
    if (this.layout.mode === 'unified' && this.layout.unified !== undefined) {
      const done = await writeFile(join(this.layout.unified, path, 'cgroup.kill'), '1').then(
        () => true,
        () => false,
      );
      if (done) return;
    }
    for (const pid of await this.processes(path)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {} // gone already
    }
  }

  /** Removes the group and all below it, which must hold no process; false while one is still in it. */
  async remove(path: string): Promise<boolean> {
    const done = await Promise.all(trees(this.layout).map((tree) => removeTree(join(tree, path))));
    return done.every(Boolean);
  }

  async stats(path: string): Promise<CgroupStats> {
    const { mode, unified, legacy } = this.layout;
    if (mode === 'unified' && unified !== undefined) {
      const dir = join(unified, path);
      const [cpu, memory, current, pids] = await Promise.all([
        readKeys(join(dir, 'cpu.stat')),
        readKeys(join(dir, 'memory.stat')),
        readNumber(join(dir, 'memory.current')),
        readNumber(join(dir, 'pids.current')),
      ]);
      return {
        cpuUsageNs: (cpu.get('usage_usec') ?? 0) * 1000,
        memoryUsageBytes: current,
        memoryWorkingSetBytes: Math.max(0, current - (memory.get('inactive_file') ?? 0)),
        memoryRssBytes: memory.get('anon') ?? 0,
        pageFaults: memory.get('pgfault') ?? 0,
        majorPageFaults: memory.get('pgmajfault') ?? 0,
        pids,
      };
    }
    const of = (controller: string, file: string) => join(legacy.get(controller) ?? '/nonexistent', path, file);
    const [cpu, memory, usage, pids] = await Promise.all([
      readNumber(of('cpuacct', 'cpuacct.usage')),
      readKeys(of('memory', 'memory.stat')),
      readNumber(of('memory', 'memory.usage_in_bytes')),
      readNumber(of('pids', 'pids.current')),
    ]);
    return {
      cpuUsageNs: cpu,
      memoryUsageBytes: usage,
      memoryWorkingSetBytes: Math.max(0, usage - (memory.get('total_inactive_file') ?? 0)),
      memoryRssBytes: memory.get('total_rss') ?? 0,
      pageFaults: memory.get('total_pgfault') ?? 0,
      majorPageFaults: memory.get('total_pgmajfault') ?? 0,
      pids,
    };
  }

  /** How often the kernel killed for memory within the group. */
  async oomKills(path: string): Promise<number> {
    const { mode, unified, legacy } = this.layout;
    const file =
      mode === 'unified' && unified !== undefined
        ? join(unified, path, 'memory.events')
        : join(legacy.get('memory') ?? '/nonexistent', path, 'memory.oom_control');
    return (await readKeys(file)).get('oom_kill') ?? 0;
  }
}

async function removeTree(dir: string): Promise<boolean> {
  try {
    await rmdir(dir);
    return true;
  } catch (error) {
    if (isMissing(error)) return true;
  }
  for (const entry of await readdir(dir, { withFileTypes: true }).catch(() => []))
    if (entry.isDirectory()) await removeTree(join(dir, entry.name));
  try {
    await rmdir(dir);
    return true;
  } catch (error) {
    return isMissing(error);
  }
}
