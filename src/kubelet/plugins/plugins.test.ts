// Device plugins, drivers of claims and the PodResources API, with containers that really run and plugins that really speak gRPC.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createInformerFactory } from '../../client/index.ts';
import type { EmbeddedRuntime } from '../../cri/index.ts';
import { systemClock } from '../../host/clock.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { Container, Node, Pod, PodSpec } from '../../resources/generated/core-v1.ts';
import { createKubelet, hostMounts, type Kubelet, networkReach } from '../index.ts';
import { FakeApi } from '../test-support/fake-client.ts';
import { TestDevicePlugin, TestDriver } from '../test-support/plugins.ts';
import { type RealRuntime, realRuntime, whyNoContainers } from '../test-support/real-runtime.ts';
import { POD_RESOURCES } from './facts.ts';
import { PluginClient } from './sockets.ts';

const skip = whyNoContainers();
const RESOURCE = 'example.com/gadget';
const DRIVER = 'driver.example.com';

let bed: RealRuntime;
let embedded: EmbeddedRuntime;
let api: FakeApi;
let kubelet: Kubelet;
let stop: AbortController;
let running: Promise<void>;
let plugin: TestDevicePlugin;
let driver: TestDriver;
const at = (...parts: string[]): string => path.join(bed.directory, 'k', ...parts);

async function begin(): Promise<void> {
  stop = new AbortController();
  const client = api.client();
  kubelet = createKubelet({
    client,
    informers: createInformerFactory(client, { clock: systemClock }),
    runtime: embedded.runtime,
    images: bed.images,
    clock: systemClock,
    nodeName: 'n1',
    nodeIps: ['192.0.2.7'],
    rootDir: at(),
    logDir: path.join(bed.directory, 'logs'),
    secretDir: path.join(bed.directory, 'secrets'),
    mounts: hostMounts(),
    reach: networkReach(),
  });
  running = kubelet.run(stop.signal);
  await kubelet.registered;
}

async function end(): Promise<void> {
  stop.abort();
  await running;
}

const eventually = (check: () => unknown): Promise<unknown> => vi.waitFor(check, { timeout: 60_000, interval: 50 });

let serial = 0;

function create(containers: readonly Container[], spec: Partial<PodSpec> = {}): string {
  const name = `p${++serial}`;
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'ns', uid: `uid-${name}` },
    spec: {
      ...{ nodeName: 'n1', restartPolicy: 'Never', terminationGracePeriodSeconds: 0, containers: [...containers] },
      ...spec,
    },
    status: { phase: 'Pending' },
  };
  api.put('pods', pod as KubeObject);
  return name;
}

function sh(script: string, more: Partial<Container> = {}): Container {
  return { name: 'c', image: 'busybox', imagePullPolicy: 'IfNotPresent', command: ['sh', '-c', script], ...more };
}

const gadgets = (count: number): Partial<Container> => ({
  resources: { limits: { [RESOURCE]: String(count) }, requests: { [RESOURCE]: String(count) } },
});

const allocatedOf = (name: string): unknown => podOf(name)?.status?.containerStatuses?.[0]?.allocatedResourcesStatus;
const podOf = (name: string): Pod | undefined => api.read<Pod>('pods', 'ns', name);
const node = (): Node | undefined => api.read<Node>('nodes', '', 'n1');

function remove(name: string): void {
  const pod = podOf(name);
  if (pod !== undefined) api.put('pods', pod, 'DELETED');
}

async function logOf(name: string): Promise<string> {
  await eventually(() => expect(podOf(name)?.status?.phase).toMatch(/Succeeded|Failed/));
  const dir = (await readdir(path.join(bed.directory, 'logs'))).find((d) => d.includes(`_${name}_`)) ?? '';
  const text = await readFile(path.join(bed.directory, 'logs', dir, 'c', '0.log'), 'utf8');
  return text.replace(/^\S+ std\w+ F /gm, '');
}

