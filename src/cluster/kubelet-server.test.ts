// A node's own API on its port: who gets in, what is remembered, and that exec and port-forward reach the node.
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import WebSocket from 'ws';
import { createClient, type NodeApi } from '../client/index.ts';
import { systemClock } from '../host/clock.ts';
import { guardNodeApi, NodeAccess } from '../kubelet/index.ts';
import type { WireRequest, WireResponse } from '../machinery/http.ts';
import { isJsonObject, type JsonObject } from '../machinery/object.ts';
import { listenKubelet } from './kubelet-server.ts';
import { ensureNodePair, ensurePki, type Pki } from './pki.ts';

const directory = mkdtempSync(join(tmpdir(), 'minke-kubelet-'));
let pki: Pki;
let port = 0;
let close = async (): Promise<void> => {};
let reviews: JsonObject[] = [];

/** An API server that knows the token `good`, and lets alice read metrics and pods. */
async function transport(request: WireRequest): Promise<WireResponse> {
  const body: unknown = JSON.parse(Buffer.from(request.body ?? []).toString());
  if (!isJsonObject(body) || !isJsonObject(body.spec)) throw new Error('no review');
  reviews.push(body.spec);
  const asked = isJsonObject(body.spec.resourceAttributes) ? body.spec.resourceAttributes : {};
  const status =
    body.kind === 'TokenReview'
      ? body.spec.token === 'good'
        ? { authenticated: true, user: { username: 'alice', groups: ['g'] } }
        : { authenticated: false }
      : {
          allowed:
            body.spec.user === 'kubernetes-admin' || ['metrics', 'pods'].includes(String(asked.subresource ?? '')),
        };
  const headers = { 'content-type': 'application/json' };
  return { status: 201, headers, body: Buffer.from(JSON.stringify({ ...body, status })) };
}

const api: NodeApi = {
  async request(request) {
    return { status: 200, headers: {}, body: Buffer.from(`node says ${request.path}`) };
  },
  async exec(target, command, streams) {
    streams.stdout?.write(`${target.namespace}/${target.pod}/${target.container}: ${command.join(' ')}`);
    return { exitCode: 0 };
  },
  async attach() {
    return { exitCode: 0 };
  },
  async portForward() {},
};

beforeAll(async () => {
  const now = Date.now();
  pki = await ensurePki({ directory, hosts: ['127.0.0.1'], now });
  const pair = await ensureNodePair({ directory, hosts: ['node-1', '127.0.0.1'], now, ca: pki.ca, node: 'node-1' });
  const again = await ensureNodePair({ directory, hosts: ['node-1'], now, ca: pki.ca, node: 'node-1' });
  expect(again.cert).toBe(pair.cert);
  const client = createClient({ transport, userAgent: 'kubelet', user: { username: 'node', groups: [] } });
  const access = new NodeAccess({ client, clock: systemClock, nodeName: 'node-1' });
  const server = await listenKubelet({
    host: '127.0.0.1',
    port: 0,
    tls: { ...pair, clientCa: pki.ca.cert },
    api,
    guarded: guardNodeApi(api, access),
    onError: (error) => {
      throw error;
    },
  });
  port = server.port;
  close = () => server.close();
});

afterAll(async () => {
  await close();
  rmSync(directory, { recursive: true, force: true });
});

beforeEach(() => {
  reviews = [];
});

function get(path: string, how: { token?: string; admin?: boolean } = {}): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      {
        host: '127.0.0.1',
        port,
        path,
        ca: pki.ca.cert,
        agent: false,
        ...(how.admin === true ? { cert: pki.admin.cert, key: pki.admin.key } : {}),
        headers: how.token === undefined ? {} : { authorization: `Bearer ${how.token}` },
      },
      (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => {
          body += chunk.toString();
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      },
    );
    request.on('error', reject);
    request.end();
  });
}

test('nobody who is not known gets in', async () => {
  expect(await get('/metrics')).toEqual({ status: 401, body: 'Unauthorized' });
  expect(await get('/metrics', { token: 'bad' })).toEqual({ status: 401, body: 'Unauthorized' });
});

test('who is known may do what the API server says, and is not asked about twice', async () => {
  expect(await get('/metrics/resource', { token: 'good' })).toEqual({
    status: 200,
    body: 'node says /metrics/resource',
  });
  expect(await get('/metrics', { token: 'good' })).toMatchObject({ status: 200 });
  expect(reviews).toHaveLength(2);
  expect(reviews[1]).toMatchObject({
    user: 'alice',
    groups: ['g'],
    resourceAttributes: { verb: 'get', resource: 'nodes', subresource: 'metrics', name: 'node-1' },
  });
  expect(await get('/containerLogs/default/p/c', { token: 'good' })).toEqual({
    status: 403,
    body: 'Forbidden (user=alice, verb=get, resource=nodes, subresource(s)=[proxy])',
  });
});

test('what has a subresource of its own is allowed by it or by the one that covers all', async () => {
  expect(await get('/pods', { token: 'good' })).toMatchObject({ status: 200 });
  expect(await get('/configz', { token: 'good' })).toMatchObject({
    status: 403,
    body: expect.stringContaining('subresource(s)=[configz proxy]'),
  });
});

test("a client certificate of the cluster's authority is a user", async () => {
  expect(await get('/containerLogs/default/p/c', { admin: true })).toMatchObject({ status: 200 });
  expect(reviews.at(-1)).toMatchObject({
    user: 'kubernetes-admin',
    groups: expect.arrayContaining(['system:masters']),
  });
});

test('exec reaches the node, and is refused to whom it is not allowed', async () => {
  const url = `wss://127.0.0.1:${port}/exec/default/p/c?command=echo&command=hi&output=1`;
  const said = await new Promise<string>((resolve, reject) => {
    const socket = new WebSocket(url, ['v4.channel.k8s.io'], {
      ca: pki.ca.cert,
      cert: pki.admin.cert,
      key: pki.admin.key,
    });
    let text = '';
    socket.on('message', (data: Buffer) => {
      if (data[0] === 1) text += data.subarray(1).toString();
    });
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
  });
  expect(said).toBe('default/p/c: echo hi');
  const refused = await new Promise<string>((resolve) => {
    const headers = { authorization: 'Bearer good' };
    new WebSocket(url, ['v4.channel.k8s.io'], { ca: pki.ca.cert, headers }).on('error', (error) =>
      resolve(error.message),
    );
  });
  expect(refused).toContain('403');
});
