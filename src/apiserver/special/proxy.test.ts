// The proxies pass requests on whatever their method, and only to what they name.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../test-fixture.ts';

let backend: Server | undefined;

afterEach(() => {
  backend?.close();
  backend = undefined;
});

/** A server that says which method and path came to it, and a pod at its address. */
async function podBehind(server: TestServer): Promise<string> {
  const made = createServer((request, response) => {
    response.setHeader('x-seen', `${request.method} ${request.url}`);
    response.end();
  }).listen(0, '127.0.0.1');
  backend = made;
  await once(made, 'listening');
  const pods = '/api/v1/namespaces/default/pods';
  await server.call('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
  await server.call('POST', pods, { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } });
  const status = { podIP: '127.0.0.1', podIPs: [{ ip: '127.0.0.1' }] };
  const patched = await server.call('PATCH', `${pods}/p/status`, { status }, { type: 'application/merge-patch+json' });
  expect(patched.status).toBe(200);
  return `${pods}/p:${(made.address() as AddressInfo).port}/proxy`;
}

describe("a pod's proxy", () => {
  test('passes on every method that is a verb, HEAD and OPTIONS', async () => {
    const server = await startTestServer();
    const proxy = await podBehind(server);
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const answer = await server.raw(method, `${proxy}/a?b=c`);
      expect([method, answer.status, answer.headers['x-seen']]).toEqual([method, 200, `${method} /a?b=c`]);
    }
  });

  test('sends nothing to addresses that are on no wire', async () => {
    const server = await startTestServer({ noWire: ['127.0.0.0/8'] });
    const proxy = await podBehind(server);
    const answer = await server.call('GET', `${proxy}/a`);
    expect(answer.status).toBe(503);
    expect(answer.body.message).toMatch(
      /^error trying to reach service: dial tcp 127\.0\.0\.1:\d+: connect: no route to host$/,
    );
  });

  test('takes no other method, and other paths take no OPTIONS', async () => {
    const server = await startTestServer();
    const proxy = await podBehind(server);
    expect((await server.call('TRACE', `${proxy}/a`)).status).toBe(405);
    expect((await server.call('OPTIONS', '/api/v1/namespaces/default/pods/p')).status).toBe(405);
  });
});
