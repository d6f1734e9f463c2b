// A cluster's records in memory, and questions to them, for tests of its DNS.
import { type Answer, type DecodedPacket, decode, encode, type RecordType } from 'dns-packet';
import type { Service } from '../../resources/generated/core-v1.ts';
import type { EndpointSlice } from '../../resources/generated/discovery-v1.ts';
import { type ClusterRecords, endpointLabel } from './records.ts';
import type { Zone } from './zone.ts';

export const ZONE: Zone = { domain: 'cluster.local', server: '10.96.0.10' };

type ServiceSpec = NonNullable<Service['spec']>;

export function service(name: string, spec: Partial<ServiceSpec>, namespace = 'default'): Service {
  const { clusterIP } = spec;
  const clusterIPs = clusterIP === undefined ? {} : { clusterIPs: [clusterIP] };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { type: 'ClusterIP', ports: [{ name: 'http', port: 80, protocol: 'TCP' }], ...clusterIPs, ...spec },
  };
}

/** `address`, or `hostname=address`; one that begins with `!` is not ready. */
export function slice(service: string, endpoints: readonly string[], more: Partial<EndpointSlice> = {}): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${service}-1`, namespace: 'default', labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    endpoints: endpoints.map((text) => {
      const [address = '', hostname] = text.replace(/^!/, '').split('=').reverse();
      const conditions = { ready: !text.startsWith('!') };
      return { addresses: [address], conditions, ...(hostname === undefined ? {} : { hostname }) };
    }),
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    ...more,
  };
}

export function recordsOf(services: readonly Service[], slices: readonly EndpointSlice[] = []): ClusterRecords {
  const serviceOf = ({ metadata }: EndpointSlice) =>
    `${metadata.namespace}/${metadata.labels?.['kubernetes.io/service-name']}`;
  const keyOf = ({ metadata }: Service) => `${metadata.namespace}/${metadata.name}`;
  const slicesOf = (key: string) => slices.filter((one) => serviceOf(one) === key);
  return {
    hasNamespace: (name) => ['default', 'other', 'kube-system'].includes(name),
    service: (key) => services.find((one) => keyOf(one) === key),
    slicesOf,
    slicesWith: (key, host) => slicesOf(key).filter((one) => one.endpoints?.some((e) => endpointLabel(e) === host)),
    serviceAt: (address) => services.find(({ spec }) => spec?.clusterIPs?.includes(address)),
    slicesAt: (address) => slices.filter((one) => one.endpoints?.some((e) => e.addresses.includes(address))),
    serial: () => 1_700_000_000,
  };
}

/** An answer as a line: `A 10.96.0.1`, `SRV 0 100 80 web.default.svc.cluster.local`. */
export function line(record: Answer): string {
  if (record.type === 'SRV') {
    const { priority = 0, weight = 0, port, target } = record.data;
    return `SRV ${priority} ${weight} ${port} ${target}`;
  }
  if (record.type === 'TXT') return `TXT ${String(record.data)}`;
  return `${record.type} ${'data' in record && typeof record.data === 'string' ? record.data : ''}`.trim();
}

export function question(name: string, type: string, more: Parameters<typeof encode>[0] = {}): Buffer {
  return encode({ type: 'query', id: 7, flags: 0x100, questions: [{ name, type: type as RecordType }], ...more });
}

export const edns = (udpPayloadSize: number): Parameters<typeof encode>[0] => ({
  additionals: [
    { type: 'OPT', name: '.', udpPayloadSize, flags: 0, extendedRcode: 0, ednsVersion: 0, flag_do: false, options: [] },
  ],
});

export function read(reply: Buffer | undefined): DecodedPacket & { rcode: string } {
  if (reply === undefined) throw new Error('there is no reply');
  return decode(reply) as DecodedPacket & { rcode: string };
}
