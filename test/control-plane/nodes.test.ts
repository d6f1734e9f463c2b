// Nodes, budgets and quotas on the real API server.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EVENTS, NODES, POD_DISRUPTION_BUDGETS, PODS, RESOURCE_QUOTAS } from '../../src/client/index.ts';
import type { Node, Pod } from '../../src/resources/generated/core-v1.ts';
import { eventually, maybe, type Plane, startPlane } from './plane.ts';

let plane: Plane;
beforeAll(async () => {
  plane = await startPlane({ scheduler: true });
  await addNode('n1');
});
afterAll(async () => {
  await plane.stop();
  expect(plane.errors).toEqual([]);
});

async function addNode(name: string): Promise<void> {
  const nodes = plane.client.resource(NODES);
  await nodes.create('', { apiVersion: 'v1', kind: 'Node', metadata: { name } });
  await setReady(name, 'True');
}

async function setReady(name: string, status: string): Promise<Node> {
  const now = new Date().toISOString().replace(/\.\d+/, '');
  const condition = {
    type: 'Ready',
    status,
    reason: 'Test',
    message: '',
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  };
  const body = { status: { conditions: [condition], allocatable: { cpu: '4', memory: '8Gi', pods: '110' } } };
  return plane.client.resource(NODES).patch('', name, 'strategic', body, { subresource: 'status' });
}

async function addPod(name: string, extra: Partial<NonNullable<Pod['spec']>> = {}, labels = {}): Promise<Pod> {
  await eventually(() => maybe(plane.client.raw('GET', '/api/v1/namespaces/default/serviceaccounts/default')));
  return plane.client.resource(PODS).create('default', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels },
    spec: { containers: [{ name: 'c', image: 'busybox:1' }], ...extra },
  });
}

const pod = (name: string): Promise<Pod | undefined> => maybe(plane.client.resource(PODS).get('default', name));
const taints = async (name: string): Promise<string[]> =>
  ((await plane.client.resource(NODES).get('', name)).spec?.taints ?? []).map((t) => `${t.key}:${t.effect}`).sort();

describe('a node', () => {
  it('is tainted by its conditions, and the taints go when it is well again', async () => {
    await addNode('n2');
    await setReady('n2', 'False');
    await eventually(async () => (await taints('n2')).length === 2);
    expect(await taints('n2')).toEqual([
      'node.kubernetes.io/not-ready:NoExecute',
      'node.kubernetes.io/not-ready:NoSchedule',
    ]);
    await setReady('n2', 'True');
    await eventually(async () => (await taints('n2')).length === 0);
    await plane.client.resource(NODES).patch('', 'n2', 'merge', { spec: { unschedulable: true } });
    await eventually(async () => (await taints('n2')).join() === 'node.kubernetes.io/unschedulable:NoSchedule');
    const { items } = await plane.client.resource(EVENTS).list('default', { fieldSelector: 'involvedObject.name=n2' });
    expect(items.map((event) => event.message)).toContain('Node n2 event: Registered Node n2 in Controller');
    await plane.client.resource(NODES).delete('', 'n2');
  });

  it('loses pods that do not tolerate its NoExecute taint, those that do for a while after that while', async () => {
    await addPod('bears', { tolerations: [{ operator: 'Exists' }] });
    await addPod('leaves', {
      tolerations: [{ key: 'k', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 1 }],
    });
    await addPod('flees');
    for (const name of ['bears', 'leaves', 'flees'])
      await eventually(async () => (await pod(name))?.spec?.nodeName === 'n1');
    const before = Date.now();
    const taint = { key: 'k', effect: 'NoExecute' };
    await plane.client.resource(NODES).patch('', 'n1', 'merge', { spec: { taints: [taint] } });
    await eventually(async () => (await pod('flees'))?.metadata.deletionTimestamp !== undefined);
    await eventually(async () => (await pod('leaves'))?.metadata.deletionTimestamp !== undefined);
    expect(Date.now() - before).toBeGreaterThan(500);
    // Who went first is told by the order of the writes, however slow the machine is.
    const written = async (name: string) => Number((await pod(name))?.metadata.resourceVersion);
    expect(await written('flees')).toBeLessThan(await written('leaves'));
    expect((await pod('bears'))?.metadata.deletionTimestamp).toBeUndefined();
    const condition = (await pod('flees'))?.status?.conditions?.find((c) => c.type === 'DisruptionTarget');
    expect(condition?.reason).toBe('DeletionByTaintManager');
    await plane.client.resource(NODES).patch('', 'n1', 'merge', { spec: { taints: null } });
  });
});

describe('a pod deleted before it had a node', () => {
  it('goes at once', async () => {
    await addPod('nowhere', { nodeSelector: { none: 'such' } });
    await plane.client.resource(PODS).delete('default', 'nowhere');
    await eventually(async () => (await pod('nowhere')) === undefined);
  });
});

describe('a PodDisruptionBudget', () => {
  it('knows how many pods are healthy and how many may go', async () => {
    await plane.client.resource(POD_DISRUPTION_BUDGETS).create('default', {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'web' },
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'web' } } },
    });
    for (const name of ['web-1', 'web-2']) {
      await addPod(name, {}, { app: 'web' });
      const now = new Date().toISOString().replace(/\.\d+/, '');
      const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: now }] };
      await plane.client.resource(PODS).patch('default', name, 'strategic', { status }, { subresource: 'status' });
    }
    const found = await eventually(async () => {
      const one = await plane.client.resource(POD_DISRUPTION_BUDGETS).get('default', 'web');
      return one.status?.currentHealthy === 2 && one;
    });
    expect(found.status).toMatchObject({ expectedPods: 2, desiredHealthy: 1, disruptionsAllowed: 1 });
    expect(found.status?.conditions?.[0]).toMatchObject({
      type: 'DisruptionAllowed',
      status: 'True',
      reason: 'SufficientPods',
    });
  });
});

describe('a ResourceQuota', () => {
  it('shows what is used of what is granted', async () => {
    await plane.client.resource(RESOURCE_QUOTAS).create('default', {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'q' },
      spec: { hard: { 'requests.cpu': '2', 'limits.memory': '1Gi', configmaps: '10', 'count/jobs.batch': '5' } },
    });
    const resources = { requests: { cpu: '300m', memory: '64Mi' }, limits: { memory: '128Mi' } };
    await addPod('asks', { containers: [{ name: 'c', image: 'busybox:1', resources }] });
    const found = await eventually(async () => {
      const one = await plane.client.resource(RESOURCE_QUOTAS).get('default', 'q');
      return one.status?.used?.['requests.cpu'] === '300m' && one.status.used.configmaps === '1' && one;
    });
    expect(found.status?.used).toEqual({
      'requests.cpu': '300m',
      'limits.memory': '128Mi',
      configmaps: '1',
      'count/jobs.batch': '0',
    });
    expect(found.status?.hard?.['limits.memory']).toBe('1Gi');
    await plane.client.resource(PODS).delete('default', 'asks', { gracePeriodSeconds: 0 });
    await eventually(
      async () =>
        (await plane.client.resource(RESOURCE_QUOTAS).get('default', 'q')).status?.used?.['requests.cpu'] === '0',
    );
  });
});
