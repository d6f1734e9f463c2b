// Deployments and ReplicaSets on the real API server, over nodes that only pretend to run pods.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEPLOYMENTS, EVENTS, PODS, REPLICA_SETS } from '../../src/client/index.ts';
import type { Deployment, ReplicaSet } from '../../src/resources/generated/apps-v1.ts';
import type { Pod } from '../../src/resources/generated/core-v1.ts';
import { addFakeNodes, type FakeNodes } from './fake-nodes.ts';
import { eventually, maybe, type Plane, startPlane } from './plane.ts';

let plane: Plane;
let nodes: FakeNodes;
/** Errors that a test brought about. */
let refusals = /^$/;
beforeAll(async () => {
  plane = await startPlane({ scheduler: true });
  await eventually(() => maybe(plane.client.raw('GET', '/api/v1/namespaces/default/serviceaccounts/default')));
  nodes = await addFakeNodes(plane, ['n1', 'n2']);
});
afterAll(async () => {
  await plane.stop();
  expect(plane.errors.filter((error) => !refusals.test(error))).toEqual([]);
});

const template = (app: string, image = 'web:1') => ({
  metadata: { labels: { app } },
  spec: { containers: [{ name: 'c', image }] },
});

async function podsOf(app: string): Promise<Pod[]> {
  const { items } = await plane.client.resource(PODS).list('default', { labelSelector: `app=${app}` });
  return items.filter((pod) => pod.metadata.deletionTimestamp === undefined);
}

async function setsOf(app: string): Promise<ReplicaSet[]> {
  return (await plane.client.resource(REPLICA_SETS).list('default', { labelSelector: `app=${app}` })).items;
}

async function eventsOf(name: string): Promise<string[]> {
  const { items } = await plane.client
    .resource(EVENTS)
    .list('default', { fieldSelector: `involvedObject.name=${name}` });
  return items.map((event) => `${event.reason}: ${event.message}`);
}

const deployments = () => plane.client.resource(DEPLOYMENTS);
const make = (
  name: string,
  replicas: number,
  extra: Partial<NonNullable<Deployment['spec']>> = {},
): Promise<Deployment> =>
  deployments().create('default', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: { replicas, selector: { matchLabels: { app: name } }, template: template(name), ...extra },
  });
const available = (name: string, replicas: number): Promise<Deployment> =>
  eventually(async () => {
    const one = await deployments().get('default', name);
    const { updatedReplicas, availableReplicas, replicas: all, observedGeneration } = one.status ?? {};
    const seen = observedGeneration === one.metadata.generation;
    return seen && updatedReplicas === replicas && availableReplicas === replicas && all === replicas && one;
  });

