// One cluster for a file of storage tests: real containers of busybox, reached over HTTPS.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import {
  type Client,
  CONFIG_MAPS,
  createClient,
  EVENTS,
  type HttpsTransport,
  httpsTransport,
  NAMESPACES,
  PODS,
  SECRETS,
  SERVICE_ACCOUNTS,
} from '../../../src/client/index.ts';
import { writeDockerArchive } from '../../../src/cluster/index.ts';
import type { Container, ContainerStatus, Pod, PodSpec, Volume } from '../../../src/resources/generated/core-v1.ts';
import { findKubectls, isRoot, run, type TestCluster, testCluster } from '../../e2e/cluster.ts';
import { buildImage } from '../../e2e/images.ts';

export const skipReason = !isRoot ? 'needs root' : findKubectls().size === 0 ? 'no kubectl on this host' : undefined;

interface KubeconfigFile {
  clusters: { cluster: { server: string; 'certificate-authority-data': string } }[];
  users: { user: { 'client-certificate-data': string; 'client-key-data': string } }[];
}

function transportOf(file: string): HttpsTransport {
  const config = parse(readFileSync(file, 'utf8')) as KubeconfigFile;
  const cluster = config.clusters[0]?.cluster;
  const user = config.users[0]?.user;
  if (cluster === undefined || user === undefined) throw new Error(`${file} holds no cluster`);
  const text = (data: string): string => Buffer.from(data, 'base64').toString('utf8');
  return httpsTransport({
    server: cluster.server,
    ca: text(cluster['certificate-authority-data']),
    cert: text(user['client-certificate-data']),
    key: text(user['client-key-data']),
  });
}

async function runOrThrow(file: string, args: readonly string[], options: { timeoutMs?: number } = {}): Promise<void> {
  const ran = await run(file, args, options);
  if (ran.code !== 0) throw new Error(`${file}: exit code ${ran.code}\n${ran.stderr}`);
}

/** Asks again and again until the answer is one; the last error tells why it never was. */
export async function until<T>(ask: () => Promise<T | undefined | false>, ms = 60_000): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    let last: unknown = new Error(`it did not come about within ${ms} ms`);
    try {
      const found = await ask();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw last;
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
}

/** A container that runs a script. */
export function sh(script: string, more: Partial<Container> = {}): Container {
  return { name: 'c', image: 'busybox', imagePullPolicy: 'IfNotPresent', command: ['sh', '-c', script], ...more };
}

/** A pod of one container that runs a script with the volume `v` at /v. */
export function withVolume(
  script: string,
  source: Omit<Volume, 'name'>,
  more: Partial<PodSpec> = {},
): Partial<PodSpec> {
  return {
    containers: [sh(script, { volumeMounts: [{ name: 'v', mountPath: '/v' }] })],
    volumes: [{ name: 'v', ...source }],
    ...more,
  };
}

const ended = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

/** A namespace of the bed's cluster: what tests make lies in it. */
export class Room {
  private serial = 0;
  constructor(
    readonly client: Client,
    readonly namespace: string,
    private readonly cluster: TestCluster,
  ) {}

  /** A name that nothing in this room has. */
  fresh(): string {
    return `x-${++this.serial}`;
  }

