// Probes: their clock, their thresholds, and their words.
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import grpc from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { HandClock } from '../../client/index.ts';
import type { Probe } from '../../resources/generated/core-v1.ts';
import { probeGrpc } from './grpc.ts';
import { probeHttp } from './http.ts';
import type { ProbeResult } from './result.ts';
import { runProbe } from './run.ts';
import { probeTcp } from './tcp.ts';
import { type ProbeKind, ProbeWorker } from './worker.ts';

let server: Server | undefined;
afterEach(() => {
  server?.close();
  server?.closeAllConnections();
  server = undefined;
});

async function serve(status: number, headers: Record<string, string> = {}): Promise<number> {
  server = createServer((request, response) => {
    if (status === 0) return;
    response.writeHead(request.url === '/moved' ? 200 : status, headers);
    response.end(request.headers['user-agent']);
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const target = (port: number, path = '/') => ({ scheme: 'http' as const, host: '127.0.0.1', port, path, headers: [] });

describe('an HTTP probe', () => {
  it('is content with 2xx and 3xx', async () => {
    expect(await probeHttp(target(await serve(204)), 1000)).toMatchObject({ outcome: 'success' });
  });
  it('follows a redirect to the same host', async () => {
    const port = await serve(302, { location: '/moved' });
    expect(await probeHttp(target(port), 1000)).toEqual({ outcome: 'success', output: 'kube-probe/1.36' });
  });
  it('warns of a redirect to another host', async () => {
    const port = await serve(302, { location: 'http://192.0.2.1/' });
    expect((await probeHttp(target(port), 1000)).outcome).toBe('warning');
  });
  it('takes answers whose lines end without a carriage return', async () => {
    const plain = createTcpServer((socket) => socket.once('data', () => socket.end('HTTP/1.0 200 OK\nA: b\n\nhi')));
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    const { port } = plain.address() as AddressInfo;
    expect(await probeHttp(target(port), 1000)).toEqual({ outcome: 'success', output: 'hi' });
    plain.close();
  });
  it('tells status, refusal and silence as Kubernetes does', async () => {
    const port = await serve(500);
    expect((await probeHttp(target(port), 1000)).output).toBe('HTTP probe failed with statuscode: 500');
    server?.close();
    expect((await probeHttp(target(1, '/x?y=1'), 1000)).output).toBe(
      'Get "http://127.0.0.1:1/x?y=1": dial tcp 127.0.0.1:1: connect: connection refused',
    );
    const silent = await serve(0);
    expect((await probeHttp(target(silent), 50)).output).toBe(
      `Get "http://127.0.0.1:${silent}/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
    );
  });
});

describe('a probe that may take sixty years', () => {
  it('is answered nevertheless', async () => {
    const port = await serve(200);
    const container = { name: 'c', image: 'i' };
    const exec = () => Promise.reject(new Error('no command'));
    const reach = { http: probeHttp, tcp: probeTcp, grpc: probeGrpc };
    const at = { podIp: '127.0.0.1', container, containerId: 'x', exec, reach };
    for (const how of [{ httpGet: { port } }, { tcpSocket: { port } }])
      expect(await runProbe({ ...how, timeoutSeconds: 2_000_000_000 }, at)).toMatchObject({ outcome: 'success' });
  });
});

describe('TCP and gRPC probes', () => {
  it('tell whether a port takes connections', async () => {
    expect((await probeTcp('127.0.0.1', await serve(200), 1000)).outcome).toBe('success');
    expect((await probeTcp('127.0.0.1', 1, 1000)).output).toBe('dial tcp 127.0.0.1:1: connect: connection refused');
  });
  it('ask the health service for a service by name', async () => {
    const health = new grpc.Server();
    const definition = {
      check: {
        path: '/grpc.health.v1.Health/Check',
        requestStream: false,
        responseStream: false,
        requestSerialize: (b: Buffer) => b,
        requestDeserialize: (b: Buffer) => b.subarray(2).toString(),
        responseSerialize: (n: number) => Buffer.from([0x08, n]),
        responseDeserialize: (b: Buffer) => b[1] ?? 0,
      },
    };
    health.addService(definition, {
      check: (call: { request: string }, reply: (error: null, status: number) => void) =>
        reply(null, call.request === 'well' ? 1 : 2),
    });
    const port = await new Promise<number>((resolve, reject) => {
      health.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    const of = (service: string) => probeGrpc({ host: '127.0.0.1', port, service }, 2_000);
    expect((await of('well')).outcome).toBe('success');
    expect(await of('ill')).toEqual({
      outcome: 'failure',
      output: 'service unhealthy (responded with "NOT_SERVING")',
    });
    health.forceShutdown();
  });
  it('tell that no health service answers', async () => {
    expect((await probeGrpc({ host: '127.0.0.1', port: 1, service: '' }, 300)).output).toBe(
      'timeout: failed to connect service "127.0.0.1:1" within 300ms: context deadline exceeded',
    );
  });
});

function worker(kind: ProbeKind, probe: Probe, script: (at: number) => ProbeResult['outcome']) {
  const clock = new HandClock(0);
  const runs: number[] = [];
  const results: string[] = [];
  let told = 0;
  const made = new ProbeWorker({
    kind,
    probe,
    containerStartedAt: 0,
    clock,
    run: () => {
      runs.push(clock.now());
      return Promise.resolve({ outcome: script(clock.now()), output: '' });
    },
    tell: () => told++,
    onResult: (ok) => results.push(`${clock.now()} ${ok}`),
  });
  return { clock, runs, results, told: () => told, stop: () => made.stop() };
}

describe('a probe worker', () => {
  it('asks for readiness at once, often in the first second, then by the period', async () => {
    const w = worker('readiness', { tcpSocket: { port: 1 }, periodSeconds: 5 }, (at) =>
      at < 100 ? 'failure' : 'success',
    );
    await w.clock.advance(7_000);
    expect(w.results).toEqual(['140 true']);
    expect(w.runs).toEqual([0, 20, 60, 140, 5140]);
    expect(w.told()).toBe(0);
  });

  it('waits the initial delay and counts from there', async () => {
    const probe = { exec: { command: ['x'] }, initialDelaySeconds: 3, periodSeconds: 2, failureThreshold: 2 };
    const w = worker('liveness', probe, () => 'failure');
    await w.clock.advance(20_000);
    expect(w.runs).toEqual([3_000, 5_000]);
    expect(w.results).toEqual(['5000 false']);
    expect(w.told()).toBe(2);
  });

  it('needs as many successes in a row as the threshold says', async () => {
    const probe = { tcpSocket: { port: 1 }, initialDelaySeconds: 1, periodSeconds: 1, successThreshold: 2 };
    const w = worker('readiness', probe, (at) => (at === 2_000 ? 'failure' : 'success'));
    await w.clock.advance(4_500);
    expect(w.results).toEqual(['4000 true']);
  });

  it('does not count a probe that could not be carried out', async () => {
    const w = worker('liveness', { exec: { command: ['x'] }, periodSeconds: 1, failureThreshold: 1 }, () => 'error');
    await w.clock.advance(5_000);
    expect(w.results).toEqual([]);
    w.stop();
  });

  it('asks for the start no more once it has come', async () => {
    const w = worker('startup', { tcpSocket: { port: 1 }, periodSeconds: 1 }, () => 'success');
    await w.clock.advance(10_000);
    expect(w.runs).toEqual([0]);
  });
});
