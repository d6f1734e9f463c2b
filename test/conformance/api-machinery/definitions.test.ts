// CustomResourceDefinitions: their life, their status, defaults, conversion by webhook; and group versions that another server serves.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { API_SERVICES, CUSTOM_RESOURCE_DEFINITIONS, SERVICES } from '../../../src/client/index.ts';
import type { JsonObject } from '../../../src/machinery/object.ts';
import type { CustomResourceDefinition } from '../../../src/resources/generated/apiextensions-v1.ts';
import { covers } from '../covers.ts';
import { eventually, hasKubectl, isRoot, maybe, type SimulatedCluster, startSimulated } from '../simulated.ts';
import { type Custom, customKind } from './custom.ts';
import { type HookServer, startHookServer } from './hook-server.ts';

const object = (properties: JsonObject): JsonObject => ({ type: 'object', properties });

describe.skipIf(!isRoot)('definitions of custom resources (the nodes of the cluster need root)', () => {
  let cluster: SimulatedCluster;
  beforeAll(async () => {
    cluster = await startSimulated();
  });
  afterAll(() => cluster?.stop());
  const definitions = () => cluster.client.resource(CUSTOM_RESOURCE_DEFINITIONS);
  const gone = (name: string) => eventually(async () => (await maybe(definitions().get('', name))) === undefined);

  it.concurrent(covers('Custom Resource Definition, create'), async () => {
    const kind = await customKind(cluster, 'creates');
    const list = await cluster.call('GET', `/apis/${kind.ref.group}/v1/creates`);
    expect(list).toMatchObject({ status: 200, body: { kind: 'CreateList', items: [] } });
    await definitions().delete('', kind.name);
    await gone(kind.name);
    expect((await cluster.call('GET', `/apis/${kind.ref.group}/v1/creates`)).status).toBe(404);
  });

  it.concurrent(covers('Custom Resource Definition, watch'), async () => {
    const kind = await customKind(cluster, 'watches', { scope: 'Cluster' });
    const followed = cluster.follow(kind.ref, '');
    await kind.create('', { metadata: { name: 'a' }, data: { n: '1' } });
    await kind.create('', { metadata: { name: 'b' } });
    await kind.patch('', 'a', { data: { n: '2' } });
    await cluster.client.resource(kind.ref).delete('', 'a');
    await cluster.client.resource(kind.ref).delete('', 'b');
    await followed.until(({ type, object: { metadata } }) => type === 'DELETED' && metadata.name === 'b');
    const shown = followed.events.map(({ type, object: { metadata, data } }) =>
      `${type} ${metadata.name} ${String(data?.n ?? '')}`.trim(),
    );
    expect(shown).toEqual(['ADDED a 1', 'ADDED b', 'MODIFIED a 2', 'DELETED a 2', 'DELETED b']);
    followed.stop();
  });

  it('ends the watches of a kind whose definition is removed, after its last objects', async () => {
    const namespace = await cluster.namespace();
    const kind = await customKind(cluster, 'endings');
    const followed = cluster.follow(kind.ref, namespace);
    await kind.create(namespace, { metadata: { name: 'last' } });
    await followed.until(({ type }) => type === 'ADDED');
    await definitions().delete('', kind.name);
    await followed.until(({ type }) => type === 'DELETED');
    await eventually(async () => followed.ended);
  });

  it('ends the watches of a version that is no longer served; changes of the status end none', async () => {
    const namespace = await cluster.namespace();
    const kind = await customKind(cluster, 'stops', { versions: ['v1', 'v2'] });
    const watched = cluster.follow({ ...kind.ref, version: 'v2' }, namespace);
    await kind.create(namespace, { metadata: { name: 'one' } });
    await watched.until(({ type }) => type === 'ADDED');
    const condition = { type: 'Other', status: 'True', reason: 'Test', message: '', lastTransitionTime: null };
    const said = [{ op: 'add', path: '/status/conditions/-', value: condition }];
    await definitions().patch('', kind.name, 'json', said, { subresource: 'status' });
    await kind.patch(namespace, 'one', { data: { n: 1 } });
    await watched.until(({ type }) => type === 'MODIFIED');
    expect(watched.ended).toBe(false);
    const unserved = [{ op: 'replace', path: '/spec/versions/1/served', value: false }];
    await definitions().patch('', kind.name, 'json', unserved);
    await eventually(async () => watched.ended);
    expect((await cluster.call('GET', `/apis/${kind.ref.group}/v2/stops`)).status).toBe(404);
  });

  it.concurrent(covers('Custom Resource Definition, list'), async () => {
    const labels = { listed: 'definitions' };
    const names = Array.from({ length: 10 }, (_, i) => `listed${i}s`);
    await Promise.all(names.map((name) => customKind(cluster, name, { labels })));
    const other = await customKind(cluster, 'unlisteds');
    const labelSelector = 'listed=definitions';
    const { items } = await definitions().list('', { labelSelector });
    expect(items.map(({ spec }) => spec.names.plural)).toEqual(names);
    await definitions().deleteCollection('', { labelSelector });
    await eventually(async () => (await definitions().list('', { labelSelector })).items.length === 0);
    expect((await definitions().get('', other.name)).metadata.deletionTimestamp).toBeUndefined();
  });

  it.concurrent(covers('Custom Resource Definition, status sub-resource'), async () => {
    const kind = await customKind(cluster, 'statuses');
    const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${kind.name}/status`;
    const read = await cluster.call('GET', path);
    expect(read.body).toMatchObject({
      metadata: { name: kind.name },
      status: { acceptedNames: { plural: 'statuses' } },
    });
    const conditionOf = (crd: CustomResourceDefinition, type: string) =>
      crd.status?.conditions?.find((condition) => condition.type === type);
    await eventually(async () => {
      const crd = await definitions().get('', kind.name);
      const conditions = [
        ...(crd.status?.conditions ?? []),
        { type: 'StatusUpdate', status: 'True' as const, reason: 'E2E', message: 'Set from e2e test' },
      ];
      await definitions().updateStatus({ ...crd, status: { ...crd.status, conditions } } as CustomResourceDefinition);
      return true;
    });
    const updated = await definitions().get('', kind.name);
    expect(conditionOf(updated, 'StatusUpdate')).toMatchObject({ status: 'True', message: 'Set from e2e test' });
    const patch = { spec: { preserveUnknownFields: false }, status: { storedVersions: ['v1'] } };
    await definitions().patch('', kind.name, 'merge', patch, { subresource: 'status' });
    await definitions().patch(
      '',
      kind.name,
      'json',
      [{ op: 'add', path: '/status/conditions/0/message', value: 'new' }],
      {
        subresource: 'status',
      },
    );
    const patched = await definitions().get('', kind.name);
    expect(patched.spec).toEqual(updated.spec);
    expect(patched.metadata.generation).toBe(updated.metadata.generation);
  });

  it.concurrent(covers('Custom Resource Definition, defaulting'), async () => {
    const namespace = await cluster.namespace();
    const schema = object({ a: { type: 'string' }, b: { type: 'string' } });
    const kind = await customKind(cluster, 'defaults', { schema });
    const resource = cluster.client.resource(kind.ref);
    const setDefaults = (a: string | undefined, b: string | undefined) => {
      const withDefault = (value: string | undefined) => ({
        type: 'string',
        ...(value === undefined ? {} : { default: value }),
      });
      const properties = { a: withDefault(a), b: withDefault(b) };
      const path = '/spec/versions/0/schema/openAPIV3Schema/properties';
      return definitions().patch('', kind.name, 'json', [{ op: 'replace', path, value: properties }]);
    };
    const values = ({ a, b }: Custom) => ({ a, b });
    await kind.create(namespace, { metadata: { name: 'one' } });
    await setDefaults('A', undefined);
    await eventually(async () => (await resource.get(namespace, 'one')).a === 'A');
    await kind.create(namespace, { metadata: { name: 'two' } });
    await setDefaults(undefined, 'B');
    await eventually(async () => (await resource.get(namespace, 'one')).b === 'B');
    // The first was never written again: its `a` was only shown. The second was written with it.
    expect(values(await resource.get(namespace, 'one'))).toEqual({ a: undefined, b: 'B' });
    expect(values(await resource.get(namespace, 'two'))).toEqual({ a: 'A', b: 'B' });
    const { items } = await resource.list(namespace);
    expect(items.map(values)).toEqual([
      { a: undefined, b: 'B' },
      { a: 'A', b: 'B' },
    ]);
  });

  it.concurrent(covers('Custom Resource Definition, discovery'), async () => {
    const name = 'apiextensions.k8s.io';
    const version = { groupVersion: `${name}/v1`, version: 'v1' };
    const { body: groups } = await cluster.call('GET', '/apis');
    expect(groups.groups).toContainEqual({ name, versions: [version], preferredVersion: version });
    expect((await cluster.call('GET', `/apis/${name}`)).body).toMatchObject({ name, versions: [version] });
    const { body } = await cluster.call('GET', `/apis/${name}/v1`);
    expect(body.resources).toContainEqual(
      expect.objectContaining({
        name: 'customresourcedefinitions',
        kind: 'CustomResourceDefinition',
        namespaced: false,
      }),
    );
  });
});

/** v1 has `hostPort`, v2 has `host` and `port`. */
function converted(custom: Custom, apiVersion: string): Custom {
  if (custom.apiVersion === apiVersion) return custom;
  const { hostPort, host, port, ...rest } = custom;
  if (apiVersion.endsWith('/v2')) {
    const [first, second] = String(hostPort).split(':');
    return { ...rest, apiVersion, host: first, port: second } as Custom;
  }
  return { ...rest, apiVersion, hostPort: `${String(host)}:${String(port)}` } as Custom;
}

describe.skipIf(!isRoot)('servers beside the API server (the nodes of the cluster need root)', () => {
  let cluster: SimulatedCluster;
  let server: HookServer;
  const asked: { method: string; path: string; user: string; groups: string[] }[] = [];
  const flunders = new Map<string, Custom>();
  const sample = (method: string, url: string, body: JsonObject) => {
    const [path = ''] = url.split('?');
    const groupVersion = 'wardle.example.com/v1alpha1';
    const head = { apiVersion: groupVersion, kind: 'Flunder' };
    if (path === `/apis/${groupVersion}`) {
      const verbs = ['create', 'delete', 'get', 'list'];
      const resources = [{ name: 'flunders', singularName: 'flunder', namespaced: true, kind: 'Flunder', verbs }];
      return { status: 200, body: { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources } };
    }
    const [, namespace = '', name] = /\/namespaces\/([^/]+)\/flunders(?:\/([^/]+))?$/.exec(path) ?? [];
    if (method === 'POST') {
      const made = { ...body, ...head } as Custom;
      made.metadata = { ...made.metadata, namespace, uid: 'u-1', resourceVersion: '1' };
      flunders.set(made.metadata.name ?? '', made);
      return { status: 201, body: made };
    }
    if (name === undefined)
      return { status: 200, body: { ...head, kind: 'FlunderList', metadata: {}, items: [...flunders.values()] } };
    const found = flunders.get(name);
    if (found === undefined)
      return {
        status: 404,
        body: {
          kind: 'Status',
          apiVersion: 'v1',
          status: 'Failure',
          reason: 'NotFound',
          code: 404,
          message: `flunders "${name}" not found`,
        },
      };
    if (method === 'DELETE') flunders.delete(name);
    return { status: 200, body: found };
  };
  beforeAll(async () => {
    const answer = (
      url: string,
      body: JsonObject,
      { method = '', headers }: { method?: string; headers: NodeJS.Dict<string | string[]> },
    ) => {
      if (!url.startsWith('/convert')) {
        const groups = [headers['x-remote-group'] ?? []].flat().flatMap((group) => group.split(', '));
        asked.push({ method, path: url, user: String(headers['x-remote-user']), groups });
        return sample(method, url, body);
      }
      const { uid, desiredAPIVersion, objects } = body.request as {
        uid: string;
        desiredAPIVersion: string;
        objects: Custom[];
      };
      const convertedObjects = objects.map((one) => converted(one, desiredAPIVersion));
      const response = { uid, convertedObjects, result: { status: 'Success' } };
      return { status: 200, body: { apiVersion: 'apiextensions.k8s.io/v1', kind: 'ConversionReview', response } };
    };
    server = await startHookServer(answer, ['sample-api.wardle.svc']);
    cluster = await startSimulated();
  });
  afterAll(async () => {
    await cluster?.stop();
    server?.stop();
  });

  const convertible = (plural: string) =>
    customKind(cluster, plural, {
      versions: ['v1', 'v2'],
      conversion: {
        strategy: 'Webhook',
        webhook: {
          clientConfig: { url: `${server.url}/convert`, caBundle: server.caBundle },
          conversionReviewVersions: ['v1'],
        },
      },
    });

  it.concurrent(covers('Custom Resource Definition Conversion Webhook, conversion custom resource'), async () => {
    const namespace = await cluster.namespace();
    const kind = await convertible('converts');
    await kind.create(namespace, { metadata: { name: 'one' }, hostPort: 'localhost:8080' });
    const second = await cluster.client.resource({ ...kind.ref, version: 'v2' }).get(namespace, 'one');
    expect(second).toMatchObject({ apiVersion: `${kind.ref.group}/v2`, host: 'localhost', port: '8080' });
    expect(second).not.toHaveProperty('hostPort');
  });

  it.concurrent(covers('Custom Resource Definition Conversion Webhook, convert mixed version list'), async () => {
    const namespace = await cluster.namespace();
    const kind = await convertible('mixes');
    const v2 = { ...kind.ref, version: 'v2' };
    await kind.create(namespace, { metadata: { name: 'one' }, hostPort: 'localhost:8080' });
    await cluster.client.resource(CUSTOM_RESOURCE_DEFINITIONS).patch('', kind.name, 'json', [
      { op: 'replace', path: '/spec/versions/0/storage', value: false },
      { op: 'replace', path: '/spec/versions/1/storage', value: true },
    ]);
    const two = {
      apiVersion: `${v2.group}/v2`,
      kind: v2.kind,
      metadata: { name: 'two' },
      host: 'example.com',
      port: '80',
    };
    await cluster.client.resource(v2).create(namespace, two);
    const all = (ref: typeof v2) => cluster.client.resource(ref).list(namespace);
    expect((await all(v2)).items).toMatchObject([
      { apiVersion: `${v2.group}/v2`, metadata: { name: 'one' }, host: 'localhost', port: '8080' },
      { apiVersion: `${v2.group}/v2`, metadata: { name: 'two' }, host: 'example.com', port: '80' },
    ]);
    expect((await all(kind.ref)).items).toMatchObject([
      { apiVersion: `${v2.group}/v1`, hostPort: 'localhost:8080' },
      { apiVersion: `${v2.group}/v1`, hostPort: 'example.com:80' },
    ]);
    const { status } = await cluster.client.resource(CUSTOM_RESOURCE_DEFINITIONS).get('', kind.name);
    expect(status?.storedVersions).toEqual(['v1', 'v2']);
  });

  it.skipIf(!hasKubectl)(covers('aggregator-supports-the-sample-apiserver'), async () => {
    const namespace = 'wardle';
    await cluster.client
      .resource({ group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace', namespaced: false })
      .create('', {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: namespace },
      });
    await cluster.client.resource(SERVICES).create(namespace, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'sample-api' },
      spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port: server.port }] },
    });
    const name = 'v1alpha1.wardle.example.com';
    const services = cluster.client.resource(API_SERVICES);
    await services.create('', {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name },
      spec: {
        group: 'wardle.example.com',
        version: 'v1alpha1',
        service: { namespace, name: 'sample-api', port: server.port },
        caBundle: server.caBundle,
        groupPriorityMinimum: 2000,
        versionPriority: 200,
      },
    });
    await eventually(async () => {
      const { status } = await services.get('', name);
      return status?.conditions?.some(({ type, status: is }) => type === 'Available' && is === 'True');
    });
    const { body: groups } = await cluster.call('GET', '/apis');
    expect(JSON.stringify(groups.groups)).toContain('"wardle.example.com/v1alpha1"');
    const resources = await cluster.kubectl(['api-resources', '--api-group', 'wardle.example.com']);
    expect(resources.stdout).toMatch(/flunders +wardle\.example\.com\/v1alpha1 +true +Flunder/);

    const flunder = { apiVersion: 'wardle.example.com/v1alpha1', kind: 'Flunder', metadata: { name: 'a-flunder' } };
    const input = JSON.stringify(flunder);
    const created = await cluster.kubectl(['create', '-n', namespace, '-f', '-', '--validate=false'], { input });
    expect(created.stdout).toBe('flunder.wardle.example.com/a-flunder created\n');
    const listed = await cluster.kubectl(['get', 'flunders', '-n', namespace, '-o', 'name']);
    expect(listed.stdout).toBe('flunder.wardle.example.com/a-flunder\n');
    const deleted = await cluster.kubectl(['delete', 'flunder', 'a-flunder', '-n', namespace, '--wait=false']);
    expect(deleted.stdout).toContain('flunder.wardle.example.com "a-flunder" deleted');
    expect(flunders.size).toBe(0);
    const post = asked.find(({ method }) => method === 'POST');
    expect(post).toMatchObject({ user: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] });

    await services.patch('', name, 'merge', { metadata: { labels: { e2e: 'patched' } } });
    const { items } = await services.list('', { labelSelector: 'e2e=patched' });
    expect(items.map(({ metadata }) => metadata.name)).toEqual([name]);
    const status = await cluster.call('GET', `/apis/apiregistration.k8s.io/v1/apiservices/${name}/status`);
    expect(status.body).toMatchObject({ status: { conditions: [{ type: 'Available', status: 'True' }] } });
    await services.deleteCollection('', { labelSelector: 'e2e=patched' });
    await eventually(async () => (await cluster.call('GET', '/apis/wardle.example.com/v1alpha1')).status === 404);
    expect((await cluster.call('GET', '/apis')).text).not.toContain('wardle');
  });
});
