// Claims for devices on the real API server: made from templates, told to their pods, given back, and gone with them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  DEVICE_CLASSES,
  EVENTS,
  NODES,
  PODS,
  RESOURCE_CLAIM_TEMPLATES,
  RESOURCE_CLAIMS,
  RESOURCE_SLICES,
} from '../../src/client/index.ts';
import type { Pod } from '../../src/resources/generated/core-v1.ts';
import type { ResourceClaim } from '../../src/resources/generated/resource-v1.ts';
import { eventually, maybe, type Plane, startPlane } from './plane.ts';

const FINALIZER = 'resource.kubernetes.io/delete-protection';
const spec = { devices: { requests: [{ name: 'gpu', exactly: { deviceClassName: 'gpu.example.com' } }] } };

let plane: Plane;
beforeAll(async () => {
  plane = await startPlane();
  await eventually(() => maybe(plane.client.raw('GET', '/api/v1/namespaces/default/serviceaccounts/default')));
});
afterAll(async () => {
  await plane.stop();
  expect(plane.errors).toEqual([]);
});

const claims = () => plane.client.resource(RESOURCE_CLAIMS);
const pods = () => plane.client.resource(PODS);

function addTemplate(name: string): Promise<unknown> {
  return plane.client.resource(RESOURCE_CLAIM_TEMPLATES).create('default', {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceClaimTemplate',
    metadata: { name },
    spec: { metadata: { labels: { app: 'x' } }, spec },
  });
}

function addPod(
  name: string,
  resourceClaims: NonNullable<Pod['spec']>['resourceClaims'],
  nodeName?: string,
): Promise<Pod> {
  return pods().create('default', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      containers: [{ name: 'c', image: 'busybox:1' }],
      ...(resourceClaims === undefined ? {} : { resourceClaims }),
      ...(nodeName === undefined ? {} : { nodeName }),
    },
  });
}

function addClaim(name: string): Promise<ResourceClaim> {
  return claims().create('default', {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceClaim',
    metadata: { name, finalizers: [FINALIZER] },
    spec,
  });
}

const allocation = {
  devices: { results: [{ request: 'gpu', driver: 'gpu.example.com', pool: 'p', device: 'd' }] },
};

async function allocate(claim: ResourceClaim, ...consumers: Pod[]): Promise<ResourceClaim> {
  const reservedFor = consumers.map(({ metadata }) => ({
    resource: 'pods',
    name: metadata.name ?? '',
    uid: metadata.uid ?? '',
  }));
  return claims().updateStatus({
    ...claim,
    status: { allocation, ...(reservedFor.length === 0 ? {} : { reservedFor }) },
  });
}

const claimNameOf = (name: string): Promise<string> =>
  eventually(async () => (await pods().get('default', name)).status?.resourceClaimStatuses?.[0]?.resourceClaimName);

async function finish(name: string): Promise<void> {
  await pods().patch('default', name, 'strategic', { status: { phase: 'Succeeded' } }, { subresource: 'status' });
}

describe('a claim that a pod wants from a template', () => {
  it('is made for it with its labels, and the pod is told its name', async () => {
    await addTemplate('t1');
    const pod = await addPod('p1', [{ name: 'gpu', resourceClaimTemplateName: 't1' }]);
    const name = await claimNameOf('p1');
    expect(name).toMatch(/^p1-gpu-[a-z0-9]{5}$/);
    const claim = await claims().get('default', name);
    expect(claim.metadata).toMatchObject({
      labels: { app: 'x' },
      annotations: { 'resource.kubernetes.io/pod-claim-name': 'gpu' },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p1', uid: pod.metadata.uid, controller: true }],
    });
    expect(claim.spec).toMatchObject(spec);
    expect((await claims().list('default')).items.filter((c) => c.metadata.name?.startsWith('p1-'))).toHaveLength(1);
  });

  it('is made when the template comes, and until then an event says what is missing', async () => {
    await addPod('p2', [{ name: 'gpu', resourceClaimTemplateName: 'late' }]);
    const message = await eventually(async () => {
      const { items } = await plane.client.resource(EVENTS).list('default');
      return items.find((e) => e.involvedObject.name === 'p2' && e.reason === 'FailedResourceClaimCreation')?.message;
    });
    expect(message).toBe(
      'PodResourceClaim gpu: resource claim template "late": resourceclaimtemplate.resource.k8s.io "late" not found',
    );
    await addTemplate('late');
    expect(await claimNameOf('p2')).toMatch(/^p2-gpu-/);
  });

  it('is made again when somebody has deleted it', async () => {
    await addTemplate('t3');
    await addPod('p3', [{ name: 'gpu', resourceClaimTemplateName: 't3' }]);
    const name = await claimNameOf('p3');
    await claims().delete('default', name);
    await eventually(async () => (await claimNameOf('p3')) !== name);
  });

  it('goes with its pod, and already when the pod has ended', async () => {
    await addTemplate('t4');
    await addPod('p4', [{ name: 'gpu', resourceClaimTemplateName: 't4' }], 'n1');
    const ended = await claimNameOf('p4');
    await finish('p4');
    await eventually(async () => (await maybe(claims().get('default', ended))) === undefined);
    await addPod('p5', [{ name: 'gpu', resourceClaimTemplateName: 't4' }], 'n1');
    const deleted = await claimNameOf('p5');
    await pods().delete('default', 'p5', { gracePeriodSeconds: 0 });
    await eventually(async () => (await maybe(claims().get('default', deleted))) === undefined);
  });
});

