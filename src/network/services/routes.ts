// What every Service leads to: its addresses and ports, and the endpoints behind them, taken from Services and their slices. Pure.
// Source: https://kubernetes.io/docs/reference/networking/virtual-ips/
import { isIPv4 } from 'node:net';
import type { Service, ServicePort } from '../../resources/generated/core-v1.ts';
import type { EndpointSlice } from '../../resources/generated/discovery-v1.ts';

export type Protocol = 'tcp' | 'udp' | 'sctp';

export interface Endpoint {
  readonly ip: string;
  readonly port: number;
  readonly node?: string;
  readonly ready: boolean;
  /** Ready but for its end, which has begun. */
  readonly draining: boolean;
}

/** One port of one Service. All texts in it are addresses and ranges that were parsed, never what a user wrote. */
export interface ServiceRoute {
  /** Tells it from all others. */
  readonly key: string;
  readonly protocol: Protocol;
  readonly clusterIp: string;
  readonly port: number;
  /** External addresses and those of load balancers. */
  readonly externalIps: readonly string[];
  readonly nodePort?: number;
  /** Who may use the addresses of load balancers; absent: everybody. */
  readonly allowed?: { readonly addresses: readonly string[]; readonly ranges: readonly string[] };
  /** For how long a client stays with its endpoint. */
  readonly stickySeconds?: number;
  readonly insideLocal: boolean;
  readonly outsideLocal: boolean;
  readonly endpoints: readonly Endpoint[];
}

const SERVICE_NAME = 'kubernetes.io/service-name';
/** Services that bear it are the business of another proxy. */
const PROXY_NAME = 'service.kubernetes.io/service-proxy-name';
const HEADLESS = 'service.kubernetes.io/headless';
const STICKY_SECONDS = 10_800;

export function serviceOfSlice(slice: EndpointSlice): string | undefined {
  const name = slice.metadata.labels?.[SERVICE_NAME];
  return name === undefined ? undefined : `${slice.metadata.namespace ?? ''}/${name}`;
}

function protocolOf(text: string | undefined): Protocol | undefined {
  if (text === undefined || text === 'TCP') return 'tcp';
  return text === 'UDP' ? 'udp' : text === 'SCTP' ? 'sctp' : undefined;
}

function isPort(value: number | undefined): value is number {
  return Number.isInteger(value) && value !== undefined && value > 0 && value < 65_536;
}

/** Those that are ready; when there are none, those that still serve while they end. */
export function usable(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const ready = endpoints.filter((one) => one.ready);
  return ready.length > 0 ? ready : endpoints.filter((one) => one.draining);
}

function endpointsOf(name: string, protocol: Protocol, slices: readonly EndpointSlice[]): Endpoint[] {
  const found = new Map<string, Endpoint>();
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4' || slice.metadata.labels?.[HEADLESS] !== undefined) continue;
    const port = slice.ports?.find((p) => (p.name ?? '') === name && protocolOf(p.protocol) === protocol)?.port;
    if (!isPort(port)) continue;
    for (const { addresses, conditions = {}, nodeName } of slice.endpoints ?? []) {
      const [ip = ''] = addresses;
      if (!isIPv4(ip)) continue;
      const ready = conditions.ready ?? true;
      const draining = (conditions.serving ?? ready) && conditions.terminating === true;
      const one = { ip, port, ready, draining, ...(nodeName === undefined ? {} : { node: nodeName }) };
      const key = `${ip}:${port}`;
      // While an endpoint moves from one slice to another it is in both.
      if (found.get(key)?.ready !== true) found.set(key, one);
    }
  }
  return [...found.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint);
}

function parsedRange(text: string): string[] {
  const [address = '', bits = '', ...rest] = text.trim().split('/');
  const prefix = Number(bits);
  const good = isIPv4(address) && /^\d{1,2}$/.test(bits) && prefix <= 32 && rest.length === 0;
  return good ? [`${address}/${prefix}`] : [];
}

/** What all ports of a Service have in common; undefined when there is nothing to lead to it. */
function sharedOf(service: Service): Omit<ServiceRoute, 'key' | 'protocol' | 'port' | 'endpoints'> | undefined {
  const { spec, metadata, status } = service;
  const clusterIp = spec?.clusterIP ?? '';
  if (spec?.type === 'ExternalName' || !isIPv4(clusterIp)) return undefined;
  if (metadata.labels?.[PROXY_NAME] !== undefined) return undefined;
  // With ipMode Proxy the balancer wants what is inside to go its way too.
  const ingress = spec?.type === 'LoadBalancer' ? (status?.loadBalancer?.ingress ?? []) : [];
  const balancers = ingress.flatMap(({ ip, ipMode }) => (ip !== undefined && ipMode !== 'Proxy' ? [ip] : []));
  const externalIps = [...new Set([...(spec?.externalIPs ?? []), ...balancers])].filter((ip) => isIPv4(ip));
  const asked = spec?.loadBalancerSourceRanges ?? [];
  const allowed = { addresses: balancers.filter((ip) => isIPv4(ip)), ranges: asked.flatMap(parsedRange) };
  const seconds = spec?.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? STICKY_SECONDS;
  return {
    clusterIp,
    externalIps,
    ...(asked.length > 0 && allowed.addresses.length > 0 ? { allowed } : {}),
    ...(spec?.sessionAffinity === 'ClientIP' ? { stickySeconds: seconds } : {}),
    insideLocal: spec?.internalTrafficPolicy === 'Local',
    outsideLocal: spec?.externalTrafficPolicy === 'Local',
  };
}

function nodePortOf(service: Service, port: ServicePort): { nodePort?: number } {
  const type = service.spec?.type;
  const published = (type === 'NodePort' || type === 'LoadBalancer') && isPort(port.nodePort);
  return published ? { nodePort: port.nodePort } : {};
}

const keyOf = ({ metadata }: Service): string => `${metadata.namespace ?? ''}/${metadata.name ?? ''}`;

/** Older ones come first: of two that claim the same external address it is theirs. */
function byAge(services: readonly Service[]): Service[] {
  const keyed = services.map((one) => [`${String(one.metadata.creationTimestamp ?? '')} ${keyOf(one)}`, one] as const);
  return keyed.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}

export function serviceRoutes(
  services: readonly Service[],
  slicesOf: (service: string) => readonly EndpointSlice[],
): ServiceRoute[] {
  const routes: ServiceRoute[] = [];
  for (const service of byAge(services)) {
    const shared = sharedOf(service);
    if (shared === undefined) continue;
    const key = keyOf(service);
    const slices = slicesOf(key);
    for (const one of service.spec?.ports ?? []) {
      const protocol = protocolOf(one.protocol);
      if (protocol === undefined || !isPort(one.port)) continue;
      routes.push({
        ...shared,
        key: `${key}:${one.port}/${protocol}`,
        protocol,
        port: one.port,
        ...nodePortOf(service, one),
        endpoints: endpointsOf(one.name ?? '', protocol, slices),
      });
    }
  }
  return routes;
}
