// A group version that another server serves: found in discovery, reached through this one, told as unavailable when it is not there.
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer, TestSink } from '../test-fixture.ts';
import { selfSigned } from './test-certificate.ts';

let server: TestServer;
let other: Server;
const seen: { path: string; user: unknown }[] = [];

beforeAll(async () => {
  other = createServer(await selfSigned('other.default.svc'), (request, response) => {
    seen.push({ path: request.url ?? '', user: request.headers['x-remote-user'] });
    response.setHeader('content-type', 'application/json');
    if (request.url?.endsWith('/v1') === true) {
      const resources = [{ name: 'whales', singularName: 'whale', namespaced: true, kind: 'Whale', verbs: ['list'] }];
      response.end(
        JSON.stringify({ kind: 'APIResourceList', apiVersion: 'v1', groupVersion: 'sea.example.com/v1', resources }),
      );
    } else response.end(JSON.stringify({ kind: 'WhaleList', items: [] }));
  });
  await new Promise<void>((resolve) => {
    other.listen(0, '127.0.0.1', resolve);
  });
  server = await startTestServer();
  const { port } = other.address() as AddressInfo;
  await server.call('POST', '/api/v1/namespaces/default/services', {
    metadata: { name: 'other' },
    spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port }] },
  });
  await server.call('POST', '/apis/apiregistration.k8s.io/v1/apiservices', {
    metadata: { name: 'v1.sea.example.com' },
    spec: {
      group: 'sea.example.com',
      version: 'v1',
      groupPriorityMinimum: 100,
      versionPriority: 100,
      insecureSkipTLSVerify: true,
      service: { namespace: 'default', name: 'other', port },
    },
  });
});
afterAll(async () => {
  await server.api.close();
  other.close();
});

async function text(url: string): Promise<string> {
  const response = await server.raw('GET', url);
  if (response.body instanceof Uint8Array) return Buffer.from(response.body).toString('utf8');
  const sink = new TestSink();
  response.body.start(sink);
  await expect.poll(() => sink.ended).toBe(true);
  return Buffer.concat(sink.chunks).toString('utf8');
}

test('requests reach the other server, with the name of who asks', async () => {
  expect(JSON.parse(await text('/apis/sea.example.com/v1/whales'))).toEqual({ kind: 'WhaleList', items: [] });
  expect(seen).toContainEqual({ path: '/apis/sea.example.com/v1/whales', user: 'admin' });
});

test('its group is found in both forms of discovery', async () => {
  expect(await text('/apis')).toContain('"name":"sea.example.com"');
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const { text: aggregated } = await server.call('GET', '/apis', undefined, { accept });
  expect(aggregated).toContain('"resource":"whales"');
});

test('its health is told', async () => {
  const path = '/apis/apiregistration.k8s.io/v1/apiservices/v1.sea.example.com';
  const available = async (): Promise<unknown> => {
    const { body } = await server.call('GET', path);
    return (body.status as { conditions?: { reason: string }[] } | undefined)?.conditions?.[0]?.reason;
  };
  await expect.poll(available).toBe('Passed');
  await server.call('DELETE', '/api/v1/namespaces/default/services/other');
  const type = 'application/merge-patch+json';
  await server.call('PATCH', path, { metadata: { labels: { look: 'again' } } }, { type });
  await expect.poll(available).toBe('ServiceNotFound');
});
