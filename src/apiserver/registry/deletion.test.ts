// What a second deletion changes, and what a deletion without a word on dependents warns of.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answer, startTestServer, type TestServer } from '../test-fixture.ts';

let server: TestServer;
const PODS = '/api/v1/namespaces/default/pods';
const JOBS = '/apis/batch/v1/namespaces/default/jobs';

beforeAll(async () => {
  server = await startTestServer();
  await server.call('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
});
afterAll(() => server.api.close());

async function bound(name: string, metadata: object = {}): Promise<void> {
  const spec = { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] };
  const { status } = await server.call('POST', PODS, { metadata: { name, ...metadata }, spec });
  expect(status).toBe(201);
}

const remove = (name: string, options: object): Promise<Answer> => server.call('DELETE', `${PODS}/${name}`, options);

test('a pod whose time is over can still be told what becomes of its dependents', async () => {
  await bound('over', { finalizers: ['example.com/hold'] });
  const first = await remove('over', { gracePeriodSeconds: 0, propagationPolicy: 'Orphan' });
  expect(first.body.metadata?.finalizers).toEqual(['example.com/hold', 'orphan']);
  const second = await remove('over', { propagationPolicy: 'Foreground' });
  expect(second.body.metadata?.finalizers).toEqual(['example.com/hold', 'foregroundDeletion']);
});

test('a pod that still has time is left as it is', async () => {
  await bound('ending');
  await remove('ending', { gracePeriodSeconds: 20 });
  const { body } = await remove('ending', { propagationPolicy: 'Foreground' });
  expect(body.metadata).toMatchObject({ deletionGracePeriodSeconds: 20 });
  expect(body.metadata?.finalizers).toBeUndefined();
});

test('less than no time is a second, also the second time', async () => {
  await bound('negative');
  await remove('negative', { gracePeriodSeconds: 20 });
  const { body } = await remove('negative', { gracePeriodSeconds: -1 });
  expect(body.metadata).toMatchObject({ deletionGracePeriodSeconds: 1 });
});

test('a shorter time never ends in the past', async () => {
  await bound('shortened', { finalizers: ['example.com/hold'] });
  const { body } = await remove('shortened', { gracePeriodSeconds: 1 });
  await new Promise((resolve) => setTimeout(resolve, 1200));
  const before = Date.now() - 1000; // Times are told in whole seconds.
  const shortened = await remove('shortened', { gracePeriodSeconds: 0 });
  expect(body.metadata?.deletionTimestamp).toBeDefined();
  expect(shortened.body.metadata?.deletionGracePeriodSeconds).toBe(0);
  expect(Date.parse(String(shortened.body.metadata?.deletionTimestamp))).toBeGreaterThanOrEqual(before);
});

test('jobs deleted as a collection keep their pods, with a warning unless that was asked for', async () => {
  const preserved = /child pods are preserved by default/;
  const unsaid = await server.call('DELETE', JOBS);
  expect(String(unsaid.headers.warning)).toMatch(preserved);
  const said = await server.call('DELETE', `${JOBS}?propagationPolicy=Orphan`);
  expect(said.headers.warning).toBeUndefined();
  const refused = await server.call('DELETE', `${JOBS}?limit=x`);
  expect([refused.status, refused.headers.warning]).toEqual([400, undefined]);
});
