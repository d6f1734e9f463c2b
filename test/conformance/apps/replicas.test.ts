// Deployments, ReplicaSets and ReplicationControllers: pods as many as wanted, of the template that is wanted.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  DEPLOYMENTS,
  PODS,
  REPLICA_SETS,
  REPLICATION_CONTROLLERS,
  RESOURCE_QUOTAS,
  type ResourceRef,
} from '../../../src/client/index.ts';
import type { KubeObject } from '../../../src/machinery/object.ts';
import type { Deployment, ReplicaSet } from '../../../src/resources/generated/apps-v1.ts';
import type { Pod, ReplicationController } from '../../../src/resources/generated/core-v1.ts';
import { covers } from '../covers.ts';
import { eventually, isRoot, maybe, podOf, type SimulatedCluster, soon, startSimulated } from '../simulated.ts';
import { checkCollection, checkScale, checkStatusSubresource, templateOf, untilStatus } from './common.ts';

const deployment = (name: string, spec: object = {}, labels: Record<string, string> = { app: name }): Deployment =>
  ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: { replicas: 1, selector: { matchLabels: labels }, template: templateOf(labels), ...spec },
  }) as Deployment;
const replicaSet = (name: string, spec: object = {}, labels: Record<string, string> = { app: name }): ReplicaSet =>
  ({ ...deployment(name, spec, labels), kind: 'ReplicaSet' }) as ReplicaSet;
const controller = (name: string, spec: object = {}): ReplicationController =>
  ({
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: { name, labels: { test: 'rc' } },
    spec: { replicas: 1, selector: { app: name }, template: templateOf({ app: name }), ...spec },
  }) as ReplicationController;
const DEPLOYMENT = { ref: DEPLOYMENTS, make: (name: string) => deployment(name) };
const REPLICA_SET = { ref: REPLICA_SETS, make: (name: string) => replicaSet(name) };
const CONTROLLER = { ref: REPLICATION_CONTROLLERS, make: (name: string) => controller(name) };

