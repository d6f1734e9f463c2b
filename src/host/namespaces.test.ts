// Programs left behind in namespaces, what they find there, and that this process is where it was.
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { expect, test } from 'vitest';
import { holdNamespaces, inNamespaces } from './namespaces.ts';

const TYPES = ['net', 'uts', 'ipc'] as const;
const namespacesOf = (who: string) => TYPES.map((t) => readlinkSync(`/proc/${who}/ns/${t}`));
const here = () => namespacesOf('thread-self');
const isGone = (pid: number) => {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
};

test.skipIf(process.getuid?.() !== 0)(
  'a program is left behind in namespaces of its own, with their name and parameters',
  async () => {
    const before = here();
    const name = hostname();
    const sysctls = { 'kernel.shmmni': '77' };
    const pid = holdNamespaces({ file: '/usr/bin/sleep', args: ['1000'], hostname: 'h-1', ipc: true, sysctls });
    try {
      const [net, uts, ipc] = namespacesOf(String(pid));
      expect(net).toBe(before[0]);
      expect(uts).not.toBe(before[1]);
      expect(ipc).not.toBe(before[2]);
      expect(here()).toEqual(before);
      expect(hostname()).toBe(name);
      expect(inNamespaces({ anew: ['uts'] }, hostname)).toBe(name);
      expect(readFileSync('/proc/sys/kernel/shmmni', 'utf8').trim()).not.toBe('77');
      expect(readlinkSync(`/proc/${pid}/cwd`)).toBe('/usr/bin');
      expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).toBe('');
    } finally {
      process.kill(pid, 'SIGKILL');
    }
    // No zombie remains, though nobody waits for it.
    await expect.poll(() => isGone(pid)).toBe(true);
  },
);

test.skipIf(process.getuid?.() !== 0)(
  'whatever fails there, this process comes back and nothing is left behind',
  () => {
    const before = here();
    const wanted = { file: '/usr/bin/sleep', args: ['1000'], hostname: 'h-1', ipc: true, sysctls: {} };
    expect(() => holdNamespaces({ ...wanted, file: '/usr/bin/no-such-program' })).toThrow(/no-such-program: ENOENT/);
    expect(() => holdNamespaces({ ...wanted, sysctls: { 'kernel.shm_no_such': '1' } })).toThrow(
      /sysctl kernel.shm_no_such: ENOENT/,
    );
    // The host's own are left alone, whoever asks.
    for (const name of ['kernel.panic', 'vm.swappiness', 'net.ipv4.ip_forward'])
      expect(() => holdNamespaces({ ...wanted, sysctls: { [name]: '7' } })).toThrow(
        /the pod has no namespace of its own/,
      );
    const ofIpc = { ...wanted, ipc: false, sysctls: { 'kernel.shmmni': '78' } };
    expect(() => holdNamespaces(ofIpc)).toThrow(/no namespace of its own/);
    expect(() => holdNamespaces({ ...wanted, netns: '/proc/self/ns/uts' })).toThrow(/setns .*: EINVAL/);
    expect(() => holdNamespaces({ ...wanted, hostname: 'x'.repeat(65) })).toThrow(/sethostname: EINVAL/);
    expect(here()).toEqual(before);
  },
);
