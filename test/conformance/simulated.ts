// A whole cluster in this process for conformance tests: two nodes whose containers are simulated, spoken to over HTTPS like any other.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import {
  type Client,
  createClient,
  type HttpsTransport,
  httpsTransport,
  NAMESPACES,
  type ResourceRef,
  SERVICE_ACCOUNTS,
} from '../../src/client/index.ts';
import { clusterConfig, clusterPaths, destroyCluster, startCluster } from '../../src/cluster/index.ts';
import type { WireRequest } from '../../src/machinery/http.ts';
import { isJsonObject, type JsonObject, type KubeObject, type WatchEvent } from '../../src/machinery/object.ts';
import { eventually, maybe } from '../control-plane/plane.ts';
import { findKubectls, freePort, type Ran, run } from '../e2e/cluster.ts';

export { eventually, maybe };

/** Waits until expectations hold; for tests that run side by side, where `expect.poll` knows not whose it is. */
export const soon = (expectations: () => Promise<void>, ms?: number): Promise<boolean> =>
  eventually(async () => {
    await expectations();
    return true;
  }, ms);

export const hasKubectl = findKubectls().size > 0;

/** The kubelets mount what pods are given, also on simulated nodes. */
export const isRoot = process.getuid?.() === 0;

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly text: string;
  /** An empty object where the answer is no JSON object. */
  readonly body: JsonObject & { readonly message?: string; readonly reason?: string };
}

export interface CallOptions {
  readonly type?: string;
  readonly accept?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Asks with this bearer token instead of as the administrator. */
  readonly token?: string;
}

export interface Followed<T> {
  readonly events: WatchEvent<T>[];
  readonly ended: boolean;
  /** The first event from here on that `wanted` accepts. */
  until(wanted: (event: WatchEvent<T>) => boolean, ms?: number): Promise<WatchEvent<T>>;
  stop(): void;
}

export interface FollowOptions {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion?: string;
}

export interface SimulatedCluster {
  readonly server: string;
  readonly kubeconfig: string;
  /** Where the cluster keeps what it has, the volumes of its pods too. */
  readonly dataDir: string;
  readonly ca: string;
  /** The administrator, over HTTPS. */
  readonly client: Client;
  /** A client that asks as another. */
  clientOf(token: string): Client;
  /** One raw request; `path` may have a query. */
  call(method: string, path: string, body?: unknown, options?: CallOptions): Promise<Answer>;
  /** A namespace of its own, with its service account. */
  namespace(labels?: Record<string, string>): Promise<string>;
  follow<T extends KubeObject>(ref: ResourceRef<T>, namespace: string, options?: FollowOptions): Followed<T>;
  kubectl(args: readonly string[], options?: { input?: string; version?: string }): Promise<Ran>;
  /** Throws when a part of the cluster asked for what it may not have. */
  stop(): Promise<void>;
}

interface Admin {
  readonly server: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

function readKubeconfig(path: string): Admin {
  const config = parse(readFileSync(path, 'utf8')) as {
    clusters: { cluster: { server: string; 'certificate-authority-data': string } }[];
    users: { user: { 'client-certificate-data': string; 'client-key-data': string } }[];
  };
  const cluster = config.clusters[0]?.cluster;
  const user = config.users[0]?.user;
  if (cluster === undefined || user === undefined) throw new Error('the kubeconfig names no cluster');
  const text = (base64: string): string => Buffer.from(base64, 'base64').toString('utf8');
  return {
    server: cluster.server,
    ca: text(cluster['certificate-authority-data']),
    cert: text(user['client-certificate-data']),
    key: text(user['client-key-data']),
  };
}

async function callOver(
  transport: HttpsTransport,
  request: { method: string; path: string; body: unknown; options: CallOptions },
): Promise<Answer> {
  const { method, body, options } = request;
  const [path = '', query = ''] = request.path.split('?');
  const wire: WireRequest = {
    method,
    path,
    query: new URLSearchParams(query),
    headers: {
      accept: options.accept ?? 'application/json',
      'user-agent': 'conformance',
      ...(body === undefined ? {} : { 'content-type': options.type ?? 'application/json' }),
      ...options.headers,
    },
    ...(body === undefined ? {} : { body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) }),
  };
  const response = await transport(wire);
  const text = response.body instanceof Uint8Array ? Buffer.from(response.body).toString('utf8') : '';
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined;
  }
  return { status: response.status, headers: response.headers, text, body: isJsonObject(parsed) ? parsed : {} };
}

