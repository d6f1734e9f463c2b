// The kubelet against a runtime and an API in memory.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createInformerFactory } from '../client/index.ts';
import { RUNS_TO_COMPLETION, RuntimeError } from '../cri/port.ts';
import { systemClock } from '../host/clock.ts';
import type { Event, Node, Pod, PodSpec, PodStatus } from '../resources/generated/core-v1.ts';
import type { ObjectMeta } from '../resources/generated/meta-v1.ts';
import { createKubelet, type Kubelet, noMounts } from './index.ts';
import { networkReach } from './probes/reach.ts';
import { FakeApi } from './test-support/fake-client.ts';
import { FakeImages, FakeRuntime } from './test-support/fake-runtime.ts';

let dir: string;
let api: FakeApi;
let runtime: FakeRuntime;
let images: FakeImages;
let stop: AbortController;
let running: Promise<void>;
let kubelet: Kubelet;

async function begin(): Promise<void> {
  stop = new AbortController();
  const client = api.client();
  kubelet = createKubelet({
    client,
    informers: createInformerFactory(client, { clock: systemClock }),
    runtime,
    images,
    clock: systemClock,
    nodeName: 'node-1',
    nodeIps: ['192.0.2.7'],
    rootDir: path.join(dir, 'kubelet'),
    logDir: path.join(dir, 'logs'),
    secretDir: path.join(dir, 'secrets'),
    mounts: noMounts(),
    reach: networkReach(),
    config: { clusterDns: ['10.96.0.10'] },
  });
  running = kubelet.run(stop.signal);
  await kubelet.registered;
}

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kubelet-test-'));
  api = new FakeApi();
  runtime = new FakeRuntime(systemClock);
  images = new FakeImages();
  images.add('busybox:latest');
  await begin();
});

afterEach(async () => {
  stop.abort();
  await running;
  await rm(dir, { recursive: true, force: true });
});

function createPod(spec: Partial<PodSpec>, metadata: ObjectMeta = {}): void {
  api.put('pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'ns', uid: 'u1', ...metadata },
    spec: { nodeName: 'node-1', restartPolicy: 'Always', terminationGracePeriodSeconds: 1, ...spec },
    status: { phase: 'Pending' },
  } as Pod);
}

const busybox = { name: 'c', image: 'busybox:latest', imagePullPolicy: 'IfNotPresent' };

async function until<T>(get: () => T | undefined, ok: (value: T) => boolean): Promise<T> {
  for (let i = 0; i < 400; i++) {
    const value = get();
    if (value !== undefined && ok(value)) return value;
    await systemClock.sleep(10);
  }
  throw new Error(`never came: ${JSON.stringify(get())}`);
}

const status = (ok: (s: PodStatus) => boolean): Promise<PodStatus> =>
  until(() => api.read<Pod>('pods', 'ns', 'p')?.status, ok);

function isReady(s: PodStatus): boolean {
  return s.conditions?.find((c) => c.type === 'Ready')?.status === 'True';
}

function events(): string[] {
  return api
    .all<Event>('events')
    .map((e) => `${e.type} ${e.reason} ${e.involvedObject.fieldPath ?? '-'}: ${e.message}`);
}

