// Faults of what the runtime relies on: an OCI runtime that fails or hangs, a disk that fills. Nothing is left, and it goes on afterwards.
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { detectCgroups } from '../../host/cgroup-layout.ts';
import { Cgroups } from '../../host/cgroups.ts';
import { bindMount, listMounts, mount, unmount } from '../../host/mounts.ts';
import { findProgram, runProgram } from '../../host/programs.ts';
import { SpawnHelper } from '../../host/spawn-helper.ts';
import { containerConfig, podConfig } from '../test-configs.ts';
import { Conmon } from './conmon.ts';
import { OciRuntime } from './oci-runtime.ts';
import { leftovers, openTestbed, whyNoContainers } from './testbed.ts';

const skip = whyNoContainers();
const NAME = 'mkfaults';
const OCTET = 231;

const STAYS = ['sleep', '100000'];
const sandbox = (directory: string, uid: string) =>
  podConfig(uid, { logDirectory: join(directory, 'logs', uid), resources: { cpuShares: 2 } });

const undo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function directory(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'minke-faults-'));
  undo.push(() => rm(made, { recursive: true, force: true }));
  return made;
}

/** Puts a script in the place of a program, which is mounted there. */
async function replaceProgram(at: string, script: string): Promise<void> {
  await unmount([at]);
  await writeFile(at, script);
  await chmod(at, 0o755);
}

test.skipIf(skip !== undefined)(
  'a runtime that fails leaves nothing of a pod, and works again when it does',
  async () => {
    const bed = await openTestbed({ name: NAME, octet: OCTET });
    undo.push(() => bed.remove());
    const { runtime, destroy } = await bed.open();
    const binary = `/run/${NAME}/bin/crun`;
    const config = sandbox(bed.directory, 'one');
    const pod = await runtime.runPodSandbox(config);
    await replaceProgram(binary, '#!/bin/sh\necho broken >&2\nexit 3\n');
    // Only the runtime makes a sandbox whose processes see one another.
    const shared = {
      ...sandbox(bed.directory, 'two'),
      namespaces: { network: 'pod', pid: 'pod', ipc: 'pod' },
    } as const;
    await expect(runtime.runPodSandbox(shared)).rejects.toMatchObject({ kind: 'sandbox' });
    const id = await runtime.createContainer(pod, containerConfig(bed.image, STAYS), config);
    await expect(runtime.startContainer(id)).rejects.toMatchObject({ kind: 'run-container' });
    expect(await runtime.containerStatus(id)).toMatchObject({ state: 'exited', reason: 'StartError' });
    expect((await runtime.listPodSandboxes()).map((s) => s.id)).toEqual([pod]);
    expect(await readdir(join(bed.directory, 'state/s'))).toHaveLength(1);
    await bindMount(findProgram('crun') ?? '', binary, ['ro']);
    const again = await runtime.createContainer(pod, containerConfig(bed.image, STAYS, { attempt: 1 }), config);
    await runtime.startContainer(again);
    expect((await runtime.containerStatus(again)).state).toBe('running');
    await destroy();
    expect(await leftovers(bed, OCTET)).toEqual([]);
  },
);

test.skipIf(skip !== undefined)('a runtime that hangs is given up and killed with its shim', async () => {
  const dir = await directory();
  const { layout } = { layout: await detectCgroups() };
  const cgroups = new Cgroups(layout);
  const group = `/${NAME}h/conmon`;
  await cgroups.create(group);
  undo.push(() => cgroups.remove(`/${NAME}h`));
  const helper = new SpawnHelper((pid) => cgroups.addProcess(group, pid));
  await helper.start();
  const binary = join(dir, 'bin', 'crun');
  const files = { root: join(dir, 'crun'), filterCache: join(dir, 'filters'), binary };
  const runtime = new OciRuntime({ ...files, cgroups, helper, log: () => undefined, createTimeoutMs: 300 });
  await runtime.prepare();
  const [pipe, bundle, sockets] = [join(dir, 'pipe'), join(dir, 'bundle'), join(dir, 'sockets')];
  await Promise.all([bundle, sockets].map((d) => mkdir(d)));
  await runProgram('mkfifo', [pipe]);
  await replaceProgram(binary, `#!/bin/sh\nread nothing < ${pipe}\n`);
  const conmon = new Conmon({ runtime, cgroups, helper, cgroup: group, exitDirectory: dir, socketDirectory: sockets });
  const id = 'f'.repeat(64);
  const stdio = { terminal: false, stdin: false, stdinOnce: false };
  await expect(conmon.create({ id, bundle, logPath: join(dir, 'log'), ...stdio })).rejects.toThrow(/took longer/);
  await expect(runtime.runDetached(id, bundle)).rejects.toThrow(/took longer/);
  await expect.poll(() => cgroups.processes(group)).toEqual([helper.pid]);
  helper.close();
  await expect.poll(() => cgroups.processes(group)).toEqual([]);
});

test.skipIf(skip !== undefined)(
  'a disk that is full refuses pods, leaves nothing of them, and takes them when there is room',
  async () => {
    const disk = await directory();
    await mount({ type: 'tmpfs', source: 'tmpfs', target: disk, options: ['size=24m'] });
    undo.push(() => unmount([disk]));
    const bed = await openTestbed({ name: NAME, octet: OCTET, directory: disk });
    const { runtime, destroy } = await bed.open();
    const first = sandbox(disk, 'first');
    const pod = await runtime.runPodSandbox(first);
    const ballast = join(disk, 'ballast');
    await expect(writeFile(ballast, Buffer.alloc(32 * 1024 * 1024))).rejects.toMatchObject({ code: 'ENOSPC' });
    await expect(runtime.runPodSandbox(sandbox(disk, 'second'))).rejects.toThrow(/ENOSPC|[Nn]o space/);
    await expect(runtime.createContainer(pod, containerConfig(bed.image, STAYS), first)).rejects.toThrow(
      /ENOSPC|[Nn]o space/,
    );
    expect((await runtime.listPodSandboxes()).map((s) => s.state)).toEqual(['ready']);
    expect((await runtime.listContainers()).length).toBe(0);
    expect((await listMounts()).filter((m) => m.mountPoint.startsWith(join(disk, 'state/c')))).toEqual([]);
    await rm(ballast);
    const id = await runtime.createContainer(pod, containerConfig(bed.image, STAYS), first);
    await runtime.startContainer(id);
    expect((await runtime.containerStatus(id)).state).toBe('running');
    await destroy();
    expect((await leftovers(bed, OCTET)).filter((l) => l !== `mount ${disk}`)).toEqual([]);
  },
);
