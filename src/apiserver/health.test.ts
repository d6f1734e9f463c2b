// What the health paths answer, and that their checks look at what they are named after.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openMemoryStore } from '../store/index.ts';
import { Start } from './health-checks.ts';
import { startTestServer, type TestServer } from './test-fixture.ts';

let server: TestServer;
let storeFails = false;
beforeAll(async () => {
  const store = openMemoryStore();
  const revision = store.revision.bind(store);
  store.revision = () => (storeFails ? Promise.reject(new Error('the disk is gone')) : revision());
  server = await startTestServer({ store, anonymousHealth: true });
});
afterAll(() => server.api.close());

const lines = (text: string): string[] => text.trimEnd().split('\n');

test('each root tells its checks; only readyz waits for what clients need and ends with the process', async () => {
  const ready = lines((await server.call('GET', '/readyz?verbose')).text);
  const live = lines((await server.call('GET', '/livez?verbose')).text);
  expect(ready).toEqual(
    expect.arrayContaining(['[+]etcd-readiness ok', '[+]informer-sync ok', '[+]shutdown ok', 'readyz check passed']),
  );
  expect(live).toEqual(expect.arrayContaining(['[+]ping ok', '[+]poststarthook/rbac/bootstrap-roles ok']));
  expect(live).not.toContain('[+]shutdown ok');
  expect((await server.call('GET', '/healthz?verbose')).text).toBe(
    `${live.join('\n').replace('livez check', 'healthz check')}\n`,
  );
});

test('every check has a path of its own, for any method', async () => {
  for (const line of lines((await server.call('GET', '/readyz?verbose')).text).slice(0, -1)) {
    const name = line.replace(/^\[\+\](.*) ok$/, '$1');
    expect(await server.call('POST', `/readyz/${name}`)).toMatchObject({ status: 200, text: 'ok' });
  }
  expect(await server.call('GET', '/readyz/nope')).toMatchObject({ status: 404, text: '404 page not found\n' });
  expect((await server.call('GET', '/livez/')).status).toBe(404);
});

test('what is excluded is not looked at, and what cannot be excluded is told in order', async () => {
  const { text } = await server.call('GET', '/livez?verbose&exclude=zz&exclude=etcd&exclude=aa');
  expect(text).toContain('[+]etcd excluded: ok\n');
  expect(text).toMatch(/warn: some health checks cannot be excluded: no matches for "aa","zz"\nlivez check passed\n$/);
});

test('a store that fails is told, with the reason only on the path of the check', async () => {
  storeFails = true;
  try {
    const all = await server.call('GET', '/livez');
    expect(all.status).toBe(500);
    expect(all.text).toContain('[-]etcd failed: reason withheld\n');
    expect(all.text.endsWith('livez check failed\n')).toBe(true);
    expect((await server.call('GET', '/livez/etcd')).text).toBe('internal server error: the disk is gone\n');
    expect((await server.call('GET', '/livez?exclude=etcd')).text).toBe('ok');
  } finally {
    storeFails = false;
  }
});

test('results are metered', async () => {
  await server.call('GET', '/livez');
  const { text } = await server.call('GET', '/metrics/slis');
  expect(text).toContain('kubernetes_healthcheck{name="etcd",type="livez"} 1\n');
  expect(text).toMatch(/kubernetes_healthchecks_total\{name="etcd",type="livez",status="error"\} 1\n/);
});

test('the steps of the start fail until they are done, and for what they could not make', () => {
  const start = new Start();
  const failing = (): string[] =>
    start.checks().flatMap(({ name, check }) => (check() === undefined ? [] : [`${name}: ${String(check())}`]));
  expect(failing()).toHaveLength(start.checks().length);
  start.bootstrapped([{ kind: 'ClusterRole', name: 'admin', reason: 'no room' }]);
  expect(failing()).toContain('poststarthook/rbac/bootstrap-roles: ClusterRole admin was not made: no room');
  expect(failing()).toContain('poststarthook/crd-informer-synced: not finished');
  expect(failing().join()).not.toContain('priority-classes');
  expect(start.shutdown()).toBeUndefined();
  start.close();
  expect(start.shutdown()).toBe('process is shutting down');
});

test('paths that can only be read refuse other methods, and know nothing below them', async () => {
  for (const path of ['/version', '/version/', '/openid/v1/jwks', '/.well-known/openid-configuration']) {
    expect((await server.call('GET', path, undefined, { accept: '*/*' })).status).toBe(200);
    for (const method of ['HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
      expect(await server.call(method, path)).toMatchObject({ status: 405, body: { reason: 'MethodNotAllowed' } });
  }
  expect(await server.call('GET', '/version/x')).toMatchObject({ status: 404, body: { reason: 'NotFound' } });
});

test('the index lists groups, versions and checks', async () => {
  const { paths } = (await server.call('GET', '/')).body as unknown as { paths: string[] };
  expect(paths).toEqual([...paths].sort());
  expect(paths).toEqual(
    expect.arrayContaining(['/api/v1', '/apis/', '/apis/apps', '/apis/apps/v1', '/readyz/shutdown', '/openapi/v3/']),
  );
  expect(paths).not.toContain('/');
});
