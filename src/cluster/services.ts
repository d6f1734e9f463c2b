// Services on this host: the API server where pods reach it, and the proxy that leads everybody to endpoints.
import { systemClock, systemRandom } from '../host/clock.ts';
import { errorCode } from '../host/files.ts';
import { AddressBook, serviceTable, startServiceProxy } from '../network/index.ts';
import { type Assembly, need } from './assembly.ts';
import { type ClusterConfig, podCidrOf } from './config.ts';
import { hostAddress } from './host-address.ts';
import { UserError } from './user-error.ts';

const isWildcard = (address: string): boolean => address === '0.0.0.0' || address === '::';
const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1';

/** The bridge's address on the first node, where the pods' network is our own. */
function gateway(config: ClusterConfig): string | undefined {
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

/** Listens on the bridge too, and leads the Service `kubernetes` there. */
async function openToPods(a: Assembly, address: string): Promise<void> {
  const { config } = a;
  const api = need(a, 'api');
  if (address === gateway(config) && !isWildcard(config.bindAddress)) {
    const { server, ca } = need(a, 'pki');
    const tls = { cert: server.cert, key: server.key, clientCa: ca.cert };
    await api.listen({ host: address, port: config.port, tls }).catch((error: unknown) => {
      if (errorCode(error) !== 'EADDRINUSE') throw error;
      throw new UserError(
        `--port: ${address}:${config.port}, where pods reach the API, is taken`,
        'ss -ltnp shows by whom',
      );
    });
  }
  await api.advertise({ address, port: config.port });
}

export async function startServices(a: Assembly): Promise<() => Promise<void>> {
  const { config } = a;
  // Simulated pods are on no wire.
  if (config.runtime === 'simulated') return async () => {};
  const ending = new AbortController();
  const address = podFacingAddress(config);
  const bridge = gateway(config);
  const own = bridge !== undefined;
  // Before the first table: it leads to the API server then.
  if (address !== undefined) await openToPods(a, address);
  const proxy = startServiceProxy({
    table: serviceTable(config.name),
    nodes: new Map(config.nodes.map((name, i) => [name, own ? podCidrOf(config.clusterCidr, i) : ''])),
    ...(own ? { clusterCidr: config.clusterCidr } : {}),
    serviceCidr: config.serviceCidr,
    ...(own && !isWildcard(config.bindAddress) ? { api: { address: bridge, port: config.port } } : {}),
    informers: need(a, 'informers'),
    clock: systemClock,
    random: systemRandom.float,
    signal: ending.signal,
    onError: (error) => a.log.warn({ part: 'services', err: error }, 'failed; it is tried again'),
  });
  await proxy.begun;
  return async () => {
    ending.abort();
    await proxy.ended;
  };
}