describe('an allocated claim', () => {
  it('is reserved for a pod that was bound by hand', async () => {
    await allocate(await addClaim('c1'));
    const pod = await addPod('by-hand', [{ name: 'gpu', resourceClaimName: 'c1' }], 'n1');
    const consumers = await eventually(async () => (await claims().get('default', 'c1')).status?.reservedFor);
    expect(consumers).toEqual([{ resource: 'pods', name: 'by-hand', uid: pod.metadata.uid }]);
  });

  it('loses the reservation of a pod that has ended, and with the last one its devices', async () => {
    const first = await addPod('first', [{ name: 'gpu', resourceClaimName: 'c2' }], 'n1');
    const second = await addPod('second', [{ name: 'gpu', resourceClaimName: 'c2' }], 'n1');
    await allocate(await addClaim('c2'), first, second);
    await finish('first');
    await eventually(async () => (await claims().get('default', 'c2')).status?.reservedFor?.length === 1);
    expect((await claims().get('default', 'c2')).status?.allocation).toEqual(allocation);
    await pods().delete('default', 'second', { gracePeriodSeconds: 0 });
    const free = await eventually(async () => {
      const claim = await claims().get('default', 'c2');
      return claim.status?.allocation === undefined && claim.metadata.finalizers === undefined ? claim : undefined;
    });
    expect(free.status?.reservedFor).toBeUndefined();
  });

  it('that nobody uses can be deleted', async () => {
    await allocate(await addClaim('c3'));
    await claims().delete('default', 'c3');
    await eventually(async () => (await maybe(claims().get('default', 'c3'))) === undefined);
  });
});

describe('a pod with claims', () => {
  let scheduled: Plane;
  beforeAll(async () => {
    scheduled = await startPlane({ scheduler: true });
    await eventually(() => maybe(scheduled.client.raw('GET', '/api/v1/namespaces/default/serviceaccounts/default')));
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } };
    await scheduled.client.resource(NODES).create('', node);
    const now = new Date().toISOString().replace(/\.\d+/, '');
    const condition = {
      type: 'Ready',
      status: 'True',
      reason: 'Test',
      message: '',
      lastHeartbeatTime: now,
      lastTransitionTime: now,
    };
    const body = { status: { conditions: [condition], allocatable: { cpu: '4', memory: '8Gi', pods: '110' } } };
    await scheduled.client.resource(NODES).patch('', 'n1', 'strategic', body, { subresource: 'status' });
  });
  afterAll(async () => {
    await scheduled.stop();
    expect(scheduled.errors).toEqual([]);
  });
  const get = (name: string) => scheduled.client.resource(PODS).get('default', name);
  const add = (name: string): Promise<Pod> =>
    scheduled.client.resource(PODS).create('default', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: {
        containers: [{ name: 'c', image: 'busybox:1' }],
        resourceClaims: [{ name: 'gpu', resourceClaimTemplateName: 'one' }],
      },
    });
  const waitsFor = (name: string): Promise<string> =>
    eventually(async () => {
      const condition = (await get(name)).status?.conditions?.find((c) => c.type === 'PodScheduled');
      return condition?.status === 'False' ? condition.message : undefined;
    });

  it('waits for its class, then for devices, and goes where they are', async () => {
    const { client } = scheduled;
    await client.resource(RESOURCE_CLAIM_TEMPLATES).create('default', {
      apiVersion: 'resource.k8s.io/v1',
      kind: 'ResourceClaimTemplate',
      metadata: { name: 'one' },
      spec: { spec },
    });
    await add('first');
    expect(await waitsFor('first')).toMatch(
      /^0\/1 nodes are available: request gpu: device class gpu.example.com does not exist\. /,
    );
    await client.resource(DEVICE_CLASSES).create('', {
      apiVersion: 'resource.k8s.io/v1',
      kind: 'DeviceClass',
      metadata: { name: 'gpu.example.com' },
      spec: { selectors: [{ cel: { expression: 'device.driver == "gpu.example.com"' } }] },
    });
    await eventually(async () => (await waitsFor('first')).includes('cannot allocate all claims'));
    expect(await waitsFor('first')).toBe(
      '0/1 nodes are available: 1 cannot allocate all claims. still not schedulable, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.',
    );
    await client.resource(RESOURCE_SLICES).create('', {
      apiVersion: 'resource.k8s.io/v1',
      kind: 'ResourceSlice',
      metadata: { name: 's' },
      spec: {
        driver: 'gpu.example.com',
        nodeName: 'n1',
        pool: { name: 'n1', generation: 1, resourceSliceCount: 1 },
        devices: [{ name: 'gpu-0' }],
      },
    });
    await eventually(async () => (await get('first')).spec?.nodeName === 'n1');
    const pod = await get('first');
    const name = pod.status?.resourceClaimStatuses?.[0]?.resourceClaimName ?? '';
    const claim = await client.resource(RESOURCE_CLAIMS).get('default', name);
    expect(claim.metadata.finalizers).toEqual([FINALIZER]);
    expect(claim.status).toMatchObject({
      allocation: {
        devices: { results: [{ request: 'gpu', driver: 'gpu.example.com', pool: 'n1', device: 'gpu-0' }] },
        nodeSelector: {
          nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] }],
        },
      },
      reservedFor: [{ resource: 'pods', name: 'first', uid: pod.metadata.uid }],
    });
  });

  it('has to wait while another has the only one, and follows it', async () => {
    const { client } = scheduled;
    await add('second');
    await eventually(async () => (await waitsFor('second')).includes('cannot allocate all claims'));
    await client.resource(PODS).delete('default', 'first', { gracePeriodSeconds: 0 });
    await eventually(async () => (await get('second')).spec?.nodeName === 'n1');
    const name = (await get('second')).status?.resourceClaimStatuses?.[0]?.resourceClaimName ?? '';
    const { status } = await client.resource(RESOURCE_CLAIMS).get('default', name);
    expect(status?.allocation?.devices?.results?.[0]?.device).toBe('gpu-0');
  });
});
