// Where control groups are mounted: the unified (v2), the legacy (v1) and the hybrid layout, and what the last one needs to be used.
import { mkdir, readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { listMounts, mount, unmount } from './mounts.ts';

export interface CgroupLayout {
  readonly mode: 'unified' | 'legacy' | 'hybrid' | 'none';
  /** Where the v2 tree is mounted. */
  readonly unified?: string;
  /** Controller (or `name=systemd`) → where its v1 tree is mounted. */
  readonly legacy: ReadonlyMap<string, string>;
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
 * The controllers that /proc/cgroups tells to be in a tree of v1. One that was unmounted while a group of it was dying stays there, seen by nobody;
 * containerd then hears of no OOM kill.
 */
export function controllersOfV1(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const [, name = '', tree] = /^(\w+)\s+(\d+)\s/.exec(line) ?? [];
    return tree === undefined || tree === '0' ? [] : [name];
  });
}

async function mountTree(target: string, controller: string): Promise<void> {
  await mkdir(target, { recursive: true });
  try {
    await mount({ type: 'cgroup', source: 'cgroup', target, options: [controller] });
  } catch (error) {
    await rmdir(target).catch(() => undefined);
    throw error;
  }
}

/**
 * In the hybrid layout crun refuses to work while a controller is left on the v2 side. Those that no v1 mount carries are mounted
 * beside the others. Answers the layout as it is afterwards, and what was mounted.
 */
export async function mendHybrid(layout: CgroupLayout): Promise<{ layout: CgroupLayout; mounted: string[] }> {
  if (layout.mode !== 'hybrid' || layout.unified === undefined) return { layout, mounted: [] };
  const unified = (await readFile(join(layout.unified, 'cgroup.controllers'), 'utf8').catch(() => '')).split(/\s+/);
  const ofV1 = controllersOfV1(await readFile('/proc/cgroups', 'utf8').catch(() => ''));
  const left = V1_CONTROLLERS.filter((c) => (unified.includes(c) || ofV1.includes(c)) && !layout.legacy.has(c));
  const base = join(layout.unified, '..');
  const mounted: string[] = [];
  for (const controller of left) {
    try {
      await mountTree(join(base, controller), controller);
      mounted.push(controller);
    } catch (error) {
      // A tree of several controllers cannot be had for one of them alone; what is on the v2 side can.
      if (unified.includes(controller)) throw error;
    }
  }
  return { layout: mounted.length === 0 ? layout : await detectCgroups(), mounted };
}

/** Takes away the v1 mounts that were added, unless somebody uses them by now. */
export async function unmendHybrid(mounted: readonly string[], layout: CgroupLayout): Promise<void> {
  for (const controller of mounted) {
    const target = layout.legacy.get(controller);
    if (target === undefined) continue;
    const used = (await readdir(target, { withFileTypes: true })).some((e) => e.isDirectory());
    if (!used && (await listMounts()).some((m) => m.mountPoint === target)) await unmount([target]);
    if (!used) await rm(target, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Every tree of the layout, each once (cpu and cpuacct often share one). */
export function treesOf(layout: CgroupLayout): string[] {
  const all = new Set(layout.legacy.values());
  if (layout.unified !== undefined) all.add(layout.unified);
  return [...all];
}
