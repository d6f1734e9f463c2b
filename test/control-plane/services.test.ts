// Endpoints of Services on the real API server.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ENDPOINT_SLICES, ENDPOINTS, PODS, SERVICES } from '../../src/client/index.ts';
import type { EndpointSlice } from '../../src/resources/generated/discovery-v1.ts';
import { addFakeNodes } from './fake-nodes.ts';
import { eventually, maybe, type Plane, startPlane } from './plane.ts';

let plane: Plane;
beforeAll(async () => {
  plane = await startPlane({ scheduler: true });
  await eventually(() => maybe(plane.client.raw('GET', '/api/v1/namespaces/default/serviceaccounts/default')));
  await addFakeNodes(plane, ['n1'], { 'topology.kubernetes.io/zone': 'z1' });
});
afterAll(async () => {
  await plane.stop();
  expect(plane.errors).toEqual([]);
});

async function addPod(name: string, app: string, port?: number): Promise<void> {
  const ports = port === undefined ? {} : { ports: [{ name: 'http', containerPort: port }] };
  await plane.client.resource(PODS).create('default', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app } },
    spec: { containers: [{ name: 'c', image: 'web:1', ...ports }] },
  });
}

async function slicesOf(service: string): Promise<EndpointSlice[]> {
  const labelSelector = `kubernetes.io/service-name=${service}`;
  return (await plane.client.resource(ENDPOINT_SLICES).list('default', { labelSelector })).items;
}

describe('a Service', () => {
  it('has a slice and Endpoints of its ready pods, by port names, and none of those that went', async () => {
    await plane.client.resource(SERVICES).create('default', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', labels: { team: 'a' } },
      spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] },
    });
    const [empty] = await eventually(async () => {
      const found = await slicesOf('web');
      return found.length === 1 && found;
    });
    expect(empty?.endpoints ?? []).toEqual([]);
    await addPod('a', 'web', 8080);
    await addPod('b', 'web', 8080);
    await addPod('other', 'x', 8080);
    const slice = await eventually(async () => {
      const [one] = await slicesOf('web');
      return one?.endpoints?.filter((endpoint) => endpoint.conditions?.ready).length === 2 && one;
    });
    expect(slice.metadata.labels).toEqual({
      team: 'a',
      'kubernetes.io/service-name': 'web',
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
    });
    expect(slice.ports).toEqual([{ name: '', port: 8080, protocol: 'TCP' }]);
    expect(slice.endpoints?.[0]).toMatchObject({
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: 'n1',
      zone: 'z1',
      targetRef: { kind: 'Pod', namespace: 'default' },
    });
    expect(await slicesOf('web')).toHaveLength(1);
    const legacy = await eventually(async () => {
      const one = await maybe(plane.client.resource(ENDPOINTS).get('default', 'web'));
      return one?.subsets?.[0]?.addresses?.length === 2 && one;
    });
    expect(legacy.subsets?.[0]?.ports).toEqual([{ port: 8080, protocol: 'TCP' }]);
    await plane.client.resource(PODS).delete('default', 'a', { gracePeriodSeconds: 0 });
    await eventually(async () => (await slicesOf('web'))[0]?.endpoints?.length === 1);
    await eventually(async () => {
      const one = await plane.client.resource(ENDPOINTS).get('default', 'web');
      return one.subsets?.[0]?.addresses?.length === 1;
    });
    await plane.client.resource(SERVICES).delete('default', 'web');
    await eventually(async () => (await slicesOf('web')).length === 0);
    await eventually(async () => (await maybe(plane.client.resource(ENDPOINTS).get('default', 'web'))) === undefined);
  });

  it('keeps a hundred endpoints in a slice and no more', async () => {
    await plane.client.resource(SERVICES).create('default', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'many' },
      spec: { clusterIP: 'None', selector: { app: 'many' }, ports: [{ port: 80 }] },
    });
    await Promise.all(Array.from({ length: 120 }, (_, i) => addPod(`many-${i}`, 'many')));
    await eventually(async () => {
      const sizes = (await slicesOf('many')).map(
        (slice) => slice.endpoints?.filter((e) => e.conditions?.ready).length ?? 0,
      );
      return sizes.sort((a, b) => a - b).join() === '20,100';
    });
    expect((await slicesOf('many'))[0]?.metadata.labels?.['service.kubernetes.io/headless']).toBe('');
  });

  it('leaves Endpoints alone that are of no Service, and takes those away whose Service goes', async () => {
    const client = plane.client.resource(ENDPOINTS);
    const made = { apiVersion: 'v1', kind: 'Endpoints', subsets: [{ addresses: [{ ip: '10.1.2.5' }] }] };
    const lone = await client.create('default', { ...made, metadata: { name: 'lone' } });
    await client.update({ ...lone, metadata: { ...lone.metadata, labels: { a: 'b' } } });
    await plane.client.resource(SERVICES).create('default', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'going' },
      spec: { selector: { app: 'going' }, ports: [{ port: 80 }] },
    });
    await eventually(() => maybe(client.get('default', 'going')));
    await plane.client.resource(SERVICES).delete('default', 'going');
    await eventually(async () => (await maybe(client.get('default', 'going'))) === undefined);
    // The controller has worked since the update of the lone ones.
    expect((await client.get('default', 'lone')).metadata.labels).toEqual({ a: 'b' });
  });

  it('without a selector mirrors the Endpoints that someone wrote', async () => {
    await plane.client.resource(SERVICES).create('default', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'outside' },
      spec: { ports: [{ port: 80 }] },
    });
    await plane.client.resource(ENDPOINTS).create('default', {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: { name: 'outside' },
      subsets: [{ addresses: [{ ip: '10.1.2.3' }], notReadyAddresses: [{ ip: '10.1.2.4' }], ports: [{ port: 8080 }] }],
    });
    const [slice] = await eventually(async () => {
      const found = await slicesOf('outside');
      return found.length === 1 && found;
    });
    expect(slice?.endpoints?.map((one) => [one.addresses[0], one.conditions?.ready])).toEqual([
      ['10.1.2.3', true],
      ['10.1.2.4', false],
    ]);
    expect(slice?.metadata.labels?.['endpointslice.kubernetes.io/managed-by']).toBe(
      'endpointslicemirroring-controller.k8s.io',
    );
    await plane.client.resource(ENDPOINTS).delete('default', 'outside');
    await eventually(async () => (await slicesOf('outside')).length === 0);
  });
});
