// Rounds of pods that are made while their containers, shims, pauses, OCI runtimes and Minke itself are killed at any moment: nothing may
// leak. A few rounds here; `npm run crash` runs a thousand.
import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { detectCgroups } from '../../host/cgroup-layout.ts';
import { listMounts } from '../../host/mounts.ts';

import type { RuntimeService } from '../port.ts';
import { leftovers, openTestbed, type Testbed, whyNoContainers } from './testbed.ts';

const skip = whyNoContainers();
const OCTET = 233;
const NAME = 'mkrounds';
const ROUNDS = Number(process.env.MINKE_CRASH_ROUNDS ?? 20);
const PREY = ['crun', 'conmon', 'pause', 'sleep', 'minke-spawn'];

async function cgroupTrees(): Promise<string[]> {
  const { unified, legacy } = await detectCgroups();
  return [...new Set([...legacy.values(), ...(unified === undefined ? [] : [unified])])];
}

async function groupsBelow(dir: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(dir, { withFileTypes: true }).catch(() => []))
    if (entry.isDirectory()) found.push(join(dir, entry.name), ...(await groupsBelow(join(dir, entry.name))));
  return found;
}

interface Process {
  readonly pid: number;
  readonly name: string;
  readonly group: string;
}

/** What runs in the cgroups of the testbed. */
async function processes(): Promise<Process[]> {
  const [tree = ''] = await cgroupTrees();
  const all: Process[] = [];
  for (const group of await groupsBelow(join(tree, NAME))) {
    const pids = await readFile(join(group, 'cgroup.procs'), 'utf8').catch(() => '');
    for (const pid of pids.split('\n').filter((p) => p !== '')) {
      const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
      if (name !== '') all.push({ pid: Number(pid), name: name.trim(), group });
    }
  }
  return all;
}

async function killOne(): Promise<void> {
  const wanted = PREY[Math.floor(Math.random() * PREY.length)];
  const prey = (await processes()).filter((p) => p.name === wanted);
  const one = prey[Math.floor(Math.random() * prey.length)];
  try {
    if (one !== undefined) process.kill(one.pid, 'SIGKILL');
  } catch {} // it has ended by itself
}

/** Lets the victim make up to so many pods, kills now and then what it started, and in the end itself. Answers how many pods it began. */
async function hunt(bed: Testbed, most: number): Promise<number> {
  const victim = new URL('./crash-victim.ts', import.meta.url).pathname;
  const args = ['--import', 'tsx', victim, bed.directory, bed.name, String(OCTET), '100000'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  if (child.stdout === null) throw new Error('no output');
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let begun = 0;
  let hunting = false;
  const life = 200 + Math.random() * 2000;
  const chase = async () => {
    for (const end = Date.now() + life; Date.now() < end && begun < most; ) {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 150));
      await killOne();
    }
    child.kill('SIGKILL');
  };
  let chased: Promise<void> = Promise.resolve();
  for await (const line of createInterface(child.stdout)) {
    if (/^(running|failed)/.test(line)) begun += 1;
    if (line === 'open' && !hunting) {
      hunting = true;
      chased = chase();
    }
  }
  await Promise.all([ended, chased]);
  return begun;
}

/** What the runtime says and what the host has, side by side; the runtime must be closed, so that nothing lies ready for other pods. */
interface Said {
  readonly sandboxes: Awaited<ReturnType<RuntimeService['listPodSandboxes']>>;
  readonly containers: Awaited<ReturnType<RuntimeService['listContainers']>>;
}