  async configMap(data: Record<string, string>, more: object = {}, name = this.fresh()): Promise<string> {
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data, ...more };
    await this.client.resource(CONFIG_MAPS).create(this.namespace, object);
    return name;
  }

  async secret(stringData: Record<string, string>, more: object = {}, name = this.fresh()): Promise<string> {
    const object = { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData, ...more };
    await this.client.resource(SECRETS).create(this.namespace, object);
    return name;
  }

  async create(spec: Partial<PodSpec>, metadata: Pod['metadata'] = {}): Promise<string> {
    const name = metadata.name ?? `pod-${++this.serial}`;
    const pod = await this.client.resource(PODS).create(this.namespace, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...metadata, name },
      spec: { restartPolicy: 'Never', terminationGracePeriodSeconds: 0, containers: [], ...spec },
    });
    return pod.metadata.name ?? name;
  }

  pod(name: string): Promise<Pod> {
    return this.client.resource(PODS).get(this.namespace, name);
  }

  /** Follows the pod until it is as wanted. */
  async pods(name: string, wanted: (pod: Pod) => boolean, ms = 60_000): Promise<Pod> {
    const enough = new AbortController();
    const timer = setTimeout(() => enough.abort(), ms);
    let last: Pod | undefined;
    try {
      const watch = this.client
        .resource(PODS)
        .watch(this.namespace, { fieldSelector: `metadata.name=${name}` }, enough.signal);
      for await (const event of watch) {
        if (event.type !== 'ADDED' && event.type !== 'MODIFIED') continue;
        last = event.object;
        if (wanted(last)) return last;
      }
    } finally {
      clearTimeout(timer);
      enough.abort();
    }
    throw new Error(
      `pod ${name} never became what was waited for: ${JSON.stringify(last?.status)} ${await this.events(name)}`,
    );
  }

  async log(name: string, container = 'c'): Promise<string> {
    const path = `/api/v1/namespaces/${this.namespace}/pods/${name}/log?container=${container}`;
    return ((await this.client.raw('GET', path)) ?? '') as string;
  }

  /** What the container wrote, once that matches. */
  logs(name: string, wanted: RegExp | string, container = 'c'): Promise<string> {
    return until(async () => {
      const text = await this.log(name, container);
      if (typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text)) return text;
      throw new Error(`${name} never wrote ${String(wanted)}, but: ${text.slice(-400)} ${await this.events(name)}`);
    });
  }

  /** Runs a pod to its end, which must be a good one, and gives what it wrote. */
  async output(spec: Partial<PodSpec>, metadata: Pod['metadata'] = {}): Promise<string> {
    const name = await this.create(spec, metadata);
    const pod = await this.pods(name, ended);
    const text = await this.log(name, spec.containers?.[0]?.name ?? 'c');
    if (pod.status?.phase !== 'Succeeded') throw new Error(`${JSON.stringify(pod.status)}\n${text}`);
    return text;
  }

  /** Starts a pod and waits until it is Ready. */
  async start(spec: Partial<PodSpec>, metadata: Pod['metadata'] = {}): Promise<string> {
    const name = await this.create(spec, metadata);
    await this.ready(name);
    return name;
  }

  ready(name: string): Promise<Pod> {
    return this.pods(name, (pod) =>
      (pod.status?.conditions ?? []).some((c) => c.type === 'Ready' && c.status === 'True'),
    );
  }

  ended(name: string): Promise<Pod> {
    return this.pods(name, ended);
  }

  /** The pod's one container, once it waits with this reason. */
  async waiting(name: string, reason: string): Promise<ContainerStatus> {
    const pod = await this.pods(name, (p) => p.status?.containerStatuses?.[0]?.state?.waiting?.reason === reason);
    const [status] = pod.status?.containerStatuses ?? [];
    if (status === undefined) throw new Error('the pod has no container');
    return status;
  }

  async events(name: string, reason?: string): Promise<string> {
    const list = await this.client.resource(EVENTS).list(this.namespace, {
      fieldSelector: `involvedObject.name=${name}${reason === undefined ? '' : `,reason=${reason}`}`,
    });
    return list.items.map((event) => `${event.reason}: ${event.message}`).join('\n');
  }

  event(name: string, reason: string, wanted: RegExp | string): Promise<string> {
    return until(async () => {
      const text = await this.events(name, reason);
      if (typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text)) return text;
      throw new Error(`no event ${reason} of ${name} says ${String(wanted)}, but: ${await this.events(name)}`);
    });
  }

  delete(name: string): Promise<void> {
    return this.client.resource(PODS).delete(this.namespace, name, { gracePeriodSeconds: 0 });
  }

  /** Runs a script in a container that runs. */
  async exec(name: string, script: string, container = 'c'): Promise<string> {
    const ran = await this.cluster.kubectl([
      'exec',
      '-n',
      this.namespace,
      name,
      '-c',
      container,
      '--',
      'sh',
      '-c',
      script,
    ]);
    if (ran.code !== 0) throw new Error(`exit code ${ran.code}: ${ran.stdout}${ran.stderr}`);
    return ran.stdout;
  }
}

export class Bed {
  private serial = 0;
  private constructor(
    readonly cluster: TestCluster,
    private readonly transport: HttpsTransport,
    readonly client: Client,
  ) {}

  /** `more`: options of `minke up`. */
  static async open(...more: string[]): Promise<Bed> {
    const cluster = await testCluster();
    try {
      const up = await cluster.up(...more);
      if (up.code !== 0) throw new Error(up.stderr);
      const archive = join(cluster.dir, 'busybox.tar');
      await writeDockerArchive(await buildImage('busybox', cluster.dir), ['busybox:latest'], archive, runOrThrow);
      const imported = await cluster.minke('image', 'import', archive);
      if (imported.code !== 0) throw new Error(imported.stderr);
      const transport = transportOf(join(cluster.dir, 'kubeconfig'));
      return new Bed(cluster, transport, createClient({ transport, userAgent: 'storage-tests' }));
    } catch (error) {
      await cluster.remove();
      throw error;
    }
  }

  async room(): Promise<Room> {
    const name = `room-${++this.serial}`;
    await this.client.resource(NAMESPACES).create('', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    // Pods need the namespace's service account.
    await until(() => this.client.resource(SERVICE_ACCOUNTS).get(name, 'default'));
    return new Room(this.client, name, this.cluster);
  }

  /** Ends the server with SIGKILL and starts it again. */
  async crash(): Promise<void> {
    const { pid } = JSON.parse(readFileSync(join(this.cluster.dir, 'minke.pid'), 'utf8')) as { pid: number };
    process.kill(pid, 'SIGKILL');
    const isThere = (): boolean => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    };
    await until(async () => !isThere());
    const up = await this.cluster.up();
    if (up.code !== 0) throw new Error(up.stderr);
  }

  async close(): Promise<void> {
    this.transport.close();
    await this.cluster.remove();
  }
}
