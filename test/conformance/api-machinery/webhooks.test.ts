// Admission webhooks: what they may refuse and change, when they are asked, and what happens when they do not answer.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CONFIG_MAPS,
  CUSTOM_RESOURCE_DEFINITIONS,
  MUTATING_WEBHOOK_CONFIGURATIONS,
  PODS,
  VALIDATING_WEBHOOK_CONFIGURATIONS,
} from '../../../src/client/index.ts';
import type { MutatingWebhook, ValidatingWebhook } from '../../../src/resources/generated/admissionregistration-v1.ts';
import type { ConfigMap, Pod } from '../../../src/resources/generated/core-v1.ts';
import { covers } from '../covers.ts';
import { eventually, hasKubectl, isRoot, podOf, type SimulatedCluster, startSimulated } from '../simulated.ts';
import { type Custom, customKind } from './custom.ts';
import { type Admission, type HookServer, review, startHookServer, type Verdict } from './hook-server.ts';

const wait = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

const DENIED = 'the webhook refuses what is offensive';
const isBad = (request: Admission): boolean =>
  request.object?.data?.['webhook-e2e-test'] === 'webhook-disallow' || request.object?.metadata.name === 'disallowed';
const addKey =
  (when: string, key: string) =>
  ({ object }: Admission): Verdict =>
    object?.data?.[when] === 'yes' ? { patch: [{ op: 'add', path: `/data/${key}`, value: 'yes' }] } : 'allow';

/** What the webhook under each path does. */
const JUDGES: Record<string, (request: Admission) => Promise<Verdict> | Verdict> = {
  '/deny-bad': (request) => (isBad(request) ? { deny: DENIED } : 'allow'),
  '/deny': () => ({ deny: DENIED }),
  '/mark': () => ({ patch: [{ op: 'add', path: '/data/marked', value: 'yes' }] }),
  '/first': addKey('mutation-start', 'mutation-stage-1'),
  '/second': addKey('mutation-stage-1', 'mutation-stage-2'),
  '/init-container': () => ({
    patch: [{ op: 'add', path: '/spec/initContainers', value: [{ name: 'added', image: 'registry.test/busybox' }] }],
  }),
  '/label': () => ({ patch: [{ op: 'add', path: '/metadata/labels', value: { changed: 'by-webhook' } }] }),
  '/slow': () => wait(1500).then(() => 'allow'),
};

