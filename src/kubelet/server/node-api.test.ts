// The kubelet's own API, static pods and eviction, over a runtime in memory.

import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createInformerFactory } from '../../client/index.ts';
import { systemClock } from '../../host/clock.ts';
import type { Node, Pod, PodSpec } from '../../resources/generated/core-v1.ts';
import { createKubelet, type Kubelet, type KubeletConfig, noMounts } from '../index.ts';
import { networkReach } from '../probes/reach.ts';
import { FakeApi } from '../test-support/fake-client.ts';
import { FakeImages, FakeRuntime } from '../test-support/fake-runtime.ts';
import { hostLogs } from './host-logs.ts';

let dir: string;
let api: FakeApi;
let runtime: FakeRuntime;
let kubelet: Kubelet;
let stop: AbortController;
let running: Promise<void>;

async function begin(config: Partial<KubeletConfig> = {}): Promise<void> {
  const client = api.client();
  stop = new AbortController();
  const images = new FakeImages();
  images.add('busybox');
  kubelet = createKubelet({
    client,
    informers: createInformerFactory(client, { clock: systemClock }),
    runtime,
    images,
    clock: systemClock,
    nodeName: 'n1',
    nodeIps: ['192.0.2.7'],
    rootDir: path.join(dir, 'kubelet'),
    logDir: path.join(dir, 'logs'),
    secretDir: path.join(dir, 'secrets'),
    mounts: noMounts(),
    reach: networkReach(),
    config,
  });
  running = kubelet.run(stop.signal);
  await kubelet.registered;
}

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'node-api-test-'));
  api = new FakeApi();
  runtime = new FakeRuntime(systemClock);
});

afterEach(async () => {
  stop.abort();
  await running;
  await rm(dir, { recursive: true, force: true });
});

async function get(url: string): Promise<{ status: number; text: string }> {
  const [at = '', query = ''] = url.split('?');
  const answer = await kubelet.api.request({ method: 'GET', path: at, query: new URLSearchParams(query), headers: {} });
  const { body } = answer;
  if (body instanceof Uint8Array) return { status: answer.status, text: Buffer.from(body).toString() };
  return new Promise((resolve) => {
    let text = '';
    body.start({
      write: (chunk) => {
        text += Buffer.from(chunk).toString();
        return true;
      },
      buffered: 0,
      end: () => resolve({ status: answer.status, text }),
      onDrain: () => undefined,
      onClose: () => undefined,
    });
  });
}

function create(name: string, spec: Partial<PodSpec> = {}): void {
  api.put('pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'ns', uid: `u-${name}` },
    spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'busybox', imagePullPolicy: 'IfNotPresent' }], ...spec },
    status: { phase: 'Pending' },
  } as Pod);
}

async function until<T>(look: () => T | undefined): Promise<T> {
  for (let i = 0; i < 400; i++) {
    const value = look();
    if (value !== undefined) return value;
    await systemClock.sleep(10);
  }
  throw new Error('never came');
}

const phase = (name: string, wanted: string): Promise<Pod> =>
  until(() => {
    const pod = api.all<Pod>('pods').find((p) => p.metadata.name === name);
    return pod?.status?.phase === wanted ? pod : undefined;
  });

describe("the kubelet's API", () => {
  it('gives the log of the run that is asked for', async () => {
    await begin();
    create('p');
    await phase('p', 'Running');
    const first = runtime.byName('c');
    await writeFile(first?.logPath ?? '', '2026-01-01T00:00:00Z stdout F first\n');
    runtime.exit(first?.id ?? '', 1);
    await until(() => (runtime.byName('c')?.attempt === 1 ? true : undefined));
    await until(() => (runtime.byName('c')?.state === 'running' ? true : undefined));
    await writeFile(runtime.byName('c')?.logPath ?? '', '2026-01-01T00:00:01Z stdout F second\n');
    expect(await get('/containerLogs/ns/p/c')).toEqual({ status: 200, text: 'second\n' });
    expect(await get('/containerLogs/ns/p/c?previous=true')).toEqual({ status: 200, text: 'first\n' });
  });

  it("says in Kubernetes' words why there is no log", async () => {
    await begin();
    create('p', { containers: [{ name: 'c', image: 'nosuch', imagePullPolicy: 'Never' }] });
    await until(() => {
      const pod = api.read<Pod>('pods', 'ns', 'p');
      return pod?.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'ErrImageNeverPull' ? true : undefined;
    });
    await expect(get('/containerLogs/ns/p/c')).rejects.toMatchObject({
      code: 400,
      message: 'container "c" in pod "p" is waiting to start: ErrImageNeverPull',
    });
    await expect(get('/containerLogs/ns/p/c?previous=true')).rejects.toThrow(
      'previous terminated container "c" in pod "p" not found',
    );
    await expect(get('/containerLogs/ns/nope/c')).rejects.toMatchObject({ code: 404 });
    await expect(get('/containerLogs/ns/p/c?tailLines=x')).rejects.toMatchObject({ code: 400 });
  });

  it('answers health, pods, stats, metrics and configuration', async () => {
    await begin();
    create('p');
    await phase('p', 'Running');
    expect((await get('/healthz')).text).toBe('ok');
    expect(JSON.parse((await get('/pods')).text).items).toHaveLength(1);
    expect(JSON.parse((await get('/stats/summary')).text).node.nodeName).toBe('n1');
    expect((await get('/metrics')).text).toContain('kubelet_running_pods 1\n');
    expect((await get('/metrics/resource')).text).toContain('node_cpu_usage_seconds_total ');
    expect(JSON.parse((await get('/configz')).text).kubeletconfig.maxPods).toBe(110);
    expect((await get('/nothing')).status).toBe(404);
  });

  it('does not run a command in a container that is not there', async () => {
    await begin();
    create('p');
    await phase('p', 'Running');
    const streams = { tty: false, onResize: () => () => undefined, signal: new AbortController().signal };
    const target = { namespace: 'ns', pod: 'p', container: 'nope' };
    await expect(kubelet.api.exec(target, ['x'], streams)).rejects.toThrow('container not found ("nope")');
  });
});

