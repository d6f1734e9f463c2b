// Pods run for real: the kubelet over the embedded runtime, with an API in memory. Needs root, crun, conmon and a static busybox.

import { mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createInformerFactory } from '../client/index.ts';
import type { EmbeddedRuntime } from '../cri/index.ts';
import { systemClock } from '../host/clock.ts';
import { listMounts } from '../host/mounts.ts';
import type { KubeObject } from '../machinery/object.ts';
import type { ConfigMap, Container, Event, Pod, PodSpec, PodStatus } from '../resources/generated/core-v1.ts';
import { createKubelet, hostMounts, type Kubelet } from './index.ts';
import { networkReach } from './probes/reach.ts';
import { FakeApi } from './test-support/fake-client.ts';
import { type RealRuntime, realRuntime, whyNoContainers } from './test-support/real-runtime.ts';

const skip = whyNoContainers();
const OCTET = 237;
const NAME = 'mkkube';

let bed: RealRuntime;
let embedded: EmbeddedRuntime;
let api: FakeApi;
let kubelet: Kubelet;
let stop: AbortController;
let running: Promise<void>;

async function begin(): Promise<void> {
  embedded = await bed.open();
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
    rootDir: path.join(bed.directory, 'kubelet'),
    logDir: path.join(bed.directory, 'logs'),
    secretDir: path.join(bed.directory, 'secrets'),
    mounts: hostMounts(),
    reach: networkReach(),
    config: { clusterDns: ['10.96.0.10'] },
  });
  running = kubelet.run(stop.signal);
  await kubelet.registered;
}

async function end(): Promise<void> {
  stop.abort();
  await running;
}

let serial = 0;

function create(spec: Partial<PodSpec>): string {
  const name = `p${++serial}`;
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'ns', uid: `uid-${name}`, labels: { app: 'one' } },
    spec: { nodeName: 'n1', restartPolicy: 'Never', terminationGracePeriodSeconds: 1, containers: [], ...spec },
    status: { phase: 'Pending' },
  };
  api.put('pods', pod as KubeObject);
  return name;
}

function sh(script: string, more: Partial<Container> = {}): Container {
  return { name: 'c', image: 'busybox', imagePullPolicy: 'IfNotPresent', command: ['sh', '-c', script], ...more };
}

async function until<T>(get: () => T | undefined | Promise<T | undefined>, ok: (value: T) => boolean): Promise<T> {
  for (let i = 0; i < 1500; i++) {
    const value = await get();
    if (value !== undefined && ok(value)) return value;
    await systemClock.sleep(10);
  }
  throw new Error(`never came: ${JSON.stringify(await get())}`);
}

function status(name: string, ok: (s: PodStatus) => boolean): Promise<PodStatus> {
  return until(() => api.read<Pod>('pods', 'ns', name)?.status, ok);
}

const over = (s: PodStatus): boolean => s.phase === 'Succeeded' || s.phase === 'Failed';
const ready = (s: PodStatus): boolean => s.conditions?.find((c) => c.type === 'Ready')?.status === 'True';

async function logOf(name: string): Promise<string> {
  const answer = await kubelet.api.request({
    method: 'GET',
    path: `/containerLogs/ns/${name}/c`,
    query: new URLSearchParams(),
    headers: {},
  });
  if (answer.body instanceof Uint8Array) return Buffer.from(answer.body).toString();
  const { body } = answer;
  return new Promise((resolve) => {
    let text = '';
    body.start({
      write: (chunk) => {
        text += Buffer.from(chunk).toString();
        return true;
      },
      buffered: 0,
      end: () => resolve(text),
      onDrain: () => undefined,
      onClose: () => undefined,
    });
  });
}

/** Runs a pod of one container to its end and gives its log. */
async function logged(
  script: string,
  container: Partial<Container> = {},
  spec: Partial<PodSpec> = {},
): Promise<string> {
  const name = create({ containers: [sh(script, container)], ...spec });
  await status(name, over);
  return logOf(name);
}

