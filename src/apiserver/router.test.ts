// Which paths and methods there are, and how the others are refused.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from './test-fixture.ts';

let server: TestServer;
const MAPS = '/api/v1/namespaces/default/configmaps';

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.api.close());

describe('paths', () => {
  test.each([
    ['GET', '/api/v1/namespaces/default/widgets', 404, 'the server could not find the requested resource'],
    ['POST', `${MAPS}/x`, 405, 'the server does not allow this method on the requested resource'],
    ['PATCH', MAPS, 405, 'the server does not allow this method on the requested resource'],
    ['GET', '/api/v1/configmaps/a', 404, 'the server could not find the requested resource'],
    ['POST', '/apis/authentication.k8s.io/v1/tokenreviews/a', 404, 'the server could not find the requested resource'],
    [
      'GET',
      '/apis/authentication.k8s.io/v1/tokenreviews',
      405,
      'the server does not allow this method on the requested resource',
    ],
    ['GET', `${MAPS}?limit=`, 400, 'strconv.ParseInt: parsing "": invalid syntax'],
    [
      'GET',
      `${MAPS}?resourceVersion=5&continue=%21`,
      400,
      'invalid continue token: continue key is not valid: illegal base64 data at input byte 0',
    ],
  ])('%s %s is answered with %i', async (method, path, status, message) => {
    const answer = await server.call(method, path, method === 'GET' ? undefined : {});
    expect([answer.status, answer.body.message]).toEqual([status, message]);
  });

  test('that nothing serves are not found, in plain text', async () => {
    const { status, text } = await server.call('GET', '/apis/nope.example.com/v1/widgets');
    expect([status, text]).toEqual([404, '404 page not found\n']);
  });
});