describe('a ReplicaSet', () => {
  it('makes its pods, replaces those that go, and takes away too many', async () => {
    await plane.client.resource(REPLICA_SETS).create('default', {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { name: 'rs' },
      spec: { replicas: 3, selector: { matchLabels: { app: 'rs' } }, template: template('rs') },
    });
    await eventually(
      async () => (await plane.client.resource(REPLICA_SETS).get('default', 'rs')).status?.availableReplicas === 3,
    );
    const [first] = await podsOf('rs');
    expect(first?.metadata.name).toMatch(/^rs-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    expect(first?.metadata.generateName).toBe('rs-');
    expect(first?.metadata.ownerReferences?.[0]).toMatchObject({
      kind: 'ReplicaSet',
      name: 'rs',
      controller: true,
      blockOwnerDeletion: true,
    });
    await plane.client.resource(PODS).delete('default', first?.metadata.name ?? '');
    await eventually(async () => {
      const pods = await podsOf('rs');
      return pods.length === 3 && !pods.some((pod) => pod.metadata.name === first?.metadata.name);
    });
    await plane.client.resource(REPLICA_SETS).patch('default', 'rs', 'merge', { spec: { replicas: 1 } });
    await eventually(async () => (await podsOf('rs')).length === 1);
    await eventually(async () => {
      const told = await eventsOf('rs');
      const made = told.filter((one) => one.startsWith('SuccessfulCreate: Created pod: rs-'));
      const removed = told.filter((one) => one.startsWith('SuccessfulDelete: Deleted pod: rs-'));
      return made.length === 4 && removed.length === 2;
    });
  });

  it('adopts orphans that match and lets go of pods that match no longer', async () => {
    await plane.client.resource(PODS).create('default', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'orphan', labels: { app: 'adopt' } },
      spec: { containers: [{ name: 'c', image: 'web:1' }] },
    });
    await plane.client.resource(REPLICA_SETS).create('default', {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { name: 'adopt' },
      spec: { replicas: 2, selector: { matchLabels: { app: 'adopt' } }, template: template('adopt') },
    });
    await eventually(async () => (await podsOf('adopt')).length === 2);
    expect((await plane.client.resource(PODS).get('default', 'orphan')).metadata.ownerReferences?.[0]?.name).toBe(
      'adopt',
    );
    await plane.client.resource(PODS).patch('default', 'orphan', 'merge', { metadata: { labels: { app: 'free' } } });
    await eventually(async () => (await podsOf('adopt')).length === 2);
    await eventually(
      async () => (await plane.client.resource(PODS).get('default', 'orphan')).metadata.ownerReferences === undefined,
    );
  });

  it('says in its status why it cannot make pods', async () => {
    await plane.client.resource(REPLICA_SETS).create('default', {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { name: 'bad' },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: 'bad' } },
        template: { ...template('bad'), spec: { ...template('bad').spec, serviceAccountName: 'none' } },
      },
    });
    const found = await eventually(async () => {
      const one = await plane.client.resource(REPLICA_SETS).get('default', 'bad');
      return (one.status?.conditions ?? []).length > 0 && one;
    });
    expect(found.status?.conditions?.[0]).toMatchObject({
      type: 'ReplicaFailure',
      status: 'True',
      reason: 'FailedCreate',
    });
    const [told] = await eventually(async () => {
      const events = await eventsOf('bad');
      return events.length > 0 && events;
    });
    expect(told).toBe(
      'FailedCreate: Error creating: pods "bad-" is forbidden: error looking up service account default/none: serviceaccount "none" not found',
    );
    await plane.client.resource(REPLICA_SETS).delete('default', 'bad');
    refusals = /pods "bad-" is forbidden/;
  });
});

