// The whole server on loopback: over a small API server, by datagrams and connections, and with another server behind it.
import { createSocket, type Socket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode } from 'dns-packet';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createClient, createInformerFactory, type FakeApi, fakeApi } from '../../client/index.ts';
import { systemClock } from '../../host/clock.ts';
import { exchange } from './exchange.ts';
import { framed, unframed } from './listen.ts';
import { type DnsOptions, type DnsServer, startDns } from './server.ts';
import { question, read, service, slice, ZONE } from './testbed.ts';
import type { ForwardTo } from './upstreams.ts';

const LOOPBACK = '127.0.0.1';
const WEB = 'web.default.svc.cluster.local';
let api: FakeApi;
let stop: AbortController;
let work: string;
let server: DnsServer | undefined;
let errors: unknown[];
let closers: (() => void)[];

beforeEach(() => {
  api = fakeApi();
  stop = new AbortController();
  work = mkdtempSync(join(tmpdir(), 'minke-dns-'));
  [errors, closers] = [[], []];
  api.put('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
  api.put('services', service('web', { clusterIP: '10.96.0.20' }));
});

afterEach(async () => {
  await server?.close();
  server = undefined;
  for (const close of closers) close();
  stop.abort();
  rmSync(work, { recursive: true });
  expect(errors).toEqual([]);
});

async function start(forwardTo: ForwardTo = 'none', more: Partial<DnsOptions> = {}): Promise<DnsServer> {
  const client = createClient({ transport: api.transport, userAgent: 'test' });
  const informers = createInformerFactory(client, { clock: systemClock });
  informers.start(stop.signal);
  const options: DnsOptions = {
    zone: ZONE,
    address: LOOPBACK,
    port: 0,
    forwardTo,
    resolvConf: join(work, 'resolv.conf'),
    informers,
    clock: systemClock,
    random: Math.random,
    onError: (error) => errors.push(error),
    ...more,
  };
  server = await startDns(options);
  return server;
}

async function ask(name: string, type = 'A', via: 'udp' | 'tcp' = 'udp') {
  const to = { address: LOOPBACK, port: server?.port ?? 0 };
  return read(await exchange(question(name, type), to, via, 5000));
}
const addresses = async (name: string) =>
  ((await ask(name)).answers ?? []).flatMap((one) => (one.type === 'A' ? [one.data] : [])).sort();

/** Another server, which answers every name with its own address. */
function elsewhere(): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = [];
  const answer = (message: Buffer): Buffer => {
    const { id, questions = [] } = read(message);
    const name = questions[0]?.name ?? '';
    asked.push(name);
    const flags = 0x180;
    return encode({
      type: 'response',
      id,
      flags,
      questions,
      answers: [{ name, type: 'A', ttl: 60, data: '192.0.2.53' }],
    });
  };
  const socket: Socket = createSocket('udp4');
  const listener: Server = createServer((connection) => {
    connection.on(
      'data',
      unframed((message) => void connection.write(framed(answer(message)))),
    );
  });
  closers.push(
    () => socket.close(),
    () => listener.close(),
  );
  socket.on('message', (message, from) => {
    // Somebody who guesses is not believed.
    const forged = Buffer.from(answer(message));
    forged.writeUInt16BE((forged.readUInt16BE(0) + 1) & 0xffff, 0);
    socket.send(forged, from.port, from.address);
    asked.pop();
    socket.send(answer(message), from.port, from.address);
  });
  return new Promise((resolve) => {
    socket.bind(0, LOOPBACK, () => {
      const { port } = socket.address();
      listener.listen(port, LOOPBACK, () => resolve({ port, asked }));
    });
  });
}

test('follows Services and endpoints as they change', async () => {
  await start();
  expect(await addresses(WEB)).toEqual(['10.96.0.20']);
  expect((await ask('db.default.svc.cluster.local')).rcode).toBe('NXDOMAIN');
  api.put('services', service('db', { clusterIP: 'None' }));
  api.put('endpointslices.discovery.k8s.io', slice('db', ['db-0=10.244.0.2', '10.244.0.3']));
  const soon = { timeout: 5000 };
  await expect.poll(() => addresses('db.default.svc.cluster.local'), soon).toEqual(['10.244.0.2', '10.244.0.3']);
  expect(await addresses('db-0.db.default.svc.cluster.local')).toEqual(['10.244.0.2']);
  expect((await ask('2.0.244.10.in-addr.arpa', 'PTR')).answers).toMatchObject([
    { data: 'db-0.db.default.svc.cluster.local' },
  ]);
  expect((await ask('20.0.96.10.in-addr.arpa', 'PTR')).answers).toMatchObject([{ data: WEB }]);
  api.put('endpointslices.discovery.k8s.io', slice('db', ['db-1=10.244.0.4']));
  await expect.poll(() => addresses('db.default.svc.cluster.local'), soon).toEqual(['10.244.0.4']);
  expect((await ask('db-0.db.default.svc.cluster.local')).rcode).toBe('NXDOMAIN');
  expect((await ask('web.nowhere.svc.cluster.local')).rcode).toBe('NXDOMAIN');
});

