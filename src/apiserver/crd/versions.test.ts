// Custom resources of several versions without a webhook: whose defaults are shown, and who owns what across versions.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../test-fixture.ts';

let server: TestServer;
const GROUP = 'd.example.com';
const path = (version: string): string => `/apis/${GROUP}/${version}/namespaces/default/widgets`;

const version = (name: string, spec: object): object => ({
  name,
  served: true,
  storage: name === 'v1',
  schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: spec } } } },
});

beforeAll(async () => {
  server = await startTestServer();
  const text = { type: 'string' };
  const definition = {
    metadata: { name: `widgets.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget' },
      versions: [
        version('v1', { shared: text, stored: { type: 'string', default: 'of v1' } }),
        version('v2', { shared: text, stored: text, other: { type: 'string', default: 'of v2' } }),
      ],
    },
  };
  const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  expect((await server.call('POST', crds, definition)).status).toBe(201);
});
afterAll(() => server.api.close());

test('another version shows the defaults of the stored one, and none of its own', async () => {
  const widget = { apiVersion: `${GROUP}/v1`, kind: 'Widget', metadata: { name: 'a' }, spec: { shared: 's' } };
  expect((await server.call('POST', path('v1'), widget)).status).toBe(201);
  const { body } = await server.call('GET', `${path('v2')}/a`);
  expect(body).toMatchObject({ apiVersion: `${GROUP}/v2` });
  expect(body.spec).toEqual({ shared: 's', stored: 'of v1' });
});

test('an apply in another version is in conflict with who owns the field in the first', async () => {
  const type = 'application/apply-patch+yaml';
  const applied = (name: string, shared: string): object => ({
    apiVersion: `${GROUP}/${name}`,
    kind: 'Widget',
    metadata: { name: 'b' },
    spec: { shared },
  });
  const first = await server.call('PATCH', `${path('v1')}/b?fieldManager=one`, applied('v1', 's'), { type });
  expect(first.status).toBe(201);
  const second = await server.call('PATCH', `${path('v2')}/b?fieldManager=two`, applied('v2', 't'), { type });
  expect([second.status, second.body.message]).toEqual([
    409,
    'Apply failed with 1 conflict: conflict with "one": .spec.shared',
  ]);
});
