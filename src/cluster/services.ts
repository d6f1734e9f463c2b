// Services on this host: the API server where pods reach it, and the proxy that leads everybody to endpoints.
import { systemClock, systemRandom } from '../host/clock.ts';
import { errorCode } from '../host/files.ts';
import { AddressBook, type OwnPort, type ServiceProxy, serviceTable, startServiceProxy } from '../network/index.ts';
import { type Assembly, need } from './assembly.ts';
import { type ClusterConfig, podCidrOf } from './config.ts';
import { hostAddress } from './host-address.ts';
import { UserError } from './user-error.ts';

const isWildcard = (address: string): boolean => address === '0.0.0.0' || address === '::';
const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1';

/** The bridge's address on the first node, where the pods' network is our own. */
export function gateway(config: ClusterConfig): string | undefined {
  const own = config.runtime === 'embedded' && config.cni === undefined;
  return own ? new AddressBook(podCidrOf(config.clusterCidr, 0)).gateway : undefined;
}

/** Where pods reach the API server; undefined when it listens nowhere that they do. */
export function podFacingAddress(config: ClusterConfig): string | undefined {
  if (config.runtime === 'simulated') return undefined;
  const { bindAddress } = config;
  const onHost = isLoopback(bindAddress) ? undefined : isWildcard(bindAddress) ? hostAddress() : bindAddress;
  return gateway(config) ?? onHost;
}

/** Listens on the bridge too, where the server does not do so already. */
async function listenForPods(a: Assembly): Promise<void> {
  const { config } = a;
  const address = gateway(config);
  if (address === undefined || isWildcard(config.bindAddress)) return;
  const { server, ca } = need(a, 'pki');
  const tls = { cert: server.cert, key: server.key, clientCa: ca.cert };
  const { port } = config;
  await need(a, 'api')
    .listen({ host: address, port, tls })
    .catch((error: unknown) => {
      if (errorCode(error) !== 'EADDRINUSE') throw error;
      throw new UserError(`--port: ${address}:${port}, where pods reach the API, is taken`, 'ss -ltnp shows by whom');
    });
}

/** What listens on the bridge alone. */
function ownPorts(a: Assembly): OwnPort[] {
  const { config, dns } = a;
  const api: OwnPort[] = isWildcard(config.bindAddress) ? [] : [{ protocol: 'tcp', port: config.port }];
  if (dns === undefined) return api;
  const { port } = dns.server;
  return [...api, { protocol: 'udp', port }, { protocol: 'tcp', port }];
}

function proxyOf(a: Assembly, signal: AbortSignal): ServiceProxy {
  const { config } = a;
  const bridge = gateway(config);
  const own = bridge !== undefined;
  return startServiceProxy({
    table: serviceTable(config.name),
    nodes: new Map(config.nodes.map((name, i) => [name, own ? podCidrOf(config.clusterCidr, i) : ''])),
    ...(own ? { clusterCidr: config.clusterCidr } : {}),
    serviceCidr: config.serviceCidr,
    ...(own ? { own: { address: bridge, ports: ownPorts(a) } } : {}),
    informers: need(a, 'informers'),
    clock: systemClock,
    random: systemRandom.float,
    signal,
    onError: (error) => a.log.warn({ part: 'services', err: error }, 'failed; it is tried again'),
  });
}

export async function startServices(a: Assembly): Promise<() => Promise<void>> {
  // Simulated pods are on no wire.
  if (a.config.runtime === 'simulated') return async () => {};
  await listenForPods(a);
  const ending = new AbortController();
  let proxy: ServiceProxy | undefined;
  const begin = async (): Promise<void> => {
    const address = podFacingAddress(a.config);
    // Before the first table, which leads there.
    if (address !== undefined) await need(a, 'api').advertise({ address, port: a.config.port });
    proxy = proxyOf(a, ending.signal);
    await proxy.begun;
  };
  const begun = begin();
  // Told to whoever waits for it; meanwhile the nodes become ready.
  begun.catch(() => undefined);
  a.servicesBegun = begun;
  return async () => {
    ending.abort();
    await begun.catch(() => undefined);
    await proxy?.ended;
  };
}