test('answers over connections too, many questions over one, in pieces', async () => {
  const { port } = await start();
  const replies: number[] = [];
  const socket = connect(port, LOOPBACK);
  const got = new Promise<void>((resolve) => {
    socket.on(
      'data',
      unframed((message) => {
        if (replies.push(read(message).id ?? 0) === 3) resolve();
      }),
    );
  });
  const bytes = Buffer.concat([1, 2, 3].map((id) => framed(question(WEB, 'A', { id }))));
  for (const byte of bytes) socket.write(Buffer.from([byte]));
  await got;
  expect(replies).toEqual([1, 2, 3]);
  socket.destroy();
});

test('ends connections of those who speak something else', async () => {
  const { port } = await start();
  const socket = connect(port, LOOPBACK);
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  socket.on('error', () => undefined);
  socket.write(Buffer.from([0, 3, 1, 2, 3]));
  await closed;
  expect(await addresses(WEB)).toEqual(['10.96.0.20']);
});

test('takes another port when its own is in use', async () => {
  const other = await elsewhere();
  const { port } = await start('none', { port: other.port });
  expect(port).not.toBe(other.port);
  expect(await addresses(WEB)).toEqual(['10.96.0.20']);
});

test('answers nobody whom it does not admit', async () => {
  const { port } = await start('none', { admits: () => false });
  const to = { address: LOOPBACK, port };
  await expect(exchange(question(WEB, 'A'), to, 'udp', 200)).rejects.toThrow('no answer in time');
  await expect(exchange(question(WEB, 'A'), to, 'tcp', 5000)).rejects.toThrow();
});

test('asks another server for names of elsewhere, and for where aliases lead', async () => {
  const { port, asked } = await elsewhere();
  api.put('services', service('far', { type: 'ExternalName', externalName: 'www.example.com' }));
  await start([{ address: LOOPBACK, port }]);
  expect(await ask('example.com')).toMatchObject({ flag_ra: true, flag_aa: false, answers: [{ data: '192.0.2.53' }] });
  expect((await ask('example.org', 'A', 'tcp')).answers).toMatchObject([{ data: '192.0.2.53', ttl: 30 }]);
  expect((await ask('far.default.svc.cluster.local')).answers).toMatchObject([
    { type: 'CNAME', data: 'www.example.com' },
    { type: 'A', name: 'www.example.com', data: '192.0.2.53' },
  ]);
  expect(asked).toEqual(['example.com', 'example.org', 'www.example.com']);
  // Names of the cluster never leave it.
  await ask('gone.default.svc.cluster.local');
  expect(asked).toHaveLength(3);
  const text = server?.metrics();
  expect(text).toMatch(/coredns_dns_requests_total\{.*proto="tcp".*type="A"\} 1/);
  expect(text).toMatch(/coredns_dns_responses_total\{.*rcode="NXDOMAIN",plugin="kubernetes"\} 1/);
  expect(text).toContain(`coredns_forward_requests_total{to="127.0.0.1:${port}"} 3`);
});

test('never asks itself, though resolv.conf names it', async () => {
  writeFileSync(join(work, 'resolv.conf'), `nameserver ${ZONE.server}\n`);
  await start('host');
  expect((await ask('example.com')).rcode).toBe('SERVFAIL');
});

test('is not caught in a circle', async () => {
  // Sends what it gets back to where it came from.
  const mirror = createSocket('udp4');
  closers.push(() => mirror.close());
  await new Promise<void>((resolve) => mirror.bind(0, LOOPBACK, resolve));
  let rounds = 0;
  mirror.on('message', (message) => {
    rounds++;
    mirror.send(message, server?.port ?? 0, LOOPBACK);
  });
  await start([{ address: LOOPBACK, port: mirror.address().port }]);
  const to = { address: LOOPBACK, port: server?.port ?? 0 };
  expect(read(await exchange(question('example.com', 'A'), to, 'udp', 10_000)).rcode).toBe('SERVFAIL');
  expect(rounds).toBeLessThanOrEqual(2);
});
