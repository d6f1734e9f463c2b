// Inputs that are too much of something: many watches, readers that never read, large objects, patterns and rules that would run for ever.

import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiServer, createApiServer } from '../../src/apiserver/index.ts';
import { systemClock, systemRandom } from '../../src/host/clock.ts';
import { processorMs } from '../../src/host/processor-time.ts';
import type { ByteSink } from '../../src/machinery/http.ts';
import type { JsonObject } from '../../src/machinery/object.ts';
import { RESOURCES } from '../../src/resources/index.ts';
import { openMemoryStore } from '../../src/store/index.ts';

const USER = { username: 'limits', groups: ['system:masters', 'system:authenticated'] };
const MAPS = '/api/v1/namespaces/default/configmaps';
const MIB = 1024 * 1024;

let api: ApiServer;
beforeAll(async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  api = await createApiServer({
    store: openMemoryStore(),
    resources: RESOURCES,
    clock: systemClock,
    random: systemRandom,
    serviceAccountKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    clusterCa: '',
  });
});
afterAll(() => api.close());

interface Answer {
  readonly status: number;
  readonly body: JsonObject;
}

async function send(method: string, url: string, body?: unknown): Promise<Answer> {
  const [path = '', query = ''] = url.split('?');
  const response = await api.handle({
    method,
    path,
    query: new URLSearchParams(query),
    headers: { accept: 'application/json', 'user-agent': 'limits', 'content-type': 'application/json' },
    user: USER,
    ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
  });
  const text = response.body instanceof Uint8Array ? Buffer.from(response.body).toString('utf8') : '{}';
  return { status: response.status, body: JSON.parse(text) as JsonObject };
}

/** A reader of a watch; one that holds takes nothing off the wire. */
class Reader implements ByteSink {
  bytes = 0;
  events = 0;
  ended = false;
  private closers: (() => void)[] = [];
  constructor(private readonly holds: boolean) {}

  get buffered(): number {
    return this.holds ? this.bytes : 0;
  }

  write(chunk: Uint8Array): boolean {
    this.bytes += chunk.length;
    for (const byte of chunk) if (byte === 10) this.events++;
    return !this.holds;
  }

  end(): void {
    this.ended = true;
    for (const callback of this.closers.splice(0)) callback();
  }

  onDrain(): void {}

  onClose(callback: () => void): void {
    this.closers.push(callback);
  }
}

async function watch(holds = false): Promise<Reader> {
  const reader = new Reader(holds);
  const { body } = await api.handle({
    method: 'GET',
    path: MAPS,
    query: new URLSearchParams({ watch: 'true', resourceVersion: String(await revision()) }),
    headers: { accept: 'application/json', 'user-agent': 'limits' },
    user: USER,
  });
  if (body instanceof Uint8Array) throw new Error(Buffer.from(body).toString('utf8'));
  body.start(reader);
  return reader;
}

async function revision(): Promise<number> {
  const { body } = await send('GET', `${MAPS}?limit=1`);
  return Number((body.metadata as JsonObject).resourceVersion);
}

const map = (name: string, data: Record<string, string> = {}) => ({ metadata: { name }, data });

test('ten thousand watches all see a change, soon, and are forgotten when they end', async () => {
  const readers: Reader[] = [];
  for (let i = 0; i < 10_000; i++) readers.push(await watch());
  const busy = await processorMs(async () => {
    expect((await send('POST', MAPS, map('seen-by-all'))).status).toBe(201);
    await expect.poll(() => readers.every(({ events }) => events === 1), { timeout: 20_000 }).toBe(true);
  });
  expect(busy).toBeLessThan(5000);
  for (const reader of readers) reader.end();
  expect((await send('DELETE', `${MAPS}/seen-by-all`)).status).toBe(200);
  expect(readers.every(({ events }) => events === 1)).toBe(true);
});

