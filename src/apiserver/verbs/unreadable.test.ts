// What is an object of its type and still cannot be read as one: each way of writing says so in its own words.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../test-fixture.ts';

const SETS = '/apis/apps/v1/namespaces/default/daemonsets';
const KEY = 'deprecated.daemonset.template.generation';
const annotations = { [KEY]: 'one' };
const WHY = 'strconv.ParseInt: parsing "one": invalid syntax';
const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
const set = (metadata: object): object => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: 'd', ...metadata },
  spec: { selector: { matchLabels: { a: 'b' } }, template },
});

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  expect((await server.call('POST', SETS, set({}))).status).toBe(201);
});
afterAll(() => server.api.close());

it('A DaemonSet whose template generation is no number is refused however it is written', async () => {
  const said = async (method: string, body: unknown, type?: string, query = ''): Promise<unknown[]> => {
    const path = method === 'POST' ? SETS : `${SETS}/d${query}`;
    const answer = await server.call(method, path, body, type === undefined ? {} : { type });
    return [answer.status, String(answer.body.message).replace(/"\{.*\}"/s, '…')];
  };
  const handled = `DaemonSet in version "v1" cannot be handled as a DaemonSet: ${WHY}`;
  expect(await said('POST', set({ annotations }))).toEqual([400, handled]);
  expect(await said('PUT', set({ annotations }))).toEqual([400, handled]);
  const patch = { metadata: { annotations } };
  const invalid = [422, ` "" is invalid: patch: Invalid value: …: ${WHY}`];
  expect(await said('PATCH', patch, 'application/merge-patch+json')).toEqual(invalid);
  const path = `/metadata/annotations/${KEY}`;
  const operations = [{ op: 'replace', path, value: 'one' }];
  expect(await said('PATCH', operations, 'application/json-patch+json')).toEqual(invalid);
  expect(await said('PATCH', patch, 'application/strategic-merge-patch+json')).toEqual([500, WHY]);
  const applied = { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'd', annotations } };
  expect(await said('PATCH', applied, 'application/apply-patch+yaml', '?fieldManager=m&force=true')).toEqual([
    500,
    `failed to convert to unversioned (/d; apps/v1, Kind=DaemonSet): ${WHY}`,
  ]);
});

it('The generation of a template has 64 bits', async () => {
  const big = set({ name: 'big', annotations: { [KEY]: '9007199254740993' } });
  expect((await server.call('POST', SETS, big)).text).toContain(`"${KEY}":"9007199254740993"`);
  const patch = { spec: { template: { metadata: { labels: { c: 'd' } } } } };
  const changed = await server.call('PATCH', `${SETS}/big`, patch, { type: 'application/merge-patch+json' });
  expect(changed.text).toContain(`"${KEY}":"9007199254740994"`);
});
