// Control groups in the unified (v2), the legacy (v1) and the hybrid layout: limits, numbers, kills and removal.
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CgroupLayout, treesOf } from './cgroup-layout.ts';
import { type MemoryTree, releaseFilePages } from './cgroup-memory.ts';
import { errorCode, isMissing } from './files.ts';

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

function sharesToWeight(shares: number): number {
  // https://kubernetes.io/docs/concepts/architecture/cgroups/ : 2..262144 onto 1..10000.
  return shares <= 0 ? 0 : Math.floor(1 + ((Math.min(Math.max(shares, 2), 262_144) - 2) * 9999) / 262_142);
}

async function put(path: string, value: string): Promise<void> {
  await writeFile(path, value).catch((error: unknown) => {
    throw new Error(`cgroup: writing ${value} to ${path}: ${errorCode(error) ?? String(error)}`);
  });
}

/** In this thread: the kernel makes the text at once, and to ask another thread for it costs thirty times as much. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

function readNumber(path: string): number {
  const text = read(path);
  return text === '' || text === 'max' ? 0 : Number(text);
}

function readKeys(path: string): Map<string, number> {
  const map = new Map<string, number>();
  for (const line of read(path).split('\n')) {
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
    for (const tree of treesOf(this.layout)) await this.#createIn(tree, path);
  }

  async #createIn(tree: string, path: string): Promise<void> {
    const parts = path.split('/').filter((p) => p !== '');
    if (tree === this.layout.unified) return this.#enable(tree, parts);
    await mkdir(join(tree, path), { recursive: true });
    if (tree === this.layout.legacy.get('cpuset')) await this.#inheritCpuset(tree, parts);
  }

  async #enable(root: string, parts: readonly string[]): Promise<void> {
    let current = root;
    for (const part of parts) {
      const words = (file: string) => read(join(current, file)).split(/\s+/);
      const given = words('cgroup.subtree_control');
      for (const controller of words('cgroup.controllers'))
        if (!given.includes(controller))
          await writeFile(join(current, 'cgroup.subtree_control'), `+${controller}`).catch(() => undefined); // a threaded or busy group keeps what it has
      current = join(current, part);
      if (!existsSync(current)) await mkdir(current, { recursive: true });
    }
  }

  /** A v1 cpuset takes no process before its cpus and mems are set. */
  async #inheritCpuset(tree: string, parts: readonly string[]): Promise<void> {
    let parent = tree;
    for (const part of parts) {
      const current = join(parent, part);
      for (const file of ['cpuset.cpus', 'cpuset.mems'])
        if (read(join(current, file)) === '') await put(join(current, file), read(join(parent, file)));
      parent = current;
    }
  }

  /** Sets limits of a group, which is made in the trees that have them; the others get theirs with the first process. */
  async setLimits(path: string, limits: CgroupLimits): Promise<void> {
    const { mode, unified } = this.layout;
    if (mode !== 'unified' || unified === undefined) return this.#setLegacy(path, limits);
    await this.#createIn(unified, path);
    await this.#setUnified(join(unified, path), limits);
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
    const made = new Set<string>();
    const set = async (controller: string, name: string, value: string | number) => {
      const tree = this.layout.legacy.get(controller);
      if (tree === undefined) return;
      if (!made.has(tree)) await this.#createIn(tree, path);
      made.add(tree);
      await put(join(tree, path, name), String(value));
    };
    if (l.cpuShares !== undefined && l.cpuShares > 0) await set('cpu', 'cpu.shares', l.cpuShares);
    if (l.cpuQuota !== undefined && l.cpuQuota !== 0) {
      if (l.cpuPeriod !== undefined && l.cpuPeriod > 0) await set('cpu', 'cpu.cfs_period_us', l.cpuPeriod);
      await set('cpu', 'cpu.cfs_quota_us', l.cpuQuota);
    }
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
      treesOf(this.layout).map((tree) =>
        writeFile(join(tree, path, 'cgroup.procs'), String(pid)).catch(() => undefined),
      ),
    );
  }

  #expecting = false;

  /**
   * Who lets a process into a group waits for the kernel's grace period, about 10 ms, unless somebody has waited for it within the last
   * 15 ms. Said ahead, with a process that is in the group already, the wait is over when the new process comes.
   */
  expectProcess(path: string, pid: number): void {
    const [tree] = treesOf(this.layout);
    if (tree === undefined || this.#expecting) return;
    this.#expecting = true;
    const done = () => {
      this.#expecting = false;
    };
    writeFile(join(tree, path, 'cgroup.procs'), String(pid)).then(done, done);
  }

  /** The processes of the group and of all below it. */
  async processes(path: string): Promise<number[]> {
    const tree = this.layout.unified ?? treesOf(this.layout)[0];
    if (tree === undefined) return [];
    const all: number[] = [];
    const walk = async (dir: string): Promise<void> => {
      for (const line of read(join(dir, 'cgroup.procs')).split('\n')) if (line !== '') all.push(Number(line));
      for (const entry of await readdir(dir, { withFileTypes: true }).catch(() => []))
        if (entry.isDirectory()) await walk(join(dir, entry.name));
    };
    await walk(join(tree, path));
    return all;
  }

  /** The names of the groups right below one, whatever trees have them. */
  async below(path: string): Promise<string[]> {
    const names = new Set<string>();
    for (const tree of treesOf(this.layout))
      for (const entry of await readdir(join(tree, path), { withFileTypes: true }).catch(() => []))
        if (entry.isDirectory()) names.add(entry.name);
    return [...names];
  }

  /** Kills every process of the group and below it. */
  async kill(path: string): Promise<void> {
    await this.#lift(path);
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

  /** What is to be killed makes no new processes, and no limit of its own holds its end up: to die takes time on the processor too. */
  async #lift(path: string): Promise<void> {
    const { legacy, unified } = this.layout;
    const pids = legacy.get('pids') ?? unified;
    if (pids !== undefined) await writeFile(join(pids, path, 'pids.max'), '0').catch(() => undefined);
    const quota = this.#quota();
    if (quota === undefined) return;
    const walk = async (dir: string): Promise<void> => {
      await writeFile(join(dir, quota.file), quota.none).catch(() => undefined);
      for (const entry of await readdir(dir, { withFileTypes: true }).catch(() => []))
        if (entry.isDirectory()) await walk(join(dir, entry.name));
    };
    await walk(join(quota.tree, path));
  }

  #quota(): { tree: string; file: string; none: string } | undefined {
    const { legacy, unified } = this.layout;
    const cpu = legacy.get('cpu');
    if (cpu !== undefined) return { tree: cpu, file: 'cpu.cfs_quota_us', none: '-1' };
    return unified === undefined ? undefined : { tree: unified, file: 'cpu.max', none: 'max' };
  }

  /** Does something while a group may use the processor as it likes; its limit holds again afterwards. */
  async unthrottled<T>(path: string, work: () => Promise<T>): Promise<T> {
    const quota = this.#quota();
    const file = quota === undefined ? undefined : join(quota.tree, path, quota.file);
    const before = file === undefined ? '' : read(file);
    if (file === undefined || quota === undefined || before === '') return work();
    await writeFile(file, quota.none).catch(() => undefined);
    try {
      return await work();
    } finally {
      await writeFile(file, before).catch(() => undefined);
    }
  }

  /** Removes the group and all below it, which must hold no process; false while one is still in it. */
  async remove(path: string): Promise<boolean> {
    const memory = this.#memory();
    if (memory !== undefined) await releaseFilePages(memory, path);
    const done = await Promise.all(treesOf(this.layout).map((tree) => removeTree(join(tree, path))));
    return done.every(Boolean);
  }

  #memory(): MemoryTree | undefined {
    const { mode, unified, legacy } = this.layout;
    if (mode === 'unified' && unified !== undefined) return { version: 2, root: unified };
    const root = legacy.get('memory');
    return root === undefined ? undefined : { version: 1, root };
  }

  stats(path: string): CgroupStats {
    const { mode, unified, legacy } = this.layout;
    if (mode === 'unified' && unified !== undefined) {
      const dir = join(unified, path);
      const memory = readKeys(join(dir, 'memory.stat'));
      const current = readNumber(join(dir, 'memory.current'));
      return {
        cpuUsageNs: (readKeys(join(dir, 'cpu.stat')).get('usage_usec') ?? 0) * 1000,
        memoryUsageBytes: current,
        memoryWorkingSetBytes: Math.max(0, current - (memory.get('inactive_file') ?? 0)),
        memoryRssBytes: memory.get('anon') ?? 0,
        pageFaults: memory.get('pgfault') ?? 0,
        majorPageFaults: memory.get('pgmajfault') ?? 0,
        pids: readNumber(join(dir, 'pids.current')),
      };
    }
    const of = (controller: string, file: string) => join(legacy.get(controller) ?? '/nonexistent', path, file);
    const memory = readKeys(of('memory', 'memory.stat'));
    const usage = readNumber(of('memory', 'memory.usage_in_bytes'));
    return {
      cpuUsageNs: readNumber(of('cpuacct', 'cpuacct.usage')),
      memoryUsageBytes: usage,
      memoryWorkingSetBytes: Math.max(0, usage - (memory.get('total_inactive_file') ?? 0)),
      memoryRssBytes: memory.get('total_rss') ?? 0,
      pageFaults: memory.get('total_pgfault') ?? 0,
      majorPageFaults: memory.get('total_pgmajfault') ?? 0,
      pids: readNumber(of('pids', 'pids.current')),
    };
  }

  /** How often the kernel killed for memory within the group. */
  oomKills(path: string): number {
    const { mode, unified, legacy } = this.layout;
    const file =
      mode === 'unified' && unified !== undefined
        ? join(unified, path, 'memory.events')
        : join(legacy.get('memory') ?? '/nonexistent', path, 'memory.oom_control');
    return readKeys(file).get('oom_kill') ?? 0;
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