describe('a kubelet', () => {
  it('registers its node with labels, addresses and a Ready condition', async () => {
    const node = await until(
      () => api.read<Node>('nodes', '', 'node-1'),
      (n) => n.status?.conditions !== undefined,
    );
    expect(node.metadata.labels?.['kubernetes.io/hostname']).toBe('node-1');
    expect(node.status?.addresses).toContainEqual({ type: 'InternalIP', address: '192.0.2.7' });
    expect(node.status?.conditions?.find((c) => c.type === 'Ready')).toMatchObject({
      status: 'True',
      reason: 'KubeletReady',
      message: 'kubelet is posting ready status',
    });
    await until(
      () => api.read('leases', 'kube-node-lease', 'node-1'),
      () => true,
    );
  });

  it('brings a pod of one container to Ready and tells of each step', async () => {
    createPod({ containers: [busybox] });
    const s = await status(isReady);
    expect(s.phase).toBe('Running');
    expect(s.podIP).toMatch(/^10\.9\./);
    expect(s.containerStatuses?.[0]).toMatchObject({ name: 'c', ready: true, started: true, restartCount: 0 });
    expect(s.containerStatuses?.[0]?.containerID).toMatch(/^minke:\/\//);
    await until(
      () => events(),
      (e) => e.some((x) => x.includes('Started container c')),
    );
    expect(events()).toContain(
      'Normal Pulled spec.containers{c}: Container image "busybox:latest" already present on machine',
    );
    expect(events()).toContain('Normal Created spec.containers{c}: Created container: c');
    const hosts = await readFile(path.join(dir, 'kubelet/pods/u1/etc-hosts'), 'utf8');
    expect(hosts).toContain(`${s.podIP}\tp\n`);
  });

  it('runs init containers in order before the others, and ends a pod that has done its work', async () => {
    runtime.script = () => 0;
    createPod({
      restartPolicy: 'Never',
      initContainers: [
        { ...busybox, name: 'i1' },
        { ...busybox, name: 'i2' },
      ],
      containers: [busybox],
    });
    const s = await status((x) => x.phase === 'Succeeded');
    expect(runtime.calls.filter((c) => c.startsWith('start'))).toEqual(['start i1 0', 'start i2 0', 'start c 0']);
    expect(s.podIP).toBeUndefined();
    expect(s.conditions?.find((c) => c.type === 'Initialized')).toMatchObject({
      status: 'True',
      reason: 'PodCompleted',
    });
  });

  it('tells the runtime whom somebody waits for: init containers, sidecars apart, and those of Jobs', async () => {
    const awaited = (): string[] =>
      [...runtime.containers.values()].filter((c) => c.annotations[RUNS_TO_COMPLETION] === 'true').map((c) => c.name);
    runtime.script = ({ name }) => (name === 'i' ? 0 : undefined);
    const sidecar = { ...busybox, name: 's', restartPolicy: 'Always' };
    const spec = { initContainers: [{ ...busybox, name: 'i' }, sidecar], containers: [busybox] };
    createPod(spec);
    await status((x) => x.containerStatuses?.[0]?.state?.running !== undefined);
    expect(awaited()).toEqual(['i']);
    const job = { apiVersion: 'batch/v1', kind: 'Job', name: 'j', uid: 'j1', controller: true };
    const ownerReferences = [job];
    createPod(
      { containers: [{ ...busybox, name: 'work' }], restartPolicy: 'Never' },
      { name: 'q', uid: 'u2', ownerReferences },
    );
    expect(await until(awaited, (names) => names.length === 2)).toEqual(['i', 'work']);
  });

  it('restarts a failing container at once, then backs off', async () => {
    runtime.script = () => 1;
    createPod({ containers: [busybox] });
    const s = await status((x) => x.containerStatuses?.[0]?.state?.waiting?.reason === 'CrashLoopBackOff');
    expect(s.containerStatuses?.[0]?.restartCount).toBe(1);
    expect(s.containerStatuses?.[0]?.state?.waiting?.message).toBe(
      'back-off 10s restarting failed container=c pod=p_ns(u1)',
    );
    expect(s.containerStatuses?.[0]?.lastState?.terminated?.exitCode).toBe(1);
    await until(
      () => events(),
      (e) => e.includes('Warning BackOff spec.containers{c}: Back-off restarting failed container c in pod p_ns(u1)'),
    );
  });

  it('ends a deleted pod gracefully and takes it out of the API', async () => {
    createPod({ containers: [busybox] });
    await status(isReady);
    const pod = api.read<Pod>('pods', 'ns', 'p');
    if (pod === undefined) throw new Error('no pod');
    const metadata = { ...pod.metadata, deletionTimestamp: new Date().toISOString(), deletionGracePeriodSeconds: 1 };
    api.put('pods', { ...pod, metadata } as Pod);
    await until(
      () => (api.read('pods', 'ns', 'p') === undefined ? true : undefined),
      () => true,
    );
    await until(
      () => runtime.sandboxes.size + runtime.containers.size,
      (n) => n === 0,
    );
    expect(events()).toContain('Normal Killing spec.containers{c}: Stopping container c');
  });

  it('says why an image cannot be had, and that it backs off', async () => {
    images.failPull = new RuntimeError('image-not-found', 'not found');
    createPod({ containers: [{ name: 'c', image: 'nosuch:1', imagePullPolicy: 'IfNotPresent' }] });
    await status((s) => s.containerStatuses?.[0]?.state?.waiting?.reason === 'ErrImagePull');
    const s = await status((x) => x.containerStatuses?.[0]?.state?.waiting?.reason === 'ImagePullBackOff');
    expect(s.containerStatuses?.[0]?.state?.waiting?.message).toBe(
      'Back-off pulling image "nosuch:1": ErrImagePull: rpc error: code = NotFound desc = not found',
    );
    expect(events()).toContain('Warning Failed spec.containers{c}: Error: ErrImagePull');
    expect(events()).toContain(
      'Warning Failed spec.containers{c}: Failed to pull image "nosuch:1": rpc error: code = NotFound desc = not found',
    );
  });

  it('tells a beginner why a local image tagged latest is not used', async () => {
    images.failPull = new RuntimeError('image-not-found', 'not found');
    createPod({ containers: [{ name: 'c', image: 'busybox:latest', imagePullPolicy: 'Always' }] });
    await status((s) => s.containerStatuses?.[0]?.state?.waiting?.reason === 'ErrImagePull');
    await until(
      () => events().find((e) => e.includes('imagePullPolicy is Always')),
      () => true,
    );
  });

  it('waits for a missing secret and goes on as soon as it is there', async () => {
    createPod({
      containers: [{ ...busybox, volumeMounts: [{ name: 's', mountPath: '/s' }] }],
      volumes: [{ name: 's', secret: { secretName: 'sec' } }],
    });
    await until(
      () =>
        events().find(
          (e) => e === 'Warning FailedMount -: MountVolume.SetUp failed for volume "s" : secret "sec" not found',
        ),
      () => true,
    );
    expect(runtime.sandboxes.size).toBe(0);
    api.put('secrets', {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'sec', namespace: 'ns' },
      data: { a: 'eA==' },
    } as unknown as Pod);
    await status(isReady);
    expect(await readFile(path.join(dir, 'secrets/u1/secret/s/a'), 'utf8')).toBe('x');
  });

  it('takes up what runs already when it starts anew, and starts nothing twice', async () => {
    createPod({ containers: [busybox] });
    await status(isReady);
    stop.abort();
    await running;
    const before = runtime.calls.length;
    await begin();
    await systemClock.sleep(100);
    expect(runtime.calls.slice(before)).toEqual([]);
    runtime.exit(runtime.byName('c')?.id ?? '', 3);
    await status((s) => s.containerStatuses?.[0]?.restartCount === 1);
  });

  it('is Ready as soon as another sets the condition of a readiness gate', async () => {
    createPod({ containers: [busybox], readinessGates: [{ conditionType: 'x.io/ok' }] });
    await status((s) => s.conditions?.find((c) => c.type === 'Ready')?.reason === 'ReadinessGatesNotReady');
    const pod = api.read<Pod>('pods', 'ns', 'p');
    if (pod === undefined) throw new Error('no pod');
    const conditions = [...(pod.status?.conditions ?? []), { type: 'x.io/ok', status: 'True' }];
    api.put('pods', { ...pod, status: { ...pod.status, conditions } } as Pod);
    const s = await status(isReady);
    expect(s.conditions?.map((c) => c.type)).toContain('x.io/ok');
  });

  it('removes what runs without a pod in the API', async () => {
    createPod({ containers: [busybox] });
    await status(isReady);
    stop.abort();
    await running;
    const pod = api.read<Pod>('pods', 'ns', 'p');
    if (pod === undefined) throw new Error('no pod');
    api.put('pods', pod, 'DELETED');
    await begin();
    await until(
      () => runtime.sandboxes.size + runtime.containers.size,
      (n) => n === 0,
    );
  });

  it('restarts a container whose liveness probe fails', async () => {
    runtime.execResult = () => ({ exitCode: 1, stdout: Buffer.from('sick\n'), stderr: new Uint8Array() });
    const probe = { exec: { command: ['check'] }, periodSeconds: 1, failureThreshold: 1 };
    createPod({ containers: [{ ...busybox, livenessProbe: probe }] });
    await status((s) => s.containerStatuses?.[0]?.restartCount === 1);
    expect(events()).toContain('Warning Unhealthy spec.containers{c}: Liveness probe failed: sick\n');
    expect(events()).toContain(
      'Normal Killing spec.containers{c}: Container c failed liveness probe, will be restarted',
    );
  });

  it('takes a pod in the place of one that the API no longer has, though its containers are still ending', async () => {
    const port = { containerPort: 80, hostPort: 80 };
    createPod({ containers: [{ ...busybox, ports: [port] }] });
    await status(isReady);
    let end: () => void = () => undefined;
    const stopped = new Promise<void>((resolve) => {
      end = resolve;
    });
    const stopContainer = runtime.stopContainer.bind(runtime);
    runtime.stopContainer = async (id) => {
      await stopped;
      await stopContainer(id);
    };
    const first = api.read<Pod>('pods', 'ns', 'p');
    if (first === undefined) throw new Error('no pod');
    api.put('pods', first, 'DELETED');
    api.put('pods', {
      ...first,
      metadata: { name: 'p', namespace: 'ns', uid: 'u2' },
      status: { phase: 'Pending' },
    } as Pod);
    await status((x) => x.phase === 'Failed' || isReady(x));
    expect(api.read<Pod>('pods', 'ns', 'p')?.status?.reason).toBeUndefined();
    end();
  });

  it("refuses a pod that does not fit, in the API server's words", async () => {
    createPod({ containers: [{ ...busybox, resources: { requests: { cpu: '100000' } } }] });
    const s = await status((x) => x.phase === 'Failed');
    expect(s.reason).toBe('OutOfcpu');
    expect(s.message).toMatch(
      /^Pod was rejected: Node didn't have enough resource: cpu, requested: 100000000, used: 0, /,
    );
  });
});
