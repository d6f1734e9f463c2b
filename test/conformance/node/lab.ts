// A cluster of its own that really runs containers, and the few things that every test about a node asks of it.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import type { HttpsTransport, ResourceClient } from '../../../src/client/index.ts';
import { type Client, createClient, httpsTransport, NAMESPACES, PODS } from '../../../src/client/index.ts';
import { buildDebianImage, DEBIAN_IMAGES, writeDockerArchive } from '../../../src/host/debian-image.ts';
import type { KubeObject } from '../../../src/machinery/object.ts';
import type { Container, ContainerStatus, Event, Pod, PodSpec } from '../../../src/resources/generated/core-v1.ts';
import { type Ran, run, type TestCluster, testCluster } from '../../e2e/cluster.ts';
import { PodHistory } from './history.ts';
import { type Credentials, openStream, type StreamAnswer } from './streams.ts';

/** What an image says of itself, for images that share busybox's files. */
export type ImageConfigs = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export interface LabOptions {
  readonly namespace: string;
  readonly nodes?: number;
  /** For what needs no container. */
  readonly runtime?: 'simulated';
  /** Further images by name: busybox with another configuration. */
  readonly images?: ImageConfigs;
  /** Changes busybox's files before the layer is made: path → content. */
  readonly files?: Readonly<Record<string, string>>;
  /** Links in busybox's root: path → target. */
  readonly links?: Readonly<Record<string, string>>;
}

const LIBRARY = 'docker.io/library';

export class Lab {
  readonly namespace: string;
  readonly cluster: TestCluster;
  readonly client: Client;
  readonly credentials: Credentials;
  readonly history: PodHistory;
  private readonly transport: HttpsTransport;

  private constructor(cluster: TestCluster, namespace: string) {
    this.cluster = cluster;
    this.namespace = namespace;
    const pki = (name: string) => readFileSync(join(cluster.dir, 'pki', name));
    this.credentials = {
      server: `https://127.0.0.1:${cluster.port}`,
      ca: pki('ca.crt'),
      cert: pki('admin.crt'),
      key: pki('admin.key'),
    };
    this.transport = httpsTransport(this.credentials);
    this.client = createClient({ transport: this.transport, userAgent: 'conformance' });
    this.history = new PodHistory(this.client.resource(PODS), namespace);
  }

  static async start(options: LabOptions): Promise<Lab> {
    const cluster = await testCluster();
    const work = mkdtempSync(join(tmpdir(), 'minke-lab-'));
    try {
      mkdirSync(cluster.dir, { recursive: true });
      const mirrors = 'mirrors:\n  "*":\n    endpoint: ["http://127.0.0.1:1"]\n';
      writeFileSync(join(cluster.dir, 'registries.yaml'), mirrors);
      const up = cluster.up('--nodes', String(options.nodes ?? 1), '--runtime', options.runtime ?? 'embedded');
      const images = options.runtime === undefined ? makeImages(work, options) : [];
      const [archives, started] = await Promise.all([images, up]);
      expect(started, started.stderr).toMatchObject({ code: 0 });
      for (const archive of archives) {
        const taken = await cluster.minke('image', 'import', archive);
        expect(taken, taken.stderr).toMatchObject({ code: 0 });
      }
      const lab = new Lab(cluster, options.namespace);
      await lab.makeNamespace();
      lab.history.begin();
      return lab;
    } catch (error) {
      await cluster.remove();
      throw error;
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }

  private async makeNamespace(): Promise<void> {
    await this.client
      .resource(NAMESPACES)
      .create('', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: this.namespace } });
    await vi.waitFor(() => this.client.raw('GET', `${this.path('serviceaccounts')}/default`), { timeout: 40_000 });
  }

  async stop(): Promise<void> {
    await this.history.end();
    this.transport.close();
    await this.cluster.remove();
  }

  get pods(): ResourceClient<Pod> {
    return this.client.resource(PODS);
  }

  /** `/api/v1/namespaces/NS/PLURAL`. */
  path(plural: string): string {
    return `/api/v1/namespaces/${this.namespace}/${plural}`;
  }

  create(pod: Pod): Promise<Pod> {
    return this.pods.create(this.namespace, pod);
  }

  get(name: string): Promise<Pod> {
    return this.pods.get(this.namespace, name);
  }

  /** The first state of a pod, past or to come, for which `good` holds. */
  seen(name: string, good: (pod: Pod) => boolean, ms = 80_000): Promise<Pod> {
    return this.history.until(name, good, ms);
  }

  /** Makes the pod and waits until it is Ready. */
  async ready(pod: Pod): Promise<Pod> {
    await this.create(pod);
    return this.seen(nameOf(pod), isReady);
  }

  /** Makes the pod and waits until it is over, whichever way. */
  async over(pod: Pod): Promise<Pod> {
    await this.create(pod);
    return this.seen(nameOf(pod), (p) => p.status?.phase === 'Succeeded' || p.status?.phase === 'Failed');
  }

  /** Makes the pod, waits until it is over, and gives what its first container wrote. The pod must have succeeded. */
  async output(pod: Pod): Promise<string> {
    const ended = await this.over(pod);
    const log = await this.log(nameOf(pod), `container=${ended.spec?.containers[0]?.name ?? ''}`);
    expect(ended.status?.phase, `${log}\n${JSON.stringify(ended.status)}`).toBe('Succeeded');
    return log;
  }

  /** What a container writes is in its log a moment after it runs. */
  async logged(name: string, text: string, query = ''): Promise<void> {
    await vi.waitFor(async () => expect(await this.log(name, query)).toBe(text), { timeout: 20_000 });
  }

  async log(name: string, query = ''): Promise<string> {
    const text = await this.client.raw('GET', `${this.path('pods')}/${name}/log?${query}`);
    return text === undefined ? '' : String(text);
  }

  /** Runs a command over a WebSocket and gives what came on each stream. */
  exec(name: string, command: readonly string[], container?: string): Promise<StreamAnswer> {
    const query = new URLSearchParams({ stdout: 'true', stderr: 'true' });
    for (const word of command) query.append('command', word);
    if (container !== undefined) query.set('container', container);
    return openStream(this.credentials, `${this.path('pods')}/${name}/exec?${query}`);
  }

  /** What a command in a shell of the container says on stdout; it must end well. */
  async sh(name: string, script: string, container?: string): Promise<string> {
    const answer = await this.exec(name, ['sh', '-c', script], container);
    expect(answer, JSON.stringify(answer)).toMatchObject({ status: 'Success' });
    return answer.stdout;
  }

  async delete(name: string, gracePeriodSeconds?: number): Promise<void> {
    await this.pods.delete(this.namespace, name, gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds });
  }

  /** Deletes and waits until the API no longer has it. */
  async remove(name: string, gracePeriodSeconds?: number): Promise<void> {
    await this.delete(name, gracePeriodSeconds);
    await this.history.deleted(name);
  }

  kubectl(...args: string[]): Promise<Ran> {
    return this.cluster.kubectl(['-n', this.namespace, ...args]);
  }

  async make<T extends KubeObject>(plural: string, object: T): Promise<T> {
    return (await this.client.raw('POST', this.path(plural), object)) as T;
  }

  /** The events about a pod, once there is one for which `good` holds. */
  async event(name: string, good: (event: Event) => boolean, ms = 60_000): Promise<Event> {
    const query = `fieldSelector=${encodeURIComponent(`involvedObject.name=${name}`)}`;
    return vi.waitFor(
      async () => {
        const list = (await this.client.raw('GET', `${this.path('events')}?${query}`)) as { items: Event[] };
        const found = list.items.find(good);
        if (found === undefined) {
          throw new Error(`no such event; there are ${list.items.map((e) => `${e.reason}: ${e.message}`).join('\n')}`);
        }
        return found;
      },
      { timeout: ms, interval: 50 },
    );
  }
}