function followWith<T extends KubeObject>(
  client: Client,
  ref: ResourceRef<T>,
  namespace: string,
  options: FollowOptions,
): Followed<T> {
  const stopping = new AbortController();
  const events: WatchEvent<T>[] = [];
  let ended = false;
  let at = 0;
  const read = async (): Promise<void> => {
    try {
      for await (const event of client.resource(ref).watch(namespace, options, stopping.signal)) events.push(event);
    } catch (error) {
      if (!stopping.signal.aborted) throw error;
    } finally {
      ended = true;
    }
  };
  let failed: unknown;
  read().catch((error: unknown) => {
    failed = error;
  });
  return {
    events,
    get ended() {
      return ended;
    },
    until: (wanted, ms) =>
      eventually(async () => {
        if (failed !== undefined) throw failed;
        for (; at < events.length; ) {
          const event = events[at++];
          if (event !== undefined && wanted(event)) return event;
        }
        return undefined;
      }, ms),
    stop: () => stopping.abort(),
  };
}

let spaces = 0;

export async function startSimulated(): Promise<SimulatedCluster> {
  const directory = mkdtempSync(join(tmpdir(), 'minke-conformance-'));
  const dataDir = join(directory, 'data');
  const routes = readFileSync('/proc/net/route', 'utf8');
  const config = clusterConfig({
    dataDir,
    port: await freePort(),
    nodes: 2,
    runtime: 'simulated',
    onlyMirrors: true,
    routes,
  });
  // The log goes to standard output, among the results of the tests.
  process.env.MINKE_LOG_LEVEL ??= 'error';
  const running = await startCluster(config, () => undefined);
  const { kubeconfig } = clusterPaths(dataDir);
  const { server, ca, cert, key } = readKubeconfig(kubeconfig);
  const admin = httpsTransport({ server, ca, cert, key });
  const others = new Map<string, HttpsTransport>();
  const transportOf = (token: string | undefined): HttpsTransport => {
    if (token === undefined) return admin;
    const known = others.get(token) ?? httpsTransport({ server, ca, token });
    others.set(token, known);
    return known;
  };
  const client = createClient({ transport: admin, userAgent: 'conformance' });
  const kubectls = findKubectls();
  const newest = [...kubectls.keys()].sort((a, b) => Number(b.slice(2)) - Number(a.slice(2)))[0] ?? '';
  return {
    server,
    kubeconfig,
    dataDir,
    ca,
    client,
    clientOf: (token) => createClient({ transport: transportOf(token), userAgent: 'conformance' }),
    call: (method, path, body, options = {}) => callOver(transportOf(options.token), { method, path, body, options }),
    async namespace(labels = {}) {
      const name = `space-${++spaces}`;
      const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
      await client.resource(NAMESPACES).create('', object);
      await eventually(() => maybe(client.resource(SERVICE_ACCOUNTS).get(name, 'default')));
      return name;
    },
    follow: (ref, namespace, options = {}) => followWith(client, ref, namespace, options),
    kubectl(args, options = {}) {
      const file = kubectls.get(options.version ?? newest);
      if (file === undefined) throw new Error('no kubectl on this host');
      const env = { ...process.env, HOME: directory, KUBECONFIG: kubeconfig };
      return run(file, args, { env, ...(options.input === undefined ? {} : { input: options.input }) });
    },
    async stop() {
      admin.close();
      for (const transport of others.values()) transport.close();
      await running.stop();
      await destroyCluster(config);
      rmSync(directory, { recursive: true, force: true });
      const refused = running.refusals();
      if (refused.length > 0) throw new Error(`parts of the cluster were refused:\n${refused.join('\n')}`);
    },
  };
}

/** A pod that runs until it is told to stop, unless `spec` says otherwise. */
export function podOf(
  name: string,
  spec: Record<string, unknown> = {},
  labels: Record<string, string> = {},
): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels },
    ...{ spec: { containers: [{ name: 'c', image: 'registry.test/pause' }], ...spec } },
  };
}