describe.skipIf(!isRoot)('replicated pods (the nodes of the cluster need root)', () => {
  let cluster: SimulatedCluster;
  beforeAll(async () => {
    cluster = await startSimulated();
  });
  afterAll(() => cluster?.stop());

  const deployments = () => cluster.client.resource(DEPLOYMENTS);
  const sets = () => cluster.client.resource(REPLICA_SETS);
  const controllers = () => cluster.client.resource(REPLICATION_CONTROLLERS);
  const pods = () => cluster.client.resource(PODS);
  const status = (ref: ResourceRef<KubeObject>, namespace: string, name: string, wanted: Record<string, unknown>) =>
    untilStatus(cluster.client, { ref, namespace, name }, wanted);
  const setsOf = async (namespace: string): Promise<ReplicaSet[]> => (await sets().list(namespace)).items;
  const image = (tag: string) => ({
    template: templateOf({ app: 'd' }, { containers: [{ name: 'c', image: `registry.test/i:${tag}` }] }),
  });
  const revisionOf = ({ metadata }: KubeObject): string | undefined =>
    metadata.annotations?.['deployment.kubernetes.io/revision'];
  const settled = (namespace: string, replicas: number) =>
    eventually(async () => {
      const { metadata, status: is } = await deployments().get(namespace, 'd');
      if (is?.observedGeneration !== metadata.generation) return false;
      return [is?.replicas, is?.updatedReplicas, is?.availableReplicas].every((n) => n === replicas);
    });

  it.concurrent(covers('Deployment, status sub-resource'), () => checkStatusSubresource(cluster, DEPLOYMENT));
  it.concurrent(covers('Deployment, completes the scaling of a Deployment subresource'), () =>
    checkScale(cluster, DEPLOYMENT),
  );
  it.concurrent(covers('ReplicaSet, status sub-resource'), () => checkStatusSubresource(cluster, REPLICA_SET));
  it.concurrent(covers('ReplicaSet, completes the scaling of a ReplicaSet subresource'), () =>
    checkScale(cluster, REPLICA_SET),
  );
  it.concurrent(covers('ReplicaSet, list and delete a collection of ReplicaSets'), () =>
    checkCollection(cluster, REPLICA_SET),
  );
  it.concurrent(covers('Replication Controller, get and update ReplicationController scale'), () =>
    checkScale(cluster, CONTROLLER),
  );

  it.concurrent(covers('Deployment RollingUpdate'), async () => {
    const namespace = await cluster.namespace();
    // An older ReplicaSet with matching pods is adopted, and replaced by the new one.
    const old = replicaSet('old', { replicas: 1, ...image('old') }, { app: 'd' });
    old.metadata.labels = { app: 'd' };
    old.metadata.annotations = { 'deployment.kubernetes.io/revision': '3546343826724305832' };
    await sets().create(namespace, old);
    await status(REPLICA_SETS, namespace, 'old', { readyReplicas: 1 });
    await deployments().create(namespace, deployment('d', image('new')));
    await settled(namespace, 1);
    expect(revisionOf(await deployments().get(namespace, 'd'))).toBe('3546343826724305833');
    const all = await setsOf(namespace);
    expect(all).toHaveLength(2);
    for (const { metadata } of all) expect(metadata.ownerReferences).toMatchObject([{ kind: 'Deployment', name: 'd' }]);
    await status(REPLICA_SETS, namespace, 'old', { replicas: 0 });
  });

  it.concurrent(covers('Deployment Recreate'), async () => {
    const namespace = await cluster.namespace();
    await deployments().create(namespace, deployment('d', { strategy: { type: 'Recreate' }, ...image('1') }));
    await settled(namespace, 1);
    const followed = cluster.follow(PODS, namespace);
    await deployments().patch(namespace, 'd', 'merge', { spec: image('2') });
    await settled(namespace, 1);
    const tagOf = (pod: Pod): string => pod.spec?.containers[0]?.image ?? '';
    const oldGone = followed.events.findIndex(({ type, object }) => type === 'DELETED' && tagOf(object).endsWith(':1'));
    const ended = followed.events.findIndex(
      ({ object }) => tagOf(object).endsWith(':1') && ['Succeeded', 'Failed'].includes(object.status?.phase ?? ''),
    );
    const newMade = followed.events.findIndex(({ object }) => tagOf(object).endsWith(':2'));
    expect(newMade).toBeGreaterThan(ended >= 0 ? Math.min(ended, oldGone) : oldGone);
    followed.stop();
  });

  it.concurrent(covers('Deployment RevisionHistoryLimit'), async () => {
    const namespace = await cluster.namespace();
    await deployments().create(namespace, deployment('d', { revisionHistoryLimit: 0, ...image('1') }));
    await settled(namespace, 1);
    for (const tag of ['2', '3']) {
      await deployments().patch(namespace, 'd', 'merge', { spec: image(tag) });
      await settled(namespace, 1);
    }
    await eventually(async () => (await setsOf(namespace)).length === 1);
    expect((await setsOf(namespace))[0]?.spec?.template?.spec?.containers[0]?.image).toBe('registry.test/i:3');
  });

  it.concurrent(covers('Deployment Rollover'), async () => {
    const namespace = await cluster.namespace();
    await deployments().create(namespace, deployment('d', { minReadySeconds: 1, ...image('1') }));
    // The second template never becomes ready; the third takes over before it is done.
    const stuck = templateOf(
      { app: 'd' },
      { containers: [{ name: 'c', image: 'i:2' }] },
      { annotations: { 'simulated.minke.dev/start-after-seconds': '600' } },
    );
    await deployments().patch(namespace, 'd', 'merge', { spec: { template: stuck } });
    await eventually(async () => (await setsOf(namespace)).length === 2);
    await deployments().patch(namespace, 'd', 'json', [
      { op: 'replace', path: '/spec/template', value: image('3').template },
    ]);
    await settled(namespace, 1);
    const all = await setsOf(namespace);
    expect(all).toHaveLength(3);
    const left = all.filter(({ spec }) => spec?.replicas !== 0);
    expect(left.map(({ spec }) => spec?.template?.spec?.containers[0]?.image)).toEqual(['registry.test/i:3']);
    expect(revisionOf(await deployments().get(namespace, 'd'))).toBe('3');
  });

  it.concurrent(covers('Deployment Proportional Scaling'), async () => {
    const namespace = await cluster.namespace();
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } };
    await deployments().create(namespace, deployment('d', { replicas: 10, strategy, ...image('1') }));
    await settled(namespace, 10);
    const [first] = await setsOf(namespace);
    const never = templateOf(
      { app: 'd' },
      { containers: [{ name: 'c', image: 'i:404' }] },
      { annotations: { 'simulated.minke.dev/start-after-seconds': '600' } },
    );
    await deployments().patch(namespace, 'd', 'merge', { spec: { template: never } });
    const replicas = async (): Promise<(number | undefined)[]> => {
      const all = await setsOf(namespace);
      const old = all.find(({ metadata }) => metadata.uid === first?.metadata.uid);
      const fresh = all.find(({ metadata }) => metadata.uid !== first?.metadata.uid);
      return [old?.spec?.replicas, fresh?.spec?.replicas];
    };
    await soon(async () => expect(await replicas()).toEqual([8, 5]));
    await deployments().patch(namespace, 'd', 'merge', { spec: { replicas: 30 } });
    await soon(async () => expect(await replicas()).toEqual([20, 13]));
  });

  it.concurrent(covers('Deployment, completes the lifecycle of a Deployment'), async () => {
    const namespace = await cluster.namespace();
    const followed = cluster.follow(DEPLOYMENTS, namespace);
    const labels = { 'test-deployment-static': 'true' };
    const made = deployment('d', image('1'));
    await deployments().create(namespace, { ...made, metadata: { name: 'd', labels } });
    await followed.until(({ type, object }) => type === 'MODIFIED' && object.status?.readyReplicas === 1);
    const patch = { metadata: { labels: { 'test-deployment': 'patched' } }, spec: { replicas: 2, ...image('2') } };
    await deployments().patch(namespace, 'd', 'strategic', patch);
    await followed.until(({ object }) => object.status?.readyReplicas === 2 && object.status.updatedReplicas === 2);
    const labelSelector = 'test-deployment-static=true';
    expect((await deployments().list('', { labelSelector })).items).toMatchObject([
      { metadata: { labels: { 'test-deployment': 'patched' } }, spec: { replicas: 2 } },
    ]);
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments/d/status`;
    const type = 'application/merge-patch+json';
    const patched = await cluster.call('PATCH', path, { status: { readyReplicas: 0, availableReplicas: 0 } }, { type });
    expect(patched).toMatchObject({ status: 200 });
    expect((await cluster.call('GET', path)).body).toMatchObject({ kind: 'Deployment', metadata: { name: 'd' } });
    // The controller puts it right.
    await status(DEPLOYMENTS, namespace, 'd', { readyReplicas: 2 });
    await deployments().deleteCollection(namespace, { labelSelector });
    await followed.until((event) => event.type === 'DELETED');
    followed.stop();
  });

  it.concurrent(covers('ReplicaSet, is created, Replaced and Patched'), async () => {
    const namespace = await cluster.namespace();
    const labels = { pod: 'httpd' };
    await sets().create(namespace, replicaSet('rs', {}, labels));
    await status(REPLICA_SETS, namespace, 'rs', { readyReplicas: 1 });
    await eventually(async () => {
      const found = await sets().get(namespace, 'rs');
      await sets().update({ ...found, spec: { ...found.spec, replicas: 2 } } as ReplicaSet);
      return true;
    });
    await status(REPLICA_SETS, namespace, 'rs', { readyReplicas: 2 });
    const spec = { replicas: 3, template: { spec: { terminationGracePeriodSeconds: 0 } } };
    await sets().patch(namespace, 'rs', 'strategic', { metadata: { labels: { 'test-rs': 'patched' } }, spec });
    await status(REPLICA_SETS, namespace, 'rs', { readyReplicas: 3 });
    const patched = await sets().get(namespace, 'rs');
    expect(patched).toMatchObject({ metadata: { labels: { 'test-rs': 'patched' } }, spec });
  });

  /** A pod without an owner becomes the controller's; one whose labels change becomes nobody's, and is made up for. */
  async function adoptsAndReleases(ref: ResourceRef<KubeObject>, owner: KubeObject): Promise<void> {
    const namespace = await cluster.namespace();
    const name = owner.metadata.name ?? '';
    const orphan = await pods().create(namespace, podOf('orphan', {}, { app: name }) as Pod);
    const made = await cluster.client.resource(ref).create(namespace, owner);
    const ownersOf = async () => (await pods().get(namespace, 'orphan')).metadata.ownerReferences;
    const owned = [{ kind: made.kind, uid: made.metadata.uid, controller: true }];
    await soon(async () => expect(await ownersOf()).toMatchObject(owned));
    expect((await pods().list(namespace)).items).toHaveLength(1);
    await pods().patch(namespace, 'orphan', 'strategic', { metadata: { labels: { app: 'elsewhere' } } });
    await soon(async () => expect(await ownersOf()).toBeUndefined());
    expect((await pods().get(namespace, 'orphan')).metadata.uid).toBe(orphan.metadata.uid);
    await eventually(async () => (await pods().list(namespace, { labelSelector: `app=${name}` })).items.length === 1);
  }
  it.concurrent(covers('Replica Set, adopt matching pods and release non matching pods'), () =>
    adoptsAndReleases(REPLICA_SETS, replicaSet('adopts')),
  );
  it.concurrent(covers('Replication Controller, adopt matching pods'), () =>
    adoptsAndReleases(REPLICATION_CONTROLLERS, controller('adopts')),
  );
  it.concurrent(covers('Replication Controller, release pods'), () =>
    adoptsAndReleases(REPLICATION_CONTROLLERS, controller('releases')),
  );

  it.concurrent(covers('Replication Controller, check for issues like exceeding allocated quota'), async () => {
    const namespace = await cluster.namespace();
    await cluster.client.resource(RESOURCE_QUOTAS).create(namespace, {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'q' },
      spec: { hard: { pods: '2' } },
    });
    await controllers().create(namespace, controller('rc', { replicas: 3 }));
    const failure = async () => {
      const { conditions = [] } = (await controllers().get(namespace, 'rc')).status ?? {};
      return conditions.find(({ type }) => type === 'ReplicaFailure');
    };
    await soon(async () => expect(await failure()).toMatchObject({ status: 'True', reason: 'FailedCreate' }));
    await controllers().patch(namespace, 'rc', 'merge', { spec: { replicas: 2 } });
    await soon(async () => expect(await failure()).toBeUndefined());
  });

  it.concurrent(covers('Replication Controller, lifecycle'), async () => {
    const namespace = await cluster.namespace();
    const followed = cluster.follow(REPLICATION_CONTROLLERS, namespace);
    await controllers().create(namespace, controller('rc'));
    await followed.until(({ object }) => object.status?.readyReplicas === 1);
    await controllers().patch(namespace, 'rc', 'strategic', { metadata: { labels: { 'test-rc': 'patched' } } });
    const patched = await followed.until(({ object }) => object.metadata.labels?.['test-rc'] === 'patched');
    expect(patched.type).toBe('MODIFIED');
    const path = `/api/v1/namespaces/${namespace}/replicationcontrollers/rc`;
    const type = 'application/strategic-merge-patch+json';
    await cluster.call('PATCH', `${path}/status`, { status: { readyReplicas: 0 } }, { type });
    await status(REPLICATION_CONTROLLERS, namespace, 'rc', { readyReplicas: 1 });
    expect((await cluster.call('GET', `${path}/status`)).body).toMatchObject({ metadata: { name: 'rc' } });
    await cluster.call('PATCH', `${path}/scale`, { spec: { replicas: 2 } }, { type: 'application/merge-patch+json' });
    await followed.until(({ object }) => object.status?.readyReplicas === 2);
    expect((await controllers().list('', { labelSelector: 'test-rc=patched' })).items).toHaveLength(1);
    await eventually(async () => {
      const found = await controllers().get(namespace, 'rc');
      await controllers().update({ ...found, spec: { ...found.spec, replicas: 3 } } as ReplicationController);
      return true;
    });
    await followed.until(({ object }) => object.status?.readyReplicas === 3);
    await controllers().deleteCollection(namespace, { labelSelector: 'test-rc=patched' });
    await followed.until((event) => event.type === 'DELETED');
    expect(await maybe(controllers().get(namespace, 'rc'))).toBeUndefined();
    followed.stop();
  });
});
