// Connections to localhost, by IPv4 and else by IPv6, here and in another network namespace.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';
import { connectLocalhost } from './netns.ts';
import { startProgram } from './programs.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listen(host: string): Promise<number> {
  const server = createServer((socket) => socket.end(`here is ${host}`));
  servers.push(server);
  server.listen(0, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

test('what listens on 127.0.0.1 is reached, and what listens on ::1 alone', async () => {
  for (const host of ['127.0.0.1', '::1']) {
    const port = await listen(host);
    expect(await text(await connectLocalhost(undefined, port))).toBe(`here is ${host}`);
  }
});

test('where nothing listens it is refused at once', async () => {
  await expect(connectLocalhost(undefined, 1)).rejects.toThrow(/connect: ECONNREFUSED/);
});

describe.skipIf(process.getuid?.() !== 0)('in another network namespace', () => {
  test('its own localhost is reached and not ours, and this process is where it was', async () => {
    const port = await listen('127.0.0.1');
    const line = 'ip link set lo up && echo up && exec sleep 1000';
    const other = await startProgram('unshare', ['--net', 'sh', '-c', line], { stdio: ['ignore', 'write', 2] });
    try {
      await once(other.stdio[1] ?? servers[0] ?? createServer(), 'data');
      const netns = `/proc/${other.pid}/ns/net`;
      await expect(connectLocalhost(netns, port)).rejects.toThrow(/ECONNREFUSED/);
      expect(await text(await connectLocalhost(undefined, port))).toBe('here is 127.0.0.1');
      await expect(connectLocalhost('/proc/self/ns/pid', port)).rejects.toThrow(/setns .*: EINVAL/);
    } finally {
      other.kill('SIGKILL');
      await other.exited;
    }
  });
});