describe('a Deployment', () => {
  it('rolls a new template out within its allowance and keeps the old set', async () => {
    await make('web', 4);
    const first = await available('web', 4);
    expect(first.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1');
    const [set] = await setsOf('web');
    expect(set?.metadata.name).toBe(`web-${set?.metadata.labels?.['pod-template-hash']}`);
    let most = 0;
    let least = 4;
    let watching = true;
    const watch = (async () => {
      while (watching) {
        const pods = await podsOf('web');
        most = Math.max(most, pods.length);
        const ready = pods.filter((pod) =>
          pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'),
        );
        least = Math.min(least, ready.length);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    })();
    await deployments().patch('default', 'web', 'strategic', { spec: { template: template('web', 'web:2') } });
    const done = await available('web', 4);
    watching = false;
    await watch;
    expect(most).toBeLessThanOrEqual(5);
    expect(least).toBeGreaterThanOrEqual(3);
    expect(done.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('2');
    const conditions = await eventually(async () => {
      const one = (await deployments().get('default', 'web')).status?.conditions ?? [];
      return one.some((c) => c.reason === 'NewReplicaSetAvailable') && one;
    });
    expect(conditions.map((c) => [c.type, c.status, c.reason]).sort()).toEqual([
      ['Available', 'True', 'MinimumReplicasAvailable'],
      ['Progressing', 'True', 'NewReplicaSetAvailable'],
    ]);
    const sets = await setsOf('web');
    expect(sets.map((one) => one.spec?.replicas).sort()).toEqual([0, 4]);
    expect((await podsOf('web')).every((pod) => pod.spec?.containers[0]?.image === 'web:2')).toBe(true);
    const told = await eventually(async () => {
      const events = await eventsOf('web');
      return events.length > 0 && events;
    });
    expect(told[0]).toBe(`ScalingReplicaSet: Scaled up replica set ${set?.metadata.name} from 0 to 4`);
    // Back to the first template: the old set serves again, under a new revision.
    await deployments().patch('default', 'web', 'strategic', { spec: { template: template('web', 'web:1') } });
    await available('web', 4);
    await eventually(
      async () =>
        (await deployments().get('default', 'web')).metadata.annotations?.['deployment.kubernetes.io/revision'] === '3',
    );
    expect(await setsOf('web')).toHaveLength(2);
    const back = (await setsOf('web')).find((one) => one.metadata.name === set?.metadata.name);
    expect(back?.metadata.annotations?.['deployment.kubernetes.io/revision-history']).toBe('1');
  });

  it('never mixes old and new with Recreate', async () => {
    await make('rec', 3, { strategy: { type: 'Recreate' } });
    await available('rec', 3);
    let mixed = false;
    let watching = true;
    const watch = (async () => {
      while (watching) {
        const images = new Set((await podsOf('rec')).map((pod) => pod.spec?.containers[0]?.image));
        if (images.size > 1) mixed = true;
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    await deployments().patch('default', 'rec', 'strategic', { spec: { template: template('rec', 'web:2') } });
    await available('rec', 3);
    watching = false;
    await watch;
    expect(mixed).toBe(false);
  });

  it('scales, pauses and resumes', async () => {
    await make('sc', 1);
    await available('sc', 1);
    await deployments().patch('default', 'sc', 'merge', { spec: { replicas: 5 } });
    await available('sc', 5);
    await deployments().patch('default', 'sc', 'merge', { spec: { paused: true } });
    await deployments().patch('default', 'sc', 'strategic', { spec: { template: template('sc', 'web:2') } });
    await eventually(async () =>
      (await deployments().get('default', 'sc')).status?.conditions?.some((c) => c.reason === 'DeploymentPaused'),
    );
    expect(await setsOf('sc')).toHaveLength(1);
    await deployments().patch('default', 'sc', 'merge', { spec: { replicas: 2 } });
    await eventually(async () => (await podsOf('sc')).length === 2);
    await deployments().patch('default', 'sc', 'merge', { spec: { paused: false } });
    await available('sc', 2);
    expect(await setsOf('sc')).toHaveLength(2);
  });

  it('stops when the new pods do not become ready, and says so when its deadline has passed', async () => {
    await make('stuck', 4, { progressDeadlineSeconds: 1 });
    await available('stuck', 4);
    nodes.outcome = (pod) => (pod.spec?.containers[0]?.image === 'broken:1' ? 'unready' : 'ready');
    await deployments().patch('default', 'stuck', 'strategic', { spec: { template: template('stuck', 'broken:1') } });
    await eventually(async () =>
      (await deployments().get('default', 'stuck')).status?.conditions?.some(
        (c) => c.reason === 'ProgressDeadlineExceeded',
      ),
    );
    const pods = await podsOf('stuck');
    expect(pods.filter((pod) => pod.spec?.containers[0]?.image === 'web:1')).toHaveLength(3);
    expect(pods.filter((pod) => pod.spec?.containers[0]?.image === 'broken:1')).toHaveLength(2);
    nodes.outcome = () => 'ready';
  });

  it('takes all its pods with it', async () => {
    await make('gone', 2);
    await available('gone', 2);
    await deployments().delete('default', 'gone');
    await eventually(async () => (await podsOf('gone')).length === 0);
    await eventually(async () => (await setsOf('gone')).length === 0);
  });
});
