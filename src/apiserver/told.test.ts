// Tests of the id that every answer bears, and of its being the one in the audit log.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../host/clock.ts';
import { Auditor, parsePolicy } from './audit/index.ts';
import { ADMIN, startTestServer, type TestServer } from './test-fixture.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const POLICY = 'apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]';
const jane = { username: 'jane', groups: ['system:authenticated'] };

let server: TestServer;
let base: string;
const written: string[] = [];
beforeAll(async () => {
  const sink = { write: (line: string) => void written.push(line), close: () => undefined };
  server = await startTestServer({
    anonymousHealth: true,
    tokens: new Map([
      ['jane', jane],
      ['admin', ADMIN],
    ]),
    audit: new Auditor({ policy: parsePolicy(POLICY), sink, clock: systemClock }),
  });
  const { port } = await server.api.listen({ host: '127.0.0.1', port: 0 });
  base = `http://127.0.0.1:${port}`;
});
afterAll(() => server.api.close());

const ask = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  fetch(base + path, { method, headers: { authorization: 'Bearer admin', ...headers } });

test('every answer bears an id: what is well, what is refused, not there, not understood or nobody’s', async () => {
  const rows: readonly (readonly [status: number, path: string, headers?: Record<string, string>, method?: string])[] =
    [
      [200, '/api'],
      [403, '/api/v1/pods', { authorization: 'Bearer jane' }],
      [404, '/apis/nothing.test/v1/things'],
      [401, '/api', { authorization: 'Bearer nobody' }],
      [200, '/livez', { authorization: '' }],
      [406, '/api', { accept: 'image/png' }],
      [404, '/nothing/at/all'],
      [405, '/api/v1/pods', {}, 'HEAD'],
    ];
  const ids = new Set<string>();
  for (const [status, path, headers, method] of rows) {
    const response = await ask(path, headers, method);
    expect([path, response.status]).toEqual([path, status]);
    const id = response.headers.get('audit-id') ?? '';
    expect(id, path).toMatch(UUID);
    ids.add(id);
  }
  expect(ids.size).toBe(rows.length);
});

test('it is the client’s own where that sends one, and the one in the log', async () => {
  const entryOf = (id: string | null) =>
    written.map((line) => JSON.parse(line) as { auditID: string }).filter(({ auditID }) => auditID === id);
  const response = await ask('/api/v1/pods', { 'audit-id': 'mine, as it is' });
  expect(response.headers.get('audit-id')).toBe('mine, as it is');
  expect(entryOf('mine, as it is')).toMatchObject([{ requestURI: '/api/v1/pods', responseStatus: { code: 200 } }]);
  const own = (await ask('/apis', { 'audit-id': '' })).headers.get('audit-id');
  expect(own).toMatch(UUID);
  expect(entryOf(own)).toMatchObject([{ requestURI: '/apis' }]);
});
