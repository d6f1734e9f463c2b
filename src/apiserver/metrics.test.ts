// The metrics by which Kubernetes' dashboards look at an API server.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from './test-fixture.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.api.close());

const PATH = '/api/v1/namespaces/default/configmaps';

test('requests are counted by HTTP’s methods, reading, applying and connecting apart', async () => {
  await server.call('POST', `${PATH}?dryRun=All`, { metadata: { name: 'a' } });
  await server.call(
    'PATCH',
    `${PATH}/b?fieldManager=m`,
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b"}}',
    {
      type: 'application/apply-patch+yaml',
    },
  );
  await server.call('GET', PATH);
  await server.call('DELETE', PATH);
  await server.call('GET', '/api/v1/namespaces/default/pods/x/log');
  await server.call('GET', '/api/v1/componentstatuses');
  await server.call('GET', '/api/v1/namespaces/default/nothing-like-this');
  const { text } = await server.call('GET', '/metrics');
  const has = (labels: string): boolean => text.includes(`apiserver_request_total{${labels}} 1\n`);
  const configMaps = (verb: string, scope: string, rest: string): string =>
    `verb="${verb}",group="",version="v1",resource="configmaps",subresource="",scope="${scope}",component="apiserver",${rest}`;
  expect(has(configMaps('POST', 'resource', 'dry_run="All",code="201"'))).toBe(true);
  expect(has(configMaps('APPLY', 'resource', 'dry_run="",code="201"'))).toBe(true);
  expect(has(configMaps('LIST', 'namespace', 'dry_run="",code="200"'))).toBe(true);
  expect(has(configMaps('DELETE', 'namespace', 'dry_run="",code="200"'))).toBe(true);
  expect(text).toMatch(/apiserver_request_total\{verb="CONNECT",[^}]*subresource="log"[^}]*\} 1/);
  expect(text).toMatch(/apiserver_response_sizes_count\{verb="LIST",[^}]*resource="configmaps"[^}]*\} 1/);
  expect(text).toMatch(/apiserver_requested_deprecated_apis\{group="",version="v1",resource="componentstatuses"/);
  expect(text).toMatch(/kubernetes_build_info\{major="1",minor="36"/);
  expect(text).not.toContain('nothing-like-this');
});

test('admission is timed by step and by plugin, refusals apart', async () => {
  await server.call('POST', '/api/v1/namespaces/none/configmaps', { metadata: { name: 'a' } });
  const { text } = await server.call('GET', '/metrics');
  const plugin = 'apiserver_admission_controller_admission_duration_seconds';
  const labels = 'name="NamespaceLifecycle",operation="CREATE",rejected="true",type="admit"';
  expect(text).toContain(`${plugin}_bucket{${labels},le="+Inf"} 1\n`);
  expect(text).toContain(`${plugin}_count{${labels}} 1\n`);
  expect(text).toContain(
    'apiserver_admission_step_admission_duration_seconds_count{operation="CREATE",rejected="true",type="admit"} 1\n',
  );
});

test('a watch is a lasting request until its reader goes', async () => {
  const open = async (): Promise<string | undefined> =>
    /apiserver_longrunning_requests\{verb="WATCH",[^}]*resource="configmaps"[^}]*\} (\d+)/.exec(
      (await server.call('GET', '/metrics')).text,
    )?.[1];
  const { body } = await server.raw('GET', `${PATH}?watch=1`);
  expect(await open()).toBe('1');
  const closing: (() => void)[] = [];
  if (body instanceof Uint8Array) throw new Error('a watch is a stream');
  body.start({
    write: () => true,
    buffered: 0,
    end: () => undefined,
    onDrain: () => undefined,
    onClose: (callback) => closing.push(callback),
  });
  for (const close of closing) close();
  expect(await open()).toBe('0');
});

test('a deletion of the metrics has them begin anew', async () => {
  expect((await server.call('DELETE', '/metrics')).text).toBe('metrics reset\n');
  const { text } = await server.call('GET', '/metrics');
  expect(text).not.toContain('apiserver_request_total{');
  expect(text).not.toContain('apiserver_admission_step_admission_duration_seconds_count{');
});
