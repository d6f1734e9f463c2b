// Whether probes and hooks go over the network is for whoever makes the kubelet to say.
import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { HandClock } from '../../client/index.ts';
import type { Probe } from '../../resources/generated/core-v1.ts';
import { runHook } from '../container/hooks.ts';
import { networkReach, noReach, type PodReach } from './reach.ts';
import { type ProbeTarget, runProbe } from './run.ts';

async function listening(): Promise<{ port: number; count: () => number; close: () => void }> {
  let count = 0;
  const server = createServer((socket) => {
    count++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  return { port, count: () => count, close: () => server.close() };
}

const target = (reach: PodReach): ProbeTarget => ({
  containerId: 'c',
  container: { name: 'c', image: 'i' },
  podIp: '127.0.0.1',
  reach,
  exec: () => Promise.reject(new Error('nothing is run')),
});

it('probes and hooks of pods on no wire succeed and send nothing', async () => {
  const server = await listening();
  const { port } = server;
  const network: Probe[] = [{ httpGet: { port } }, { tcpSocket: { port } }, { grpc: { port } }];
  for (const probe of network) expect((await runProbe(probe, target(noReach()))).outcome).toBe('success');
  await runHook({ httpGet: { port } }, target(noReach()), { clock: new HandClock(), timeoutMs: 1000 });
  await runHook({ tcpSocket: { port } }, target(noReach()), { clock: new HandClock(), timeoutMs: 1000 });
  expect(server.count()).toBe(0);
  expect((await runProbe({ tcpSocket: { port } }, target(networkReach()))).outcome).toBe('success');
  expect(server.count()).toBe(1);
  server.close();
});
