// The proxies pass requests on whatever their method, and only to what they name.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import type { WireResponse } from '../../machinery/http.ts';
import { passedHeaders } from '../serving/forward.ts';
import { ADMIN, startTestServer, type TestServer, TestSink } from '../test-fixture.ts';
import { isProxied } from './proxy.ts';

/** An address of this host that is not its loopback: what is sent there does not leave it. */
const OWN =
  Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === 'IPv4' && !one.internal)?.address ?? '';

let backend: Server | undefined;

afterEach(() => {
  backend?.close();
  backend = undefined;
});

/** A server that says which method and path came to it, and a pod at its address. */
async function podBehind(server: TestServer, ip = OWN): Promise<string> {
  const made = createServer((request, response) => {
    response.setHeader('x-seen', `${request.method} ${request.url}`);
    response.setHeader('x-host', request.headers.host ?? '');
    if (request.url === '/page') response.setHeader('content-type', 'text/html; charset=utf-8');
    if (request.url === '/moved') response.writeHead(302, { location: '/page', 'access-control-allow-origin': '*' });
    response.end('<a href="/next">on</a>');
  }).listen(0, '0.0.0.0');
  const echo = new WebSocketServer({ server: made, path: '/echo' });
  echo.on('connection', (socket) => socket.on('message', (data) => socket.send(`${data}!`)));
  backend = made;
  await once(made, 'listening');
  const pods = '/api/v1/namespaces/default/pods';
  await server.call('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
  await server.call('POST', pods, { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } });
  const status = { podIP: ip, podIPs: [{ ip }] };
  const patched = await server.call('PATCH', `${pods}/p/status`, { status }, { type: 'application/merge-patch+json' });
  expect(patched.status).toBe(200);
  return `${pods}/p:${(made.address() as AddressInfo).port}/proxy`;
}

async function sent({ body }: WireResponse): Promise<string> {
  if (body instanceof Uint8Array) return Buffer.from(body).toString('utf8');
  const sink = new TestSink();
  const ended = new Promise<void>((resolve) => sink.onClose(resolve));
  body.start(sink);
  await ended;
  return Buffer.concat(sink.chunks).toString('utf8');
}

describe.skipIf(OWN === '')("a pod's proxy (needs an address beside the loopback)", () => {
  test('passes on every method that is a verb, HEAD and OPTIONS', async () => {
    const server = await startTestServer();
    const proxy = await podBehind(server);
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const answer = await server.raw(method, `${proxy}/a?b=c`);
      expect([method, answer.status, answer.headers['x-seen']]).toEqual([method, 200, `${method} /a?b=c`]);
    }
  });

  test('leads its root to where relative links hold, and redirects and pages through itself', async () => {
    const server = await startTestServer();
    const proxy = await podBehind(server);
    const call = (method: string, path: string) =>
      server.raw(method, `${proxy}${path}`, { headers: { host: 'api.test:6443' } });
    expect(await call('GET', '?a=b')).toMatchObject({ status: 301, headers: { location: `${proxy}/?a=b` } });
    expect((await call('POST', '')).headers['x-seen']).toBe('POST /');
    const moved = await call('GET', '/moved');
    expect([moved.status, moved.headers.location]).toEqual([302, `${proxy}/page`]);
    expect(moved.headers['access-control-allow-origin']).toBeUndefined();
    const page = await call('GET', '/page');
    expect(page.headers).toMatchObject({ 'x-host': 'api.test:6443' });
    expect(page.headers['content-length']).toBeUndefined();
    expect(await sent(page)).toBe(`<a href="${proxy}/next">on</a>`);
    expect(await sent(await call('GET', '/text'))).toBe('<a href="/next">on</a>');
  });

  test('passes other protocols on, in both directions', async () => {
    const server = await startTestServer({ tokens: new Map([['t', ADMIN]]) });
    const proxy = await podBehind(server);
    const { port } = await server.api.listen({ host: '127.0.0.1', port: 0 });
    const options = { headers: { authorization: 'Bearer t' } };
    const socket = new WebSocket(`ws://127.0.0.1:${port}${proxy}/echo`, options);
    await once(socket, 'open');
    socket.send('hello');
    expect(String((await once(socket, 'message'))[0])).toBe('hello!');
    socket.close();
    await once(socket, 'close');
    // What the backend does not speak it refuses itself.
    const refused = new WebSocket(`ws://127.0.0.1:${port}${proxy}/none`, options);
    const [error] = await once(refused, 'error');
    expect(String(error)).toContain('Unexpected server response: 400');
    await server.api.close();
  });

  test('keeps the token of a WebSocket client to itself', () => {
    const token = 'base64url.bearer.authorization.k8s.io.dG9rZW4';
    const passed = (offered: string) => passedHeaders({ 'sec-websocket-protocol': offered, authorization: 'Bearer t' });
    expect(passed(`a, ${token}, b`)).toEqual({ 'sec-websocket-protocol': 'a, b' });
    expect(passed(token)).toEqual({});
  });

  test('sends nothing to addresses that are on no wire', async () => {
    const server = await startTestServer({ noWire: [`${OWN}/32`] });
    const proxy = await podBehind(server);
    const answer = await server.call('GET', `${proxy}/a`);
    expect(answer.status).toBe(503);
    expect(answer.body.message).toMatch(
      /^error trying to reach service: dial tcp [\d.]+:\d+: connect: no route to host$/,
    );
  });

  test('leads to no address that only this host has', async () => {
    const server = await startTestServer();
    const answer = await server.call('GET', `${await podBehind(server, '127.0.0.1')}/a`);
    expect([answer.status, answer.body.message]).toEqual([400, 'address not allowed']);
    for (const closed of ['', 'x', '::1', '169.254.169.254', '::ffff:127.0.0.1', '0.0.0.0', '224.0.0.1'])
      expect([closed, isProxied(closed)]).toEqual([closed, false]);
    for (const open of ['10.244.0.2', 'fd00::2']) expect(isProxied(open)).toBe(true);
  });

  test('takes no other method, and other paths take no OPTIONS', async () => {
    const server = await startTestServer();
    const proxy = await podBehind(server);
    expect((await server.call('TRACE', `${proxy}/a`)).status).toBe(405);
    expect((await server.call('OPTIONS', '/api/v1/namespaces/default/pods/p')).status).toBe(405);
  });
});
