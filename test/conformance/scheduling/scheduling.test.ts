// The scheduler: resources, selectors, host ports, priorities and preemption; and what LimitRanges make of pods.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LIMIT_RANGES, NODES, PODS, PRIORITY_CLASSES, REPLICA_SETS } from '../../../src/client/index.ts';
import type { JsonObject } from '../../../src/machinery/object.ts';
import type { ReplicaSet } from '../../../src/resources/generated/apps-v1.ts';
import type { LimitRange, Pod } from '../../../src/resources/generated/core-v1.ts';
import type { PriorityClass } from '../../../src/resources/generated/scheduling-v1.ts';
import { covers } from '../covers.ts';
import { eventually, isRoot, maybe, podOf, type SimulatedCluster, soon, startSimulated } from '../simulated.ts';

/** Five of it on every node, so that a test can use it up. */
const SCARCE = 'example.com/scarce';

describe.skipIf(!isRoot)('scheduling (the nodes of the cluster need root)', () => {
  let cluster: SimulatedCluster;
  beforeAll(async () => {
    cluster = await startSimulated();
    for (const name of ['node-1', 'node-2']) await grant(name, '5');
    for (const [name, value] of [
      ['low', 1],
      ['high', 1000],
    ] as const)
      await priorityClass(name, value);
  });
  afterAll(() => cluster?.stop());

  const pods = () => cluster.client.resource(PODS);
  const grant = (node: string, amount: string) => {
    const status = { capacity: { [SCARCE]: amount }, allocatable: { [SCARCE]: amount } };
    return cluster.client.resource(NODES).patch('', node, 'strategic', { status }, { subresource: 'status' });
  };
  const priorityClass = (name: string, value: number): Promise<PriorityClass> =>
    cluster.client.resource(PRIORITY_CLASSES).create('', {
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name },
      value,
    });
  const container = (resources: JsonObject = {}, more: JsonObject = {}) => ({
    containers: [{ name: 'c', image: 'registry.test/i', resources, ...more }],
  });
  const wants = (amount: number, more: JsonObject = {}) => ({
    ...container({ requests: { [SCARCE]: String(amount) }, limits: { [SCARCE]: String(amount) } }),
    ...more,
  });
  const make = (namespace: string, name: string, spec: JsonObject) =>
    pods().create(namespace, podOf(name, spec) as Pod);
  const running = (namespace: string, name: string): Promise<Pod> =>
    eventually(async () => {
      const pod = await pods().get(namespace, name);
      return pod.status?.phase === 'Running' && pod;
    });
  const refused = (namespace: string, name: string, why: RegExp) =>
    soon(async () => {
      const { status } = await pods().get(namespace, name);
      const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled');
      expect(scheduled).toMatchObject({ status: 'False', reason: 'Unschedulable' });
      expect(scheduled?.message).toMatch(why);
    });

  it.concurrent(covers('Scheduler, node selector not matching'), async () => {
    const namespace = await cluster.namespace();
    await make(namespace, 'p', { nodeSelector: { label: 'nonempty' } });
    await refused(namespace, 'p', /^0\/2 nodes are available: 2 node\(s\) didn't match Pod's node affinity\/selector/);
  });

  it.concurrent(covers('Scheduler, node selector matching'), async () => {
    const namespace = await cluster.namespace();
    const key = 'kubernetes.io/e2e-test';
    await cluster.client.resource(NODES).patch('', 'node-2', 'strategic', { metadata: { labels: { [key]: '42' } } });
    await make(namespace, 'p', { nodeSelector: { [key]: '42' } });
    expect((await running(namespace, 'p')).spec?.nodeName).toBe('node-2');
  });

  it.concurrent(covers('Scheduler, resource limits'), async () => {
    const namespace = await cluster.namespace();
    await make(namespace, 'p', container({ requests: { cpu: '100000' } }));
    await refused(namespace, 'p', /^0\/2 nodes are available: 2 Insufficient cpu/);
  });

  it.concurrent(
    covers('Scheduling, HostPort and Protocol match, HostIPs different but one is default HostIP (0.0.0.0)'),
    async () => {
      const namespace = await cluster.namespace();
      const on = (hostIP: string) => ({
        ...container(
          {},
          { ports: [{ containerPort: 80, hostPort: 54322, protocol: 'TCP', ...(hostIP === '' ? {} : { hostIP }) }] },
        ),
        nodeSelector: { 'kubernetes.io/hostname': 'node-1' },
      });
      await make(namespace, 'first', on(''));
      await running(namespace, 'first');
      await make(namespace, 'second', on('127.0.0.1'));
      await refused(namespace, 'second', /1 node\(s\) didn't have free ports for the requested pod ports/);
    },
  );

  it.concurrent(covers('Scheduler, Verify PriorityClass endpoints'), async () => {
    const classes = cluster.client.resource(PRIORITY_CLASSES);
    const one = await priorityClass('p1', 5);
    const two = await priorityClass('p2', 6);
    const names = (await classes.list('')).items.map(({ metadata }) => metadata.name);
    expect(names).toEqual(expect.arrayContaining(['p1', 'p2', 'system-node-critical', 'system-cluster-critical']));
    for (const { metadata, value } of [one, two]) {
      const name = metadata.name ?? '';
      expect((await classes.patch('', name, 'merge', { description: 'patched' })).description).toBe('patched');
      await expect(classes.patch('', name, 'merge', { value: (value ?? 0) + 1 })).rejects.toMatchObject({
        reason: 'Invalid',
      });
      const found = await classes.get('', name);
      expect((await classes.update({ ...found, description: 'updated' })).description).toBe('updated');
      const changed = classes.update({ ...(await classes.get('', name)), value: 99 });
      await expect(changed).rejects.toMatchObject({ reason: 'Invalid' });
      expect(await classes.get('', name)).toMatchObject({ value, description: 'updated' });
    }
  });

  const range = (namespace: string, spec: NonNullable<LimitRange['spec']>, labels = {}, name = 'limits') =>
    cluster.client.resource(LIMIT_RANGES).create(namespace, {
      apiVersion: 'v1',
      kind: 'LimitRange',
      metadata: { name, labels },
      spec,
    });
  const LIMITS = {
    limits: [
      {
        type: 'Container',
        min: { cpu: '50m', memory: '100Mi' },
        max: { cpu: '500m', memory: '500Mi' },
        defaultRequest: { cpu: '100m', memory: '200Mi' },
        default: { cpu: '300m', memory: '400Mi' },
      },
    ],
  };

  it.concurrent(covers('LimitRange, resources'), async () => {
    const namespace = await cluster.namespace();
    const ranges = cluster.client.resource(LIMIT_RANGES);
    const followed = cluster.follow(LIMIT_RANGES, namespace);
    await range(namespace, LIMITS);
    await followed.until(({ type }) => type === 'ADDED');
    const resourcesOf = async (name: string, resources: JsonObject) =>
      (await make(namespace, name, container(resources))).spec?.containers[0]?.resources;
    expect(await resourcesOf('none', {})).toEqual({
      requests: { cpu: '100m', memory: '200Mi' },
      limits: { cpu: '300m', memory: '400Mi' },
    });
    expect(await resourcesOf('partial', { requests: { cpu: '100m' }, limits: { memory: '300Mi' } })).toEqual({
      requests: { cpu: '100m', memory: '300Mi' },
      limits: { cpu: '300m', memory: '300Mi' },
    });
    await expect(resourcesOf('small', { requests: { cpu: '10m', memory: '50Mi' } })).rejects.toMatchObject({
      reason: 'Forbidden',
      message:
        'pods "small" is forbidden: [minimum cpu usage per Container is 50m, but request is 10m, minimum memory usage per Container is 100Mi, but request is 50Mi]',
    });
    await expect(resourcesOf('large', { limits: { cpu: '600m' } })).rejects.toThrow(
      /maximum cpu usage per Container is 500m, but limit is 600m/,
    );
    await ranges.patch(namespace, 'limits', 'json', [
      { op: 'replace', path: '/spec/limits/0/min', value: { cpu: '9m', memory: '49Mi' } },
    ]);
    await followed.until(({ type }) => type === 'MODIFIED');
    expect(await resourcesOf('small', { requests: { cpu: '10m', memory: '50Mi' } })).toMatchObject({
      requests: { cpu: '10m' },
    });
    await ranges.delete(namespace, 'limits');
    await followed.until(({ type }) => type === 'DELETED');
    expect(await resourcesOf('large', { limits: { cpu: '600m' } })).toMatchObject({ limits: { cpu: '600m' } });
    followed.stop();
  });

  it.concurrent(covers('LimitRange, list, patch and delete a LimitRange by collection'), async () => {
    const [first, second] = [await cluster.namespace(), await cluster.namespace()];
    const labels = { limits: first };
    const labelSelector = `limits=${first}`;
    for (const namespace of [first, second]) await range(namespace, LIMITS, labels);
    const ranges = cluster.client.resource(LIMIT_RANGES);
    expect((await ranges.list('', { labelSelector })).items).toHaveLength(2);
    const [limit] = LIMITS.limits;
    const limits = [{ ...limit, default: { cpu: '400m', memory: '450Mi' } }];
    const patched = await ranges.patch(first, 'limits', 'strategic', { spec: { limits } });
    expect(patched.spec?.limits[0]?.default).toEqual({ cpu: '400m', memory: '450Mi' });
    await ranges.deleteCollection(first, { labelSelector });
    const left = (await ranges.list('', { labelSelector })).items;
    expect(left.map(({ metadata }) => metadata.namespace)).toEqual([second]);
  });

  describe('where room is scarce', () => {
    it(covers('Scheduler, Basic Preemption'), async () => {
      const namespace = await cluster.namespace();
      // Both nodes are full: one with a pod of low priority, one with a pod of higher.
      const on = (node: string, priorityClassName: string) =>
        wants(4, { priorityClassName, nodeSelector: { 'kubernetes.io/hostname': node } });
      await make(namespace, 'low', on('node-1', 'low'));
      await make(namespace, 'medium', on('node-2', 'high'));
      await running(namespace, 'low');
      await running(namespace, 'medium');
      await make(namespace, 'preemptor', wants(4, { priorityClassName: 'high' }));
      expect((await running(namespace, 'preemptor')).spec?.nodeName).toBe('node-1');
      expect(await maybe(pods().get(namespace, 'low'))).toBeUndefined();
      expect((await pods().get(namespace, 'medium')).metadata.deletionTimestamp).toBeUndefined();
      await pods().deleteCollection(namespace, { gracePeriodSeconds: 0 });
      await eventually(async () => (await pods().list(namespace)).items.length === 0);
    });

    it(covers('Scheduler, Preemption for critical pod'), async () => {
      const namespace = await cluster.namespace();
      for (const node of ['node-1', 'node-2'])
        await make(
          namespace,
          node,
          wants(4, {
            priorityClassName: node === 'node-1' ? 'low' : 'high',
            nodeSelector: { 'kubernetes.io/hostname': node },
          }),
        );
      await running(namespace, 'node-1');
      await running(namespace, 'node-2');
      const critical = wants(4, { priorityClassName: 'system-cluster-critical' });
      await pods().create('kube-system', podOf('critical-pod', critical) as Pod);
      expect((await running('kube-system', 'critical-pod')).spec?.nodeName).toBe('node-1');
      expect(await maybe(pods().get(namespace, 'node-1'))).toBeUndefined();
      expect(await maybe(pods().get(namespace, 'node-2'))).toBeDefined();
      await pods().delete('kube-system', 'critical-pod', { gracePeriodSeconds: 0 });
      await pods().deleteCollection(namespace, { gracePeriodSeconds: 0 });
      await eventually(async () => (await pods().list(namespace)).items.length === 0);
    });

    it(covers('Pod preemption verification'), async () => {
      const namespace = await cluster.namespace();
      const sets = cluster.client.resource(REPLICA_SETS);
      for (let i = 1; i <= 4; i++) await priorityClass(`level-${i}`, i * 10);
      const nodeSelector = { 'kubernetes.io/hostname': 'node-1' };
      const set = (level: number, replicas: number, amount: number): ReplicaSet =>
        ({
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          metadata: { name: `rs-${level}` },
          spec: {
            replicas,
            selector: { matchLabels: { level: String(level) } },
            template: {
              metadata: { labels: { level: String(level) } },
              spec: wants(amount, {
                priorityClassName: `level-${level}`,
                nodeSelector,
                terminationGracePeriodSeconds: 0,
              }),
            },
          },
        }) as ReplicaSet;
      const available = async (level: number) =>
        (await sets.get(namespace, `rs-${level}`)).status?.availableReplicas ?? 0;
      for (const [level, replicas] of [
        [1, 3],
        [2, 1],
        [3, 1],
      ] as const) {
        await sets.create(namespace, set(level, replicas, 1));
        await eventually(async () => (await available(level)) === replicas);
      }
      const uidsOf = async (level: number) =>
        (await pods().list(namespace, { labelSelector: `level=${level}` })).items
          .filter(({ status }) => status?.phase === 'Running')
          .map(({ metadata }) => metadata.uid);
      const kept = [await uidsOf(2), await uidsOf(3)];
      // Only the pods of the lowest level are in the way; the others stay as they are.
      await sets.create(namespace, set(4, 1, 2));
      await eventually(async () => (await available(4)) === 1);
      await soon(async () => expect(await available(1)).toBe(1));
      expect([await uidsOf(2), await uidsOf(3)]).toEqual(kept);
    });
  });
});
