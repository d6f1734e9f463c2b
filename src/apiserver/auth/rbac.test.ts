// Who may do what: rules, bindings, impersonation, service account tokens.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, startTestServer, type TestServer } from '../test-fixture.ts';
import { ruleAllows } from './rbac.ts';

let server: TestServer;
const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const jane = { username: 'jane', groups: ['system:authenticated'] };

beforeAll(async () => {
  server = await startTestServer();
  await server.call('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
  await server.call('POST', `${RBAC}/namespaces/default/roles`, {
    metadata: { name: 'reader' },
    rules: [{ apiGroups: [''], resources: ['configmaps', 'pods/log'], verbs: ['get', 'list'] }],
  });
  await server.call('POST', `${RBAC}/namespaces/default/rolebindings`, {
    metadata: { name: 'jane-reads' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
    subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'jane' }],
  });
});
afterAll(() => server.api.close());

describe('a user', () => {
  test('may do what a role in the namespace says, and nothing else', async () => {
    const as = (method: string, path: string, body?: unknown): Promise<Answer> =>
      server.call(method, path, body, { user: jane });
    expect((await as('GET', '/api/v1/namespaces/default/configmaps')).status).toBe(200);
    const refused = await as('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: 'x' } });
    expect([refused.status, refused.body.message]).toEqual([
      403,
      'configmaps is forbidden: User "jane" cannot create resource "configmaps" in API group "" in the namespace "default"',
    ]);
    const elsewhere = await as('GET', '/api/v1/configmaps');
    expect(elsewhere.body.message).toContain('at the cluster scope');
  });

  test('is judged as the one it acts for, if it may', async () => {
    const headers = { 'impersonate-user': 'jane' };
    const reading = await server.call('GET', '/api/v1/namespaces/default/secrets', undefined, { headers });
    expect(reading.body.message).toContain('User "jane" cannot list resource "secrets"');
    const notAllowed = await server.call('GET', '/api/v1/nodes', undefined, {
      user: jane,
      headers: { 'impersonate-user': 'admin', 'impersonate-group': 'system:masters' },
    });
    expect(notAllowed.body.message).toContain('User "jane" cannot impersonate resource "users"');
  });

  test('of the process itself that is refused is told of, a stranger is not', async () => {
    const told: string[] = [];
    const own = await startTestServer({
      onRefused: ({ message }) => told.push(message),
      tokens: new Map([['t', jane]]),
    });
    await own.call('GET', '/api/v1/nodes', undefined, { user: jane });
    const headers = { authorization: 'Bearer t' };
    const path = '/api/v1/pods';
    const answer = await own.api.handle({ method: 'GET', path, query: new URLSearchParams(), headers });
    expect(answer.status).toBe(403);
    expect(told).toEqual([
      'nodes is forbidden: User "jane" cannot list resource "nodes" in API group "" at the cluster scope',
    ]);
    await own.api.close();
  });

  test('without a credential is not let in', async () => {
    const response = await server.api.handle({
      method: 'GET',
      path: '/api/v1/pods',
      query: new URLSearchParams(),
      headers: {},
    });
    expect(response.status).toBe(401);
  });
});

test('a service account is known by the token that was made for it, until the account goes', async () => {
  const made = await server.call('POST', '/api/v1/namespaces/default/serviceaccounts/default/token', { spec: {} });
  const { token } = made.body.status as { token: string };
  const ask = (): Promise<number> =>
    server.api
      .handle({
        method: 'POST',
        path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
        query: new URLSearchParams(),
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: Buffer.from('{}'),
      })
      .then((response) => response.status);
  expect(await ask()).toBe(201);
  await server.call('DELETE', '/api/v1/namespaces/default/serviceaccounts/default');
  expect(await ask()).toBe(401);
});

describe('a rule', () => {
  const about = { user: jane, isResource: true, group: '', version: 'v1', namespace: 'n', name: '', path: '' };
  test.each([
    [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }, 'pods', '', 'get', true],
    [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }, 'pods', 'log', 'get', false],
    [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }, 'pods', 'exec', 'create', true],
    [{ apiGroups: [''], resources: ['*/scale'], verbs: ['get'] }, 'deployments', 'scale', 'get', true],
    [{ apiGroups: ['apps'], resources: ['pods'], verbs: ['get'] }, 'pods', '', 'get', false],
    [{ apiGroups: [''], resources: ['pods'], verbs: ['get'], resourceNames: ['a'] }, 'pods', '', 'get', false],
  ])('%j about %s/%s %s: %s', (rule, resource, subresource, verb, allowed) => {
    expect(ruleAllows(rule, { ...about, resource, subresource, verb })).toBe(allowed);
  });
});