function remove(name: string, graceSeconds: number): void {
  const pod = api.read<Pod>('pods', 'ns', name);
  if (pod === undefined) throw new Error(`no pod ${name}`);
  const deletionTimestamp = new Date().toISOString();
  const metadata = { ...pod.metadata, deletionTimestamp, deletionGracePeriodSeconds: graceSeconds };
  api.put('pods', { ...pod, metadata } as KubeObject);
}

const gone = (name: string): Promise<boolean> =>
  until(
    () => api.read('pods', 'ns', name) === undefined,
    (x) => x,
  );

function configMap(data: Record<string, string>): void {
  api.put('configmaps', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'cm', namespace: 'ns' },
    data,
  } as ConfigMap);
}

describe.skipIf(skip !== undefined)('pods run for real', () => {
  beforeAll(async () => {
    bed = await realRuntime(NAME, OCTET);
    api = new FakeApi();
    configMap({ a: 'alpha' });
    await begin();
  });

  afterAll(async () => {
    await end();
    await embedded.destroy();
    await kubelet.destroy();
    const left = await bed.leftovers();
    await bed.remove();
    expect(left).toEqual([]);
  });

  it('see the files of a ConfigMap, and its changes while they run', async () => {
    const script = 'cat /c/a; until [ "$(cat /c/a)" = beta ]; do sleep 0.05; done; cat /c/a; stat -c %a /c/..data/a';
    const volumes = [{ name: 'v', configMap: { name: 'cm', defaultMode: 0o440 } }];
    const name = create({ containers: [sh(script, { volumeMounts: [{ name: 'v', mountPath: '/c' }] })], volumes });
    await status(name, ready);
    // Only when it has seen the old content may the new one come.
    for (let i = 0; i < 500 && (await logOf(name)) !== 'alpha'; i++) await systemClock.sleep(10);
    configMap({ a: 'beta' });
    await status(name, over);
    expect(await logOf(name)).toBe('alphabeta440\n');
  });

  it('own their volumes by fsGroup and run as who they are told', async () => {
    const text = await logged(
      'id; touch /m/x; stat -c %u:%g /m/x; stat -c "%g %a" /m',
      { volumeMounts: [{ name: 'm', mountPath: '/m' }] },
      {
        securityContext: { runAsUser: 1500, runAsGroup: 2500, fsGroup: 3000, supplementalGroups: [4000] },
        volumes: [{ name: 'm', emptyDir: {} }],
      },
    );
    expect(text).toBe('uid=1500 gid=2500 groups=2500,3000,4000\n1500:3000\n3000 2777\n');
  });

  it('cannot leave a volume by a subPath that is a link', async () => {
    const init = sh('ln -s /etc /m/out; ln -s inside /m/in; mkdir /m/inside; echo ok > /m/inside/f', {
      name: 'i',
      volumeMounts: [{ name: 'm', mountPath: '/m' }],
    });
    const volumes = [{ name: 'm', emptyDir: {} }];
    const mounted = (subPath: string) => ({ volumeMounts: [{ name: 'm', mountPath: '/x', subPath }] });
    const bad = create({ initContainers: [init], containers: [sh('cat /x/passwd', mounted('out'))], volumes });
    const good = create({ initContainers: [init], containers: [sh('cat /x/f', mounted('in'))], volumes });
    const s = await status(
      bad,
      (x) => x.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerConfigError',
    );
    expect(s.containerStatuses?.[0]?.state?.waiting?.message).toContain('failed to prepare subPath');
    await status(good, over);
    expect(await logOf(good)).toBe('ok\n');
    remove(bad, 1);
    await gone(bad);
  });

  it('leave their last words in a file', async () => {
    const name = create({ containers: [sh('echo -n goodbye > /dev/termination-log; exit 3')] });
    const s = await status(name, over);
    expect(s.containerStatuses?.[0]?.state?.terminated).toMatchObject({ exitCode: 3, message: 'goodbye' });
  });

  it('are killed when they do not listen to SIGTERM, within the grace period of their deletion', async () => {
    const containers = [sh('trap "" TERM; while :; do sleep 0.1; done')];
    // Were their own grace period theirs, the test would be over long before them.
    const name = create({ containers, terminationGracePeriodSeconds: 100_000 });
    await status(name, ready);
    remove(name, 1);
    await gone(name);
  });

  it('are noticed at once when they die', async () => {
    const looks = vi.spyOn(embedded.runtime, 'listContainers');
    const name = create({ containers: [sh('sleep 0.3; exit 7')], restartPolicy: 'Never' });
    const s = await status(name, over);
    expect(s.containerStatuses?.[0]?.state?.terminated?.exitCode).toBe(7);
    // The runtime tells it: nobody has gone through all containers to find it.
    expect(looks).not.toHaveBeenCalled();
  });

  it('have names, resolver and hosts of their own', async () => {
    const text = await logged(
      'hostname; tail -1 /etc/hosts | cut -f2-; grep search /etc/resolv.conf',
      {},
      {
        hostname: 'h1',
        subdomain: 'sub',
      },
    );
    expect(text).toMatch(
      /^h1\nh1\.sub\.ns\.svc\.cluster\.local\th1\nsearch ns\.svc\.cluster\.local svc\.cluster\.local /,
    );
  });

  it('are told of sidecars in order, at the start and at the end', async () => {
    const shared = [{ name: 'm', mountPath: '/m' }];
    const trap =
      'trap "echo sidecar ends >> /m/log; exit 0" TERM; echo sidecar >> /m/log; while :; do sleep 0.05; done';
    const name = create({
      initContainers: [
        sh(trap, { name: 's', restartPolicy: 'Always', volumeMounts: shared }),
        sh('echo init >> /m/log', { name: 'i', volumeMounts: shared }),
      ],
      containers: [
        sh('echo main >> /m/log; sleep 0.3; echo main ends >> /m/log; cat /m/log', { volumeMounts: shared }),
      ],
      volumes: [{ name: 'm', emptyDir: {} }],
    });
    const s = await status(name, over);
    expect(await logOf(name)).toBe('sidecar\ninit\nmain\nmain ends\n');
    expect(s.phase).toBe('Succeeded');
    expect(s.initContainerStatuses?.[0]?.state?.terminated?.exitCode).toBe(0);
  });

  it('run on without the kubelet, are taken up again, and nothing starts twice', async () => {
    const name = create({ restartPolicy: 'Always', containers: [sh('echo up; sleep 1000')] });
    const before = await status(name, ready);
    await end();
    await embedded.close();
    await begin();
    await systemClock.sleep(300);
    const after = api.read<Pod>('pods', 'ns', name)?.status;
    expect(after?.containerStatuses?.[0]?.containerID).toBe(before.containerStatuses?.[0]?.containerID);
    expect(await logOf(name)).toBe('up\n');
    const starts = api.all<Event>('events').filter((e) => e.involvedObject.name === name && e.reason === 'Started');
    expect(starts).toHaveLength(1);
    remove(name, 1);
    await gone(name);
  });

  it('leave nothing behind when they are deleted', async () => {
    const name = create({
      containers: [
        sh('sleep 1000', {
          volumeMounts: [
            { name: 'm', mountPath: '/m' },
            { name: 'e', mountPath: '/e', subPath: 'a/b' },
          ],
        }),
      ],
      volumes: [
        { name: 'm', emptyDir: { medium: 'Memory', sizeLimit: '4Mi' } },
        { name: 'e', emptyDir: {} },
      ],
    });
    await status(name, ready);
    const root = path.join(bed.directory, 'kubelet/pods', `uid-${name}`);
    const mounted = async () => (await listMounts()).filter((m) => m.mountPoint.startsWith(root)).length;
    expect(await mounted()).toBe(2);
    remove(name, 1);
    await gone(name);
    expect(await mounted()).toBe(0);
    await expect(readFile(path.join(root, 'etc-hosts'))).rejects.toThrow('ENOENT');
  });

  it('mount host paths as they are', async () => {
    const dir = path.join(bed.directory, 'host');
    await mkdir(dir);
    const volumes = [{ name: 'h', hostPath: { path: dir, type: 'Directory' } }];
    await logged('echo written > /h/f', { volumeMounts: [{ name: 'h', mountPath: '/h' }] }, { volumes });
    expect(await readFile(path.join(dir, 'f'), 'utf8')).toBe('written\n');
    await rm(dir, { recursive: true });
  });
});
