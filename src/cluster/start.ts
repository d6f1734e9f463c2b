// The composition root: makes the parts of a cluster and starts them in order.
import { setMaxListeners } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { Auditor, createApiServer, openAuditLog, parsePolicy } from '../apiserver/index.ts';
import { createInformerFactory, NODES, type NodeApi, partClients } from '../client/index.ts';
import { CONTROLLERS, startControllers } from '../controllers/index.ts';
import { openImageStore } from '../cri/index.ts';
import { systemClock, systemRandom } from '../host/clock.ts';
import { examineHost } from '../host/doctor.ts';
import { notFound } from '../machinery/errors.ts';
import { isServed, METRICS_ROWS, RESOURCES, withFeatureGates } from '../resources/index.ts';
import { runScheduler } from '../scheduler/index.ts';
import { openLmdbStore } from '../store/index.ts';
import { ensureAccounts } from './accounts.ts';
import { type Assembly, need } from './assembly.ts';
import { certificateAuthority } from './certificate-authority.ts';
import { type ClusterConfig, type ClusterPaths, clusterPaths, firstServiceIp } from './config.ts';
import { serveControl } from './control.ts';
import { controlTarget } from './control-target.ts';
import { startClusterDns } from './dns.ts';
import { DNS_ACCOUNT, dnsPolicy } from './dns-policy.ts';
import { makeDataDirectory, writeFileAtomicSync } from './files.ts';
import { heedHostShutdown } from './host-shutdown.ts';
import { kubeconfigText } from './kubeconfig.ts';
import { createLogger } from './log.ts';
import { startNode } from './node.ts';
import { type Part, startParts } from './parts.ts';
import { ensurePki } from './pki.ts';
import { podFacingAddress, startServices } from './services.ts';
import { UserError } from './user-error.ts';

export interface RunningCluster {
  /** Stops the server; pods run on. */
  stop(): Promise<void>;
  /** What its own parts asked for and may not have, each once: in a sound cluster nothing. */
  refusals(): readonly string[];
}

const nothing = async () => {};
const hasDns = (config: ClusterConfig): boolean => podFacingAddress(config) !== undefined;

/** The parts in the order of their start. */
function partsOf(a: Assembly): Part[] {
  return [
    { name: 'host', start: () => checkHost(a) },
    { name: 'store', step: 'opening the store', start: () => openStore(a) },
    { name: 'apiserver', step: 'starting the API server', start: () => startApi(a) },
    { name: 'controllers', start: () => startLoops(a) },
    { name: 'nodes', step: 'starting the nodes', start: () => startNodes(a) },
    { name: 'dns', start: () => startClusterDns(a) },
    { name: 'services', start: () => startServices(a) },
    { name: 'host shutdown', start: () => heedShutdown(a) },
    { name: 'control', start: () => openControl(a) },
    { name: 'ready', step: 'waiting for the nodes to be Ready', start: () => untilReady(a) },
  ];
}

/** Starts a cluster in this process. Rejects, with nothing left running, when a part does not start. */
export async function startCluster(config: ClusterConfig, onStep: (step: string) => void): Promise<RunningCluster> {
  const paths = clusterPaths(config.dataDir);
  makeDataDirectory(paths);
  mkdirSync(paths.staticPods, { recursive: true, mode: 0o700 });
  const before = existsSync(paths.config) ? readFileSync(paths.config, 'utf8') : undefined;
  writeFileAtomicSync(paths.config, `${JSON.stringify(config)}\n`, 0o600);
  const assembly: Assembly = {
    config,
    paths,
    log: createLogger(config.name),
    startedAt: systemClock.now(),
    nodes: [],
    refusals: new Set(),
  };
  try {
    const { stop } = await startParts(partsOf(assembly), onStep);
    return { stop, refusals: () => [...assembly.refusals] };
  } catch (error) {
    // What did not work is not what the next start goes by.
    if (before === undefined) rmSync(paths.config, { force: true });
    else writeFileAtomicSync(paths.config, before, 0o600);
    throw error;
  }
}

