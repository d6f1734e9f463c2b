// @kubernetes/client-node, as it is, against a running server: typed calls, watch, informers, apply, exec, errors.
import { PassThrough } from 'node:stream';
import {
  AppsV1Api,
  CoreV1Api,
  Exec,
  KubeConfig,
  KubernetesObjectApi,
  makeInformer,
  PatchStrategy,
  type V1Pod,
  Watch,
} from 'client-node-for-tests';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestCluster, testCluster } from './cluster.ts';

const isRoot = process.getuid?.() === 0;

describe.skipIf(!isRoot)('@kubernetes/client-node (needs root for the data directory of the server)', () => {
  let cluster: TestCluster;
  let config: KubeConfig;
  let core: CoreV1Api;
  const namespace = 'default';
  const pod = (name: string): V1Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: { containers: [{ name: 'c', image: 'nginx' }] },
  });

  beforeAll(async () => {
    cluster = await testCluster();
    const up = await cluster.up('--runtime', 'simulated');
    expect(up, up.stderr).toMatchObject({ code: 0 });
    config = new KubeConfig();
    config.loadFromFile(`${cluster.dir}/kubeconfig`);
    core = config.makeApiClient(CoreV1Api);
  });

  afterAll(() => cluster?.remove(), 60_000);

  it('creates, reads, lists, patches and deletes', async () => {
    await core.createNamespacedPod({ namespace, body: pod('one') });
    expect((await core.readNamespacedPod({ namespace, name: 'one' })).spec?.containers[0]?.image).toBe('nginx');
    expect((await core.listNamespacedPod({ namespace, labelSelector: 'app=one' })).items).toHaveLength(1);
    await core.deleteNamespacedPod({ namespace, name: 'one', gracePeriodSeconds: 0 });
    await expect(core.readNamespacedPod({ namespace, name: 'nosuch' })).rejects.toMatchObject({ code: 404 });
  });

  it('watches what happens', async () => {
    const seen: string[] = [];
    const watch = new Watch(config);
    const list = await core.listNamespacedConfigMap({ namespace });
    const ended = new Promise<void>((resolve, reject) => {
      watch
        .watch(
          `/api/v1/namespaces/${namespace}/configmaps`,
          { resourceVersion: list.metadata?.resourceVersion },
          (phase) => {
            seen.push(phase);
            if (phase === 'DELETED') resolve();
          },
          (error: unknown) => (error === null ? resolve() : reject(error as Error)),
        )
        .catch(reject);
    });
    await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'w' }, data: { a: '1' } } });
    await core.replaceNamespacedConfigMap({
      namespace,
      name: 'w',
      body: { metadata: { name: 'w' }, data: { a: '2' } },
    });
    await core.deleteNamespacedConfigMap({ namespace, name: 'w' });
    await ended;
    expect(seen).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
  });

  it('keeps an informer up to date, and pods of the simulated runtime become Ready in it', async () => {
    const informer = makeInformer(config, `/api/v1/namespaces/${namespace}/pods`, () =>
      core.listNamespacedPod({ namespace }),
    );
    const ready = new Promise<void>((resolve) => {
      informer.on('update', (p: V1Pod) => {
        if (p.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') === true) resolve();
      });
    });
    await informer.start();
    await core.createNamespacedPod({ namespace, body: pod('informed') });
    await ready;
    await informer.stop();
    expect(informer.get('informed', namespace)?.status?.phase).toBe('Running');
  });

  it('applies server-side, also kinds it knows only by discovery', async () => {
    const objects = KubernetesObjectApi.makeApiClient(config);
    const map = (value: string) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'applied', namespace },
      data: { a: value },
    });
    for (const value of ['1', '2']) {
      await objects.patch(map(value), undefined, undefined, 'tester', true, PatchStrategy.ServerSideApply);
    }
    const read = await core.readNamespacedConfigMap({ namespace, name: 'applied' });
    expect(read.data).toEqual({ a: '2' });
    expect(read.metadata?.managedFields?.map((f) => [f.manager, f.operation])).toEqual([['tester', 'Apply']]);
  });

  it('scales a deployment whose pods then run', async () => {
    const apps = config.makeApiClient(AppsV1Api);
    await apps.createNamespacedDeployment({
      namespace,
      body: {
        metadata: { name: 'web' },
        spec: {
          replicas: 1,
          selector: { matchLabels: { app: 'web' } },
          template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'nginx' }] } },
        },
      },
    });
    const scaleTo = async (replicas: number): Promise<void> => {
      const scale = await apps.readNamespacedDeploymentScale({ namespace, name: 'web' });
      try {
        await apps.replaceNamespacedDeploymentScale({
          namespace,
          name: 'web',
          body: Object.assign(scale, { spec: { replicas } }),
        });
      } catch (error) {
        // The controller wrote the status in between: read again, as every client must.
        if ((error as { code?: number }).code !== 409) throw error;
        await scaleTo(replicas);
      }
    };
    await scaleTo(3);
    for (let i = 0; i < 100; i++) {
      const { status } = await apps.readNamespacedDeployment({ namespace, name: 'web' });
      if (status?.readyReplicas === 3) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error('the deployment never had three ready pods');
  });

  it('runs a command in a container', async () => {
    const exec = new Exec(config);
    const out = new PassThrough();
    const status = await new Promise<{ status?: string }>((resolve, reject) => {
      exec.exec(namespace, 'informed', 'c', ['true'], out, new PassThrough(), null, false, resolve).catch(reject);
    });
    expect(status.status).toBe('Success');
  });
});
