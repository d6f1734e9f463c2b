// What the server says about itself, the strictness it can be asked for, and events: discovery, version, field validation, both Event APIs.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EVENTS, EVENTS_V1, NODES } from '../../../src/client/index.ts';
import { covers } from '../covers.ts';
import { eventually, hasKubectl, isRoot, type SimulatedCluster, soon, startSimulated } from '../simulated.ts';
import { customKind } from './custom.ts';

const PORTS = {
  type: 'array',
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['containerPort', 'protocol'],
  items: {
    type: 'object',
    required: ['containerPort', 'protocol'],
    properties: { containerPort: { type: 'integer' }, protocol: { type: 'string' } },
  },
};
const CRON_SPEC = {
  type: 'object',
  properties: { cronSpec: { type: 'string', pattern: '^(\\d+|\\*)$' }, ports: PORTS },
};

describe.skipIf(!isRoot)('what the server says and checks (the nodes of the cluster need root)', () => {
  let cluster: SimulatedCluster;
  beforeAll(async () => {
    cluster = await startSimulated();
  });
  afterAll(() => cluster?.stop());

  /** Kubernetes answers 500 to an apply of a field that the schema does not declare. */
  const apply = (path: string, body: string, manager = 'e2e') => {
    const query = `fieldManager=${manager}&fieldValidation=Strict`;
    return cluster.call('PATCH', `${path}?${query}`, body, { type: 'application/apply-patch+yaml' });
  };

  interface Group {
    readonly name: string;
    readonly versions: { readonly groupVersion: string; readonly version: string }[];
    readonly preferredVersion: { readonly groupVersion: string; readonly version: string };
  }
  const groups = async () => (await cluster.call('GET', '/apis')).body.groups as Group[];

  it.concurrent(covers('Discovery, confirm the PreferredVersion for each api group'), async () => {
    const found = await groups();
    expect(found.length).toBeGreaterThan(15);
    for (const { name, versions, preferredVersion } of found) {
      expect(versions, name).toContainEqual(preferredVersion);
      const alone = await cluster.call('GET', `/apis/${name}`);
      expect(alone.body).toMatchObject({ kind: 'APIGroup', name, versions, preferredVersion });
    }
  });

  it.concurrent(covers('Discovery, confirm the groupVerion and a resourcefrom each apiGroup'), async () => {
    for (const { versions } of await groups()) {
      for (const { groupVersion } of versions) {
        const { body } = await cluster.call('GET', `/apis/${groupVersion}`);
        expect(body).toMatchObject({ kind: 'APIResourceList', groupVersion });
        const resources = body.resources as { name: string; kind: string; verbs: string[] }[];
        expect(resources.length, groupVersion).toBeGreaterThan(0);
        for (const { name, kind, verbs } of resources) {
          expect(kind, name).toMatch(/^[A-Z]/);
          expect(verbs, name).not.toEqual([]);
        }
      }
    }
  });

  it.skipIf(!hasKubectl).concurrent('shows what the server keeps up by itself', async () => {
    const show = async (...args: string[]): Promise<string> => (await cluster.kubectl(['get', ...args])).stdout;
    const list = await cluster.call('GET', '/apis/apiregistration.k8s.io/v1/apiservices');
    const names = (list.body.items as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name);
    expect(names).toEqual(expect.arrayContaining(['v1.', 'v1.apps', 'v1.batch', 'v2.autoscaling']));
    expect(await show('apiservices', 'v1.apps')).toMatch(/^v1\.apps +Local +True /m);
    expect(await show('servicecidrs')).toMatch(/^kubernetes +10\.\d+\.0\.0\/16 /m);
    await soon(async () =>
      expect(await show('ipaddresses')).toMatch(/^10\.\d+\.0\.1 +services\/default\/kubernetes +\d+[smh]/m),
    );
    await soon(async () =>
      expect(await show('flowschemas', 'probes')).toMatch(/^probes +exempt +2 +<none> +.* False$/m),
    );
    const trust = await show('-n', 'kube-system', 'configmap', 'extension-apiserver-authentication', '-o', 'json');
    expect((JSON.parse(trust) as { data: Record<string, string> }).data).toMatchObject({
      'client-ca-file': cluster.ca,
      'requestheader-allowed-names': '["front-proxy-client"]',
      'requestheader-username-headers': '["X-Remote-User"]',
    });
  });

  it.concurrent(covers('Confirm a server version'), async () => {
    const { status, body } = await cluster.call('GET', '/version');
    expect(status).toBe(200);
    expect(body.major).toMatch(/^\d+$/);
    expect(body.minor).toMatch(/^\d+$/);
  });

  it.concurrent(covers('API metadata HTTP return'), async () => {
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    const review = { spec: { nonResourceAttributes: { path: '/', verb: 'get' } } };
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
    const answer = await cluster.call('POST', path, review, { accept });
    expect(answer).toMatchObject({ status: 406, body: { kind: 'Status', reason: 'NotAcceptable', code: 406 } });
  });

  it.concurrent(covers('Conformance tests minimum number of nodes.'), async () => {
    const { items } = await cluster.client.resource(NODES).list('');
    const free = items.filter(({ spec }) => (spec?.taints ?? []).length === 0 && spec?.unschedulable !== true);
    expect(free.length).toBeGreaterThanOrEqual(2);
  });

  const deployment = (
    metadata: string,
    spec: string,
    more = '',
  ): string => `{"apiVersion":"apps/v1","kind":"Deployment",
    "metadata":{"name":"d","labels":{"app":"nginx"}${metadata}},
    "spec":{${spec}"selector":{"matchLabels":{"app":"nginx"}},
    "template":{"metadata":{"labels":{"app":"nginx"}},"spec":{"containers":[{"name":"nginx","image":"nginx"}]}}}${more}}`;

  it.concurrent(covers('Server side field validation, typed object'), async () => {
    const path = `/apis/apps/v1/namespaces/${await cluster.namespace()}/deployments`;
    const odd = deployment('', '"unknown1":"val1","unknownDupe":"v","unknownDupe":"w","paused":true,"paused":false,');
    const strict = await cluster.call('POST', `${path}?fieldValidation=Strict`, odd);
    expect(strict).toMatchObject({
      status: 400,
      body: {
        reason: 'BadRequest',
        message:
          'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.unknown1", unknown field "spec.unknownDupe", duplicate field "spec.paused"',
      },
    });
    const warned = await cluster.call('POST', `${path}?dryRun=All`, odd);
    expect(warned.status).toBe(201);
    expect(String(warned.headers.warning)).toContain('299 - "unknown field \\"spec.unknown1\\""');
    const ignored = await cluster.call('POST', `${path}?dryRun=All&fieldValidation=Ignore`, odd);
    expect(ignored.status).toBe(201);
    expect(ignored.headers.warning).toBeUndefined();
  });

  it.concurrent(covers('Server side field validation, typed unknown metadata'), async () => {
    const path = `/apis/apps/v1/namespaces/${await cluster.namespace()}/deployments`;
    const odd = deployment(',"unknownMeta":"m"', '');
    const strict = await cluster.call('POST', `${path}?fieldValidation=Strict`, odd);
    expect(strict).toMatchObject({ status: 400 });
    expect(strict.body.message).toContain('strict decoding error: unknown field "metadata.unknownMeta"');
    const applied = await apply(`${path}/d`, odd);
    expect(applied.status).toBe(500);
    expect(applied.body.message).toContain('.metadata.unknownMeta: field not declared in schema');
  });

  const crontab = (group: string, kind: string, spec: string, metadata = ''): string =>
    `{"apiVersion":"${group}/v1","kind":"${kind}","metadata":{"name":"mytest"${metadata}},"spec":{${spec}}}`;
  const pathOf = (group: string, plural: string, namespace: string): string =>
    `/apis/${group}/v1/namespaces/${namespace}/${plural}/mytest`;

  it.concurrent(covers('Server side field validation, unknown fields CR no validation schema'), async () => {
    const namespace = await cluster.namespace();
    const { ref } = await customKind(cluster, 'frees');
    const body = crontab(ref.group, 'Free', '"knownField1":"v","unknownField":"u"');
    const applied = await apply(pathOf(ref.group, 'frees', namespace), body);
    expect(applied).toMatchObject({ status: 201, body: { spec: { knownField1: 'v', unknownField: 'u' } } });
  });

  it.concurrent(covers('Server side field validation, valid CR with validation schema'), async () => {
    const namespace = await cluster.namespace();
    const { ref } = await customKind(cluster, 'valids', {
      schema: { type: 'object', properties: { spec: CRON_SPEC } },
    });
    const path = pathOf(ref.group, 'valids', namespace);
    const spec = '"cronSpec":"5","ports":[{"containerPort":80,"protocol":"TCP"}]';
    const applied = await apply(path, crontab(ref.group, 'Valid', spec));
    expect(applied).toMatchObject({ status: 201, body: { spec: { cronSpec: '5' } } });
    const again = await apply(path, crontab(ref.group, 'Valid', spec));
    expect(again.body.metadata).toEqual(applied.body.metadata);
  });

  it.concurrent(covers('Server side field validation, unknown fields CR fails validation'), async () => {
    const namespace = await cluster.namespace();
    const schema = { type: 'object', properties: { spec: CRON_SPEC } };
    const { ref } = await customKind(cluster, 'invalids', { schema });
    const body = crontab(ref.group, 'Invalid', '"cronSpec":"5","extraProperty":"arbitrary-value"');
    const applied = await apply(pathOf(ref.group, 'invalids', namespace), body);
    expect(applied.status).toBe(500);
    expect(applied.body.message).toContain('.spec.extraProperty: field not declared in schema');
    const rooted = body.replace('"spec":', '"unknownField":"unknown","spec":');
    const refused = await apply(
      pathOf(ref.group, 'invalids', namespace),
      rooted.replace(',"extraProperty":"arbitrary-value"', ''),
    );
    expect(refused.status).toBe(500);
    expect(refused.body.message).toContain('.unknownField: field not declared in schema');
    const posted = await cluster.call(
      'POST',
      `/apis/${ref.group}/v1/namespaces/${namespace}/invalids?fieldValidation=Strict`,
      body,
    );
    expect(posted.status).toBe(400);
    expect(posted.body.message).toContain('strict decoding error: unknown field "spec.extraProperty"');
  });

  it.concurrent(covers('Server side field validation, CR duplicates'), async () => {
    const namespace = await cluster.namespace();
    const { ref } = await customKind(cluster, 'twices');
    const body = crontab(ref.group, 'Twice', '"unknown":"uk1","unknown":"uk2","foo":"a"');
    const path = `/apis/${ref.group}/v1/namespaces/${namespace}/twices`;
    const posted = await cluster.call('POST', `${path}?fieldValidation=Strict`, body);
    expect(posted.status).toBe(400);
    expect(posted.body.message).toContain('strict decoding error: duplicate field "spec.unknown"');
    expect((await cluster.call('GET', `${path}/mytest`)).status).toBe(404);
    const warned = await cluster.call('POST', `${path}?fieldValidation=Warn`, body);
    expect(warned).toMatchObject({ status: 201, body: { spec: { unknown: 'uk2' } } });
    expect(String(warned.headers.warning)).toContain('duplicate field \\"spec.unknown\\"');
  });

  it.concurrent(covers('Server side field validation, unknown metadata'), async () => {
    const namespace = await cluster.namespace();
    const template = {
      type: 'object',
      'x-kubernetes-embedded-resource': true,
      'x-kubernetes-preserve-unknown-fields': true,
    };
    const spec = { type: 'object', properties: { template } };
    const { ref } = await customKind(cluster, 'embeds', { schema: { type: 'object', properties: { spec } } });
    const embedded = '"template":{"apiVersion":"foo/v1","kind":"Sub","metadata":{"name":"s","unknownSubMeta":"v"}}';
    const body = crontab(ref.group, 'Embed', embedded, ',"unknownMeta":"foo"');
    const path = `/apis/${ref.group}/v1/namespaces/${namespace}/embeds`;
    const posted = await cluster.call('POST', `${path}?fieldValidation=Strict`, body);
    expect(posted.status).toBe(400);
    expect(posted.body.message).toContain('unknown field "metadata.unknownMeta"');
    expect(posted.body.message).toContain('unknown field "spec.template.metadata.unknownSubMeta"');
    const applied = await apply(`${path}/mytest`, body);
    expect(applied.status).toBe(500);
    expect(applied.body.message).toContain('.metadata.unknownMeta: field not declared in schema');
  });

  const coreEvent = (namespace: string, name: string, label = 'list') => ({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, labels: { testevent: label } },
    message: 'This is a test event',
    reason: 'Test',
    type: 'Normal',
    count: 1,
    involvedObject: { namespace },
  });

  it.concurrent(covers('Event, manage lifecycle of an Event'), async () => {
    const namespace = await cluster.namespace();
    const events = cluster.client.resource(EVENTS);
    await events.create(namespace, coreEvent(namespace, 'test', 'life'));
    const everywhere = () => events.list('', { labelSelector: 'testevent=life' });
    expect((await everywhere()).items.map(({ metadata }) => metadata.name)).toEqual(['test']);
    await events.patch(namespace, 'test', 'strategic', { message: 'This is a test event - patched' });
    const patched = await events.get(namespace, 'test');
    expect(patched.message).toBe('This is a test event - patched');
    const series = { count: 100, lastObservedTime: '2014-05-05T13:44:08.123456Z' };
    await events.update({ ...patched, series });
    expect((await events.get(namespace, 'test')).series).toEqual(series);
    await events.delete(namespace, 'test');
    expect((await everywhere()).items).toEqual([]);
  });

  it.concurrent(covers('Event, delete a collection'), async () => {
    const namespace = await cluster.namespace();
    const events = cluster.client.resource(EVENTS);
    const labelSelector = 'testevent=set';
    for (const name of ['one', 'two', 'three']) await events.create(namespace, coreEvent(namespace, name, 'set'));
    await events.create(namespace, coreEvent(namespace, 'other'));
    expect((await events.list(namespace, { labelSelector })).items).toHaveLength(3);
    await events.deleteCollection(namespace, { labelSelector });
    expect((await events.list(namespace, { labelSelector })).items).toEqual([]);
    expect((await events.list(namespace)).items).toHaveLength(1);
  });

  const newEvent = (namespace: string, name: string) => ({
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name, labels: { 'testevent-set': 'true' } },
    eventTime: '2026-01-02T03:04:05.678901Z',
    note: 'This is a test event',
    type: 'Normal',
    action: 'Do',
    reason: 'Test',
    regarding: { namespace },
    reportingController: 'test-controller',
    reportingInstance: 'test-node',
  });

  it.concurrent(covers('New Event resource lifecycle, testing a single event'), async () => {
    const namespace = await cluster.namespace();
    const events = cluster.client.resource(EVENTS_V1);
    const followed = cluster.follow(EVENTS_V1, namespace);
    const core = cluster.client.resource(EVENTS);
    const made = await events.create(namespace, newEvent(namespace, 'test'));
    expect(made.eventTime).toBe('2026-01-02T03:04:05.678901Z');
    expect((await events.list(namespace)).items).toHaveLength(1);
    const byField = await events.list(namespace, { fieldSelector: 'reportingController=test-controller' });
    expect(byField.items).toHaveLength(1);
    expect(await core.get(namespace, 'test')).toMatchObject({ message: 'This is a test event', reason: 'Test' });
    await events.patch(namespace, 'test', 'strategic', { series: { count: 2, lastObservedTime: made.eventTime } });
    const patched = await events.get(namespace, 'test');
    expect(patched.series?.count).toBe(2);
    await events.update({ ...patched, series: { count: 100, lastObservedTime: '2026-01-02T03:04:06.000001Z' } });
    expect((await events.get(namespace, 'test')).series).toEqual({
      count: 100,
      lastObservedTime: '2026-01-02T03:04:06.000001Z',
    });
    await events.delete(namespace, 'test');
    expect((await events.list(namespace)).items).toEqual([]);
    await followed.until(({ type }) => type === 'DELETED');
    expect(followed.events.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'MODIFIED', 'DELETED']);
    followed.stop();
  });

  it.concurrent(covers('New Event resource lifecycle, testing a list of events'), async () => {
    const namespace = await cluster.namespace();
    const events = cluster.client.resource(EVENTS_V1);
    for (const name of ['one', 'two', 'three']) await events.create(namespace, newEvent(namespace, name));
    const labelSelector = 'testevent-set=true';
    expect((await events.list(namespace, { labelSelector })).items).toHaveLength(3);
    await events.deleteCollection(namespace, { labelSelector });
    await eventually(async () => (await events.list(namespace, { labelSelector })).items.length === 0);
  });
});
