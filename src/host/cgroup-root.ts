// The top of a cgroup v2 tree: whether it can hand its controllers to the groups below, and what makes it able to.
// https://docs.kernel.org/admin-guide/cgroup-v2.html#no-internal-process-constraint
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CgroupLayout } from './cgroup-layout.ts';
import { errorCode } from './files.ts';

/** Without these no pod's limits hold; the kubelet refuses to start where one is missing, and so does Minke. */
const REQUIRED = ['cpu', 'memory', 'pids'];
/** Where processes go that stand in the way: a group for what is not a pod's. */
const ASIDE = 'minke-others';
const ATTEMPTS = 50;
/** What the kernel says when processes are in the group itself. */
const IN_THE_WAY = ['EBUSY', 'ENOTSUP', 'EOPNOTSUPP'];
const REFUSALS = ['EROFS', 'EACCES', 'EPERM'];

async function words(path: string): Promise<string[]> {
  return (await readFile(path, 'utf8').catch(() => '')).split(/\s+/).filter((w) => w !== '');
}

/** Controllers that the kernel or whoever made this tree withholds, of those that pods need. */
export async function missingControllers(layout: CgroupLayout): Promise<string[]> {
  if (layout.mode === 'none') return REQUIRED;
  const own = layout.unified === undefined ? [] : await words(join(layout.unified, 'cgroup.controllers'));
  const all = new Set([...layout.legacy.keys(), ...own]);
  return REQUIRED.filter((c) => !all.has(c));
}

/** At once, or else one by one: what a group with processes may have in part makes it one that can have no more. */
async function enable(root: string, controllers: readonly string[]): Promise<string | undefined> {
  const turnOn = (list: readonly string[]) =>
    writeFile(join(root, 'cgroup.subtree_control'), list.map((c) => `+${c}`).join(' ')).then(
      () => undefined,
      (error: unknown) => errorCode(error) ?? String(error),
    );
  const refusal = await turnOn(controllers);
  if (refusal === undefined || IN_THE_WAY.includes(refusal)) return refusal;
  for (const controller of controllers) {
    const single = await turnOn([controller]);
    if (single !== undefined && REQUIRED.includes(controller)) return single;
  }
  return undefined;
}

async function moveAll(from: string, to: string): Promise<number> {
  let moved = 0;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const pids = await words(join(from, 'cgroup.procs'));
    // Number 0 stands for a process of another PID namespace: whoever sees it so cannot move it.
    const mine = pids.filter((pid) => pid !== '0');
    if (mine.length === 0) return moved;
    for (const pid of mine) {
      const done = await writeFile(join(to, 'cgroup.procs'), pid).then(
        () => true,
        () => false,
      );
      if (done) moved += 1;
    }
  }
  return moved;
}

/**
 * Makes the top of a v2 tree hand its controllers down. In the kernel's own root it just does; in a container's it may not while
 * processes are in it, so they are put aside into a group of their own, as Docker does it for Docker in a container.
 * Answers how many were moved.
 */
export async function delegateControllers(layout: CgroupLayout): Promise<number> {
  const root = layout.unified;
  if (layout.mode !== 'unified' || root === undefined) return 0;
  const given = await words(join(root, 'cgroup.subtree_control'));
  const wanted = (await words(join(root, 'cgroup.controllers'))).filter((c) => !given.includes(c));
  const refusal = await enable(root, wanted);
  if (refusal === undefined) return 0;
  if (!IN_THE_WAY.includes(refusal)) {
    const hint = REFUSALS.includes(refusal) ? ': a container that runs Minke must be privileged' : '';
    throw new Error(`cgroups: ${root} cannot hand down its controllers (${refusal})${hint}`);
  }
  const aside = join(root, ASIDE);
  await mkdir(aside, { recursive: true });
  const moved = await moveAll(root, aside);
  const again = await enable(root, wanted);
  if (again !== undefined)
    throw new Error(
      `cgroups: ${root} cannot hand down its controllers (${again}): processes that Minke may not move are in it`,
    );
  return moved;
}

/** Puts processes back where they were, once nothing else is below the top. */
export async function undelegateControllers(layout: CgroupLayout): Promise<void> {
  const root = layout.unified;
  if (root === undefined || !existsSync(join(root, ASIDE))) return;
  const entries = await readdir(root, { withFileTypes: true });
  if (entries.some((e) => e.isDirectory() && e.name !== ASIDE)) return;
  for (const controller of await words(join(root, 'cgroup.subtree_control')))
    await writeFile(join(root, 'cgroup.subtree_control'), `-${controller}`).catch(() => undefined);
  await moveAll(join(root, ASIDE), root);
  await rmdir(join(root, ASIDE)).catch(() => undefined); // whoever came in the meantime keeps it
}
