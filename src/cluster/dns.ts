// The cluster's DNS on this host: it listens where pods reach the API server too, and the Service `kube-dns` leads there.
import { networkInterfaces } from 'node:os';
import { type InformerFactory, PODS, partClients } from '../client/index.ts';
import { type Clock, systemClock, systemRandom } from '../host/clock.ts';
import { parseForwardTo, startDns } from '../network/index.ts';
import { type Assembly, need } from './assembly.ts';
import { dnsServiceIp } from './config.ts';
import { DNS_ACCOUNT } from './dns-policy.ts';
import { keepDnsService } from './dns-service.ts';
import { gateway, podFacingAddress } from './services.ts';

const RESOLV_CONF = '/etc/resolv.conf';
const BY_ADDRESS = 'dns-client';
const LOOK_MS = 5000;

/** Where the network is not our own no rule keeps strangers away: only this host and the cluster's pods are answered. */
function knownClients(informers: InformerFactory, clock: Clock): (client: string) => boolean {
  const pods = informers.informer(PODS);
  pods.addIndex(BY_ADDRESS, ({ status }) => (status?.podIPs ?? []).flatMap(({ ip }) => ip ?? []));
  let [own, looked] = [new Set<string>(), Number.NEGATIVE_INFINITY];
  return (client) => {
    if (clock.now() - looked > LOOK_MS) {
      looked = clock.now();
      own = new Set(Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address)));
    }
    return own.has(client) || pods.byIndex(BY_ADDRESS, client).length > 0;
  };
}

export async function startClusterDns(a: Assembly): Promise<() => Promise<void>> {
  const { config } = a;
  const address = podFacingAddress(config);
  if (address === undefined) return async () => {};
  const informers = need(a, 'informers');
  const onError = (error: unknown) => a.log.warn({ part: 'dns', err: error }, 'failed; it is tried again');
  const clusterIp = dnsServiceIp(config.serviceCidr);
  const server = await startDns({
    zone: { domain: config.clusterDomain, server: clusterIp },
    address,
    forwardTo: parseForwardTo(config.dnsForward ?? 'host'),
    resolvConf: RESOLV_CONF,
    informers,
    clock: systemClock,
    random: systemRandom.float,
    ...(gateway(config) === undefined ? { admits: knownClients(informers, systemClock) } : {}),
    onError,
  });
  a.dns = { address, server };
  need(a, 'api').addMetrics(() => server.metrics());
  const ending = new AbortController();
  const kept = keepDnsService({
    place: { clusterIp, address, port: server.port, nodeName: config.nodes[0] ?? '' },
    client: partClients(need(a, 'transport'), a.accounts).addon(DNS_ACCOUNT),
    informers,
    clock: systemClock,
    signal: ending.signal,
    onError,
  });
  await kept.begun;
  return async () => {
    ending.abort();
    await kept.ended;
    await server.close();
  };
}
