// ResourceQuotas: what is counted while objects come and go, what is refused, their scopes and their own life.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CONFIG_MAPS,
  PODS,
  REPLICA_SETS,
  REPLICATION_CONTROLLERS,
  RESOURCE_QUOTAS,
  type ResourceRef,
  SECRETS,
  SERVICES,
} from '../../../src/client/index.ts';
import type { KubeObject } from '../../../src/machinery/object.ts';
import type { Pod, ResourceQuota } from '../../../src/resources/generated/core-v1.ts';
import { covers } from '../covers.ts';
import { eventually, isRoot, maybe, type SimulatedCluster, startSimulated } from '../simulated.ts';

const HARD: Readonly<Record<string, string>> = {
  pods: '5',
  services: '10',
  'services.nodeports': '1',
  'services.loadbalancers': '1',
  replicationcontrollers: '10',
  resourcequotas: '1',
  configmaps: '10',
  secrets: '10',
  persistentvolumeclaims: '10',
  'requests.storage': '10Gi',
  'requests.ephemeral-storage': '50Gi',
  'requests.example.com/dongle': '3',
  cpu: '1',
  memory: '500Mi',
  'count/replicasets.apps': '5',
};
const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'registry.test/i' }] } };

describe.skipIf(!isRoot)('resource quotas (the nodes of the cluster need root)', () => {
  let cluster: SimulatedCluster;
  beforeAll(async () => {
    cluster = await startSimulated();
  });
  afterAll(() => cluster?.stop());

  const quotas = () => cluster.client.resource(RESOURCE_QUOTAS);
  const quota = (name: string, hard: Readonly<Record<string, string>>, more: object = {}): ResourceQuota => ({
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name },
    spec: { hard, ...more },
  });
  /** Waits until so much is used; what is not named stands at what it was when nothing was there. */
  const used = (namespace: string, name: string, wanted: Readonly<Record<string, string>>) =>
    eventually(async () => {
      const { status } = await quotas().get(namespace, name);
      return status?.used !== undefined && Object.entries(wanted).every(([key, value]) => status.used?.[key] === value);
    });

  async function counted(namespace: string): Promise<Record<string, string>> {
    await quotas().create(namespace, quota('quota', HARD));
    await used(namespace, 'quota', { resourcequotas: '1' });
    const { status } = await quotas().get(namespace, 'quota');
    expect(status?.hard).toEqual(HARD);
    return status?.used ?? {};
  }

  it.concurrent(covers('ResourceQuota, object count quota, resourcequotas'), async () => {
    const before = await counted(await cluster.namespace());
    expect(before).toEqual({
      ...Object.fromEntries(Object.keys(HARD).map((key) => [key, '0'])),
      resourcequotas: '1',
      configmaps: '1',
    });
  });

  const comesAndGoes = async (object: KubeObject, ref: ResourceRef<KubeObject>, counts: Record<string, number>) => {
    const namespace = await cluster.namespace();
    const before = await counted(namespace);
    const resource = cluster.client.resource(ref);
    await resource.create(namespace, object);
    const more = Object.entries(counts).map(([key, n]) => [key, String(Number(before[key]) + n)]);
    await used(namespace, 'quota', Object.fromEntries(more) as Record<string, string>);
    await resource.delete(namespace, object.metadata.name ?? '');
    await used(namespace, 'quota', before);
  };
  const head = (apiVersion: string, kind: string): KubeObject => ({ apiVersion, kind, metadata: { name: 'one' } });

  it.concurrent(covers('ResourceQuota, object count quota, service'), () => {
    const spec = { type: 'NodePort', ports: [{ port: 80 }] };
    return comesAndGoes({ ...head('v1', 'Service'), ...{ spec } }, SERVICES, { services: 1, 'services.nodeports': 1 });
  });
  it.concurrent(covers('ResourceQuota, object count quota, secret'), () =>
    comesAndGoes(head('v1', 'Secret'), SECRETS, { secrets: 1 }),
  );
  it.concurrent(covers('ResourceQuota, object count quota, configmap'), () =>
    comesAndGoes(head('v1', 'ConfigMap'), CONFIG_MAPS, { configmaps: 1 }),
  );
  it.concurrent(covers('ResourceQuota, object count quota, replicationController'), () => {
    const spec = { replicas: 0, selector: { a: 'b' }, template };
    const object = { ...head('v1', 'ReplicationController'), ...{ spec } };
    return comesAndGoes(object, REPLICATION_CONTROLLERS, { replicationcontrollers: 1 });
  });
  it.concurrent(covers('ResourceQuota, object count quota, replicaSet'), () => {
    const spec = { replicas: 0, selector: { matchLabels: { a: 'b' } }, template };
    return comesAndGoes({ ...head('apps/v1', 'ReplicaSet'), ...{ spec } }, REPLICA_SETS, {
      'count/replicasets.apps': 1,
    });
  });

  const pod = (
    name: string,
    requests: Record<string, string>,
    limits: Record<string, string>,
    more: object = {},
  ): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [{ name: 'c', image: 'registry.test/i', resources: { requests, limits } }], ...more },
  });
  const pods = () => cluster.client.resource(PODS);

  it.concurrent(covers('ResourceQuota, object count quota, pod'), async () => {
    const namespace = await cluster.namespace();
    const before = await counted(namespace);
    const dongle = { 'example.com/dongle': '2' };
    const requests = { cpu: '500m', memory: '252Mi', 'ephemeral-storage': '30Gi', ...dongle };
    await pods().create(namespace, pod('fits', requests, dongle));
    const taken = {
      pods: '1',
      cpu: '500m',
      memory: '252Mi',
      'requests.ephemeral-storage': '30Gi',
      'requests.example.com/dongle': '2',
    };
    await used(namespace, 'quota', taken);
    const tooMuch = pods().create(namespace, pod('more', { cpu: '600m', memory: '100Mi' }, {}));
    await expect(tooMuch).rejects.toMatchObject({
      reason: 'Forbidden',
      message: 'pods "more" is forbidden: exceeded quota: quota, requested: cpu=600m, used: cpu=500m, limited: cpu=1',
    });
    const dongles = pods().create(namespace, pod('dongles', { cpu: '1m', memory: '1Mi', ...dongle }, dongle));
    await expect(dongles).rejects.toThrow(/exceeded quota: quota, requested: requests\.example\.com\/dongle=2/);
    const resources = { requests: { ...requests, cpu: '100m' }, limits: dongle };
    const update = pods().patch(namespace, 'fits', 'strategic', { spec: { containers: [{ name: 'c', resources }] } });
    await expect(update).rejects.toMatchObject({ reason: 'Invalid' });
    await used(namespace, 'quota', taken);
    await pods().delete(namespace, 'fits', { gracePeriodSeconds: 0 });
    await used(namespace, 'quota', before);
  });

  it.concurrent(covers('ResourceQuota, quota scope, BestEffort and NotBestEffort scope'), async () => {
    const namespace = await cluster.namespace();
    await quotas().create(namespace, quota('best', { pods: '5' }, { scopes: ['BestEffort'] }));
    await quotas().create(namespace, quota('other', { pods: '5' }, { scopes: ['NotBestEffort'] }));
    const counts = (best: string, other: string) =>
      Promise.all([used(namespace, 'best', { pods: best }), used(namespace, 'other', { pods: other })]);
    await counts('0', '0');
    await pods().create(namespace, pod('best', {}, {}));
    await counts('1', '0');
    await pods().delete(namespace, 'best', { gracePeriodSeconds: 0 });
    await counts('0', '0');
    await pods().create(namespace, pod('other', { cpu: '500m', memory: '200Mi' }, { cpu: '1', memory: '400Mi' }));
    await counts('0', '1');
    await pods().delete(namespace, 'other', { gracePeriodSeconds: 0 });
    await counts('0', '0');
  });

  it.concurrent(covers('ResourceQuota, quota scope, Terminating and NotTerminating scope'), async () => {
    const namespace = await cluster.namespace();
    const hard = {
      pods: '5',
      'requests.cpu': '1',
      'requests.memory': '500Mi',
      'limits.cpu': '2',
      'limits.memory': '1Gi',
    };
    await quotas().create(namespace, quota('ends', hard, { scopes: ['Terminating'] }));
    await quotas().create(namespace, quota('stays', hard, { scopes: ['NotTerminating'] }));
    const none = { pods: '0', 'requests.cpu': '0', 'requests.memory': '0', 'limits.cpu': '0', 'limits.memory': '0' };
    const one = {
      pods: '1',
      'requests.cpu': '500m',
      'requests.memory': '200Mi',
      'limits.cpu': '1',
      'limits.memory': '400Mi',
    };
    const counts = (ends: Record<string, string>, stays: Record<string, string>) =>
      Promise.all([used(namespace, 'ends', ends), used(namespace, 'stays', stays)]);
    await counts(none, none);
    const requests = { cpu: '500m', memory: '200Mi' };
    const limits = { cpu: '1', memory: '400Mi' };
    await pods().create(namespace, pod('long', requests, limits));
    await counts(none, one);
    await pods().delete(namespace, 'long', { gracePeriodSeconds: 0 });
    await counts(none, none);
    await pods().create(namespace, pod('short', requests, limits, { activeDeadlineSeconds: 3600 }));
    await counts(one, none);
    await pods().delete(namespace, 'short', { gracePeriodSeconds: 0 });
    await counts(none, none);
  });

  it.concurrent(covers('ResourceQuota, update and delete'), async () => {
    const namespace = await cluster.namespace();
    const made = await quotas().create(namespace, quota('q', { cpu: '1', memory: '500Mi' }));
    expect(made.spec?.hard).toEqual({ cpu: '1', memory: '500Mi' });
    await eventually(async () => (await quotas().get(namespace, 'q')).status?.hard?.cpu === '1');
    const found = await quotas().get(namespace, 'q');
    const hard = { cpu: '2', memory: '1Gi' };
    const updated = await quotas().update({ ...found, spec: { ...found.spec, hard } });
    expect(updated.spec?.hard).toEqual(hard);
    await eventually(async () => (await quotas().get(namespace, 'q')).status?.hard?.memory === '1Gi');
    await quotas().delete(namespace, 'q');
    expect(await maybe(quotas().get(namespace, 'q'))).toBeUndefined();
  });

  it.concurrent(covers('ResourceQuota, manage lifecycle of a ResourceQuota'), async () => {
    const namespace = await cluster.namespace();
    const labels = { life: namespace };
    const labelSelector = `life=${namespace}`;
    const made = quota('q', { cpu: '500m', memory: '300Mi' });
    await quotas().create(namespace, { ...made, metadata: { name: 'q', labels } });
    const { items } = await quotas().list('', { labelSelector });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['q']);
    const hard = { memory: '750Mi' };
    await quotas().patch(namespace, 'q', 'strategic', { metadata: { labels: { patched: 'yes' } }, spec: { hard } });
    const patched = await quotas().get(namespace, 'q');
    expect(patched.metadata.labels).toEqual({ ...labels, patched: 'yes' });
    expect(patched.spec?.hard).toEqual({ cpu: '500m', memory: '750Mi' });
    await quotas().deleteCollection(namespace, { labelSelector });
    expect((await quotas().list('', { labelSelector })).items).toEqual([]);
  });

  it.concurrent(covers('ResourceQuota, apply changes to a ResourceQuota status'), async () => {
    const namespace = await cluster.namespace();
    const hardOf = (cpu: string, memory: string) => ({ cpu, memory });
    await quotas().create(namespace, quota('q', hardOf('500m', '500Mi')));
    const shows = (hard: Record<string, string>) =>
      eventually(async () => {
        const { status } = await quotas().get(namespace, 'q');
        return JSON.stringify(status?.hard) === JSON.stringify(hard);
      });
    await shows(hardOf('500m', '500Mi'));
    const status = { subresource: 'status' };
    const found = await quotas().get(namespace, 'q');
    const updated = await quotas().updateStatus({ ...found, status: { ...found.status, hard: hardOf('1', '1Gi') } });
    expect(updated.status?.hard).toEqual(hardOf('1', '1Gi'));
    expect(updated.spec?.hard).toEqual(hardOf('500m', '500Mi'));
    await quotas().patch(namespace, 'q', 'merge', { spec: { hard: hardOf('2', '2Gi') } });
    await shows(hardOf('2', '2Gi'));
    const patched = await quotas().patch(namespace, 'q', 'merge', { status: { hard: hardOf('3', '3Gi') } }, status);
    expect(patched.status?.hard).toEqual(hardOf('3', '3Gi'));
    // The controller puts it right again.
    await shows(hardOf('2', '2Gi'));
    const read = await cluster.call('GET', `/api/v1/namespaces/${namespace}/resourcequotas/q/status`);
    expect(read.body).toMatchObject({ spec: { hard: hardOf('2', '2Gi') }, status: { hard: hardOf('2', '2Gi') } });
    const spec = { hard: hardOf('9', '9Gi') };
    const repatched = await quotas().patch(namespace, 'q', 'merge', { spec, status: { hard: spec.hard } }, status);
    expect(repatched.spec?.hard).toEqual(hardOf('2', '2Gi'));
    expect(repatched.status?.hard).toEqual(spec.hard);
  });
});
