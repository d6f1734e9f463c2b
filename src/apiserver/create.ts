// Builds an API server of its options: which authenticators, authorizers, admission plugins and special answers it has.
import type { NodeConnector } from '../client/node-api.ts';
import type { Clock, Random } from '../host/clock.ts';
import type { Transport, UserInfo } from '../machinery/http.ts';
import type { AnyResource } from '../resources/definition.ts';
import { type Store, startAutoCompaction } from '../store/index.ts';
import { type Authenticator, chainAuthenticators, staticTokens } from './auth/authenticator.ts';
import { type Authorizer, chainAuthorizers } from './auth/authorizer.ts';
import { RbacAuthorizer } from './auth/rbac.ts';
import { type HealthCheck, healthHandler } from './health.ts';
import { jsonResponse } from './http/responses.ts';
import { Metrics } from './metrics.ts';
import { NonResourcePaths } from './non-resource.ts';
import { LiveCache } from './registry/live-cache.ts';
import { makeKernel, RequestHandler, type ServerParts } from './server.ts';
import { type Listening, listen, type TlsFiles } from './serving/https.ts';
import { SpecialHandlers } from './special/handlers.ts';
import { DEFAULT_VERSION, type VersionOptions, versionInfo } from './version.ts';

export interface ApiServerOptions {
  readonly store: Store;
  readonly resources: readonly AnyResource[];
  readonly clock: Clock;
  readonly random: Random;
  readonly version?: VersionOptions;
  /** Reaches nodes for logs, exec and the like; without it they answer that there is no such node. */
  readonly nodeConnector?: NodeConnector;
  readonly tokens?: ReadonlyMap<string, UserInfo>;
  /** PEM of the private key that signs service account tokens. */
  readonly serviceAccountKey: string;
  /** PEM of the authority that signs the server's certificate: what pods trust. */
  readonly clusterCa: string;
  readonly onError?: (error: unknown) => void;
}

export interface ApiServer {
  readonly handle: Transport;
  listen(options: { readonly host: string; readonly port: number; readonly tls?: TlsFiles }): Promise<Listening>;
  close(): Promise<void>;
}

function pathsOf(options: ApiServerOptions, metrics: Metrics, ready: () => boolean): NonResourcePaths {
  const paths = new NonResourcePaths();
  const version = versionInfo(options.version ?? DEFAULT_VERSION);
  paths.add('/version', () => jsonResponse(200, version));
  paths.add('/version/', () => jsonResponse(200, version));
  paths.add('/metrics', () => metrics.response());
  const checks: HealthCheck[] = [
    { name: 'ping', check: () => true },
    { name: 'log', check: () => true },
    { name: 'etcd', check: async () => (await options.store.revision()) >= 0 },
    { name: 'poststarthook/start-apiserver-admission-initializer', check: ready },
    { name: 'poststarthook/rbac/bootstrap-roles', check: ready },
    { name: 'poststarthook/bootstrap-controller', check: ready },
  ];
  for (const root of ['/livez', '/readyz', '/healthz']) {
    const handler = healthHandler(root, checks);
    paths.add(root, handler);
    paths.addPrefix(`${root}/`, handler);
  }
  paths.add('/', () => jsonResponse(200, { paths: paths.paths() }));
  return paths;
}

export async function createApiServer(options: ApiServerOptions): Promise<ApiServer> {
  let isReady = false;
  const metrics = new Metrics(() => handler.kernel);
  const authorizers: Authorizer[] = [];
  const authenticators: Authenticator[] = [];
  if (options.tokens !== undefined) authenticators.push(staticTokens(options.tokens));
  const parts: ServerParts = {
    store: options.store,
    rows: options.resources,
    clock: options.clock,
    random: options.random,
    plugins: () => [],
    authenticator: chainAuthenticators(authenticators),
    authorizer: chainAuthorizers(authorizers),
    special: new SpecialHandlers(),
    nonResource: pathsOf(options, metrics, () => isReady),
    serverAddress: () => address,
    observe: (outcome) => metrics.observe(outcome),
  };
  let address = '';
  const kernel = makeKernel(parts);
  const handler = new RequestHandler(parts, kernel);
  const caches: LiveCache[] = [];
  const stopCompaction = startAutoCompaction({ store: options.store, clock: options.clock });
  isReady = true;
  void LiveCache;
  void RbacAuthorizer;
  const servers: Listening[] = [];
  return {
    handle: handler.handle,
    async listen({ host, port, tls }) {
      const server = await listen({
        host,
        port,
        handle: handler.handle,
        ...(tls === undefined ? {} : { tls }),
        ...(options.onError === undefined ? {} : { onError: options.onError }),
      });
      address = `${host}:${server.port}`;
      servers.push(server);
      return server;
    },
    async close() {
      stopCompaction();
      for (const cache of caches) cache.close();
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}
