// AppArmor profiles of containers: which one by what is asked, and what it forbids where the kernel has AppArmor.
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { appArmorEnabled } from '../../host/machine.ts';
import { findProgram, runProgram } from '../../host/programs.ts';
import { Bench } from '../conformance/bench.ts';
import { SECURITY } from '../test-configs.ts';
import { AppArmor } from './apparmor.ts';
import type { EmbeddedRuntime } from './runtime.ts';
import { openTestbed, type Testbed, whyNoContainers } from './testbed.ts';

function without(): AppArmor {
  const run = () => Promise.reject(new Error('nothing is to be run'));
  return new AppArmor({ profile: 'x-default', enabled: false, run, log: () => undefined });
}

test('where the kernel has no AppArmor nothing is confined, and who asks for a profile is told', async () => {
  expect(await without().profileOf(SECURITY)).toBeUndefined();
  expect(await without().profileOf({ ...SECURITY, apparmor: { type: 'Unconfined' } })).toBeUndefined();
  for (const apparmor of [{ type: 'RuntimeDefault' }, { type: 'Localhost', localhostProfile: 'x' }] as const)
    await expect(without().profileOf({ ...SECURITY, apparmor })).rejects.toThrow('apparmor is not supported');
});

const enabled = await appArmorEnabled();
const missing =
  whyNoContainers() ??
  (enabled ? undefined : 'the kernel has no AppArmor') ??
  (findProgram('apparmor_parser') === undefined ? 'needs apparmor_parser' : undefined);

describe.skipIf(missing !== undefined)(`AppArmor enforced${missing === undefined ? '' : ` (${missing})`}`, () => {
  let bed: Testbed;
  let opened: EmbeddedRuntime;
  let bench: Bench;
  const logs = join(tmpdir(), `minke-apparmor-${process.pid}`);
  beforeAll(async () => {
    bed = await openTestbed({ name: 'mkarmor', octet: 228 });
    opened = await bed.open();
    bench = new Bench({ runtime: opened.runtime, image: bed.image, close: async () => {} }, logs);
  });
  afterAll(async () => {
    await bench?.cleanUp();
    await opened?.destroy();
    await bed?.remove();
    await rm(logs, { recursive: true, force: true });
  });
  const profiles = () => readFile('/sys/kernel/security/apparmor/profiles', 'utf8');

  test('by default a container is confined; it signals and reads its own, and mounts nothing', async () => {
    const security = { ...SECURITY, capabilities: { add: ['SYS_ADMIN'], drop: [] } };
    const { out } = await bench.shell(
      'cat /proc/self/attr/current; sleep 100 & kill $! && echo signalled; mkdir /m; mount -t tmpfs none /m || echo no mount',
      { security },
    );
    const pod = await bench.sandbox();
    const id = await bench.start(pod, ['sleep', '1000']);
    const done = await opened.runtime.execSync(id, ['cat', '/proc/self/attr/current'], 20_000);
    expect(Buffer.from(done.stdout).toString()).toBe('mkarmor-default (enforce)\n');
    await opened.runtime.stopContainer(id, 1000);
    expect(out).toMatch(/^mkarmor-default \(enforce\)\nsignalled\nmount: .*\nno mount\n$/);
  });

  test('unconfined and privileged containers are not', async () => {
    const unconfined = { ...SECURITY, apparmor: { type: 'Unconfined' as const } };
    expect((await bench.shell('cat /proc/self/attr/current', { security: unconfined })).out).toBe('unconfined\n');
    const privileged = { ...SECURITY, privileged: true };
    expect((await bench.shell('cat /proc/self/attr/current', { security: privileged })).out).toBe('unconfined\n');
  });

  test('a profile of the host is taken by its name, commands run later are under it too; one that is not loaded is an error', async () => {
    const text =
      'profile mkarmor-local flags=(attach_disconnected) {\n  file,\n  network,\n  signal,\n  capability,\n  deny /root/** rw,\n}\n';
    await runProgram('apparmor_parser', ['-K', '-r'], { stdin: text });
    try {
      const apparmor = { type: 'Localhost' as const, localhostProfile: 'mkarmor-local' };
      const security = { ...SECURITY, apparmor };
      const pod = await bench.sandbox();
      const id = await bench.start(pod, ['sleep', '1000'], { security });
      const done = await opened.runtime.execSync(
        id,
        ['sh', '-c', 'cat /proc/self/attr/current; touch /root/x || echo refused'],
        20_000,
      );
      expect(Buffer.from(done.stdout).toString()).toBe('mkarmor-local (enforce)\nrefused\n');
      const lost = { ...SECURITY, apparmor: { ...apparmor, localhostProfile: 'mkarmor-lost' } };
      await expect(bench.start(pod, ['true'], { name: 'lost', security: lost })).rejects.toThrow(
        'apparmor profile not found mkarmor-lost',
      );
      await bench.cleanUp();
    } finally {
      await runProgram('apparmor_parser', ['-R'], { stdin: text });
    }
  });

  test('the default profile goes with the runtime', async () => {
    expect(await profiles()).toContain('mkarmor-default (enforce)');
    await bench.cleanUp();
    await opened.destroy();
    expect(await profiles()).not.toContain('mkarmor-default');
    opened = await bed.open();
  });
});
