// One node: its container runtime and its kubelet.
import { setMaxListeners } from 'node:events';
import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Listening } from '../apiserver/index.ts';
import { type Client, createClient, createInformerFactory, type NodeApi } from '../client/index.ts';
import {
  CriConnection,
  createEmbeddedRuntime,
  GrpcImages,
  GrpcRuntime,
  type ImageService,
  type ImageStore,
  type RuntimeService,
  SimulatedImages,
  SimulatedRuntime,
} from '../cri/index.ts';
import { systemClock, systemRandom } from '../host/clock.ts';
import { errorCode } from '../host/files.ts';
import {
  createKubelet,
  guardNodeApi,
  hostMounts,
  type Kubelet,
  NodeAccess,
  type NodeCredentials,
  networkReach,
  noMounts,
  noReach,
  openNodeCredentials,
} from '../kubelet/index.ts';
import type { Transport } from '../machinery/http.ts';
import { type ClusterConfig, clusterPaths, dnsServiceIp, podCidrOf } from './config.ts';
import { hostAddress } from './host-address.ts';
import { listenKubelet } from './kubelet-server.ts';
import type { Logger } from './log.ts';
import { ensureNodePair, type KeyPair } from './pki.ts';
import { resolvConfForPods } from './resolv-conf.ts';
import { UserError } from './user-error.ts';
import { KUBERNETES_VERSION } from './version.ts';

export interface NodeRequest {
  readonly config: ClusterConfig;
  readonly index: number;
  readonly transport: Transport;
  readonly images: ImageStore;
  readonly log: Logger;
  /** Vouches for the certificate under which the node serves its own API. */
  readonly ca: KeyPair;
}

export interface RunningNode {
  readonly name: string;
  readonly podCidr: string;
  readonly api: NodeApi;
  readonly kubelet: Kubelet;
  /** Ends the kubelet; pods run on. */
  stop(): Promise<void>;
}

interface NodeRuntime {
  readonly runtime: RuntimeService;
  readonly images: ImageService;
  close(): Promise<void>;
  destroy(): Promise<void>;
}

/** Where a node keeps what its pods have. */
export function nodeDirectories(
  config: ClusterConfig,
  index: number,
): { runtime: string; kubelet: string; logs: string; secrets: string } {
  const paths = clusterPaths(config.dataDir);
  const own = (root: string) => join(root, String(index));
  return {
    runtime: own(paths.runtime),
    kubelet: own(paths.kubelet),
    logs: own(paths.podLogs),
    secrets: join(own(paths.kubelet), 'secrets'),
  };
}

/** Opens the runtime that the configuration names; what runs there already is taken over. */
export function openNodeRuntime(
  config: ClusterConfig,
  index: number,
  images: ImageStore,
  log: Logger,
): Promise<NodeRuntime> {
  if (config.runtime === 'simulated') return Promise.resolve(simulatedRuntime(config, index));
  if (config.runtime.startsWith('unix://')) return Promise.resolve(criRuntime(config, index, log));
  return embeddedRuntime(config, index, images, log);
}

function simulatedRuntime(config: ClusterConfig, index: number): NodeRuntime {
  const nothing = async () => {};
  return {
    runtime: new SimulatedRuntime({
      clock: systemClock,
      random: systemRandom,
      podCidr: podCidrOf(config.clusterCidr, index),
    }),
    images: new SimulatedImages({ clock: systemClock }),
    close: nothing,
    destroy: nothing,
  };
}

function criRuntime(config: ClusterConfig, index: number, log: Logger): NodeRuntime {
  const connection = new CriConnection(config.runtime);
  const runtime = new GrpcRuntime({
    connection,
    clock: systemClock,
    cgroupRoot: `/${config.name}`,
    log: (message) => log.info({ part: 'runtime' }, message),
  });
  const close = async () => {
    runtime.close();
    connection.close();
  };
  return {
    runtime,
    images: new GrpcImages(connection),
    close,
    async destroy() {
      // The runtime may run pods of others: ours are those that this node has a directory for.
      const own = (uid: string) => existsSync(join(nodeDirectories(config, index).kubelet, 'pods', uid));
      for (const sandbox of await runtime.listPodSandboxes()) {
        if (!own(sandbox.uid)) continue;
        await runtime.stopPodSandbox(sandbox.id);
        await runtime.removePodSandbox(sandbox.id);
      }
      await close();
    },
  };
}

async function embeddedRuntime(
  config: ClusterConfig,
  index: number,
  images: ImageStore,
  log: Logger,
): Promise<NodeRuntime> {
  const embedded = await createEmbeddedRuntime({
    name: config.name,
    nodeIndex: index,
    stateDir: nodeDirectories(config, index).runtime,
    images,
    podCidr: podCidrOf(config.clusterCidr, index),
    clusterCidr: config.clusterCidr,
    serviceCidr: config.serviceCidr,
    ...(config.cni === undefined ? {} : { cni: config.cni }),
    clock: systemClock,
    log: (message) => log.info({ part: 'runtime' }, message),
  });
  return { ...embedded, images };
}