describe('host logs', () => {
  it('list directories and never follow a link', async () => {
    await begin();
    await writeFile(path.join(dir, 'a<b>.log'), 'x');
    expect(Buffer.from((await hostLogs([], dir)).body as Uint8Array).toString()).toContain('a&lt;b>.log');
    await symlink('/etc', path.join(dir, 'out'));
    expect((await hostLogs(['out'], dir)).status).toBe(404);
    expect((await hostLogs(['out', 'passwd'], dir)).status).toBe(404);
    expect((await hostLogs(['..', 'etc'], dir)).status).toBe(400);
  });
});

describe('static pods', () => {
  it('run, are mirrored, and end with their file', async () => {
    const staticPodPath = path.join(dir, 'static');
    await mkdir(staticPodPath);
    await begin({ staticPodPath });
    const file = path.join(staticPodPath, 'web.yaml');
    await writeFile(
      file,
      'apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers: [{name: c, image: busybox, imagePullPolicy: IfNotPresent}]\n',
    );
    const mirror = await phase('web-n1', 'Running');
    expect(mirror.metadata.annotations?.['kubernetes.io/config.source']).toBe('file');
    expect(mirror.metadata.ownerReferences?.[0]).toMatchObject({ kind: 'Node', name: 'n1' });
    await rm(file);
    await until(() => (runtime.containers.size === 0 ? true : undefined));
    await until(() => (api.read('pods', 'default', 'web-n1') === undefined ? true : undefined));
  });
});

describe('mirrors', () => {
  it('of files that went while nobody looked go too', async () => {
    const staticPodPath = path.join(dir, 'static');
    await mkdir(staticPodPath);
    api.put('pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'old-n1',
        namespace: 'ns',
        uid: 'm',
        annotations: { 'kubernetes.io/config.mirror': 'x', 'kubernetes.io/config.source': 'file' },
      },
      spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'busybox' }] },
    } as Pod);
    await begin({ staticPodPath });
    await until(() => (api.read('pods', 'ns', 'old-n1') === undefined ? true : undefined));
    expect(runtime.containers.size).toBe(0);
  });
});

describe('pressure', () => {
  it("evicts a pod, says why, and tells it in the node's conditions", async () => {
    const nothing = {
      nodefsAvailable: 0,
      nodefsInodesFree: 0,
      imagefsAvailable: 0,
      imagefsInodesFree: 0,
      pidAvailable: 0,
    };
    const evictionHard = { ...nothing, memoryAvailable: 2 ** 50 };
    await begin({ evictionHard, evictionLookMs: 300 });
    create('p');
    const pod = await phase('p', 'Failed');
    expect(pod.status?.reason).toBe('Evicted');
    expect(pod.status?.message).toMatch(/^The node was low on resource: memory\. Threshold quantity: /);
    expect(pod.status?.conditions?.find((c) => c.type === 'DisruptionTarget')).toMatchObject({
      status: 'True',
      reason: 'TerminationByKubelet',
    });
    await until(() => {
      const [node] = api.all<Node>('nodes');
      return node?.status?.conditions?.find((c) => c.type === 'MemoryPressure')?.status === 'True' ? true : undefined;
    });
    create('late');
    expect((await phase('late', 'Failed')).status?.message).toBe(
      'Pod was rejected: The node had condition: [MemoryPressure]. ',
    );
  });

  it('ends all pods when the node shuts down, critical ones last, and takes no more', async () => {
    await begin();
    create('vital', { terminationGracePeriodSeconds: 1, priority: 2_000_001_000 });
    create('p', { terminationGracePeriodSeconds: 1 });
    await phase('p', 'Running');
    await phase('vital', 'Running');
    await kubelet.shutdown();
    expect(runtime.calls.filter((c) => c.startsWith('stop sandbox'))).toEqual(['stop sandbox p', 'stop sandbox vital']);
    await phase('vital', 'Failed');
    const pod = await phase('p', 'Failed');
    expect(pod.status).toMatchObject({
      reason: 'Terminated',
      message: 'Pod was terminated in response to imminent node shutdown.',
    });
    create('late');
    expect((await phase('late', 'Failed')).status?.reason).toBe('NodeShutdown');
    const ready = () => api.all<Node>('nodes')[0]?.status?.conditions?.find((c) => c.type === 'Ready');
    expect(ready()).toMatchObject({ status: 'False', message: 'node is shutting down' });
    await kubelet.resume();
    expect(ready()?.status).toBe('True');
    create('later');
    await phase('later', 'Running');
  });

  it('ends pods within the time that the host gives', async () => {
    await begin();
    create('p', { terminationGracePeriodSeconds: 600 });
    await phase('p', 'Running');
    const graces: number[] = [];
    const stopOne = runtime.stopContainer.bind(runtime);
    Object.assign(runtime, {
      stopContainer: (id: string, timeoutMs: number) => {
        graces.push(timeoutMs);
        return stopOne(id);
      },
    });
    await kubelet.shutdown(5_000);
    // A third is kept for critical pods.
    expect(graces).toHaveLength(1);
    expect(graces[0]).toBeGreaterThan(3_000);
    expect(graces[0]).toBeLessThanOrEqual(4_000);
  });
});