async function audit(bed: Testbed, said: Said): Promise<string[]> {
  const wrong: string[] = [];
  const same = (what: string, has: readonly string[], should: readonly string[]) => {
    const [a, b] = [[...has].sort(), [...should].sort()];
    if (a.join() !== b.join()) wrong.push(`${what}: ${a.join(' ')} but should be: ${b.join(' ')}`);
  };
  const ready = said.sandboxes.filter((s) => s.state === 'ready');
  const running = said.containers.filter((c) => c.state === 'running');
  const mounts = (await listMounts()).map((m) => m.mountPoint);
  const root = (id: string) => join(bed.directory, 'state/c', id.slice(0, 13), 'rootfs');
  same(
    'root file systems',
    mounts.filter((m) => m.startsWith(join(bed.directory, 'state'))),
    said.containers.map((c) => root(c.id)),
  );
  const addressed = said.sandboxes.filter((s) => s.ips.length > 0).length;
  const count = (what: string, has: readonly string[], most: number, least = most) => {
    if (has.length < least || has.length > most)
      wrong.push(`${what}: ${has.length}, not ${least}..${most}: ${has.join(' ')}`);
  };
  const mine = (names: readonly string[]) => names.filter((n) => /^mkrounds0[0-9a-f]{5}$/.test(n));
  count(
    'shared memory',
    mounts.filter((m) => m.startsWith(`/run/${NAME}/shm/`)),
    addressed,
  );
  count('network namespaces', mine(await readdir('/run/netns')), addressed);
  count('links', mine(await readdir('/sys/class/net')), addressed);
  const ids = new Set([...ready, ...running].map((r) => r.id));
  const uids = new Set(said.sandboxes.map((s) => s.uid));
  for (const tree of await cgroupTrees())
    for (const group of await groupsBelow(join(tree, NAME))) {
      const uid = /\/pod([^/]+)$/.exec(group)?.[1];
      if (uid !== undefined && !uids.has(uid)) wrong.push(`cgroup ${group}`);
      const id = group.slice(group.lastIndexOf('/') + 1);
      if (/^[0-9a-f]{64}$/.test(id) && !ids.has(id)) wrong.push(`cgroup ${group}`);
    }
  const all = await processes();
  const named = (name: string) => all.filter((p) => p.name === name);
  same(
    'containers',
    named('sleep').map((p) => p.pid.toString()),
    running.map((c) => String(c.pid)),
  );
  same(
    'pauses',
    named('pause').map((p) => p.pid.toString()),
    ready.map((s) => String(s.pid)),
  );
  count(
    'shims',
    named('conmon').map((p) => String(p.pid)),
    running.length,
    0,
  );
  const others = all.filter((p) => !['sleep', 'pause', 'conmon'].includes(p.name));
  if (others.length > 0) wrong.push(`processes: ${others.map((p) => `${p.pid} ${p.name} ${p.group}`).join(', ')}`);
  const directories = async (what: string) => readdir(join(bed.directory, 'state', what));
  same(
    'sandbox records',
    await directories('s'),
    said.sandboxes.map((s) => s.id.slice(0, 13)),
  );
  same(
    'container records',
    await directories('c'),
    said.containers.map((c) => c.id.slice(0, 13)),
  );
  return wrong;
}

/** Adopts, lets what was killed be noticed, removes all pods but two, and looks at the host. */
async function settle(bed: Testbed): Promise<void> {
  const { runtime, close } = await bed.open();
  const sandboxes = [...(await runtime.listPodSandboxes())];
  for (const s of sandboxes.slice(0, -2)) await runtime.removePodSandbox(s.id);
  await expect
    .poll(
      async () => {
        const alive = new Set((await processes()).map((p) => p.pid));
        const containers = await runtime.listContainers();
        const pods = await runtime.listPodSandboxes();
        return [...containers.filter((c) => c.state === 'running'), ...pods.filter((s) => s.state === 'ready')].every(
          (r) => alive.has(r.pid ?? 0),
        );
      },
      { timeout: 60_000 },
    )
    .toBe(true);
  const said: Said = { sandboxes: await runtime.listPodSandboxes(), containers: await runtime.listContainers() };
  await close();
  await expect.poll(() => audit(bed, said), { timeout: 60_000 }).toEqual([]);
}

test.skipIf(skip !== undefined)(
  `nothing leaks in ${ROUNDS} rounds of create and kill${skip === undefined ? '' : ` (${skip})`}`,
  async () => {
    const bed = await openTestbed({ name: NAME, octet: OCTET });
    try {
      for (let done = 0, told = 0; done < ROUNDS; ) {
        done += await hunt(bed, ROUNDS - done);
        await settle(bed);
        if (ROUNDS >= 100 && done >= told + 50) process.stderr.write(`${done} of ${ROUNDS} rounds\n`);
        if (done >= told + 50) told = done;
      }
    } finally {
      await (await bed.open()).destroy();
    }
    expect(await leftovers(bed, OCTET)).toEqual([]);
    await bed.remove();
  },
  300_000 + ROUNDS * 10_000,
);
