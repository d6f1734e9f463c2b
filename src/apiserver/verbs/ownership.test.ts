// Owners of objects and of fields: references that a client sends twice, who owns what a write becomes, what a dry run does not ask.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../test-fixture.ts';

let server: TestServer;
const MAPS = '/api/v1/namespaces/default/configmaps';
const OWNER = { apiVersion: 'v1', kind: 'ConfigMap', name: 'o', uid: 'u' };
const ADVICE =
  'API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: u';

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.api.close());

function owned(ownerReferences: readonly object[]): object {
  return { metadata: { name: 'a', ownerReferences } };
}

describe('owner references', () => {
  test('that are wholly equal are kept once, with a warning', async () => {
    const { body, headers } = await server.call('POST', `${MAPS}?dryRun=All`, owned([OWNER, OWNER]));
    expect(body.metadata?.ownerReferences).toEqual([OWNER]);
    expect(headers.warning).toEqual([`299 - ".metadata.ownerReferences contains duplicate entries; ${ADVICE}"`]);
  });

  test('of one owner that differ otherwise are both kept', async () => {
    const both = [OWNER, { ...OWNER, controller: true }];
    const { body, headers } = await server.call('POST', `${MAPS}?dryRun=All`, owned(both));
    expect(body.metadata?.ownerReferences).toEqual(both);
    expect(headers.warning).toBeUndefined();
  });

  test('are looked at after admission alone in a patch', async () => {
    await server.call('POST', MAPS, { metadata: { name: 'patched' } });
    const patch = { metadata: { ownerReferences: [OWNER, OWNER] } };
    const type = 'application/merge-patch+json';
    const { body, headers } = await server.call('PATCH', `${MAPS}/patched`, patch, { type });
    expect(body.metadata?.ownerReferences).toEqual([OWNER]);
    expect(String(headers.warning)).toContain(`duplicate entries after mutating admission happens; ${ADVICE}`);
  });
});

test('A resourceVersion on a new object is refused, but not in a dry run', async () => {
  const object = { metadata: { name: 'versioned', resourceVersion: '5' } };
  expect((await server.call('POST', MAPS, object)).status).toBe(500);
  expect((await server.call('POST', `${MAPS}?dryRun=All`, object)).status).toBe(201);
});

test('Who patches the stringData of a Secret owns what it becomes', async () => {
  const secrets = '/api/v1/namespaces/default/secrets';
  await server.call('POST', secrets, { metadata: { name: 's' }, data: { a: 'eA==' } });
  const type = 'application/merge-patch+json';
  const { body } = await server.call('PATCH', `${secrets}/s`, { stringData: { n: 'v' } }, { type });
  expect(body.data).toEqual({ a: 'eA==', n: 'dg==' });
  expect(body.metadata?.managedFields).toMatchObject([{ fieldsV1: { 'f:data': { 'f:a': {}, 'f:n': {} } } }]);
});

describe('server-side apply', () => {
  const type = 'application/apply-patch+yaml';
  const quotas = '/api/v1/namespaces/default/resourcequotas';

  test('of a value that is no quantity says what it was to become', async () => {
    const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'q' }, spec: { hard: { pods: 'x' } } };
    const { status, body } = await server.call('PATCH', `${quotas}/q?fieldManager=m`, quota, { type });
    expect(status).toBe(500);
    expect(body.message).toMatch(
      /^failed to convert new object \(\/q; \/v1, Kind=ResourceQuota\) to proper version: unable to convert unstructured object to \/v1, Kind=ResourceQuota: quantities must match/,
    );
  });

  test('of a status through the main door is a change that has a time, and leaves the status as it is', async () => {
    const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'r' }, spec: { hard: { pods: '1' } } };
    await server.call('POST', quotas, quota);
    const asked = { ...quota, status: { hard: { pods: '1' } } };
    const { body } = await server.call('PATCH', `${quotas}/r?fieldManager=m`, asked, { type });
    expect(body.status).toEqual({});
    const entries = body.metadata?.managedFields as { manager: string; time?: string }[];
    expect(entries.find((entry) => entry.manager === 'm')?.time).toBeDefined();
  });
});
