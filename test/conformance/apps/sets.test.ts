// DaemonSets and StatefulSets: a pod on every node, and pods with a name and an order of their own.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONTROLLER_REVISIONS, DAEMON_SETS, NODES, PODS, STATEFUL_SETS } from '../../../src/client/index.ts';
import type { JsonObject } from '../../../src/machinery/object.ts';
import type { ControllerRevision, DaemonSet, StatefulSet } from '../../../src/resources/generated/apps-v1.ts';
import type { Pod } from '../../../src/resources/generated/core-v1.ts';
import { covers } from '../covers.ts';
import { eventually, isRoot, maybe, podOf, type SimulatedCluster, soon, startSimulated } from '../simulated.ts';
import { checkCollection, checkScale, checkStatusSubresource, templateOf, untilStatus } from './common.ts';

const daemonSet = (name: string, spec: object = {}): DaemonSet =>
  ({
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name },
    spec: { selector: { matchLabels: { app: name } }, template: templateOf({ app: name }), ...spec },
  }) as DaemonSet;
const statefulSet = (name: string, spec: object = {}): StatefulSet =>
  ({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name },
    spec: { replicas: 1, serviceName: 'test', ...daemonSet(name).spec, ...spec },
  }) as StatefulSet;
const DAEMONS = { ref: DAEMON_SETS, make: (name: string) => daemonSet(name) };
const STATEFUL = { ref: STATEFUL_SETS, make: (name: string) => statefulSet(name) };
/** A template whose pods hold on to nothing, with this image. */
const withImage = (name: string, tag: string, annotations: Record<string, string> = {}) =>
  templateOf(
    { app: name },
    { containers: [{ name: 'c', image: `registry.test/i:${tag}` }], terminationGracePeriodSeconds: 0 },
    { annotations },
  );
/** Containers of such pods do not start. */
const STUCK = { 'simulated.minke.dev/start-error': 'no such thing' };

