// The scale subresource as a table, and scales that mean another object of the name.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../test-fixture.ts';

let server: TestServer;
const SETS = '/apis/apps/v1/namespaces/default/replicasets';

beforeAll(async () => {
  server = await startTestServer();
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const spec = { replicas: 2, selector: { matchLabels: { a: 'b' } }, template };
  expect((await server.call('POST', SETS, { metadata: { name: 's' }, spec })).status).toBe(201);
});
afterAll(() => server.api.close());

test('a scale as a table tells how many are wanted and how many there are', async () => {
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  const { body } = await server.call('GET', `${SETS}/s/scale`, undefined, { accept });
  const columns = body.columnDefinitions as { name: string; type: string; format: string }[];
  expect(columns.map(({ name, type, format }) => `${name} ${type} ${format}`)).toEqual([
    'Name string ',
    'Desired integer ',
    'Available integer ',
    'Age string ',
  ]);
  const [row] = body.rows as { cells: unknown[] }[];
  expect(row?.cells.slice(0, 3)).toEqual(['s', 2, 0]);
});

test.each([
  ['PUT', 'application/json', 'replicasets.apps "s": StorageError: '],
  [
    'PATCH',
    'application/merge-patch+json',
    'replicasets/scale.apps "s": Precondition failed: UID in precondition: x, ',
  ],
])('a scale (%s) that means another object is a conflict', async (method, type, start) => {
  const scale = { metadata: { name: 's', uid: 'x' }, spec: { replicas: 1 } };
  const { status, body } = await server.call(method, `${SETS}/s/scale`, scale, { type });
  expect(status).toBe(409);
  expect(body.message).toContain(`Operation cannot be fulfilled on ${start}`);
  expect((await server.call('GET', `${SETS}/s/scale`)).body.spec).toEqual({ replicas: 2 });
});
