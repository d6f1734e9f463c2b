// What /statusz and /flagz tell, to people and to programs, and what the paths around them answer to an Accept header. Golden: answers of 1.36.2.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from './test-fixture.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ serviceCidr: '10.7.0.0/16' });
});
afterAll(() => server.api.close());

const get = (path: string, accept?: string) =>
  server.call('GET', path, undefined, accept === undefined ? {} : { accept });

describe('/statusz', () => {
  test('tells people since when the server runs, its versions and its paths', async () => {
    const { text, headers } = await get('/statusz', '*/*');
    expect(headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(text).toMatch(
      /^\napiserver statusz\nWarning: This endpoint is not meant .*\n\nStarted: \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d UTC \d{4}\nUp: 0 hr 0\d min \d\d sec\nGo version: node/,
    );
    expect(text).toMatch(
      /\nEmulation version: 1.36\nPaths: \/flagz \/healthz \/livez \/metrics \/readyz \/statusz \/version\n$/,
    );
  });

  test('tells programs the same, in JSON or YAML, when they name the version of the form', async () => {
    const form = 'g=config.k8s.io;v=v1beta1;as=Statusz';
    const { body, headers } = await get('/statusz', `application/json;${form}`);
    expect(headers['content-type']).toBe(`application/json;${form}`);
    expect(body).toMatchObject({
      kind: 'Statusz',
      apiVersion: 'config.k8s.io/v1beta1',
      metadata: { name: 'apiserver' },
      uptimeSeconds: expect.any(Number),
      emulationVersion: '1.36',
    });
    expect((await get('/statusz', `application/yaml;${form}`)).text).toContain('\nkind: Statusz\n');
    const older = await get('/statusz', 'application/json;g=config.k8s.io;v=v1alpha1;as=Statusz');
    expect(older.headers.warning).toEqual([
      '299 - "This version of the statusz endpoint is deprecated. Please use a newer version."',
    ]);
  });

  test.each(['application/json', 'text/html', 'application/json;g=config.k8s.io;v=v1beta1;as=Flagz'])(
    'has no form %s',
    async (accept) => {
      const { status, body } = await get('/statusz', accept);
      expect([status, body.message]).toEqual([
        406,
        'only the following media types are accepted: application/json, application/yaml, text/plain',
      ]);
    },
  );
});

test('/flagz tells the settings in force', async () => {
  expect((await get('/flagz', 'text/plain')).text).toContain('\nservice-cluster-ip-range:10.7.0.0/16\n');
  const { body } = await get('/flagz', 'application/json;g=config.k8s.io;v=v1beta1;as=Flagz');
  expect(body).toMatchObject({ kind: 'Flagz', flags: { 'authorization-mode': '[Node,RBAC]' } });
});

test('what waits and what runs is told in tables that the index keeps to itself', async () => {
  const path = '/debug/api_priority_and_fairness';
  expect((await get(`${path}/dump_priority_levels`)).text).toMatch(
    /^PriorityLevelName, ActiveQueues, .*\ncatch-all, +0, +true, /,
  );
  expect((await get(`${path}/dump_queues`)).text).toMatch(/^PriorityLevelName, +Index, .*\nglobal-default, +0, +0, /);
  expect((await get('/')).text).not.toContain('/debug');
});

describe('a path that is no resource', () => {
  test.each([
    ['/version', 'application/*', 406],
    ['/version', 'text/html, */*;q=0.1', 200],
    ['/openid/v1/jwks', 'application/json', 406],
    ['/openid/v1/jwks', 'application/jwk-set+json', 200],
    ['/api/v1', 'application/*', 406],
    ['/apis', 'application/*', 200],
    ['/apis/apps', 'text/plain', 406],
    ['/openapi/v2', 'application/yaml', 406],
    ['/openapi/v3/api/v1', 'application/*', 200],
    ['/openapi/v3/api/v1', 'application/com.github.proto-openapi.spec.v3@v1.0+protobuf', 200],
    ['/openapi/v3/api/v1', 'application/vnd.kubernetes.protobuf', 406],
    ['/openapi/v3/api/v1', 'application/com.github.proto-openapi.spec.v3@v1.0+protobuf,application/json', 200],
  ])('%s with Accept: %s answers %i', async (path, accept, wanted) => {
    expect((await get(path, accept)).status).toBe(wanted);
  });

  test.each(['/api/v2', '/apis/apps/v1beta1', '/apis/apps/v9/namespaces/x/deployments', '/api/v9/pods'])(
    '%s is not found in the words of its group',
    async (path) => {
      const { status, body } = await get(path);
      expect([status, body.message]).toEqual([404, 'the server could not find the requested resource']);
    },
  );

  test.each(['/apis/nope', '/apis/nope/v1/foos', '/nope'])('%s is no page', async (path) => {
    expect(await get(path)).toMatchObject({ status: 404, text: '404 page not found\n' });
  });
});

test.each([
  ['resource.k8s.io/v1/resourceslices', 'field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: x'],
  ['networking.k8s.io/v1/ipaddresses', '"x" is not a known field selector: only "metadata.name", "metadata.namespace"'],
  ['batch/v1/jobs', 'field label "x" not supported for Job'],
  ['certificates.k8s.io/v1/certificatesigningrequests', 'field label not supported: x'],
])('a field selector of %s with an unknown label is refused in the words of its kind', async (path, message) => {
  expect((await get(`/apis/${path}?fieldSelector=x%3D1`)).body.message).toBe(message);
});