describe.skipIf(!isRoot)('sets of pods (the nodes of the cluster need root)', () => {
  let cluster: SimulatedCluster;
  beforeAll(async () => {
    cluster = await startSimulated();
  });
  afterAll(() => cluster?.stop());

  const daemons = () => cluster.client.resource(DAEMON_SETS);
  const stateful = () => cluster.client.resource(STATEFUL_SETS);
  const pods = () => cluster.client.resource(PODS);
  const podsIn = async (namespace: string): Promise<Pod[]> => (await pods().list(namespace)).items;
  const tagOf = (pod: Pod): string => pod.spec?.containers[0]?.image?.split(':')[1] ?? '';
  const tags = async (namespace: string): Promise<string> => (await podsIn(namespace)).map(tagOf).join();
  const onAll = (namespace: string) =>
    untilStatus(
      cluster.client,
      { ref: DAEMON_SETS, namespace, name: 'd' },
      { numberReady: 2, desiredNumberScheduled: 2 },
    );

  it.concurrent(covers('DaemonSet, status sub-resource'), () => checkStatusSubresource(cluster, DAEMONS));
  it.concurrent(covers('DaemonSet, list and delete a collection of DaemonSets'), () =>
    checkCollection(cluster, DAEMONS),
  );
  it.concurrent(covers('StatefulSet, status sub-resource'), () => checkStatusSubresource(cluster, STATEFUL));
  it.concurrent(covers('StatefulSet resource Replica scaling'), () => checkScale(cluster, STATEFUL));
  it.concurrent(covers('StatefulSet, list, patch and delete a collection of StatefulSets'), () =>
    checkCollection(cluster, STATEFUL),
  );

  it.concurrent(covers('DaemonSet-Creation'), async () => {
    const namespace = await cluster.namespace();
    await daemons().create(namespace, daemonSet('d'));
    await onAll(namespace);
    const made = await podsIn(namespace);
    expect(made.map(({ spec }) => spec?.nodeName).toSorted()).toEqual(['node-1', 'node-2']);
    await pods().delete(namespace, made[0]?.metadata.name ?? '', { gracePeriodSeconds: 0 });
    await eventually(async () => {
      const now = await podsIn(namespace);
      return now.length === 2 && !now.some(({ metadata }) => metadata.uid === made[0]?.metadata.uid);
    });
    await onAll(namespace);
  });

  it.concurrent(covers('DaemonSet-FailedPodCreation'), async () => {
    const namespace = await cluster.namespace();
    await daemons().create(namespace, daemonSet('d'));
    await onAll(namespace);
    const [first] = await podsIn(namespace);
    await pods().patch(
      namespace,
      first?.metadata.name ?? '',
      'merge',
      { status: { phase: 'Failed' } },
      { subresource: 'status' },
    );
    await eventually(
      async () => !(await podsIn(namespace)).some(({ metadata }) => metadata.uid === first?.metadata.uid),
    );
    await onAll(namespace);
  });

  it(covers('DaemonSet-NodeSelection'), async () => {
    const namespace = await cluster.namespace();
    const nodes = cluster.client.resource(NODES);
    const color = (value: string | null) =>
      nodes.patch('', 'node-1', 'merge', { metadata: { labels: { color: value } } });
    const selecting = (value: string) => templateOf({ app: 'd' }, { nodeSelector: { color: value } });
    await daemons().create(
      namespace,
      daemonSet('d', { template: selecting('blue'), updateStrategy: { type: 'RollingUpdate' } }),
    );
    await untilStatus(
      cluster.client,
      { ref: DAEMON_SETS, namespace, name: 'd' },
      { observedGeneration: 1, desiredNumberScheduled: 0 },
    );
    expect(await podsIn(namespace)).toEqual([]);
    await color('blue');
    await eventually(async () => (await podsIn(namespace)).map(({ spec }) => spec?.nodeName).join() === 'node-1');
    await color('green');
    await eventually(async () => (await podsIn(namespace)).length === 0);
    await daemons().patch(namespace, 'd', 'merge', { spec: { template: selecting('green') } });
    await eventually(async () => (await podsIn(namespace)).map(({ spec }) => spec?.nodeName).join() === 'node-1');
    await color(null);
  });

  it.concurrent(covers('DaemonSet-RollingUpdate'), async () => {
    const namespace = await cluster.namespace();
    await daemons().create(namespace, daemonSet('d', { template: withImage('d', '1') }));
    await onAll(namespace);
    await daemons().patch(namespace, 'd', 'merge', { spec: { template: withImage('d', '2') } });
    await eventually(async () => (await tags(namespace)) === '2,2');
    await onAll(namespace);
    const revisions = (await cluster.client.resource(CONTROLLER_REVISIONS).list(namespace)).items;
    expect(revisions.map(({ revision }) => revision).toSorted()).toEqual([1, 2]);
    const hashes = new Set(
      (await podsIn(namespace)).map(({ metadata }) => metadata.labels?.['controller-revision-hash']),
    );
    const current = revisions.find(({ revision }) => revision === 2);
    expect([...hashes]).toEqual([current?.metadata.labels?.['controller-revision-hash']]);
  });

  it.concurrent(covers('DaemonSet-Rollback'), async () => {
    const namespace = await cluster.namespace();
    await daemons().create(namespace, daemonSet('d', { template: withImage('d', '1') }));
    await onAll(namespace);
    const before = await podsIn(namespace);
    // One pod is taken for the new template, which never runs; the others wait.
    await daemons().patch(namespace, 'd', 'merge', { spec: { template: withImage('d', 'bad', STUCK) } });
    await eventually(async () => (await tags(namespace)).includes('bad'));
    const kept = before.filter(({ metadata }) => metadata.uid !== undefined);
    const survivors = (await podsIn(namespace)).filter((pod) => tagOf(pod) === '1');
    expect(survivors).toHaveLength(1);
    const template = [{ op: 'replace', path: '/spec/template', value: withImage('d', '1') }];
    await daemons().patch(namespace, 'd', 'json', template);
    await eventually(async () => (await tags(namespace)) === '1,1');
    await onAll(namespace);
    const after = await podsIn(namespace);
    const uids = after.map(({ metadata }) => metadata.uid);
    expect(uids).toContain(survivors[0]?.metadata.uid);
    expect(kept.filter(({ metadata }) => uids.includes(metadata.uid))).toHaveLength(1);
    const found = after.find(({ metadata }) => metadata.uid === survivors[0]?.metadata.uid);
    expect(found?.status?.containerStatuses?.[0]?.restartCount).toBe(0);
  });

  it.concurrent(covers('ControllerRevision, resource lifecycle'), async () => {
    const namespace = await cluster.namespace();
    const revisions = () => cluster.client.resource(CONTROLLER_REVISIONS);
    const labelled = templateOf({ app: 'd', 'daemonset-name': 'd' });
    const selector = { matchLabels: { app: 'd', 'daemonset-name': 'd' } };
    await daemons().create(namespace, daemonSet('d', { selector, template: labelled }));
    await onAll(namespace);
    const labelSelector = 'daemonset-name=d';
    const all = async (): Promise<ControllerRevision[]> => (await revisions().list('', { labelSelector })).items;
    const [first, ...none] = await all();
    expect(none).toEqual([]);
    if (first === undefined) throw new Error('no revision');
    const patched = await revisions().patch(namespace, first.metadata.name ?? '', 'strategic', {
      metadata: { labels: { [first.metadata.name ?? '']: 'patched' } },
    });
    expect(patched.metadata.labels).toHaveProperty([first.metadata.name ?? ''], 'patched');
    const { ownerReferences = [], labels = {} } = first.metadata;
    const hash = `${first.metadata.name}-2`;
    await revisions().create(namespace, {
      apiVersion: 'apps/v1',
      kind: 'ControllerRevision',
      metadata: { name: hash, labels, ownerReferences },
      data: first.data,
      revision: 2,
    } as ControllerRevision);
    expect(await all()).toHaveLength(2);
    await revisions().delete(namespace, first.metadata.name ?? '');
    await eventually(async () => (await all()).every(({ metadata }) => metadata.uid !== first.metadata.uid));
    await eventually(async () => {
      const [one] = await all();
      if (one === undefined) return false;
      const metadata = { ...one.metadata, labels: { ...one.metadata.labels, updated: 'yes' } };
      return (await revisions().update({ ...one, metadata })).metadata.labels?.updated === 'yes';
    });
    await daemons().patch(namespace, 'd', 'strategic', {
      spec: { template: { spec: { terminationGracePeriodSeconds: 1 } } },
    });
    await eventually(async () => (await all()).length >= 2);
    await revisions().deleteCollection(namespace, { labelSelector: 'updated=yes' });
    await eventually(async () => !(await all()).some(({ metadata }) => metadata.labels?.updated === 'yes'));
  });

  const names = async (namespace: string): Promise<string> =>
    (await podsIn(namespace))
      .map(({ metadata }) => metadata.name)
      .toSorted()
      .join();
  const ready = (namespace: string, n: number) =>
    untilStatus(cluster.client, { ref: STATEFUL_SETS, namespace, name: 's' }, { replicas: n, readyReplicas: n });
  /** Makes a pod Ready or not, with no say of its node. */
  const gate = { readinessGates: [{ conditionType: 'test/ok' }] };
  const open = (namespace: string, name: string, status: 'True' | 'False') => {
    const condition = { type: 'test/ok', status, lastTransitionTime: '2026-01-02T03:04:05Z' };
    return pods().patch(
      namespace,
      name,
      'strategic',
      { status: { conditions: [condition] } },
      { subresource: 'status' },
    );
  };

  it.concurrent(covers('StatefulSet, Scaling'), async () => {
    const namespace = await cluster.namespace();
    await stateful().create(namespace, statefulSet('s', { template: templateOf({ app: 's' }, gate) }));
    const followed = cluster.follow(PODS, namespace);
    await eventually(async () => (await names(namespace)) === 's-0');
    await open(namespace, 's-0', 'True');
    await ready(namespace, 1);
    await open(namespace, 's-0', 'False');
    await stateful().patch(namespace, 's', 'merge', { spec: { replicas: 3 } });
    await soon(async () => expect((await stateful().get(namespace, 's')).status?.observedGeneration).toBe(2));
    expect(await names(namespace)).toBe('s-0');
    await open(namespace, 's-0', 'True');
    for (const [i, name] of ['s-1', 's-2'].entries()) {
      await eventually(async () => (await podsIn(namespace)).length === i + 2);
      await open(namespace, name, 'True');
    }
    await ready(namespace, 3);
    await open(namespace, 's-0', 'False');
    await eventually(async () => (await stateful().get(namespace, 's')).status?.readyReplicas === 2);
    await stateful().patch(namespace, 's', 'merge', { spec: { replicas: 0 } });
    await soon(async () => expect((await stateful().get(namespace, 's')).status?.observedGeneration).toBe(3));
    expect(await names(namespace)).toBe('s-0,s-1,s-2');
    await open(namespace, 's-0', 'True');
    await eventually(async () => (await podsIn(namespace)).length === 0);
    const order = (wanted: string) =>
      followed.events.filter(({ type }) => type === wanted).map(({ object }) => object.metadata.name);
    await soon(async () => expect(order('DELETED')).toEqual(['s-2', 's-1', 's-0']));
    expect(order('ADDED')).toEqual(['s-0', 's-1', 's-2']);
    followed.stop();
  });

  it.concurrent(covers('StatefulSet, Burst Scaling'), async () => {
    const namespace = await cluster.namespace();
    const template = templateOf({ app: 's' }, gate);
    await stateful().create(namespace, statefulSet('s', { template, podManagementPolicy: 'Parallel' }));
    await eventually(async () => (await names(namespace)) === 's-0');
    await stateful().patch(namespace, 's', 'merge', { spec: { replicas: 3 } });
    await eventually(async () => (await names(namespace)) === 's-0,s-1,s-2');
    expect((await stateful().get(namespace, 's')).status?.readyReplicas ?? 0).toBe(0);
    await stateful().patch(namespace, 's', 'merge', { spec: { replicas: 0 } });
    await eventually(async () => (await podsIn(namespace)).length === 0);
  });

  it.concurrent(covers('StatefulSet, Recreate Failed Pod'), async () => {
    const namespace = await cluster.namespace();
    const ports = [{ containerPort: 21017, hostPort: 21017 }];
    const containers = [{ name: 'c', image: 'registry.test/i', ports }];
    const placed = { containers, nodeName: 'node-1' };
    await pods().create(namespace, podOf('in-the-way', placed) as Pod);
    await eventually(async () => (await pods().get(namespace, 'in-the-way')).status?.phase === 'Running');
    const followed = cluster.follow(PODS, namespace, { fieldSelector: 'metadata.name=s-0' });
    await stateful().create(
      namespace,
      statefulSet('s', { template: templateOf({ app: 's' }, placed as unknown as JsonObject) }),
    );
    const failed = await followed.until(({ object }) => object.status?.phase === 'Failed');
    await followed.until(
      ({ type, object }) => type === 'DELETED' && object.metadata.uid === failed.object.metadata.uid,
    );
    await pods().delete(namespace, 'in-the-way', { gracePeriodSeconds: 0 });
    await ready(namespace, 1);
    followed.stop();
  });

  const rolling = (partition: number) => ({ type: 'RollingUpdate', rollingUpdate: { partition } });
  const tagsByName = async (namespace: string): Promise<string> =>
    (await podsIn(namespace))
      .toSorted((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1))
      .map(tagOf)
      .join();

  it.concurrent(covers('StatefulSet, Rolling Update with Partition'), async () => {
    const namespace = await cluster.namespace();
    const spec = { replicas: 3, template: withImage('s', '1'), updateStrategy: rolling(3) };
    await stateful().create(namespace, statefulSet('s', spec));
    await ready(namespace, 3);
    await stateful().patch(namespace, 's', 'merge', { spec: { template: withImage('s', '2') } });
    await eventually(async () => {
      const { status } = await stateful().get(namespace, 's');
      return status?.updateRevision !== status?.currentRevision;
    });
    expect(await tagsByName(namespace)).toBe('1,1,1');
    await stateful().patch(namespace, 's', 'merge', { spec: { updateStrategy: rolling(2) } });
    await eventually(async () => (await tagsByName(namespace)) === '1,1,2');
    await ready(namespace, 3);
    // What is deleted comes back as what the partition wants it to be.
    for (const name of ['s-0', 's-2']) await pods().delete(namespace, name, { gracePeriodSeconds: 0 });
    await eventually(async () => (await names(namespace)) === 's-0,s-1,s-2');
    await ready(namespace, 3);
    expect(await tagsByName(namespace)).toBe('1,1,2');
    await stateful().patch(namespace, 's', 'merge', { spec: { updateStrategy: rolling(0) } });
    await eventually(async () => (await tagsByName(namespace)) === '2,2,2');
    await eventually(async () => {
      const { status } = await stateful().get(namespace, 's');
      return status?.updateRevision === status?.currentRevision;
    });
  });

  it.concurrent(covers('StatefulSet, Rolling Update'), async () => {
    const namespace = await cluster.namespace();
    await stateful().create(namespace, statefulSet('s', { replicas: 3, template: withImage('s', '1') }));
    await ready(namespace, 3);
    const { status: before } = await stateful().get(namespace, 's');
    expect(before?.updateRevision).toBe(before?.currentRevision);
    const followed = cluster.follow(PODS, namespace);
    const settle = () =>
      eventually(async () => {
        const { status, metadata } = await stateful().get(namespace, 's');
        const done = status?.updateRevision === status?.currentRevision && status?.updatedReplicas === 3;
        return done && status?.observedGeneration === metadata.generation && status?.readyReplicas === 3;
      });
    await stateful().patch(namespace, 's', 'merge', { spec: { template: withImage('s', '2') } });
    await eventually(async () => (await tagsByName(namespace)) === '2,2,2');
    await settle();
    const deleted = followed.events.filter(({ type }) => type === 'DELETED').map(({ object }) => object.metadata.name);
    expect(deleted).toEqual(['s-2', 's-1', 's-0']);
    const template = [{ op: 'replace', path: '/spec/template', value: withImage('s', '1') }];
    await stateful().patch(namespace, 's', 'json', template);
    await eventually(async () => (await tagsByName(namespace)) === '1,1,1');
    await settle();
    const { status: after } = await stateful().get(namespace, 's');
    expect(after?.currentRevision).toBe(before?.currentRevision);
    expect((await cluster.client.resource(CONTROLLER_REVISIONS).list(namespace)).items).toHaveLength(2);
    expect(await maybe(pods().get(namespace, 's-3'))).toBeUndefined();
    followed.stop();
  });
});
