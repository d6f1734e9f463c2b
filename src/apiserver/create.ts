// Builds an API server of its options: which authenticators, authorizers, admission plugins and special answers it has.

import type { NodeConnector } from '../client/node-api.ts';
import type { Clock, Random } from '../host/clock.ts';
import type { Transport, UserInfo, WireResponse } from '../machinery/http.ts';
import type { JsonObject, KubeObject } from '../machinery/object.ts';
import type { AnyResource } from '../resources/definition.ts';
import type { APIService } from '../resources/generated/apiregistration-v1.ts';
import type { Service } from '../resources/generated/core-v1.ts';
import type { FlowSchema, PriorityLevelConfiguration } from '../resources/generated/flowcontrol-v1.ts';
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '../resources/generated/rbac-v1.ts';
import { type Store, startAutoCompaction } from '../store/index.ts';
import type { AdmissionMeter } from './admission/plugin.ts';
import { admissionPlugins, serviceResolver } from './admission/table.ts';
import { Aggregator } from './aggregation/index.ts';
import type { Auditor } from './audit/index.ts';
import { chainAuthenticators, staticTokens } from './auth/authenticator.ts';
import { chainAuthorizers } from './auth/authorizer.ts';
import { nodeAuthorizer } from './auth/node-authorizer.ts';
import { NodeGraph } from './auth/node-graph.ts';
import { RbacAuthorizer } from './auth/rbac.ts';
import { TokenIssuer } from './auth/tokens.ts';
import { bootstrap, keepKubernetesService } from './bootstrap.ts';
import { CustomResources } from './crd/index.ts';
import { dumpLevels, dumpQueues, FlowControl } from './flow/index.ts';
import { addHealthPaths, Start } from './health-checks.ts';
import { jsonResponse, textResponse } from './http/responses.ts';
import { type Advertised, advertise } from './kubernetes-endpoints.ts';
import { Metrics } from './metrics.ts';
import { listedPaths, NonResourcePaths, type PathHandler } from './non-resource.ts';
import { addOpenApi } from './openapi/index.ts';
import { addProfiling } from './profiling/index.ts';
import { Caches } from './registry/caches.ts';
import { Catalog } from './registry/catalog.ts';
import { reachCheck } from './registry/no-wire.ts';
import { serviceRoutes } from './registry/service-address.ts';
import { ServiceAllocator } from './registry/service-allocator.ts';
import { makeKernel, RequestHandler } from './server.ts';
import { type Listening, listen, type TlsFiles } from './serving/https.ts';
import { specialHandlers } from './special/table.ts';
import { TokenSecrets } from './token-secrets.ts';
import { expireEvents, upkeep } from './upkeep/index.ts';
import { DEFAULT_VERSION, type VersionOptions, versionInfo } from './version.ts';
import { flagPage, statusPage } from './zpages.ts';

export interface ApiServerOptions {
  readonly store: Store;
  readonly resources: readonly AnyResource[];
  /** Which of them are served; default: all. */
  readonly served?: (row: AnyResource) => boolean;
  readonly clock: Clock;
  readonly random: Random;
  /** PEM of the private key that signs service account tokens. */
  readonly serviceAccountKey: string;
  /** PEM of the authority that signs the server's certificate: what pods trust. */
  readonly clusterCa: string;
  readonly version?: VersionOptions;
  /** Reaches nodes for logs, exec and the like; without it they answer that there is no such node. */
  readonly nodeConnector?: NodeConnector;
  readonly tokens?: ReadonlyMap<string, UserInfo>;
  /** Range of the Services' addresses. Default 10.96.0.0/16. */
  readonly serviceCidr?: string;
  /** Ranges (CIDRs) of pods and Services that are on no wire: proxies and webhooks find no route there. */
  readonly noWire?: readonly string[];
  readonly issuer?: string;
  readonly audit?: Auditor;
  /** Made at start where they are missing, beside what every cluster begins with: what its installer brings elsewhere. */
  readonly installed?: readonly KubeObject[];
  /** The certificate by which aggregated API servers know this one. */
  readonly aggregatorClient?: { readonly cert: string; readonly key: string; readonly ca: string };
  /** Lets everybody read /livez, /readyz and /healthz, for load balancers and supervisors. */
  readonly anonymousHealth?: boolean;
  readonly onError?: (error: unknown) => void;
  /** Told when a user of this very process is not allowed what it asked for: its rights, or what it does, are wrong. */
  readonly onRefused?: (refusal: Error) => void;
}

export interface ApiServer {
  readonly handle: Transport;
  listen(options: { readonly host: string; readonly port: number; readonly tls?: TlsFiles }): Promise<Listening>;
  /** Leads the Service `kubernetes` to this server, at an address that pods reach. */
  advertise(where: Advertised): Promise<void>;
  /** Metrics of another part of the process, as Prometheus reads them, are told beside those of the server. */
  addMetrics(text: () => string): void;
  close(): Promise<void>;
}

