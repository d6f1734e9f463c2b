// What every pod network must do, as one suite: Minke's own, and the one that the host's CNI plugins make.
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findProgram, runProgram, startProgram } from '../host/programs.ts';
import type { NetworkedPod, PodNetworking, PodSlot } from './port.ts';

const SILENT = ['ignore', 'ignore', 'ignore'] as const;

export interface NetworkUnderTest {
  readonly name: string;
  /** Why it cannot run here. */
  readonly skip?: string;
  /** What its addresses begin with. */
  readonly addresses: string;
  /** Network namespaces and links of it begin with this. */
  readonly prefix: string;
  readonly open: () => PodNetworking;
  /** What of it is left on the host beyond names with the prefix. */
  readonly leftovers: () => Promise<readonly string[]>;
}

let serial = 0;

export function networkedPod(over: Partial<NetworkedPod> = {}): NetworkedPod {
  serial += 1;
  const name = `pod-${serial}`;
  const id = `${process.pid}-${serial}`.padStart(64, '0');
  return { id, name, namespace: 'default', uid: `uid-${serial}`, annotations: {}, ports: [], ...over };
}

async function inside(slot: PodSlot, ...command: string[]): Promise<{ code: number; out: string }> {
  const ran = await runProgram('ip', ['netns', 'exec', slot.netns, ...command], { allowFailure: true });
  return { code: ran.exitCode, out: ran.stdout.toString() + ran.stderr.toString() };
}

/** What somebody who listens there says at once. */
function hear(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 2000 });
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
      socket.end();
    });
    const done = () => {
      socket.destroy();
      resolve(text);
    };
    for (const event of ['close', 'error', 'timeout']) socket.on(event, done);
  });
}

async function until<T>(look: () => Promise<T>, good: (value: T) => boolean): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    const value = await look();
    if (good(value) || attempt > 50) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export function whyNoNetworks(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  const missing = ['ip', 'nft', 'busybox', 'unshare'].find((name) => findProgram(name) === undefined);
  return missing === undefined ? undefined : `needs ${missing}`;
}

export function networkConformance(under: NetworkUnderTest): void {
  const skip = whyNoNetworks() ?? under.skip;
  describe.skipIf(skip !== undefined)(`${under.name}${skip === undefined ? '' : ` (${skip})`}`, () => {
    let network: PodNetworking;
    beforeAll(async () => {
      network = under.open();
      expect(await network.start([])).toEqual([]);
    });
    afterAll(async () => {
      await network?.destroy();
      expect((await readdir('/run/netns').catch(() => [])).filter((n) => n.startsWith(under.prefix))).toEqual([]);
      expect(await under.leftovers()).toEqual([]);
    });

    test('is ready, and gives each pod a namespace with a loopback and an address of its own; pods reach each other', async () => {
      expect(network.ready).toBe(true);
      const [a, b] = await Promise.all([network.acquire(networkedPod()), network.acquire(networkedPod())]);
      expect(a.ip).not.toBe(b.ip);
      for (const slot of [a, b]) {
        expect(slot.ip.startsWith(under.addresses)).toBe(true);
        expect((await inside(slot, 'ip', '-4', '-o', 'addr', 'show', 'dev', 'eth0')).out).toContain(` ${slot.ip}/`);
        expect((await inside(slot, 'ip', 'route')).out).toContain('default via');
        expect((await inside(slot, 'ip', 'link', 'show', 'lo')).out).toContain('LOOPBACK,UP');
      }
      expect(await inside(a, 'busybox', 'ping', '-c', '1', '-W', '3', b.ip)).toMatchObject({ code: 0 });
      await Promise.all([network.release(a), network.release(b)]);
      const spaces = await readdir('/run/netns');
      expect(spaces).not.toContain(a.netns);
    });

    test('joins the namespace that a process has made, and counts what goes through', async () => {
      const child = await startProgram('unshare', ['--net', 'sleep', '1000'], { stdio: SILENT });
      try {
        const { pid } = child;
        const own = (await runProgram('readlink', ['/proc/self/ns/net'])).stdout.toString();
        await until(
          async () => (await runProgram('readlink', [`/proc/${pid}/ns/net`])).stdout.toString(),
          (link) => link !== own,
        );
        const slot = await network.attach(networkedPod(), pid);
        const gateway = /default via (\S+)/.exec((await inside(slot, 'ip', 'route')).out)?.[1] ?? '';
        expect(await inside(slot, 'busybox', 'ping', '-c', '2', '-W', '3', gateway)).toMatchObject({ code: 0 });
        const stats = network.stats(slot, pid);
        expect(stats?.txBytes).toBeGreaterThan(150);
        expect(stats?.rxBytes).toBeGreaterThan(150);
        await network.release(slot);
      } finally {
        child.kill('SIGKILL');
      }
    });

    test('publishes a port of the host, for as long as the pod is there', async () => {
      const ports = [{ protocol: 'TCP' as const, hostPort: 18_181, containerPort: 8080, hostIp: '' }];
      const pod = networkedPod({ ports });
      const slot = await network.acquire(pod);
      await network.setHostPorts(pod.id, slot.ip, ports);
      const listen = "require('node:net').createServer((s) => s.end('here\\n')).listen(8080, '0.0.0.0')";
      const speak = ['netns', 'exec', slot.netns, process.execPath, '-e', listen];
      const server = await startProgram('ip', speak, { stdio: SILENT });
      try {
        const said = await until(
          () => hear('127.0.0.1', 18_181),
          (text) => text !== '',
        );
        expect(said).toBe('here\n');
      } finally {
        server.kill('SIGKILL');
      }
      await network.setHostPorts(pod.id, slot.ip, []);
      await network.release(slot);
      expect(await hear('127.0.0.1', 18_181)).toBe('');
    });

    test('who starts anew keeps the pods that are there, takes their addresses for taken, and sweeps the rest', async () => {
      const [kept, dropped] = await Promise.all([network.acquire(networkedPod()), network.acquire(networkedPod())]);
      const second = under.open();
      expect(await second.start([{ slot: kept, id: 'kept', ports: [] }])).toEqual([]);
      network = second;
      const spaces = await readdir('/run/netns');
      expect(spaces).toContain(kept.netns);
      expect(spaces).not.toContain(dropped.netns);
      const next = await second.acquire(networkedPod());
      expect(next.ip).not.toBe(kept.ip);
      expect(await inside(next, 'busybox', 'ping', '-c', '1', '-W', '3', kept.ip)).toMatchObject({ code: 0 });
      await Promise.all([second.release(kept), second.release(next)]);
    });
  });
}