/** Simulated nodes have no part in the host's shortages. */
const UNTROUBLED = {
  evictionHard: {
    memoryAvailable: 0,
    nodefsAvailable: 0,
    nodefsInodesFree: 0,
    imagefsAvailable: 0,
    imagefsInodesFree: 0,
    pidAvailable: 0,
  },
  evictionLookMs: 300_000,
} as const;

/** What `docker login` has left with whoever started the cluster, and the credential providers in its directory. */
async function nodeCredentials(config: ClusterConfig, log: Logger): Promise<NodeCredentials | undefined> {
  if (config.runtime === 'simulated') return undefined;
  const paths = clusterPaths(config.dataDir);
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) if (value !== undefined) environment[name] = value;
  const options = {
    dockerConfig: join(homedir(), '.docker', 'config.json'),
    providers: { config: paths.credentialProviders, directory: paths.credentialPrograms },
    environment,
  };
  const credentials = openNodeCredentials(options, systemClock, (message) => log.warn({ part: 'kubelet' }, message));
  return credentials.catch((error: unknown) => {
    throw new UserError(error instanceof Error ? error.message : String(error), PROVIDERS_PAGE);
  });
}

const PROVIDERS_PAGE =
  'https://kubernetes.io/docs/tasks/administer-cluster/kubelet-credential-provider/ shows how it is written';

/** The node's own API on a port of its own, where the configuration has one. */
async function openServer(
  request: NodeRequest,
  node: { readonly name: string; readonly client: Client; readonly api: NodeApi },
): Promise<Listening | undefined> {
  const { config, index, ca, log } = request;
  if (config.kubeletPort === undefined) return undefined;
  const { name, client, api } = node;
  const host = config.bindAddress;
  const port = config.kubeletPort + index;
  const own = isIP(host) === 0 || host === '0.0.0.0' || host === '::' ? [hostAddress()] : [host];
  const hosts = [...new Set([name, 'localhost', '127.0.0.1', '::1', ...own])];
  const pair = await ensureNodePair({
    directory: clusterPaths(config.dataDir).pki,
    hosts,
    now: systemClock.now(),
    ca,
    node: name,
  });
  const guarded = guardNodeApi(api, new NodeAccess({ client, clock: systemClock, nodeName: name }));
  const onError = (error: unknown) => log.warn({ part: 'kubelet', err: error }, 'request failed');
  return listenKubelet({ host, port, tls: { ...pair, clientCa: ca.cert }, api, guarded, onError }).catch(
    (error: unknown) => {
      if (errorCode(error) !== 'EADDRINUSE') throw error;
      throw new UserError(`--kubelet-port: ${host}:${port} is taken`, 'ss -ltnp shows by whom');
    },
  );
}

export async function startNode(request: NodeRequest): Promise<RunningNode> {
  const { config, index, transport, log } = request;
  const name = config.nodes[index] ?? `${config.name}-${index}`;
  const credentials = await nodeCredentials(config, log);
  const opened = await openNodeRuntime(config, index, request.images, log);
  const client = createClient({
    transport,
    userAgent: 'kubelet',
    user: { username: `system:node:${name}`, groups: ['system:nodes', 'system:authenticated'] },
  });
  const informers = createInformerFactory(client, {
    clock: systemClock,
    onError: (error, what) => log.warn({ part: 'kubelet', what, err: error }, 'informer'),
  });
  const directories = nodeDirectories(config, index);
  const kubelet = createKubelet({
    client,
    informers,
    runtime: opened.runtime,
    images: opened.images,
    clock: systemClock,
    nodeName: name,
    nodeIps: [hostAddress()],
    podCidr: podCidrOf(config.clusterCidr, index),
    rootDir: directories.kubelet,
    logDir: directories.logs,
    secretDir: directories.secrets,
    mounts: config.runtime === 'simulated' ? noMounts() : hostMounts(),
    reach: config.runtime === 'simulated' ? noReach() : networkReach(),
    ...(credentials === undefined ? {} : { credentials }),
    version: KUBERNETES_VERSION,
    ...(config.kubeletPort === undefined ? {} : { port: config.kubeletPort + index }),
    hostname: name,
    config: {
      clusterDns: [dnsServiceIp(config.serviceCidr)],
      clusterDomain: config.clusterDomain,
      resolvConf: resolvConfForPods(),
      // One directory for the cluster: its pods are the first node's, not every node's.
      ...(index === 0 ? { staticPodPath: clusterPaths(config.dataDir).staticPods } : {}),
      ...(config.runtime === 'simulated' ? UNTROUBLED : {}),
    },
    log: (level, message, fields) => log[level]({ part: 'kubelet', ...fields }, message),
  });
  const server = await openServer(request, { name, client, api: kubelet.api }).catch(async (error: unknown) => {
    await opened.close();
    throw error;
  });
  const ending = new AbortController();
  setMaxListeners(0, ending.signal);
  informers.start(ending.signal);
  const running = kubelet.run(ending.signal);
  running.catch((error: unknown) => log.error({ part: 'kubelet', err: error }, 'the kubelet ended'));
  return {
    name,
    podCidr: podCidrOf(config.clusterCidr, index),
    api: kubelet.api,
    kubelet,
    async stop() {
      ending.abort();
      await server?.close();
      await running.catch(() => undefined);
      await opened.close();
    },
  };
}
