// What a kubelet may change: its own node, its own pods.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, startTestServer, type TestServer } from '../test-fixture.ts';

let server: TestServer;
const kubelet = { username: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] };
const PODS = '/api/v1/namespaces/default/pods';

beforeAll(async () => {
  server = await startTestServer();
  await server.call('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
  for (const name of ['n1', 'n2']) await server.call('POST', '/api/v1/nodes', { metadata: { name } });
  for (const [name, nodeName] of [
    ['mine', 'n1'],
    ['other', 'n2'],
  ]) {
    await server.call('POST', PODS, {
      metadata: { name },
      spec: { nodeName, containers: [{ name: 'c', image: 'i' }] },
    });
  }
});
afterAll(() => server.api.close());

function as(method: string, path: string, body?: unknown): Promise<Answer> {
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  return server.call(method, path, body, { user: kubelet, type });
}

describe('a kubelet', () => {
  test('changes the status of its own node only', async () => {
    const ready = { status: { conditions: [{ type: 'Ready', status: 'True' }] } };
    expect((await as('PATCH', '/api/v1/nodes/n1/status', ready)).status).toBe(200);
    expect((await as('PATCH', '/api/v1/nodes/n2/status', ready)).body.message).toBe(
      'nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"',
    );
  });

  test('does not give itself the labels that say where secrets may go', async () => {
    const labels = { 'node-restriction.kubernetes.io/safe': 'yes' };
    expect((await as('PATCH', '/api/v1/nodes/n1', { metadata: { labels } })).body.message).toContain(
      'not allowed to modify labels',
    );
  });

  test('deletes pods that are bound to it, and makes none but mirrors', async () => {
    expect((await as('DELETE', `${PODS}/other?gracePeriodSeconds=0`)).status).toBe(403);
    const made = await as('POST', PODS, {
      metadata: { name: 'x' },
      spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i' }] },
    });
    expect(made.body.message).toContain('can only create mirror pods');
    expect((await as('DELETE', `${PODS}/mine?gracePeriodSeconds=0`)).status).toBe(200);
  });

  test('reads secrets only that its pods use', async () => {
    await server.call('POST', '/api/v1/namespaces/default/secrets', { metadata: { name: 'used' } });
    await server.call('POST', '/api/v1/namespaces/default/secrets', { metadata: { name: 'unused' } });
    const volumes = [{ name: 'v', secret: { secretName: 'used' } }];
    const spec = { nodeName: 'n1', volumes, containers: [{ name: 'c', image: 'i' }] };
    await server.call('POST', PODS, { metadata: { name: 'reader' }, spec });
    expect((await as('GET', '/api/v1/namespaces/default/secrets/used')).status).toBe(200);
    expect((await as('GET', '/api/v1/namespaces/default/secrets/unused')).status).toBe(403);
  });
});
