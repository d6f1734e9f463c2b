// Discovery, OpenAPI, version, health and metrics: what clients read before they do anything.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { decodeObject } from '../protobuf/index.ts';
import { startTestServer, type TestServer } from '../test-fixture.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.api.close());

test('the resources of a group version are told with their verbs and the hash of their stored version', async () => {
  const { body } = await server.call('GET', '/apis/batch/v1');
  const jobs = (body.resources as { name: string }[]).find((r) => r.name === 'jobs');
  expect(jobs).toEqual({
    name: 'jobs',
    singularName: 'job',
    namespaced: true,
    kind: 'Job',
    verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
    categories: ['all'],
    storageVersionHash: 'mudhfqk/qZY=',
  });
});

test('aggregated discovery tells all in one answer, and nothing new when nothing changed', async () => {
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
  const first = await server.call('GET', '/apis', undefined, { accept });
  expect(first.headers['content-type']).toBe('application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList');
  expect((first.body.items ?? []).length).toBeGreaterThan(10);
  const etag = String(first.headers.etag);
  const again = await server.call('GET', '/apis', undefined, { accept, headers: { 'if-none-match': etag } });
  expect(again.status).toBe(304);
});

const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.';

test.each([
  ['/api', 'APIVersions'],
  ['/apis', 'APIGroupList'],
  ['/apis/apps', 'APIGroup'],
  ['/apis/apps/v1', 'APIResourceList'],
  ['/api/v1', 'APIResourceList'],
])('%s is told in protobuf as in JSON', async (path, kind) => {
  const { body: json } = await server.call('GET', path);
  const { status, headers, body } = await server.raw('GET', path, { accept: `${PROTOBUF},application/json` });
  expect([status, headers['content-type']]).toEqual([200, PROTOBUF]);
  expect(decodeObject(META + kind, body as Uint8Array)).toMatchObject({ kind, object: json });
});

test('aggregated discovery is one document in all forms, with one tag', async () => {
  const form = ';g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const ask = (type: string) => server.raw('GET', '/apis', { accept: `${type}${form},application/json` });
  const [json, yaml, protobuf] = [await ask('application/json'), await ask('application/yaml'), await ask(PROTOBUF)];
  for (const [type, { headers }] of [
    ['application/json', json],
    ['application/yaml', yaml],
    [PROTOBUF, protobuf],
  ] as const)
    expect(headers).toMatchObject({ 'content-type': type + form, etag: json.headers.etag });
  const told = JSON.parse(Buffer.from(json.body as Uint8Array).toString('utf8')) as object;
  expect(parse(Buffer.from(yaml.body as Uint8Array).toString('utf8'))).toEqual(told);
  const id = 'io.k8s.api.apidiscovery.v2.APIGroupDiscoveryList';
  expect(decodeObject(id, protobuf.body as Uint8Array)).toMatchObject({
    apiVersion: 'apidiscovery.k8s.io/v2',
    object: told,
  });
});

test.each([
  ['application/json,application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList', 'APIGroupDiscoveryList'],
  ['application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json', 'APIGroupList'],
])('Accept: %s is answered with an %s', async (accept, kind) => {
  expect((await server.call('GET', '/apis', undefined, { accept })).body.kind).toBe(kind);
});

test('what goes wrong is told in the form that was asked for', async () => {
  const path = '/api/v1/namespaces/default/pods/none';
  const { body: json } = await server.call('GET', path);
  const { status, headers, body } = await server.raw('GET', path, { accept: `${PROTOBUF},application/json` });
  expect([status, headers['content-type']]).toEqual([404, PROTOBUF]);
  expect(decodeObject(`${META}Status`, body as Uint8Array)).toMatchObject({ kind: 'Status', object: json });
  const table = await server.raw('GET', path, { accept: `${PROTOBUF};as=Table;v=v1;g=meta.k8s.io,application/json` });
  expect(table.headers['content-type']).toBe('application/json');
});

test('OpenAPI documents describe the types, with what clients need for patches', async () => {
  const index = await server.call('GET', '/openapi/v3');
  expect(Object.keys(index.body.paths as object)).toContain('apis/apps/v1');
  const { body } = await server.call('GET', '/openapi/v3/api/v1');
  const { schemas } = body.components as {
    schemas: Record<string, { description?: string; properties: Record<string, object> }>;
  };
  expect(schemas['io.k8s.api.core.v1.PodSpec']?.properties.containers).toMatchObject({
    type: 'array',
    'x-kubernetes-patch-merge-key': 'name',
    'x-kubernetes-patch-strategy': 'merge',
    'x-kubernetes-list-type': 'map',
  });
  expect(schemas['io.k8s.api.core.v1.Pod']).toMatchObject({
    'x-kubernetes-group-version-kind': [{ group: '', kind: 'Pod', version: 'v1' }],
  });
  expect(schemas['io.k8s.api.core.v1.Pod']?.description).toContain('collection of containers');
});

test('version and health answer', async () => {
  expect((await server.call('GET', '/version')).body).toMatchObject({ major: '1', minor: '36' });
  expect((await server.call('GET', '/readyz')).text).toBe('ok');
  expect((await server.call('GET', '/livez?verbose')).text).toMatch(/\[\+\]ping ok\n.*livez check passed\n$/su);
  expect((await server.call('GET', '/livez/nope')).status).toBe(404);
});

test('metrics count requests', async () => {
  await server.call('GET', '/api/v1/nodes');
  const { text } = await server.call('GET', '/metrics');
  expect(text).toMatch(
    /apiserver_request_total\{verb="LIST",group="",version="v1",resource="nodes",[^}]*code="200"\} 1/,
  );
  expect(text).toMatch(/apiserver_flowcontrol_nominal_limit_seats\{priority_level="workload-low"\} [1-9]/);
  expect(text).toMatch(/apiserver_flowcontrol_dispatched_requests_total\{[^}]*flow_schema="exempt"\} [1-9]/);
  expect(text).toMatch(/apiserver_flowcontrol_request_wait_duration_seconds_count\{[^}]*execute="true"\} [1-9]/);
});
