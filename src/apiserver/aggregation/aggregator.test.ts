// A group version that another server serves: found in discovery, reached through this one, told as unavailable when it is not there.
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer, TestSink } from '../test-fixture.ts';
import { selfSigned } from './test-certificate.ts';

/** What the other server's OpenAPI says: its version, another that nobody asked it for, and a type that we describe otherwise. */
const WHALE = 'com.example.sea.v1.Whale';
const DOCUMENTS: Readonly<Record<string, unknown>> = {
  '/openapi/v3': {
    paths: {
      'apis/sea.example.com/v1': { serverRelativeURL: '/openapi/v3/apis/sea.example.com/v1?hash=ABC' },
      'apis/apps/v1': { serverRelativeURL: '/openapi/v3/apis/apps/v1?hash=DEF' },
    },
  },
  '/openapi/v3/apis/sea.example.com/v1': { openapi: '3.0.0', info: { title: 'Sea' }, paths: {} },
  '/openapi/v2': {
    swagger: '2.0',
    paths: {
      '/apis/sea.example.com/v1/whales': {
        get: { responses: { 200: { schema: { $ref: `#/definitions/${WHALE}` } } } },
      },
      '/apis/apps/v1/deployments': { get: { operationId: 'not asked' } },
    },
    definitions: {
      [WHALE]: { properties: { status: { $ref: '#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.Status' } } },
      'io.k8s.apimachinery.pkg.apis.meta.v1.Status': { description: 'another', type: 'object' },
      'com.example.sea.v1.Unused': { type: 'object' },
    },
  },
};

let server: TestServer;
let other: Server;
const seen: { path: string; user: unknown; auditId: unknown }[] = [];

beforeAll(async () => {
  other = createServer(await selfSigned('other.default.svc'), (request, response) => {
    const { headers } = request;
    seen.push({ path: request.url ?? '', user: headers['x-remote-user'], auditId: headers['audit-id'] });
    response.setHeader('content-type', 'application/json');
    if (request.url === '/apis/sea.example.com/v1') {
      const resources = [{ name: 'whales', singularName: 'whale', namespaced: true, kind: 'Whale', verbs: ['list'] }];
      response.end(
        JSON.stringify({ kind: 'APIResourceList', apiVersion: 'v1', groupVersion: 'sea.example.com/v1', resources }),
      );
    } else if (request.url?.startsWith('/openapi/') === true) {
      response.end(JSON.stringify(DOCUMENTS[request.url] ?? {}));
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
  expect(seen).toContainEqual({
    path: '/apis/sea.example.com/v1/whales',
    user: 'admin',
    auditId: expect.stringMatching(/^[0-9a-f-]{36}$/),
  });
});

test('its group is found in both forms of discovery', async () => {
  expect(await text('/apis')).toContain('"name":"sea.example.com"');
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const { text: aggregated } = await server.call('GET', '/apis', undefined, { accept });
  expect(aggregated).toContain('"resource":"whales"');
});

test('its OpenAPI is part of ours, of its own version alone', async () => {
  const index = async (): Promise<Record<string, unknown>> =>
    (JSON.parse(await text('/openapi/v3')) as { paths: Record<string, unknown> }).paths;
  await expect
    .poll(async () => (await index())['apis/sea.example.com/v1'])
    .toEqual({
      serverRelativeURL: '/openapi/v3/apis/sea.example.com/v1?hash=ABC',
    });
  expect(JSON.stringify((await index())['apis/apps/v1'])).not.toContain('DEF');
  const { body: third } = await server.call('GET', '/openapi/v3/apis/sea.example.com/v1');
  expect(third.info).toEqual({ title: 'Sea' });
  const hashed = (hash: string) => server.call('GET', `/openapi/v3/apis/sea.example.com/v1?hash=${hash}`);
  expect((await hashed('ABC')).headers['cache-control']).toBe('public, immutable');
  expect((await hashed('OLD')).headers.location).toBe('/openapi/v3/apis/sea.example.com/v1?hash=ABC');
  const accept = 'application/com.github.proto-openapi.spec.v3@v1.0+protobuf';
  const encoded = await server.raw('GET', '/openapi/v3/apis/sea.example.com/v1', { accept });
  // openapi 1, info 2 with its title 1, paths 4.
  expect(Buffer.from(encoded.body as Uint8Array).toString('hex')).toBe('0a05332e302e3012050a035365612200');
  const { body, headers } = await server.call('GET', '/openapi/v2');
  const { paths, definitions } = body as {
    paths: Record<string, { get: object }>;
    definitions: Record<string, object>;
  };
  expect(paths['/apis/sea.example.com/v1/whales']).toBeDefined();
  expect(paths['/apis/apps/v1/deployments']?.get).toMatchObject({
    operationId: 'listAppsV1DeploymentForAllNamespaces',
  });
  const status = 'io.k8s.apimachinery.pkg.apis.meta.v1.Status';
  expect(definitions[WHALE]).toEqual({ properties: { status: { $ref: `#/definitions/${status}_v2` } } });
  expect(definitions[`${status}_v2`]).toEqual({ description: 'another', type: 'object' });
  expect(definitions[status]).toHaveProperty('properties');
  expect(definitions).not.toHaveProperty(['com.example.sea.v1.Unused']);
  expect((await server.call('GET', '/openapi/v2')).headers.etag).toBe(headers.etag);
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