async function resources<T extends object>(method: string, request: object = {}): Promise<T> {
  const client = new PluginClient(at('pod-resources', 'kubelet.sock'), POD_RESOURCES, 'PodResourcesLister');
  try {
    return await client.call<T>(method, request);
  } finally {
    client.close();
  }
}

describe.skipIf(skip !== undefined)(`plugins (${skip ?? 'real containers'})`, () => {
  beforeAll(async () => {
    bed = await realRuntime('mkplug', 239);
    const cdi = path.join(bed.directory, 'cdi');
    await mkdir(cdi, { recursive: true });
    const described = {
      cdiVersion: '0.6.0',
      kind: 'example.com/thing',
      containerEdits: { env: ['ALL=things'] },
      devices: [
        {
          name: 'one',
          containerEdits: { env: ['THING=one'], deviceNodes: [{ path: '/dev/thing', hostPath: '/dev/full' }] },
        },
        { name: 'two', containerEdits: { env: ['THING=two'] } },
      ],
    };
    await writeFile(path.join(cdi, 'example.json'), JSON.stringify(described));
    embedded = await bed.open({ cdiDirectories: [cdi] });
    api = new FakeApi();
    await begin();
    await writeFile(path.join(bed.directory, 'library'), 'from the plugin\n');
    const devices = ['a', 'b', 'c'].map((ID) => ({ ID, health: 'Healthy', topology: { nodes: [{ ID: 0 }] } }));
    plugin = new TestDevicePlugin(at('device-plugins'), RESOURCE, devices, (ids) => ({
      envs: { GADGETS: ids.join(','), OWN: 'plugin' },
      mounts: [{ container_path: '/library', host_path: path.join(bed.directory, 'library'), read_only: true }],
      devices: [{ container_path: '/dev/gadget', host_path: '/dev/null', permissions: 'rw' }],
      cdi_devices: [{ name: 'example.com/thing=two' }],
    }));
    await eventually(() => plugin.start());
    driver = new TestDriver(at('plugins_registry', 'driver.sock'), DRIVER, () => [
      { request_names: ['main'], pool_name: 'pool', device_name: 'd1', cdi_device_ids: ['example.com/thing=one'] },
    ]);
    await driver.start();
  });
  afterAll(async () => {
    plugin?.stop();
    await driver?.stop();
    await end();
    await kubelet.destroy();
    await embedded.destroy();
    expect(await bed.leftovers()).toEqual([]);
    await bed.remove();
  });

  it('the node tells of the devices, and of those that are not well', async () => {
    await eventually(() => expect(node()?.status?.allocatable?.[RESOURCE]).toBe('3'));
    plugin.tell([
      { ID: 'a', health: 'Healthy' },
      { ID: 'b', health: 'Healthy' },
      { ID: 'c', health: 'Unhealthy' },
    ]);
    await eventually(() => expect(node()?.status?.allocatable?.[RESOURCE]).toBe('2'));
    expect(node()?.status?.capacity?.[RESOURCE]).toBe('3');
  });

  it('a container gets what the plugin says: variables, files, a device, a CDI device', async () => {
    const script = 'echo $GADGETS $OWN $THING $ALL; cat /library; echo x > /dev/gadget && ls /dev/gadget';
    const name = create([sh(script, { ...gadgets(1), env: [{ name: 'OWN', value: 'pod' }] })]);
    expect(await logOf(name)).toBe('b pod two things\nfrom the plugin\n/dev/gadget\n');
    expect(plugin.calls.map((c) => c.method)).toEqual(['preferred', 'allocate', 'preStart']);
    expect(plugin.calls.at(-1)?.request.devices_ids).toEqual(['b']);
  });

  it('watchers are told who holds what; who asks for more than is left is turned away in words of Kubernetes', async () => {
    const holder = create([sh('exec sleep 1000', gadgets(2))]);
    await eventually(() => expect(podOf(holder)?.status?.phase).toBe('Running'));
    const { pod_resources: list } = await resources<{ pod_resources: Record<string, unknown>[] }>('List');
    expect(list).toMatchObject([
      {
        ...{ name: holder, namespace: 'ns' },
        containers: [{ name: 'c', devices: [{ resource_name: RESOURCE }, { resource_name: RESOURCE }] }],
      },
    ]);
    const health = (b: string): object[] => [
      {
        name: RESOURCE,
        resources: expect.arrayContaining([
          { resourceID: 'a', health: 'Healthy' },
          { resourceID: 'b', health: b },
        ]) as object[],
      },
    ];
    expect(allocatedOf(holder)).toEqual(health('Healthy'));
    const tellOf = (b: string): void =>
      plugin.tell([
        { ID: 'a', health: 'Healthy' },
        { ID: 'b', health: b },
        { ID: 'c', health: 'Unhealthy' },
      ]);
    tellOf('Unhealthy');
    await eventually(() => expect(allocatedOf(holder)).toEqual(health('Unhealthy')));
    await eventually(() => expect(node()?.status?.allocatable?.[RESOURCE]).toBe('1'));
    tellOf('Healthy');
    await eventually(() => expect(allocatedOf(holder)).toEqual(health('Healthy')));
    await eventually(() => expect(node()?.status?.allocatable?.[RESOURCE]).toBe('2'));
    const { devices } = await resources<{ devices: { device_ids: string[] }[] }>('GetAllocatableResources');
    expect(devices.flatMap((d) => d.device_ids)).toEqual(['a', 'b']);
    await expect(resources('Get', { pod_name: 'nobody', pod_namespace: 'ns' })).rejects.toThrow(
      'pod nobody in namespace ns not found',
    );
    const late = create([sh('true', gadgets(1))]);
    await eventually(() => expect(podOf(late)?.status?.reason).toBe('UnexpectedAdmissionError'));
    expect(podOf(late)?.status?.message).toBe(
      `Pod was rejected: Allocate failed due to requested number of devices unavailable for ${RESOURCE}. Requested: 1, Available: 0, which is unexpected`,
    );
    // A kubelet that starts anew remembers who holds what, and waits for the plugin to come again.
    plugin.stop();
    await end();
    await begin();
    await eventually(() => expect(node()?.status?.allocatable?.[RESOURCE]).toBe('0'));
    expect(node()?.status?.capacity?.[RESOURCE]).toBe('3');
    await eventually(() => plugin.start());
    await eventually(() => expect(node()?.status?.allocatable?.[RESOURCE]).toBe('2'));
    const again = await resources<{ pod_resources: { containers: { devices: object[] }[] } }>('Get', {
      pod_name: holder,
      pod_namespace: 'ns',
    });
    expect(again.pod_resources.containers[0]?.devices).toHaveLength(2);
    remove(holder);
    const next = create([sh('echo $GADGETS', gadgets(2))]);
    expect((await logOf(next)).trim().split(',').sort()).toEqual(['a', 'b']);
  }, 600_000);

  it('a plugin of another version, or of a name that is no extended resource, is refused', async () => {
    const odd = new TestDevicePlugin(at('device-plugins'), 'cpu', [], () => ({}));
    await expect(odd.start()).rejects.toThrow('the ResourceName "cpu" is invalid');
    odd.stop();
    const old = new TestDevicePlugin(at('device-plugins'), 'example.com/other', [], () => ({}));
    await expect(old.start('v1alpha')).rejects.toThrow('requested API version "v1alpha" is not supported by kubelet');
    old.stop();
  });

  it('a driver is found by its socket, makes claimed devices ready, and takes them back after the last pod', async () => {
    await eventually(() => expect(driver.status).toEqual({ plugin_registered: true, error: '' }));
    const name = `p${serial + 1}`;
    api.put('resourceclaims', {
      apiVersion: 'resource.k8s.io/v1',
      kind: 'ResourceClaim',
      metadata: { name: 'claim', namespace: 'ns', uid: 'claim-1' },
      spec: {},
      status: {
        allocation: { devices: { results: [{ request: 'main', driver: DRIVER, pool: 'pool', device: 'd1' }] } },
        reservedFor: [{ resource: 'pods', name, uid: `uid-${name}` }],
      },
    } as KubeObject);
    driver.refusal = 'not yet';
    const claims = { resources: { claims: [{ name: 'mine', request: 'main' }] } };
    create(
      [sh('echo $THING $ALL; echo x > /dev/thing; exec sleep 1000', claims), sh('echo none=$THING', { name: 'd' })],
      { resourceClaims: [{ name: 'mine', resourceClaimName: 'claim' }] },
    );
    const words = 'Failed to prepare dynamic resources: prepare dynamic resources: ';
    await eventually(() => {
      const told = api.all('events').map((e) => (e as unknown as { message: string }).message);
      expect(told).toContain(`${words}NodePrepareResources failed for ResourceClaim claim: not yet`);
    });
    driver.refusal = '';
    await eventually(() => expect(podOf(name)?.status?.phase).toBe('Running'));
    expect([...driver.prepared]).toEqual(['claim-1']);
    const held = await resources<{ pod_resources: object }>('Get', { pod_name: name, pod_namespace: 'ns' });
    const resource = {
      driver_name: DRIVER,
      pool_name: 'pool',
      device_name: 'd1',
      cdi_devices: [{ name: 'example.com/thing=one' }],
    };
    expect(held.pod_resources).toMatchObject({
      containers: [
        { name: 'c', dynamic_resources: [{ claim_name: 'claim', claim_namespace: 'ns', claim_resources: [resource] }] },
        { name: 'd', dynamic_resources: [] },
      ],
    });
    const allocated = (health: string, message?: string): object[] => [
      {
        name: 'claim:mine/main',
        resources: [{ resourceID: 'example.com/thing=one', health, ...(message === undefined ? {} : { message }) }],
      },
    ];
    expect(allocatedOf(name)).toEqual(allocated('Unknown'));
    const device = { pool_name: 'pool', device_name: 'd1' };
    driver.tell({ device, health: 2, message: 'too hot' });
    await eventually(() => expect(allocatedOf(name)).toEqual(allocated('Unhealthy', 'too hot')));
    driver.tell({ device, health: 1, health_check_timeout_seconds: 1 });
    await eventually(() => expect(allocatedOf(name)).toEqual(allocated('Healthy')));
    await eventually(() => expect(allocatedOf(name)).toEqual(allocated('Unknown')));
    remove(name);
    await eventually(() => expect([...driver.prepared]).toEqual([]));
  }, 600_000);

  it('without its driver a pod with a claim waits, and says for whom', async () => {
    await driver.stop();
    const name = `p${serial + 1}`;
    api.put('resourceclaims', {
      apiVersion: 'resource.k8s.io/v1',
      kind: 'ResourceClaim',
      metadata: { name: 'other', namespace: 'ns', uid: 'claim-2' },
      spec: {},
      status: {
        allocation: { devices: { results: [{ request: 'main', driver: DRIVER, pool: 'pool', device: 'd1' }] } },
        reservedFor: [{ resource: 'pods', name, uid: `uid-${name}` }],
      },
    } as KubeObject);
    create([sh('true')], { resourceClaims: [{ name: 'mine', resourceClaimName: 'other' }] });
    await eventually(() => {
      const told = api.all('events').map((e) => (e as unknown as { message: string }).message);
      expect(told.some((m) => m.endsWith(`DRA driver ${DRIVER} is not registered`))).toBe(true);
    });
    await driver.start();
    await eventually(() => expect(podOf(name)?.status?.phase).toBe('Succeeded'));
    await eventually(() => expect([...driver.prepared]).toEqual([]));
  }, 600_000);
});
