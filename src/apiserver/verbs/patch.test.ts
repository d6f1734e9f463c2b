// What kind a patch says it is, and how bytes of a patch are refused.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../test-fixture.ts';

let server: TestServer;
const MAPS = '/api/v1/namespaces/default/configmaps';

beforeAll(async () => {
  server = await startTestServer();
  await server.call('POST', MAPS, { metadata: { name: 'a' } });
});
afterAll(() => server.api.close());

async function patched(kind: string, body: object): Promise<[number, unknown]> {
  const type = `application/${kind}+json`;
  const answer = await server.call('PATCH', `${MAPS}/a?dryRun=All`, body, { type });
  return [answer.status, answer.body.message];
}

test('a merge patch may not make another kind of an object', async () => {
  const [status, message] = await patched('merge-patch', { kind: true });
  expect(status).toBe(422);
  expect(message).toContain("couldn't get version/kind; json parse error: json: cannot unmarshal bool into");
  const [other, refusal] = await patched('merge-patch', { apiVersion: 'a/b/c' });
  expect(other).toBe(422);
  expect(refusal).toMatch(/^ "" is invalid: patch: Invalid value: .*: unexpected GroupVersion string: a\/b\/c$/);
});

test('a strategic merge patch is read as the kind that it is sent to', async () => {
  expect(await patched('strategic-merge-patch', { apiVersion: 'a/b/c', data: { x: 'y' } })).toEqual([200, undefined]);
});

test('a field that a strategic merge patch does not know is told with its struct alone', async () => {
  const revision = { metadata: { name: 'r' }, revision: 1, data: { a: { b: 1 } } };
  await server.call('POST', '/apis/apps/v1/namespaces/default/controllerrevisions', revision);
  const { status, body } = await server.call(
    'PATCH',
    '/apis/apps/v1/namespaces/default/controllerrevisions/r',
    { data: { a: { b: 2 } } },
    { type: 'application/strategic-merge-patch+json' },
  );
  const message = 'unable to find api field in struct RawExtension for the json field "a"';
  expect([status, body.message]).toEqual([500, message]);
});

test('bytes that are none are told of in the words of the way they are decoded', async () => {
  const [, merge] = await patched('merge-patch', { binaryData: { x: '!' } });
  expect(merge).toMatch(/: illegal base64 data at input byte 0$/);
  const [, strategic] = await patched('strategic-merge-patch', { binaryData: { x: '!' } });
  expect(strategic).toMatch(/: error decoding from json: illegal base64 data at input byte 0$/);
});
