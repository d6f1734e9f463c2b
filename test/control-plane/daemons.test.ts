// DaemonSets on the real API server, over nodes that only pretend to run pods.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONTROLLER_REVISIONS, DAEMON_SETS, NODES, PODS } from '../../src/client/index.ts';
import { canonicalJson } from '../../src/machinery/json.ts';
import type { DaemonSet } from '../../src/resources/generated/apps-v1.ts';
import type { Pod } from '../../src/resources/generated/core-v1.ts';
import { addFakeNodes } from './fake-nodes.ts';
import { eventually, maybe, type Plane, startPlane } from './plane.ts';

let plane: Plane;
beforeAll(async () => {
  plane = await startPlane({ scheduler: true });
  await eventually(() => maybe(plane.client.raw('GET', '/api/v1/namespaces/default/serviceaccounts/default')));
  await addFakeNodes(plane, ['n1', 'n2']);
});
afterAll(async () => {
  await plane.stop();
  expect(plane.errors).toEqual([]);
});

const template = (app: string, image: string, extra = {}) => ({
  metadata: { labels: { app } },
  spec: { containers: [{ name: 'c', image }], ...extra },
});

const podsOf = async (app: string): Promise<Pod[]> =>
  (await plane.client.resource(PODS).list('default', { labelSelector: `app=${app}` })).items.filter(
    (pod) => pod.metadata.deletionTimestamp === undefined,
  );

const settled = (name: string, count: number): Promise<DaemonSet> =>
  eventually(async () => {
    const one = await plane.client.resource(DAEMON_SETS).get('default', name);
    const { status } = one;
    const seen = status?.observedGeneration === one.metadata.generation;
    return seen && status?.numberAvailable === count && status.updatedNumberScheduled === count && one;
  });

describe('a DaemonSet', () => {
  it('has a pod on every node, also on new ones, and rolls a new template out one by one', async () => {
    const sets = plane.client.resource(DAEMON_SETS);
    await sets.create('default', {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'ds' },
      spec: { selector: { matchLabels: { app: 'ds' } }, template: template('ds', 'd:1') },
    });
    const first = await settled('ds', 2);
    expect(first.status).toMatchObject({
      desiredNumberScheduled: 2,
      currentNumberScheduled: 2,
      numberReady: 2,
      numberMisscheduled: 0,
    });
    expect((await podsOf('ds')).map((pod) => pod.spec?.nodeName).sort()).toEqual(['n1', 'n2']);
    await addFakeNodes(plane, ['n3']);
    await settled('ds', 3);
    await sets.patch('default', 'ds', 'strategic', { spec: { template: template('ds', 'd:2') } });
    await settled('ds', 3);
    expect((await podsOf('ds')).every((pod) => pod.spec?.containers[0]?.image === 'd:2')).toBe(true);
    const revisions = (await plane.client.resource(CONTROLLER_REVISIONS).list('default')).items;
    expect(revisions.map((one) => one.revision).sort()).toEqual([1, 2]);
    // Clients compare it byte by byte with the template that they have.
    const data = revisions[0]?.data;
    expect(JSON.stringify(data)).toBe(canonicalJson(data));
    expect(JSON.stringify(data)).not.toContain('creationTimestamp');
    expect(data).toMatchObject({ spec: { template: { $patch: 'replace' } } });
    const [pod] = await podsOf('ds');
    const hash = pod?.metadata.labels?.['controller-revision-hash'];
    expect(revisions.map((one) => one.metadata.name)).toContain(`ds-${hash}`);
  });

  it('stays on a cordoned node, leaves one whose labels no longer match', async () => {
    const sets = plane.client.resource(DAEMON_SETS);
    const nodes = plane.client.resource(NODES);
    await nodes.patch('', 'n1', 'merge', { metadata: { labels: { disk: 'ssd' } } });
    await sets.create('default', {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'ssd' },
      spec: {
        selector: { matchLabels: { app: 'ssd' } },
        template: template('ssd', 'd:1', { nodeSelector: { disk: 'ssd' } }),
      },
    });
    await settled('ssd', 1);
    await nodes.patch('', 'n1', 'merge', { spec: { unschedulable: true } });
    await nodes.patch('', 'n2', 'merge', { metadata: { labels: { disk: 'ssd' } } });
    await settled('ssd', 2);
    await nodes.patch('', 'n1', 'merge', { metadata: { labels: { disk: null } }, spec: { unschedulable: null } });
    await settled('ssd', 1);
    await eventually(async () => (await podsOf('ssd')).map((pod) => pod.spec?.nodeName).join() === 'n2');
  });

  it('goes with all its pods', async () => {
    await plane.client.resource(DAEMON_SETS).delete('default', 'ds');
    await eventually(async () => (await podsOf('ds')).length === 0);
  });
});