describe.skipIf(!isRoot)('admission webhooks (the nodes of the cluster need root)', () => {
  let cluster: SimulatedCluster;
  let server: HookServer;
  const seen: { path: string; request: Admission }[] = [];
  beforeAll(async () => {
    server = await startHookServer((url, body) => {
      const path = new URL(url, 'https://h').pathname;
      seen.push({ path, request: body.request as Admission });
      const judge = JUDGES[path];
      return judge === undefined ? { status: 404, body: {} } : review(body, judge);
    });
    cluster = await startSimulated();
  });
  afterAll(async () => {
    await cluster?.stop();
    server?.stop();
  });

  interface Hook {
    readonly path: string;
    readonly resources: readonly string[];
    readonly operations?: readonly string[];
    readonly group?: string;
    /** Asked only about what is in this namespace. */
    readonly namespace?: string;
    /** Asked only about objects with this label. */
    readonly label?: string;
    readonly more?: Partial<MutatingWebhook>;
  }
  const hook = ({ path, resources, operations = ['CREATE', 'UPDATE'], group = '', namespace, label, more }: Hook) => ({
    name: `${path.slice(1)}.hooks.test`,
    clientConfig: { url: `${server.url}${path}`, caBundle: server.caBundle },
    rules: [{ apiGroups: [group], apiVersions: ['*'], resources: [...resources], operations: [...operations] }],
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    ...(namespace === undefined
      ? {}
      : { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } } }),
    ...(label === undefined ? {} : { objectSelector: { matchLabels: { [label]: 'yes' } } }),
    ...more,
  });
  const validating = (name: string, webhooks: ValidatingWebhook[], labels: Record<string, string> = {}) =>
    cluster.client.resource(VALIDATING_WEBHOOK_CONFIGURATIONS).create('', {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name, labels },
      webhooks,
    });
  const mutating = (name: string, webhooks: MutatingWebhook[], labels: Record<string, string> = {}) =>
    cluster.client.resource(MUTATING_WEBHOOK_CONFIGURATIONS).create('', {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name, labels },
      webhooks,
    });
  const maps = () => cluster.client.resource(CONFIG_MAPS);
  const configMap = (name: string, data: Record<string, string> = {}): ConfigMap => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name },
    data,
  });
  const refused = (path: string): RegExp =>
    new RegExp(`^admission webhook "${path}\\.hooks\\.test" denied the request: ${DENIED}$`);

  it.concurrent(covers('Admission webhook, discovery document'), async () => {
    const groups = await cluster.call('GET', '/apis');
    const name = 'admissionregistration.k8s.io';
    const groupVersion = `${name}/v1`;
    expect(groups.body.groups).toContainEqual(
      expect.objectContaining({ name, versions: expect.arrayContaining([{ groupVersion, version: 'v1' }]) as unknown }),
    );
    const group = await cluster.call('GET', `/apis/${name}`);
    expect(group.body.versions).toContainEqual({ groupVersion, version: 'v1' });
    const { body } = await cluster.call('GET', `/apis/${groupVersion}`);
    const names = (body.resources as { name: string }[]).map((resource) => resource.name);
    expect(names).toContain('mutatingwebhookconfigurations');
    expect(names).toContain('validatingwebhookconfigurations');
  });

  it.concurrent(covers('Admission webhook, deny create'), async () => {
    const namespace = await cluster.namespace();
    const resources = ['configmaps', 'pods'];
    await validating('deny-create', [hook({ path: '/deny-bad', resources, namespace })]);
    const bad = { 'webhook-e2e-test': 'webhook-disallow' };
    const pods = cluster.client.resource(PODS);
    await expect(pods.create(namespace, podOf('disallowed') as Pod)).rejects.toThrow(refused('deny-bad'));
    await expect(maps().create(namespace, configMap('bad', bad))).rejects.toThrow(refused('deny-bad'));
    const good = await maps().create(namespace, configMap('good'));
    await expect(maps().update({ ...good, data: bad })).rejects.toThrow(refused('deny-bad'));
    await expect(maps().patch(namespace, 'good', 'merge', { data: bad })).rejects.toThrow(refused('deny-bad'));
    expect((await maps().get(namespace, 'good')).data).toBeUndefined();
    const answer = await cluster.call('POST', `/api/v1/namespaces/${namespace}/configmaps`, configMap('bad', bad));
    expect(answer).toMatchObject({ status: 400, body: { kind: 'Status', status: 'Failure', code: 400 } });
    const elsewhere = await cluster.namespace();
    await maps().create(elsewhere, configMap('bad', bad));

    const hanging = await cluster.namespace();
    const slow = hook({ path: '/slow', resources: ['pods'], namespace: hanging, more: { timeoutSeconds: 1 } });
    await validating('deny-hanging', [slow]);
    await expect(pods.create(hanging, podOf('hangs') as Pod)).rejects.toThrow(/deadline|timeout/);
  });

  it.skipIf(!hasKubectl).concurrent(covers('Admission webhook, deny attach'), async () => {
    const namespace = await cluster.namespace();
    await validating('deny-attach', [
      hook({ path: '/deny', resources: ['pods/attach'], operations: ['CONNECT'], namespace }),
    ]);
    await cluster.client.resource(PODS).create(namespace, podOf('attached') as Pod);
    await eventually(
      async () => (await cluster.client.resource(PODS).get(namespace, 'attached')).status?.phase === 'Running',
    );
    const attach = await cluster.kubectl(['attach', '-n', namespace, 'attached', '-i', '-c', 'c']);
    expect(attach.code).not.toBe(0);
    expect(attach.stderr).toContain(DENIED);
    const { request } = seen.find((one) => one.request.namespace === namespace) ?? {};
    expect(request).toMatchObject({
      operation: 'CONNECT',
      name: 'attached',
      subResource: 'attach',
      kind: { group: '', version: 'v1', kind: 'PodAttachOptions' },
      object: { kind: 'PodAttachOptions', container: 'c' },
    });
  });

  it.concurrent(covers('Admission webhook, deny custom resource create and delete'), async () => {
    const namespace = await cluster.namespace();
    const kind = await customKind(cluster, 'denials');
    const { group } = kind.ref;
    const allowed = await kind.create(namespace, { metadata: { name: 'before' }, data: { key: 'value' } });
    const operations = ['CREATE', 'UPDATE', 'DELETE'];
    await validating('deny-custom', [hook({ path: '/deny', resources: ['*'], group, operations, namespace })]);
    await expect(kind.create(namespace, { metadata: { name: 'after' } })).rejects.toThrow(refused('deny'));
    const changed = { ...allowed, data: { key: 'other' } };
    await expect(cluster.client.resource(kind.ref).update(changed)).rejects.toThrow(refused('deny'));
    await expect(kind.patch(namespace, 'before', { data: { key: 'other' } })).rejects.toThrow(refused('deny'));
    await expect(cluster.client.resource(kind.ref).delete(namespace, 'before')).rejects.toThrow(refused('deny'));
    expect((await cluster.client.resource(kind.ref).get(namespace, 'before')).data).toEqual({ key: 'value' });
    await cluster.client.resource(VALIDATING_WEBHOOK_CONFIGURATIONS).delete('', 'deny-custom');
    await cluster.client.resource(kind.ref).delete(namespace, 'before');
  });

  it.concurrent(covers('Admission webhook, deny custom resource definition'), async () => {
    const label = 'deny-definition';
    await validating('deny-definition', [
      hook({
        path: '/deny',
        resources: ['customresourcedefinitions'],
        group: 'apiextensions.k8s.io',
        operations: ['CREATE'],
        label,
      }),
    ]);
    const refusal = customKind(cluster, 'refused', { labels: { [label]: 'yes' } });
    await expect(refusal).rejects.toThrow(refused('deny'));
    const definitions = cluster.client.resource(CUSTOM_RESOURCE_DEFINITIONS);
    await expect(definitions.get('', 'refused.refused.example.com')).rejects.toThrow(/not found/);
  });

  it.concurrent(covers('Admission webhook, honor timeout'), async () => {
    const namespace = await cluster.namespace();
    const hooks = cluster.client.resource(VALIDATING_WEBHOOK_CONFIGURATIONS);
    // The webhook takes one and a half seconds.
    const attempt = async (name: string, more: Partial<ValidatingWebhook>): Promise<string> => {
      const label = `timeout-${name}`;
      await validating(label, [hook({ path: '/slow', resources: ['configmaps'], namespace, label, more })]);
      const object = { ...configMap(name), metadata: { name, labels: { [label]: 'yes' } } };
      const outcome = await maps()
        .create(namespace, object)
        .then(
          () => 'made',
          (error: Error) => error.message,
        );
      await hooks.delete('', label);
      return outcome;
    };
    const [fail, ignore, long, standard] = await Promise.all([
      attempt('fail', { timeoutSeconds: 1, failurePolicy: 'Fail' }),
      attempt('ignore', { timeoutSeconds: 1, failurePolicy: 'Ignore' }),
      attempt('long', { timeoutSeconds: 10, failurePolicy: 'Fail' }),
      attempt('standard', { failurePolicy: 'Fail' }),
    ]);
    expect(fail).toBe(
      `Internal error occurred: failed calling webhook "slow.hooks.test": failed to call webhook: Post "${server.url}/slow?timeout=1s": context deadline exceeded`,
    );
    expect([ignore, long, standard]).toEqual(['made', 'made', 'made']);
  });

  it.concurrent(covers('Admission webhook, fail closed'), async () => {
    const namespace = await cluster.namespace();
    // Without the authority's certificate nobody believes the server.
    const clientConfig = { url: `${server.url}/mark` };
    const more = { clientConfig, failurePolicy: 'Fail' };
    const closed = await validating('fail-closed', [
      hook({ path: '/mark', resources: ['configmaps'], operations: ['*'], namespace, more }),
    ]);
    const object = await maps().create(await cluster.namespace(), configMap('free'));
    await expect(maps().create(namespace, configMap('closed'))).rejects.toMatchObject({
      reason: 'InternalError',
      message: `Internal error occurred: failed calling webhook "mark.hooks.test": failed to call webhook: Post "${server.url}/mark?timeout=10s": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
    });
    expect(object.metadata.name).toBe('free');
    await cluster.client.resource(VALIDATING_WEBHOOK_CONFIGURATIONS).delete('', closed.metadata.name ?? '');
    await maps().create(namespace, configMap('closed'));
  });

  it.concurrent(covers('Admission webhook, ordered mutation'), async () => {
    const namespace = await cluster.namespace();
    const resources = ['configmaps'];
    await mutating('ordered', [
      hook({ path: '/first', resources, namespace }),
      hook({ path: '/second', resources, namespace }),
    ]);
    const made = await maps().create(namespace, configMap('staged', { 'mutation-start': 'yes' }));
    expect(made.data).toEqual({ 'mutation-start': 'yes', 'mutation-stage-1': 'yes', 'mutation-stage-2': 'yes' });
    expect((await maps().get(namespace, 'staged')).data).toEqual(made.data);
  });

  it.concurrent(covers('Admission webhook, mutation with defaulting'), async () => {
    const namespace = await cluster.namespace();
    await mutating('defaulting', [hook({ path: '/init-container', resources: ['pods'], namespace })]);
    const pod = await cluster.client.resource(PODS).create(namespace, podOf('changed') as Pod);
    expect(pod.spec?.initContainers).toMatchObject([
      {
        name: 'added',
        image: 'registry.test/busybox',
        terminationMessagePolicy: 'File',
        terminationMessagePath: '/dev/termination-log',
        imagePullPolicy: 'Always',
      },
    ]);
  });

  const customData = (object: Custom) => object.data;

  it.concurrent(covers('Admission webhook, mutate custom resource'), async () => {
    const namespace = await cluster.namespace();
    const kind = await customKind(cluster, 'mutants');
    const { group } = kind.ref;
    await mutating('custom', [
      hook({ path: '/first', resources: ['mutants'], group, namespace }),
      hook({ path: '/second', resources: ['mutants'], group, namespace }),
    ]);
    const made = await kind.create(namespace, { metadata: { name: 'm' }, data: { 'mutation-start': 'yes' } });
    const all = { 'mutation-start': 'yes', 'mutation-stage-1': 'yes', 'mutation-stage-2': 'yes' };
    expect(customData(made)).toEqual(all);
  });

  it.concurrent(covers('Admission webhook, mutate custom resource with pruning'), async () => {
    const namespace = await cluster.namespace();
    const string = { type: 'string' };
    const data = { type: 'object', properties: { 'mutation-start': string, 'mutation-stage-1': string } };
    const kind = await customKind(cluster, 'prunes', { schema: { type: 'object', properties: { data } } });
    const { group } = kind.ref;
    await mutating('pruning', [
      hook({ path: '/first', resources: ['prunes'], group, namespace }),
      hook({ path: '/second', resources: ['prunes'], group, namespace }),
    ]);
    const made = await kind.create(namespace, { metadata: { name: 'm' }, data: { 'mutation-start': 'yes' } });
    expect(customData(made)).toEqual({ 'mutation-start': 'yes', 'mutation-stage-1': 'yes' });
    expect(seen.some(({ path, request }) => path === '/second' && request.namespace === namespace)).toBe(true);
  });

  it.concurrent(covers('Admission webhook, mutate custom resource with different stored version'), async () => {
    const namespace = await cluster.namespace();
    const kind = await customKind(cluster, 'movers', { versions: ['v1', 'v2'] });
    const { group } = kind.ref;
    await mutating('stored-version', [
      hook({ path: '/first', resources: ['movers'], group, namespace }),
      hook({ path: '/second', resources: ['movers'], group, namespace }),
    ]);
    await kind.create(namespace, { metadata: { name: 'm' }, data: { 'mutation-start': 'yes' } });
    await cluster.client.resource(CUSTOM_RESOURCE_DEFINITIONS).patch('', kind.name, 'json', [
      { op: 'replace', path: '/spec/versions/0/storage', value: false },
      { op: 'replace', path: '/spec/versions/1/storage', value: true },
    ]);
    const patched = await kind.patch(namespace, 'm', { data: { more: 'value' } });
    const all = { 'mutation-start': 'yes', 'mutation-stage-1': 'yes', 'mutation-stage-2': 'yes', more: 'value' };
    expect(customData(patched)).toEqual(all);
    const second = await cluster.client.resource({ ...kind.ref, version: 'v2' }).get(namespace, 'm');
    expect(second).toMatchObject({ apiVersion: `${group}/v2`, data: all });
  });

  it.concurrent(
    covers('Admission webhook, admission control not allowed on webhook configuration objects'),
    async () => {
      const group = 'admissionregistration.k8s.io';
      const resources = ['validatingwebhookconfigurations', 'mutatingwebhookconfigurations'];
      const operations = ['*'];
      await validating('zz-protect', [hook({ path: '/deny', resources, group, operations })]);
      await mutating('zz-change', [hook({ path: '/label', resources, group, operations })]);
      const namespace = await cluster.namespace();
      const dummies = [hook({ path: '/deny', resources: ['pods'], namespace })];
      expect((await validating('zz-dummy', dummies)).metadata.labels).toBeUndefined();
      expect((await mutating('zz-dummy', dummies)).metadata.labels).toBeUndefined();
      for (const ref of [VALIDATING_WEBHOOK_CONFIGURATIONS, MUTATING_WEBHOOK_CONFIGURATIONS]) {
        const configurations = cluster.client.resource<{ apiVersion: string; kind: string; metadata: object }>(ref);
        expect((await configurations.get('', 'zz-dummy')).metadata).not.toHaveProperty('labels');
        await configurations.delete('', 'zz-dummy');
      }
      await cluster.client.resource(VALIDATING_WEBHOOK_CONFIGURATIONS).delete('', 'zz-protect');
      await cluster.client.resource(MUTATING_WEBHOOK_CONFIGURATIONS).delete('', 'zz-change');
    },
  );

  it.concurrent(covers('Admission webhook, list validating webhooks'), async () => {
    const namespace = await cluster.namespace();
    const labels = { list: 'validating' };
    const names = Array.from({ length: 10 }, (_, i) => `listed-${i}`);
    const resources = ['configmaps'];
    await Promise.all(names.map((n) => validating(n, [hook({ path: '/deny', resources, namespace })], labels)));
    const configurations = cluster.client.resource(VALIDATING_WEBHOOK_CONFIGURATIONS);
    const labelSelector = 'list=validating';
    const { items } = await configurations.list('', { labelSelector });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(names);
    await expect(maps().create(namespace, configMap('a'))).rejects.toThrow(refused('deny'));
    await configurations.deleteCollection('', { labelSelector });
    expect((await configurations.list('', { labelSelector })).items).toEqual([]);
    await maps().create(namespace, configMap('a'));
  });

  it.concurrent(covers('Admission webhook, list mutating webhooks'), async () => {
    const namespace = await cluster.namespace();
    const labels = { list: 'mutating' };
    const names = Array.from({ length: 10 }, (_, i) => `listed-${i}`);
    const resources = ['configmaps'];
    await Promise.all(names.map((n) => mutating(n, [hook({ path: '/mark', resources, namespace })], labels)));
    const configurations = cluster.client.resource(MUTATING_WEBHOOK_CONFIGURATIONS);
    const labelSelector = 'list=mutating';
    const { items } = await configurations.list('', { labelSelector });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(names);
    const own = { own: 'data' };
    expect((await maps().create(namespace, configMap('a', own))).data).toEqual({ ...own, marked: 'yes' });
    await configurations.deleteCollection('', { labelSelector });
    expect((await configurations.list('', { labelSelector })).items).toEqual([]);
    expect((await maps().create(namespace, configMap('b', own))).data).toEqual(own);
  });

  it.concurrent(covers('Admission webhook, update validating webhook'), async () => {
    const namespace = await cluster.namespace();
    const resources = ['configmaps'];
    const made = await validating('updated', [hook({ path: '/deny', resources, namespace })]);
    const configurations = cluster.client.resource(VALIDATING_WEBHOOK_CONFIGURATIONS);
    await expect(maps().create(namespace, configMap('a'))).rejects.toThrow(refused('deny'));
    const [first] = made.webhooks ?? [];
    if (first === undefined) throw new Error('no webhook');
    const rules = [{ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['UPDATE'] }];
    await configurations.update({ ...made, webhooks: [{ ...first, rules }] });
    await maps().create(namespace, configMap('a'));
    const patch = [{ op: 'replace', path: '/webhooks/0/rules/0/operations', value: ['CREATE'] }];
    await configurations.patch('', 'updated', 'json', patch);
    await expect(maps().create(namespace, configMap('b'))).rejects.toThrow(refused('deny'));
  });

  it.concurrent(covers('Admission webhook, update mutating webhook'), async () => {
    const namespace = await cluster.namespace();
    const resources = ['configmaps'];
    const made = await mutating('updated', [hook({ path: '/mark', resources, namespace })]);
    const configurations = cluster.client.resource(MUTATING_WEBHOOK_CONFIGURATIONS);
    const [first] = made.webhooks ?? [];
    if (first === undefined) throw new Error('no webhook');
    const rules = [{ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['UPDATE'] }];
    await configurations.update({ ...made, webhooks: [{ ...first, rules }] });
    const own = { own: 'data' };
    expect((await maps().create(namespace, configMap('a', own))).data).toEqual(own);
    const patch = [{ op: 'replace', path: '/webhooks/0/rules/0/operations', value: ['CREATE'] }];
    await configurations.patch('', 'updated', 'json', patch);
    expect((await maps().create(namespace, configMap('b', own))).data).toEqual({ ...own, marked: 'yes' });
  });
});
