// Killed at any moment: what ran runs on and is adopted, what was half made is gone, nothing starts twice, and destroy leaves nothing.
import { spawn } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, expect, test } from 'vitest';
import { detectCgroups } from '../../host/cgroup-layout.ts';
import { exists } from '../../host/files.ts';

import { containerConfig, podConfig } from '../test-configs.ts';
import { leftovers, openTestbed, type Testbed, whyNoContainers } from './testbed.ts';

const skip = whyNoContainers();
const OCTET = 232;
const ROUNDS = Number(process.env.MINKE_CRASH_ROUNDS ?? 4);
let bed: Testbed | undefined;

interface Told {
  readonly running: Map<string, string>;
  readonly removing: Set<string>;
}

/** Runs the victim, kills it after a while, and answers what it had told by then. */
async function runAndKill(made: Testbed, afterMs: number, from: 'open' | 'running' = 'open'): Promise<Told> {
  const child = spawn(
    process.execPath,
    [
      '--import',
      'tsx',
      new URL('./crash-victim.ts', import.meta.url).pathname,
      made.directory,
      made.name,
      String(OCTET),
      '1000',
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const told: Told = { running: new Map(), removing: new Set() };
  if (child.stdout === null) throw new Error('no output');
  const lines = createInterface(child.stdout);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let timed = false;
  for await (const line of lines) {
    const [what, pod = '', id = ''] = line.split(' ');
    if (what === from && !timed) {
      timed = true;
      setTimeout(() => child.kill('SIGKILL'), afterMs);
    }
    if (what === 'running') told.running.set(pod, id);
    if (what === 'removing') told.removing.add(pod);
  }
  await ended;
  return told;
}

test.skipIf(skip !== undefined)(
  `pods outlive a killed runtime and are adopted${skip === undefined ? '' : ` (${skip})`}`,
  async () => {
    bed = await openTestbed({ name: 'mkcrash', octet: OCTET });
    for (let round = 0; round < ROUNDS; round += 1) {
      const told = await runAndKill(bed, 150 + Math.random() * 700);
      const opened = await bed.open();
      const containers = new Map((await opened.runtime.listContainers()).map((c) => [c.id, c]));
      for (const [pod, id] of told.running) {
        if (told.removing.has(pod)) continue;
        expect((await opened.runtime.podSandboxStatus(pod)).state).toBe('ready');
        expect(containers.get(id)?.state).toBe('running');
        const { stdout } = await opened.runtime.execSync(id, ['hostname'], 5000);
        expect(Buffer.from(stdout).toString()).toBe('h\n');
      }
      await opened.close();
    }
    const last = await bed.open();
    const [first] = (await last.runtime.listContainers()).filter((c) => c.state === 'running');
    if (first !== undefined) {
      await last.runtime.stopContainer(first.id, 100);
      expect((await last.runtime.containerStatus(first.id)).state).toBe('exited');
    }
    await last.destroy();
    expect(await leftovers(bed, OCTET)).toEqual([]);
  },
);

test.skipIf(skip !== undefined)(
  'a container whose shim was killed, and a sandbox whose pause was, are noticed',
  async () => {
    const made = bed ?? (await openTestbed({ name: 'mkcrash', octet: OCTET }));
    const told = await runAndKill(made, 100, 'running');
    const { runtime, destroy } = await made.open();
    const pods = [...told.running].filter(([pod]) => !told.removing.has(pod));
    const [pod = '', id = ''] = pods[0] ?? [];
    const { pid = 0 } = await runtime.containerStatus(id);
    const parent = /^PPid:\s+(\d+)$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
    expect(await readFile(`/proc/${parent}/comm`, 'utf8')).toBe('conmon\n');
    process.kill(Number(parent), 'SIGKILL');
    expect((await runtime.containerStatus(id)).state).toBe('running');
    process.kill(pid, 'SIGKILL');
    await expect.poll(async () => (await runtime.containerStatus(id)).state, { timeout: 20_000 }).toBe('exited');
    expect((await runtime.containerStatus(id)).exitCode).toBe(255);
    const pause = (await runtime.podSandboxStatus(pod)).pid ?? 0;
    expect(pause).toBeGreaterThan(1);
    process.kill(pause, 'SIGKILL');
    await expect.poll(async () => (await runtime.podSandboxStatus(pod)).state, { timeout: 20_000 }).toBe('notready');
    await destroy();
    expect(await leftovers(made, OCTET)).toEqual([]);
  },
);

test.skipIf(skip !== undefined)(
  'groups that a program was killed over are gone, and their container can start',
  async () => {
    const made = bed ?? (await openTestbed({ name: 'mkcrash', octet: OCTET }));
    const before = await made.open();
    const config = podConfig('half', { logDirectory: join(made.directory, 'logs') });
    const pod = await before.runtime.runPodSandbox(config);
    const id = await before.runtime.createContainer(pod, containerConfig(made.image, ['sleep', '1000']), config);
    const { pid = 0 } = await before.runtime.podSandboxStatus(pod);
    await before.close();
    const { unified, legacy } = await detectCgroups();
    const line = new RegExp(unified === undefined ? '^\\d+:(?:.*,)?cpu(?:,.*)?:(.*)$' : '^0::(.*)$', 'm');
    const own = line.exec(await readFile(`/proc/${pid}/cgroup`, 'utf8'))?.[1] ?? '';
    const group = join(unified ?? legacy.get('cpu') ?? '', dirname(own), config.cgroupParent, id);
    await mkdir(group, { recursive: true });
    const { runtime, destroy } = await made.open();
    expect(await exists(group)).toBe(false);
    await runtime.startContainer(id);
    expect((await runtime.containerStatus(id)).state).toBe('running');
    await destroy();
    expect(await leftovers(made, OCTET)).toEqual([]);
  },
);

test.skipIf(skip !== undefined)('destroy after a kill leaves nothing', async () => {
  const made = bed ?? (await openTestbed({ name: 'mkcrash', octet: OCTET }));
  await runAndKill(made, 300);
  await (await made.open()).destroy();
  expect(await leftovers(made, OCTET)).toEqual([]);
});

afterAll(async () => {
  await bed?.remove();
});