async function makeImages(work: string, options: LabOptions): Promise<string[]> {
  const runOrThrow = async (file: string, args: readonly string[], o: { timeoutMs?: number } = {}) => {
    const ran = await run(file, args, o);
    if (ran.code !== 0) throw new Error(`${file} ${args.join(' ')}: exit code ${ran.code}\n${ran.stderr}`);
  };
  const spec = DEBIAN_IMAGES.busybox;
  const own = { files: { ...spec.files, ...options.files }, links: { ...spec.links, ...options.links } };
  const image = await buildDebianImage({ ...spec, ...own }, work, runOrThrow);
  const archives: string[] = [];
  const configs: ImageConfigs = { busybox: {}, ...options.images };
  for (const [name, config] of Object.entries(configs)) {
    const archive = join(work, `${name}.tar`);
    const whole = { ...image.config, config: { ...spec.config, ...config } };
    await writeDockerArchive({ ...image, config: whole }, [`${LIBRARY}/${name}:latest`], archive, runOrThrow);
    archives.push(archive);
  }
  return archives;
}

/** A lab for all tests of a file. They run at the same time: a pod that waits costs nothing. */
export function useLab(options: LabOptions): () => Lab {
  vi.setConfig({ maxConcurrency: 40, testTimeout: 180_000 });
  let lab: Lab | undefined;
  beforeAll(async () => {
    lab = await Lab.start(options);
  }, 240_000);
  afterAll(() => lab?.stop(), 120_000);
  return () => {
    if (lab === undefined) throw new Error('the lab has not started');
    return lab;
  };
}

export const nameOf = (pod: Pod): string => pod.metadata.name ?? '';

export const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;

/** The status of a container, whichever kind, by name; of the first when none is named. */
export function containerStatus(pod: Pod, name?: string): ContainerStatus | undefined {
  const { containerStatuses = [], initContainerStatuses = [], ephemeralContainerStatuses = [] } = pod.status ?? {};
  const all = [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses];
  return name === undefined ? all[0] : all.find((s) => s.name === name);
}

export const restarts = (pod: Pod, name?: string): number => containerStatus(pod, name)?.restartCount ?? 0;

export type PodParts = Partial<Omit<PodSpec, 'containers'>> & {
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
  /** Beside the first. */
  readonly more?: readonly Container[];
};

/** A pod of busybox: one container `main`, and what is said besides. It ends soon when it is told to. */
export function podOf(name: string, container: Partial<Container>, parts: PodParts = {}): Pod {
  const { labels, annotations, more = [], ...spec } = parts;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: {
      terminationGracePeriodSeconds: 1,
      ...spec,
      containers: [{ name: 'main', ...busybox, ...container }, ...more],
    },
  };
}

export const busybox = { image: 'busybox', imagePullPolicy: 'IfNotPresent' } as const;

/** A pod that runs a script to its end, once. */
export function scriptPod(name: string, script: string, container: Partial<Container> = {}, parts: PodParts = {}): Pod {
  return podOf(name, { command: ['sh', '-c', script], ...container }, { restartPolicy: 'Never', ...parts });
}

/** Runs until it is told to stop, and then stops at once. */
export const STAY = 'trap "exit 0" TERM INT; while true; do sleep 0.1; done';
