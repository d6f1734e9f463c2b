// What goes with what: the garbage collector under each propagation policy, and namespaces with all that is in them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  DEPLOYMENTS,
  NAMESPACES,
  PODS,
  REPLICA_SETS,
  REPLICATION_CONTROLLERS,
  SERVICES,
} from '../../../src/client/index.ts';
import type { Deployment } from '../../../src/resources/generated/apps-v1.ts';
import type { Namespace, Pod, ReplicationController } from '../../../src/resources/generated/core-v1.ts';
import { covers } from '../covers.ts';
import { eventually, isRoot, maybe, podOf, type SimulatedCluster, startSimulated } from '../simulated.ts';

const containers = [{ name: 'c', image: 'registry.test/pause' }];

describe.skipIf(!isRoot)('owners and namespaces (the nodes of the cluster need root)', () => {
  let cluster: SimulatedCluster;
  beforeAll(async () => {
    cluster = await startSimulated();
  });
  afterAll(() => cluster?.stop());

  const pods = () => cluster.client.resource(PODS);
  const controllers = () => cluster.client.resource(REPLICATION_CONTROLLERS);
  const podsIn = async (namespace: string): Promise<Pod[]> => (await pods().list(namespace)).items;
  const quiet = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

  async function controller(namespace: string, name: string, replicas: number): Promise<ReplicationController> {
    const made = await controllers().create(namespace, {
      apiVersion: 'v1',
      kind: 'ReplicationController',
      metadata: { name },
      spec: { replicas, selector: { name }, template: { metadata: { labels: { name } }, spec: { containers } } },
    });
    await eventually(async () => (await controllers().get(namespace, name)).status?.replicas === replicas);
    await eventually(async () => (await podsIn(namespace)).length >= replicas);
    return made;
  }

  it.concurrent(covers('Garbage Collector, delete replication controller, propagation policy background'), async () => {
    const namespace = await cluster.namespace();
    await controller(namespace, 'rc', 2);
    await controllers().delete(namespace, 'rc', { propagationPolicy: 'Background' });
    expect(await maybe(controllers().get(namespace, 'rc'))).toBeUndefined();
    await eventually(async () => (await podsIn(namespace)).length === 0);
  });

  it.concurrent(covers('Garbage Collector, delete replication controller, propagation policy orphan'), async () => {
    const namespace = await cluster.namespace();
    const { metadata } = await controller(namespace, 'rc', 10);
    const preconditions = { uid: metadata.uid ?? '' };
    await controllers().delete(namespace, 'rc', { propagationPolicy: 'Orphan', preconditions });
    await eventually(async () => (await maybe(controllers().get(namespace, 'rc'))) === undefined);
    await quiet(500);
    const left = await podsIn(namespace);
    expect(left).toHaveLength(10);
    for (const pod of left) expect(pod.metadata).not.toHaveProperty('ownerReferences');
  });

  it.concurrent(covers('Garbage Collector, delete replication controller, after owned pods'), async () => {
    const namespace = await cluster.namespace();
    await controller(namespace, 'rc', 12);
    const deletions = cluster.follow(PODS, namespace);
    const gone = cluster.follow(REPLICATION_CONTROLLERS, namespace);
    await controllers().delete(namespace, 'rc', { propagationPolicy: 'Foreground' });
    const dying = await maybe(controllers().get(namespace, 'rc'));
    if (dying !== undefined) expect(dying.metadata.finalizers).toContain('foregroundDeletion');
    const { object } = await gone.until(({ type }) => type === 'DELETED');
    await eventually(async () => deletions.events.filter(({ type }) => type === 'DELETED').length === 12);
    const last = Math.max(
      ...deletions.events
        .filter(({ type }) => type === 'DELETED')
        .map(({ object: pod }) => Number(pod.metadata.resourceVersion)),
    );
    expect(Number(object.metadata.resourceVersion)).toBeGreaterThan(last);
    for (const followed of [deletions, gone]) followed.stop();
  });

  const deployment = (name: string): Deployment => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers } },
    },
  });
  const sets = () => cluster.client.resource(REPLICA_SETS);

  async function deployed(namespace: string): Promise<void> {
    await cluster.client.resource(DEPLOYMENTS).create(namespace, deployment('d'));
    await eventually(async () => (await sets().list(namespace)).items.length === 1);
    await eventually(async () => (await podsIn(namespace)).length === 2);
  }

  it.concurrent(covers('Garbage Collector, delete deployment,  propagation policy background'), async () => {
    const namespace = await cluster.namespace();
    await deployed(namespace);
    await cluster.client.resource(DEPLOYMENTS).delete(namespace, 'd', { propagationPolicy: 'Background' });
    await eventually(async () => (await sets().list(namespace)).items.length === 0);
    await eventually(async () => (await podsIn(namespace)).length === 0);
  });

  it.concurrent(covers('Garbage Collector, delete deployment, propagation policy orphan'), async () => {
    const namespace = await cluster.namespace();
    await deployed(namespace);
    const deployments = cluster.client.resource(DEPLOYMENTS);
    await deployments.delete(namespace, 'd', { propagationPolicy: 'Orphan' });
    await eventually(async () => (await maybe(deployments.get(namespace, 'd'))) === undefined);
    await quiet(500);
    const [set, ...others] = (await sets().list(namespace)).items;
    expect(others).toEqual([]);
    expect(set?.metadata).not.toHaveProperty('ownerReferences');
    const left = await podsIn(namespace);
    expect(left).toHaveLength(2);
    for (const { metadata } of left) {
      expect(metadata).not.toHaveProperty('deletionTimestamp');
      expect(metadata.ownerReferences).toMatchObject([{ kind: 'ReplicaSet', uid: set?.metadata.uid }]);
    }
  });

  it.concurrent(covers('Garbage Collector, multiple owners'), async () => {
    const namespace = await cluster.namespace();
    await controller(namespace, 'to-be-deleted', 10);
    const stay = await controllers().create(namespace, {
      apiVersion: 'v1',
      kind: 'ReplicationController',
      metadata: { name: 'to-stay' },
      spec: {
        replicas: 0,
        selector: { name: 'to-stay' },
        template: { metadata: { labels: { name: 'to-stay' } }, spec: { containers } },
      },
    });
    const half = (await podsIn(namespace)).slice(0, 5);
    const { name = '', uid = '' } = stay.metadata;
    const owner = { apiVersion: 'v1', kind: 'ReplicationController', name, uid };
    for (const { metadata } of half) {
      const patch = { metadata: { ownerReferences: [owner] } };
      await pods().patch(namespace, metadata.name ?? '', 'strategic', patch);
    }
    await controllers().delete(namespace, 'to-be-deleted', { propagationPolicy: 'Foreground' });
    await eventually(async () => (await maybe(controllers().get(namespace, 'to-be-deleted'))) === undefined);
    await eventually(async () => (await podsIn(namespace)).length === 5);
    const left = await podsIn(namespace);
    expect(left.map(({ metadata }) => metadata.name)).toEqual(half.map(({ metadata }) => metadata.name));
    for (const { metadata } of left) {
      expect(metadata).not.toHaveProperty('deletionTimestamp');
      expect(metadata.ownerReferences).toMatchObject([{ name: 'to-stay' }]);
    }
  });

  it.concurrent(covers('Garbage Collector, dependency cycle'), async () => {
    const namespace = await cluster.namespace();
    const made: Pod[] = [];
    for (const name of ['pod1', 'pod2', 'pod3']) made.push(await pods().create(namespace, podOf(name) as Pod));
    const own = async (i: number, of: number): Promise<void> => {
      const { name = '', uid = '' } = made[of]?.metadata ?? {};
      const reference = { apiVersion: 'v1', kind: 'Pod', name, uid, controller: true, blockOwnerDeletion: true };
      await pods().patch(namespace, `pod${i + 1}`, 'strategic', { metadata: { ownerReferences: [reference] } });
    };
    await own(0, 2);
    await own(1, 0);
    await own(2, 1);
    await pods().delete(namespace, 'pod1', { propagationPolicy: 'Foreground' });
    await eventually(async () => (await podsIn(namespace)).length === 0);
  });

  const namespaces = () => cluster.client.resource(NAMESPACES);

  it.concurrent(covers('Namespace patching'), async () => {
    const name = await cluster.namespace();
    await namespaces().patch('', name, 'strategic', { metadata: { labels: { testLabel: 'testValue' } } });
    expect((await namespaces().get('', name)).metadata.labels).toEqual({
      'kubernetes.io/metadata.name': name,
      testLabel: 'testValue',
    });
  });

  it.concurrent(covers('Namespace, apply update to a namespace'), async () => {
    const name = await cluster.namespace();
    const found = await namespaces().get('', name);
    const labels = { ...found.metadata.labels, [name]: 'updated' };
    const updated = await namespaces().update({ ...found, metadata: { ...found.metadata, labels } });
    expect(updated.metadata.labels).toEqual(labels);
    expect((await namespaces().get('', name)).metadata.labels).toEqual(labels);
  });

  it.concurrent(covers('Namespace, apply changes to a namespace status'), async () => {
    const name = await cluster.namespace();
    const path = `/api/v1/namespaces/${name}/status`;
    const read = await cluster.call('GET', path);
    expect(read.body).toMatchObject({ kind: 'Namespace', status: { phase: 'Active' } });
    const condition = { type: 'StatusPatch', status: 'True', reason: 'E2E', message: 'Patched by an e2e test' };
    await namespaces().patch('', name, 'merge', { status: { conditions: [condition] } }, { subresource: 'status' });
    const patched = await namespaces().get('', name);
    expect(patched.status?.conditions).toMatchObject([condition]);
    const [first] = patched.status?.conditions ?? [];
    if (first === undefined) throw new Error('no condition');
    const more = { ...first, type: 'StatusUpdate', message: 'Updated by an e2e test' };
    const status = { ...patched.status, conditions: [first, more] };
    const updated = await namespaces().updateStatus({ ...patched, status });
    expect(updated.status?.conditions).toMatchObject([condition, { type: 'StatusUpdate' }]);
    expect(updated.status?.phase).toBe('Active');
  });

  it.concurrent(covers('Namespace, apply finalizer to a namespace'), async () => {
    const name = await cluster.namespace();
    const finalize = async (change: (finalizers: string[]) => string[]): Promise<Namespace> => {
      const found = await namespaces().get('', name);
      const finalizers = change(found.spec?.finalizers ?? []);
      const body = { ...found, spec: { ...found.spec, finalizers } };
      const answer = await cluster.call('PUT', `/api/v1/namespaces/${name}/finalize`, body);
      expect(answer.status).toBe(200);
      return answer.body as unknown as Namespace;
    };
    const fake = 'e2e.example.com/fakeFinalizer';
    expect((await finalize((all) => [...all, fake])).spec?.finalizers).toEqual(['kubernetes', fake]);
    expect((await namespaces().get('', name)).spec?.finalizers).toEqual(['kubernetes', fake]);
    expect((await finalize((all) => all.filter((one) => one !== fake))).spec?.finalizers).toEqual(['kubernetes']);
  });

  it.concurrent(covers('namespace-deletion-removes-pods'), async () => {
    const name = await cluster.namespace();
    await pods().create(name, podOf('p') as Pod);
    await eventually(async () => (await pods().get(name, 'p')).status?.phase === 'Running');
    await namespaces().delete('', name);
    await eventually(async () => (await maybe(namespaces().get('', name))) === undefined);
    await namespaces().create('', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    expect(await maybe(pods().get(name, 'p'))).toBeUndefined();
    expect(await podsIn(name)).toEqual([]);
  });

  it.concurrent(covers('namespace-deletion-removes-services'), async () => {
    const name = await cluster.namespace();
    const services = cluster.client.resource(SERVICES);
    await services.create(name, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 's' },
      spec: { selector: { foo: 'bar' }, ports: [{ port: 80 }] },
    });
    await namespaces().delete('', name);
    await eventually(async () => (await maybe(namespaces().get('', name))) === undefined);
    await namespaces().create('', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    expect((await services.list(name)).items).toEqual([]);
  });
});