async function checkHost(a: Assembly): Promise<() => Promise<void>> {
  if (a.config.runtime !== 'embedded') return nothing; // Others bring what they need.
  const missing = (await examineHost()).filter((f) => f.required && !f.ok);
  const [first] = missing;
  if (first !== undefined) {
    const all = 'minke doctor shows all that is missing';
    throw new UserError(
      `${first.subject}: ${first.detail}`,
      first.remedy === undefined ? all : `${first.remedy}    # ${all}`,
    );
  }
  return nothing;
}

async function openStore(a: Assembly): Promise<() => Promise<void>> {
  const { config, paths } = a;
  const inside = podFacingAddress(config);
  const hosts = [
    'localhost',
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    `kubernetes.default.svc.${config.clusterDomain}`,
    hostname(),
    '127.0.0.1',
    '::1',
    firstServiceIp(config.serviceCidr),
    ...(inside === undefined ? [] : [inside]),
    ...(config.bindAddress === '0.0.0.0' || config.bindAddress === '::' ? [] : [config.bindAddress]),
  ];
  const [pki, store] = await Promise.all([
    ensurePki({ directory: paths.pki, hosts: [...new Set(hosts)], now: systemClock.now() }),
    openLmdbStore({ directory: paths.database }),
  ]);
  a.pki = pki;
  a.store = store;
  return () => store.close();
}

async function startApi(a: Assembly): Promise<() => Promise<void>> {
  const { config, paths } = a;
  const pki = need(a, 'pki');
  const server = await createApiServer({
    store: need(a, 'store'),
    resources: withFeatureGates([...RESOURCES, ...METRICS_ROWS], config.featureGates ?? []),
    // The metrics are an API server of their own elsewhere.
    served: (row) => METRICS_ROWS.includes(row) || isServed(row, config.runtimeConfig ?? {}),
    clock: systemClock,
    random: systemRandom,
    serviceAccountKey: pki.serviceAccountKey,
    clusterCa: pki.ca.cert,
    aggregatorClient: pki.frontProxy,
    serviceCidr: config.serviceCidr,
    ...(config.runtime === 'simulated' ? { noWire: [config.clusterCidr, config.serviceCidr] } : {}),
    ...auditOf(paths),
    installed: hasDns(config) ? dnsPolicy() : [],
    nodeConnector: async (name): Promise<NodeApi> => {
      const node = a.nodes.find((n) => n.name === name);
      if (node === undefined) throw notFound({ group: '', resource: 'nodes' }, name);
      return node.api;
    },
    onError: (error) => a.log.error({ part: 'apiserver', err: error }, 'request failed'),
    onRefused: (refusal) => noteRefusal(a, refusal),
  });
  await server.listen({
    host: config.bindAddress,
    port: config.port,
    tls: { cert: pki.server.cert, key: pki.server.key, clientCa: pki.ca.cert },
  });
  a.api = server;
  a.transport = server.handle;
  const host = config.bindAddress === '0.0.0.0' || config.bindAddress === '::' ? '127.0.0.1' : config.bindAddress;
  const kubeconfig = kubeconfigText({
    name: config.name,
    server: `https://${host}:${config.port}`,
    ca: pki.ca.cert,
    ...pki.admin,
  });
  writeFileAtomicSync(paths.kubeconfig, kubeconfig, 0o600);
  return () => server.close();
}

/** A node that asks for what a pod needed which has just gone is refused, and rightly. */
const RIGHTLY_REFUSED = 'no relationship found between node';
const MOST_REFUSALS = 100;

/** Said once: who is refused asks again. */
function noteRefusal({ refusals, log }: Assembly, { message }: Error): void {
  if (message.includes(RIGHTLY_REFUSED) || refusals.has(message) || refusals.size >= MOST_REFUSALS) return;
  refusals.add(message);
  log.warn({ part: 'apiserver' }, `a part of this cluster asked for what it may not have: ${message}`);
}

/** Requests are audited when there is a policy that says so. */
function auditOf(paths: ClusterPaths): { audit?: Auditor } {
  if (!existsSync(paths.auditPolicy)) return {};
  const policy = parsePolicy(readFileSync(paths.auditPolicy, 'utf8'));
  return {
    audit: new Auditor({
      policy,
      sink: openAuditLog({ path: paths.auditLog }),
      clock: systemClock,
    }),
  };
}

