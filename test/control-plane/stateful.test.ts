// StatefulSets on the real API server, over nodes that only pretend to run pods.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EVENTS, PERSISTENT_VOLUME_CLAIMS, PODS, STATEFUL_SETS } from '../../src/client/index.ts';
import type { StatefulSet } from '../../src/resources/generated/apps-v1.ts';
import type { Pod } from '../../src/resources/generated/core-v1.ts';
import { addFakeNodes, type FakeNodes } from './fake-nodes.ts';
import { eventually, maybe, type Plane, startPlane } from './plane.ts';

let plane: Plane;
let nodes: FakeNodes;
beforeAll(async () => {
  plane = await startPlane({ scheduler: true });
  await eventually(() => maybe(plane.client.raw('GET', '/api/v1/namespaces/default/serviceaccounts/default')));
  nodes = await addFakeNodes(plane, ['n1', 'n2']);
});
afterAll(async () => {
  await plane.stop();
  expect(plane.errors).toEqual([]);
});

const template = (app: string, image: string) => ({
  metadata: { labels: { app } },
  spec: { containers: [{ name: 'c', image }] },
});
const sets = () => plane.client.resource(STATEFUL_SETS);
const make = (
  name: string,
  replicas: number,
  extra: Partial<NonNullable<StatefulSet['spec']>> = {},
): Promise<StatefulSet> =>
  sets().create('default', {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name },
    spec: {
      replicas,
      serviceName: name,
      selector: { matchLabels: { app: name } },
      template: template(name, 's:1'),
      ...extra,
    },
  });
const podsOf = async (app: string): Promise<Pod[]> =>
  (await plane.client.resource(PODS).list('default', { labelSelector: `app=${app}` })).items;
const names = async (app: string): Promise<string> =>
  (await podsOf(app))
    .map((pod) => pod.metadata.name)
    .sort()
    .join();
const settled = (name: string, count: number): Promise<StatefulSet> =>
  eventually(async () => {
    const one = await sets().get('default', name);
    const { status } = one;
    const seen = status?.observedGeneration === one.metadata.generation;
    const same = status?.currentRevision === status?.updateRevision;
    return (
      seen &&
      same &&
      status?.availableReplicas === count &&
      status.replicas === count &&
      (status.updatedReplicas ?? 0) === count &&
      one
    );
  });

describe('a StatefulSet', () => {
  it('makes its pods in order, each when the one before is ready, and takes them away from the end', async () => {
    nodes.outcome = (pod) => (pod.metadata.name === 'row-1' ? 'nothing' : 'ready');
    await make('row', 3);
    await eventually(async () => (await names('row')) === 'row-0,row-1');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await names('row')).toBe('row-0,row-1');
    nodes.outcome = () => 'ready';
    await plane.client.resource(PODS).patch('default', 'row-1', 'merge', { metadata: { labels: { touched: 'yes' } } });
    await settled('row', 3);
    const pod = await plane.client.resource(PODS).get('default', 'row-2');
    expect(pod.spec).toMatchObject({ hostname: 'row-2', subdomain: 'row' });
    expect(pod.metadata.labels).toMatchObject({
      'statefulset.kubernetes.io/pod-name': 'row-2',
      'apps.kubernetes.io/pod-index': '2',
    });
    await sets().patch('default', 'row', 'merge', { spec: { replicas: 1 } });
    await settled('row', 1);
    expect(await names('row')).toBe('row-0');
    const { items } = await plane.client.resource(EVENTS).list('default', { fieldSelector: 'involvedObject.name=row' });
    const messages = items.map((event) => event.message);
    expect(messages).toContain('Create Pod row-0 in StatefulSet row successful');
    expect(messages.indexOf('Delete Pod row-2 in StatefulSet row successful')).toBeLessThan(
      messages.indexOf('Delete Pod row-1 in StatefulSet row successful'),
    );
  });

  it('rolls a new template out from the end down to the partition', async () => {
    await make('roll', 3, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } });
    await settled('roll', 3);
    await sets().patch('default', 'roll', 'strategic', { spec: { template: template('roll', 's:2') } });
    await eventually(async () => {
      const one = await sets().get('default', 'roll');
      return one.status?.updatedReplicas === 2 && one.status.availableReplicas === 3;
    });
    const images = async (): Promise<(string | undefined)[]> =>
      (await podsOf('roll'))
        .sort((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1))
        .map((pod) => pod.spec?.containers[0]?.image);
    expect(await images()).toEqual(['s:1', 's:2', 's:2']);
    // Below the partition a pod comes back with the old template.
    await plane.client.resource(PODS).delete('default', 'roll-0', { gracePeriodSeconds: 0 });
    await eventually(
      async () =>
        (await sets().get('default', 'roll')).status?.availableReplicas === 3 && (await podsOf('roll')).length === 3,
    );
    expect(await images()).toEqual(['s:1', 's:2', 's:2']);
    await sets().patch('default', 'roll', 'merge', { spec: { updateStrategy: { rollingUpdate: { partition: 0 } } } });
    await settled('roll', 3);
    expect(await images()).toEqual(['s:2', 's:2', 's:2']);
  });

  it('makes all at once when it is parallel, and makes a failed pod anew', async () => {
    let failing = true;
    nodes.outcome = (pod) => (pod.metadata.name === 'par-1' && failing ? 'failed' : 'ready');
    await make('par', 3, { podManagementPolicy: 'Parallel' });
    await eventually(async () => {
      const { items } = await plane.client
        .resource(EVENTS)
        .list('default', { fieldSelector: 'involvedObject.name=par' });
      return items.some((event) => event.message === 'Delete Pod par-1 in StatefulSet par successful');
    });
    failing = false;
    await settled('par', 3);
    nodes.outcome = () => 'ready';
  });

  it('gives each pod its claims, keeps them, and lets them go with it when that is asked for', async () => {
    const claim = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    };
    await make('disk', 2, {
      volumeClaimTemplates: [claim],
      podManagementPolicy: 'Parallel',
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Retain' },
    });
    const claims = plane.client.resource(PERSISTENT_VOLUME_CLAIMS);
    await eventually(async () => (await claims.list('default')).items.length === 2);
    const one = await eventually(async () => {
      const found = await claims.get('default', 'data-disk-0');
      return (found.metadata.ownerReferences ?? []).length > 0 && found;
    });
    expect(one.metadata.ownerReferences?.[0]?.kind).toBe('StatefulSet');
    expect((await plane.client.resource(PODS).get('default', 'disk-0')).spec?.volumes?.[0]).toMatchObject({
      name: 'data',
      persistentVolumeClaim: { claimName: 'data-disk-0' },
    });
    await sets().delete('default', 'disk');
    await eventually(async () => (await claims.list('default')).items.length === 0);
  });
});