/** Requests at once, over all priority levels. Source: the defaults of kube-apiserver's --max-requests-inflight and its twin. */
const TOTAL_CONCURRENCY = 600;
const QUEUE_WAIT_MS = 15_000;
const DEFAULT_SERVICE_CIDR = '10.96.0.0/16';
const DEFAULT_ISSUER = 'https://kubernetes.default.svc';

function issuerPaths(paths: NonResourcePaths, issuer: TokenIssuer): void {
  paths.addReadable('/.well-known/openid-configuration', () =>
    jsonResponse(200, issuer.discovery(`${issuer.issuer}/openid/v1/jwks`)),
  );
  const type = 'application/jwk-set+json';
  const keys: PathHandler = async () => ({
    ...jsonResponse(200, await issuer.keySet()),
    headers: { 'content-type': type },
  });
  paths.addReadable('/openid/v1/jwks', keys, type);
}

interface Shown {
  readonly version: JsonObject;
  readonly issuer: TokenIssuer;
  readonly address: () => string;
}

function addZPages(paths: NonResourcePaths, options: ApiServerOptions, { version, issuer, address }: Shown): void {
  const flags = (): Record<string, string> => {
    const at = address().lastIndexOf(':');
    return {
      'authorization-mode': '[Node,RBAC]',
      'enable-priority-and-fairness': 'true',
      profiling: 'true',
      'service-account-issuer': `[${issuer.issuer}]`,
      'service-cluster-ip-range': options.serviceCidr ?? DEFAULT_SERVICE_CIDR,
      ...(at < 0 ? {} : { 'bind-address': address().slice(0, at), 'secure-port': address().slice(at + 1) }),
    };
  };
  paths.add('/statusz', statusPage({ clock: options.clock, version, paths: () => [...paths.paths()].sort() }));
  paths.add('/flagz', flagPage(flags));
}