/** Controllers and scheduler, each with the name and the rights that Kubernetes' own have. */
async function startLoops(a: Assembly): Promise<() => Promise<void>> {
  const ending = new AbortController();
  setMaxListeners(0, ending.signal); // Every informer and controller listens to it.
  const onError = (part: string) => (error: unknown, what?: string) =>
    a.log.warn({ part, what, err: error }, 'failed; it is tried again');
  const { manager } = partClients(need(a, 'transport'));
  const accounts = [...CONTROLLERS.map(({ account }) => account), ...(hasDns(a.config) ? [DNS_ACCOUNT] : [])];
  a.accounts = await ensureAccounts(manager, accounts, onError('accounts'));
  const parts = partClients(need(a, 'transport'), a.accounts);
  // One set of informers for all of them: what happens is read once.
  const informers = createInformerFactory(parts.manager, { clock: systemClock, onError: onError('informers') });
  a.informers = informers;
  informers.start(ending.signal);
  startControllers({
    clientFor: parts.controller,
    informers,
    clock: systemClock,
    random: systemRandom,
    signal: ending.signal,
    rootCa: need(a, 'pki').ca.cert,
    authority: certificateAuthority(need(a, 'pki').ca, systemClock),
    onError: onError('controllers'),
  });
  const scheduler = runScheduler({
    client: parts.scheduler,
    informers,
    clock: systemClock,
    random: systemRandom,
    signal: ending.signal,
    onError: onError('scheduler'),
  });
  const all = Promise.allSettled([scheduler]);
  return async () => {
    ending.abort();
    await all;
  };
}

async function startNodes(a: Assembly): Promise<() => Promise<void>> {
  const images = await openImageStore({
    directory: a.paths.images,
    registriesFile: a.paths.registries,
    onlyMirrors: a.config.onlyMirrors,
    clock: systemClock,
  });
  a.images = images;
  const transport = need(a, 'transport');
  const stop = async () => {
    await Promise.all(a.nodes.map((node) => node.stop()));
  };
  try {
    for (const index of a.config.nodes.keys())
      a.nodes.push(await startNode({ config: a.config, index, transport, images, log: a.log, ca: need(a, 'pki').ca }));
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}

async function heedShutdown(a: Assembly): Promise<() => Promise<void>> {
  if (a.config.runtime === 'simulated') return nothing; // Nothing of it runs on this host.
  return heedHostShutdown({
    kubelets: () => a.nodes.map((node) => node.kubelet),
    log: (message) => a.log.warn({ part: 'shutdown' }, message),
  });
}

async function openControl(a: Assembly): Promise<() => Promise<void>> {
  return serveControl(a.paths.controlSocket, controlTarget(a));
}

const READY_MS = 60_000;
const READY_MS_PER_NODE = 50;

/** Waits until every node says that it is Ready; the API is ready already. */
async function untilReady(a: Assembly): Promise<() => Promise<void>> {
  const { manager } = partClients(need(a, 'transport'));
  const ending = new AbortController();
  const waiting = new Set(a.config.nodes);
  const deadline = setTimeout(() => ending.abort(), READY_MS + READY_MS_PER_NODE * waiting.size);
  const isReady = (conditions: readonly { type: string; status: string }[] | undefined) =>
    (conditions ?? []).some((c) => c.type === 'Ready' && c.status === 'True');
  try {
    const nodes = manager.resource(NODES);
    for await (const event of nodes.watch('', {}, ending.signal)) {
      if (event.type !== 'ADDED' && event.type !== 'MODIFIED') continue;
      if (isReady(event.object.status?.conditions)) waiting.delete(event.object.metadata.name ?? '');
      if (waiting.size === 0) break;
    }
  } finally {
    clearTimeout(deadline);
    ending.abort();
  }
  if (waiting.size > 0) {
    const [some, more] = [[...waiting].slice(0, 3).join(', '), Math.max(0, waiting.size - 3)];
    throw new Error(`not Ready in time: ${some}${more > 0 ? ` and ${more} more nodes` : ''}`);
  }
  await a.servicesBegun;
  return nothing;
}