test('a client that never reads is let go, and others see all that happens', async () => {
  const silent = await watch(true);
  const good = await watch();
  const data = { a: 'x'.repeat(64 * 1024) };
  expect((await send('POST', MAPS, map('busy', data))).status).toBe(201);
  // Each change is a frame of 64 KiB; far more of them than the silent one is kept waiting for.
  const changes = 21_000;
  for (let i = 0; i < changes; i++) {
    const { status } = await send(
      'PUT',
      MAPS.concat('/busy'),
      map('busy', { a: i < 30 ? `${i}${data.a}` : String(i) }),
    );
    expect(status).toBe(200);
  }
  await expect.poll(() => good.events, { timeout: 10_000 }).toBe(changes + 1);
  expect(silent.ended).toBe(true);
  expect(silent.bytes).toBeLessThan(4 * MIB);
  good.end();
});

test('objects as large as etcd takes them are kept and shown; larger bodies are refused', async () => {
  const group = 'large.example.com';
  const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const version = { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: open } };
  const names = { plural: 'larges', kind: 'Large' };
  await send('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    metadata: { name: `larges.${group}` },
    spec: { group, scope: 'Cluster', names, versions: [version] },
  });
  const path = `/apis/${group}/v1/larges`;
  await expect.poll(async () => (await send('GET', path)).status).toBe(200);
  const object = (name: string, size: number) => ({
    apiVersion: `${group}/v1`,
    kind: 'Large',
    metadata: { name },
    text: 'é'.repeat(size / 2),
  });
  expect((await send('POST', path, object('large', 1.25 * MIB))).status).toBe(201);
  expect(((await send('GET', `${path}/large`)).body.text as string).length).toBe(0.625 * MIB);
  expect(await send('POST', path, object('larger', 3 * MIB))).toMatchObject({ status: 413 });
  const tooLong = await send('POST', MAPS, map('long', { a: 'x'.repeat(MIB + 1) }));
  expect(tooLong).toMatchObject({ status: 422, body: { reason: 'Invalid' } });
  expect(tooLong.body.message).toContain('may not be more than 1048576 bytes');
});

test('patterns that backtrack and rules that go over and over end at once', async () => {
  const group = 'endless.example.com';
  const list = { type: 'array', maxItems: 400, items: { type: 'integer' } };
  const rule = 'self.list.all(x, self.list.all(y, self.list.exists(z, x + y == z + 1000000)))';
  const spec = {
    type: 'object',
    properties: { text: { type: 'string', pattern: '^(a+)+$' }, list },
    'x-kubernetes-validations': [{ rule }],
  };
  const definition = (name: string, openAPIV3Schema: unknown) => ({
    metadata: { name: `${name}s.${group}` },
    spec: {
      group,
      scope: 'Cluster',
      names: { plural: `${name}s`, kind: name },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }],
    },
  });
  const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  const refused = await send('POST', definitions, definition('slow', { type: 'object', properties: { spec } }));
  expect(refused).toMatchObject({ status: 422 });
  expect(refused.body.message).toContain('estimated rule cost exceeds budget by factor of');
  const small = { ...spec, properties: { ...spec.properties, list: { ...list, maxItems: 80 } } };
  const taken = await send('POST', definitions, definition('quick', { type: 'object', properties: { spec: small } }));
  expect(taken.status).toBe(201);
  const path = `/apis/${group}/v1/quicks`;
  await expect.poll(async () => (await send('GET', path)).status).toBe(200);
  const custom = (name: string, values: object) => ({
    apiVersion: `${group}/v1`,
    kind: 'quick',
    metadata: { name },
    spec: values,
  });
  const busy = await processorMs(async () => {
    const answers = [
      await send('POST', path, custom('a', { text: `${'a'.repeat(50_000)}!` })),
      await send('POST', path, custom('b', { list: Array.from({ length: 80 }, (_, i) => i) })),
    ];
    expect(answers.map(({ status }) => status)).toEqual([422, 422]);
  });
  expect(busy).toBeLessThan(3000);
});