export async function createApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { store, clock, random } = options;
  const start = new Start();
  let address = '';
  const catalog = new Catalog(options.resources, options.served);
  const caches = new Caches(store, catalog);
  const issuer = new TokenIssuer({
    privateKey: options.serviceAccountKey,
    issuer: options.issuer ?? DEFAULT_ISSUER,
    clock,
    random,
  });
  const tokenSecrets = new TokenSecrets({ store, catalog, issuer, clock });
  const { tokens } = tokenSecrets;
  const rbac = new RbacAuthorizer({
    roles: caches.of<Role & KubeObject>('rbac.authorization.k8s.io/v1/roles'),
    roleBindings: caches.of<RoleBinding & KubeObject>('rbac.authorization.k8s.io/v1/rolebindings'),
    clusterRoles: caches.of<ClusterRole & KubeObject>('rbac.authorization.k8s.io/v1/clusterroles'),
    clusterRoleBindings: caches.of<ClusterRoleBinding & KubeObject>('rbac.authorization.k8s.io/v1/clusterrolebindings'),
  });
  const nodeGraph = new NodeGraph(store, catalog);
  const authorizer = chainAuthorizers([nodeAuthorizer(nodeGraph), rbac]);
  const version = versionInfo(options.version ?? DEFAULT_VERSION);
  const metrics = new Metrics({ parts: () => kernel, loads: () => flow.loads(), version });
  const schemas = caches.of<FlowSchema & KubeObject>('flowcontrol.apiserver.k8s.io/v1/flowschemas');
  const levels = caches.of<PriorityLevelConfiguration & KubeObject>(
    'flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations',
  );
  const flow = new FlowControl({
    objects: {
      schemas: () => schemas.list(),
      levels: () => levels.list(),
      get generation() {
        return schemas.generation + levels.generation;
      },
    },
    totalConcurrency: TOTAL_CONCURRENCY,
    queueWaitMs: QUEUE_WAIT_MS,
    timeoutSignal: (ms) => AbortSignal.timeout(ms),
    now: () => clock.now(),
    observe: (outcome) => metrics.observeFlow(outcome),
  });
  const paths = new NonResourcePaths();
  paths.addReadable('/version', () => jsonResponse(200, version));
  paths.add('/metrics', (request) => metrics.response(request));
  paths.add('/metrics/slis', () => metrics.indicators());
  const apiServices = caches.of<APIService & KubeObject>('apiregistration.k8s.io/v1/apiservices');
  addHealthPaths(paths, {
    start,
    store,
    unsynced: () => caches.unsynced(),
    unregistered: () =>
      catalog
        .all()
        .filter(({ custom, row }) => !custom && apiServices.get(`${row.version}.${row.group}`) === undefined)
        .map(({ row }) => `${row.version}.${row.group}`),
    anonymous: options.anonymousHealth === true,
    observe: (root, name, passed) => metrics.observeHealth(root, name, passed),
  });
  issuerPaths(paths, issuer);
  const flowPath = '/debug/api_priority_and_fairness/dump_';
  paths.addUnlisted(`${flowPath}priority_levels`, () => textResponse(200, dumpLevels(flow.states())));
  paths.addUnlisted(`${flowPath}queues`, () => textResponse(200, dumpQueues(flow.states())));
  addProfiling(paths, clock);
  addZPages(paths, options, { version, issuer, address: () => address });
  const index = (): WireResponse => jsonResponse(200, { paths: listedPaths(paths, catalog) });
  paths.addUnlisted('/', index).addUnlisted('/index.html', index);
  const serviceCidr = options.serviceCidr ?? DEFAULT_SERVICE_CIDR;
  const services = new ServiceAllocator({ store, catalog, random, serviceCidr });
  const meter: AdmissionMeter = (timed) => metrics.admission.of(timed);
  const checkReach = reachCheck(options.noWire ?? []);
  const route = serviceRoutes(caches, random, checkReach);
  const kernel = makeKernel({
    store,
    catalog,
    clock,
    random,
    checkReach,
    plugins: admissionPlugins({ caches, random, route, store, catalog, authorizer, meter }),
    meterAdmission: meter,
    allocators: new Map([['/v1/services', services]]),
  });
  const aggregator = new Aggregator({
    apiServices,
    services: caches.of<Service & KubeObject>('/v1/services'),
    endpoints: caches.of('discovery.k8s.io/v1/endpointslices'),
    route,
    clock,
    client: options.aggregatorClient,
    onError: options.onError,
  });
  addOpenApi(paths, { catalog, version: String(version.gitVersion), peers: aggregator, clock, random });
  const handler = new RequestHandler(kernel, {
    authenticator: chainAuthenticators([
      ...(options.tokens === undefined ? [] : [staticTokens(options.tokens)]),
      tokens,
    ]),
    authorizer,
    special: specialHandlers({ authorizer, rbac, tokens, issuer, nodeConnector: options.nodeConnector, clock }),
    nonResource: paths,
    flow,
    aggregator,
    audit: options.audit,
    serverAddress: () => address,
    nodeConnector: options.nodeConnector,
    metrics: metrics.requests,
    onRefused: options.onRefused,
  });
  const keepUp = upkeep({ caches, catalog });
  await caches.start();
  await nodeGraph.start();
  await services.start();
  start.done(
    'generic-apiserver-start-informers',
    'start-apiserver-admission-initializer',
    'priority-and-fairness-filter',
    'start-kube-aggregator-informers',
    'start-service-ip-repair-controllers',
  );
  const beginning = {
    handle: handler.handle,
    catalog,
    store,
    serviceCidr,
    installed: options.installed ?? [],
    now: clock.now(),
    trust: { clientCa: options.clusterCa, proxyCa: options.aggregatorClient?.ca },
    ...(options.onError === undefined ? {} : { onError: options.onError }),
  };
  start.bootstrapped(await bootstrap(beginning));
  start.done('priority-and-fairness-config-consumer');
  const stopKeeping = keepKubernetesService(beginning, caches.of('/v1/services'));
  const custom = new CustomResources({
    store,
    catalog,
    clock,
    random,
    resolveService: serviceResolver(route),
    handle: handler.handle,
    onError: (error) => options.onError?.(error),
  });
  kernel.afterCreation.set('apiextensions.k8s.io/v1/customresourcedefinitions', (name) => custom.settled(name));
  await custom.start();
  start.done('start-apiextensions-informers', 'start-apiextensions-controllers', 'crd-informer-synced');
  aggregator.start(handler.handle);
  start.done(
    'apiservice-status-local-available-controller',
    'apiservice-status-remote-available-controller',
    'apiservice-discovery-controller',
  );
  const keeping = { handle: handler.handle, clock, onError: options.onError };
  const stopUpkeep = keepUp(keeping);
  await tokenSecrets.start(keeping, options.clusterCa);
  start.done('kube-apiserver-autoregistration');
  const stopCompaction = startAutoCompaction({ store, clock });
  const stopExpiry = expireEvents({ store, catalog, clock, onError: options.onError });
  const servers: Listening[] = [];
  return {
    handle: handler.handle,
    async listen({ host, port, tls }) {
      const server = await listen({
        host,
        port,
        handle: handler.serve,
        upgrade: handler.upgrade,
        ...(tls === undefined ? {} : { tls }),
        ...(options.onError === undefined ? {} : { onError: options.onError }),
      });
      // What clients are told to use is where it listened first.
      if (servers.length === 0) address = `${host}:${server.port}`;
      servers.push(server);
      return server;
    },
    advertise: (where) => advertise(handler.handle, where),
    addMetrics: (text) => metrics.add(text),
    async close() {
      start.close();
      stopCompaction();
      stopExpiry();
      stopUpkeep();
      tokenSecrets.close();
      stopKeeping();
      custom.close();
      aggregator.close();
      caches.close();
      nodeGraph.close();
      services.close();
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}
