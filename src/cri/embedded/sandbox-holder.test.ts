// What holds a sandbox has no rights, sees nothing of the host, and does not outlive what knows of it.
import { readFileSync, readlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { detectCgroups } from '../../host/cgroup-layout.ts';
import { Cgroups } from '../../host/cgroups.ts';
import { holdNamespaces } from '../../host/namespaces.ts';
import { podConfig } from '../test-configs.ts';
import { heldSandbox } from './sandbox-holder.ts';
import { leftovers, openTestbed, type Testbed, whyNoContainers } from './testbed.ts';

const NAME = 'mkhold';
const OCTET = 187;
const skip = whyNoContainers();
let bed: Testbed;

beforeAll(async () => {
  if (skip === undefined) bed = await openTestbed({ name: NAME, octet: OCTET });
});
afterAll(() => bed?.remove());

const config = (uid: string) => podConfig(uid, { logDirectory: join(bed.directory, 'logs') });
const namespaceOf = (pid: number | string, type: string) => readlinkSync(`/proc/${pid}/ns/${type}`);

test.skipIf(skip !== undefined)(
  'it is nobody, in a root with nothing but itself, and in namespaces of the pod',
  async () => {
    const { runtime, destroy } = await bed.open();
    const id = await runtime.runPodSandbox(config('plain'));
    const { pid = 0 } = await runtime.podSandboxStatus(id);
    expect(heldSandbox(pid)).toBe(id);
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    expect(status).toMatch(/^Uid:\t65535\t65535\t65535\t65535$/m);
    expect(status).toMatch(/^Gid:\t65535\t65535\t65535\t65535$/m);
    expect(status).toMatch(/^Groups:\s*$/m);
    for (const set of ['Prm', 'Eff', 'Inh', 'Amb']) expect(status).toMatch(new RegExp(`^Cap${set}:\\t0{16}$`, 'm'));
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(readlinkSync(`/proc/${pid}/root`)).toBe(join(bed.directory, 'state/pause'));
    for (const type of ['net', 'uts', 'ipc']) expect(namespaceOf(pid, type)).not.toBe(namespaceOf('self', type));
    await runtime.removePodSandbox(id);
    await expect.poll(() => heldSandbox(pid)).toBeUndefined();
    await destroy();
    expect(await leftovers(bed, OCTET)).toEqual([]);
  },
);

test.skipIf(skip !== undefined)(
  'one that no sandbox knows of ends when the runtime is opened again, the others do not',
  async () => {
    const first = await bed.open();
    const id = await first.runtime.runPodSandbox(config('kept'));
    const { pid = 0 } = await first.runtime.podSandboxStatus(id);
    await first.close();
    // As a helper would leave it whose master was killed before it had written the sandbox down.
    const file = join(bed.directory, 'state/pause/pause');
    const stray = holdNamespaces({ file, args: ['f'.repeat(64)], hostname: 'stray', ipc: true, sysctls: {} });
    const group = readFileSync(`/proc/${pid}/cgroup`, 'utf8').match(new RegExp(`/${NAME}/conmon$`, 'm'))?.[0] ?? '';
    await new Cgroups(await detectCgroups()).addProcess(group, stray);
    const { runtime, destroy } = await bed.open();
    await expect.poll(() => heldSandbox(stray)).toBeUndefined();
    expect(heldSandbox(pid)).toBe(id);
    expect((await runtime.podSandboxStatus(id)).state).toBe('ready');
    await destroy();
    expect(heldSandbox(pid)).toBeUndefined();
    expect(await leftovers(bed, OCTET)).toEqual([]);
  },
);
