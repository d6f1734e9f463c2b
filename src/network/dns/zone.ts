// What a cluster's own zone answers: https://github.com/kubernetes/dns/blob/master/docs/specification.md, and where that is silent, as CoreDNS does. Pure.
import { isIP, isIPv4 } from 'node:net';
import type { Service } from '../../resources/generated/core-v1.ts';
import type { EndpointSlice } from '../../resources/generated/discovery-v1.ts';
import { labelsBelow, plainName, reversedAddress, undashed } from './names.ts';
import type { AddressRecord, AuthorityRecord, ClusterRecords, DnsRecord, ServerRecord } from './records.ts';
import { endpointLabel, isReady } from './records.ts';

export interface Zone {
  /** Such as `cluster.local`. */
  readonly domain: string;
  /** The address of the Service `kube-system/kube-dns`. */
  readonly server: string;
}

export interface Question {
  readonly name: string;
  /** `A`, `SRV` …; those that nobody knows are `UNKNOWN_65`. */
  readonly type: string;
}

export interface ZoneAnswer {
  readonly rcode: 'NOERROR' | 'NXDOMAIN' | 'REFUSED';
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
  /** A name of somebody else's zone whose records are to follow. */
  readonly follow?: string;
}

/** What kubeadm sets for CoreDNS. */
const TTL = 30;
const VERSION_TTL = 28_800;
const VERSION = '1.1.0';
const MOST_ALIASES = 8;

/** What a name leads to. */
interface Target {
  /** Of the Service or the endpoint itself. */
  readonly owner: string;
  readonly address: string;
  /** undefined where no port is declared. */
  readonly port?: number;
}

type Found =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'targets'; readonly targets: readonly Target[] }
  | { readonly kind: 'alias'; readonly name: string };

const NOTHING: Found = { kind: 'nothing' };
/** The name is there, and nothing is said of it. */
const EMPTY: Found = { kind: 'targets', targets: [] };

function authority(zone: Zone, records: ClusterRecords): AuthorityRecord {
  const { domain } = zone;
  const data = {
    mname: `ns.dns.${domain}`,
    rname: `hostmaster.${domain}`,
    serial: records.serial(),
    refresh: 7200,
    retry: 1800,
    expire: 86_400,
    minimum: TTL,
  };
  return { name: domain, type: 'SOA', ttl: TTL, data };
}

const answerOf = (answers: readonly DnsRecord[], additionals: readonly DnsRecord[] = []): ZoneAnswer => ({
  rcode: 'NOERROR',
  answers,
  authorities: [],
  additionals,
});

/** `_http` and `_tcp` of a name such as `_http._tcp.web.default.svc`. */
interface PortFilter {
  readonly name: string;
  readonly protocol: string;
}

function fits(filter: PortFilter | undefined, port: { readonly name?: string; readonly protocol?: string }): boolean {
  if (filter === undefined) return true;
  return (port.name ?? '') === filter.name && (port.protocol ?? 'TCP').toLowerCase() === filter.protocol;
}

function ofClusterIps(service: Service, owner: string, filter: PortFilter | undefined): Found {
  const { clusterIPs, clusterIP, ports = [] } = service.spec ?? {};
  const addresses = clusterIPs ?? (clusterIP === undefined || clusterIP === '' ? [] : [clusterIP]);
  const targets = ports
    .filter((port) => fits(filter, port))
    .flatMap(({ port }) => addresses.map((address) => ({ owner, address, port })));
  return targets.length === 0 ? NOTHING : { kind: 'targets', targets };
}

function ofEndpoints(
  slices: readonly EndpointSlice[],
  owner: string,
  wanted: { readonly endpoint?: string; readonly filter?: PortFilter },
): Found {
  const targets: Target[] = [];
  for (const { endpoints, ports, addressType } of slices) {
    if (addressType === 'FQDN') continue;
    const fitting = (ports ?? []).filter((port) => fits(wanted.filter, port)).map(({ port }) => port);
    const all = (ports ?? []).length === 0 && wanted.filter === undefined ? [undefined] : fitting;
    for (const endpoint of endpoints ?? []) {
      const label = endpointLabel(endpoint);
      if (!isReady(endpoint) || (wanted.endpoint !== undefined && label !== wanted.endpoint)) continue;
      for (const address of endpoint.addresses)
        for (const port of all)
          targets.push({ owner: `${label}.${owner}`, address, ...(port === undefined ? {} : { port }) });
    }
  }
  return targets.length === 0 ? NOTHING : { kind: 'targets', targets };
}

function ofService(labels: readonly string[], zone: Zone, records: ClusterRecords): Found {
  const [namespace = '', name, second, first, ...rest] = [...labels].reverse();
  if (!records.hasNamespace(namespace)) return NOTHING;
  if (name === undefined) return EMPTY;
  const key = `${namespace}/${name}`;
  const service = records.service(key);
  if (service === undefined || rest.length > 0) return NOTHING;
  if (first !== undefined && !(first.startsWith('_') && second?.startsWith('_') === true)) return NOTHING;
  const filter = first === undefined ? undefined : { name: first.slice(1), protocol: (second ?? '').slice(1) };
  const endpoint = filter === undefined ? second : undefined;
  const { type, externalName = '', clusterIP } = service.spec ?? {};
  if (type === 'ExternalName') {
    const alias = plainName(externalName);
    return second !== undefined || alias === '' || isIP(alias) !== 0 ? NOTHING : { kind: 'alias', name: alias };
  }
  const owner = `${name}.${namespace}.svc.${zone.domain}`;
  if (endpoint !== undefined) return ofEndpoints(records.slicesWith(key, endpoint), owner, { endpoint });
  if (clusterIP !== 'None') return ofClusterIps(service, owner, filter);
  return ofEndpoints(records.slicesOf(key), owner, filter === undefined ? {} : { filter });
}

/** Pods are taken at their word, as with `pods insecure`. */
function ofPod(labels: readonly string[], zone: Zone, records: ClusterRecords): Found {
  const [namespace = '', label, ...rest] = [...labels].reverse();
  if (!records.hasNamespace(namespace)) return NOTHING;
  if (label === undefined) return EMPTY;
  const address = rest.length === 0 ? undashed(label) : undefined;
  if (address === undefined) return NOTHING;
  return { kind: 'targets', targets: [{ owner: `${label}.${namespace}.pod.${zone.domain}`, address }] };
}

function find(labels: readonly string[], zone: Zone, records: ClusterRecords): Found {
  const top = labels.at(-1);
  const below = labels.slice(0, -1);
  if (top === undefined) return EMPTY;
  if (top === 'svc') return below.length === 0 ? EMPTY : ofService(below, zone, records);
  if (top === 'pod') return below.length === 0 ? EMPTY : ofPod(below, zone, records);
  if (top === 'dns-version') return below.length === 0 ? EMPTY : NOTHING;
  if (top !== 'dns') return NOTHING;
  if (below.length === 0) return EMPTY;
  const owner = `ns.dns.${zone.domain}`;
  return below.length === 1 && below[0] === 'ns'
    ? { kind: 'targets', targets: [{ owner, address: zone.server }] }
    : NOTHING;
}

const addressType = (address: string): 'A' | 'AAAA' => (isIPv4(address) ? 'A' : 'AAAA');

function addressRecords(name: string, type: string, targets: readonly Target[]): AddressRecord[] {
  const addresses = [...new Set(targets.map(({ address }) => address))];
  return addresses
    .filter((address) => addressType(address) === type)
    .map((address) => ({ name, type: addressType(address), ttl: TTL, data: address }));
}

/** The records, and beside them the addresses of the servers that they name. */
function serverRecords(name: string, targets: readonly Target[]): [ServerRecord[], AddressRecord[]] {
  const weight = Math.max(1, Math.floor(100 / Math.max(1, targets.length)));
  const servers = new Map<string, ServerRecord>();
  const glue = new Map<string, AddressRecord>();
  for (const { owner, address, port } of targets) {
    if (port === undefined) continue;
    const data = { priority: 0, weight, port, target: owner };
    servers.set(`${owner}:${port}`, { name, type: 'SRV', ttl: TTL, data });
    glue.set(`${owner} ${address}`, { name: owner, type: addressType(address), ttl: TTL, data: address });
  }
  return [[...servers.values()], [...glue.values()]];
}

function atApex(name: string, type: string, zone: Zone, records: ClusterRecords): ZoneAnswer | undefined {
  if (type === 'SOA') return answerOf([{ ...authority(zone, records), name }]);
  if (type !== 'NS') return undefined;
  const host = `kube-dns.kube-system.svc.${zone.domain}`;
  const glue: AddressRecord = { name: host, type: addressType(zone.server), ttl: TTL, data: zone.server };
  return answerOf([{ name, type: 'NS', ttl: TTL, data: host }], [glue]);
}

/** Where an alias ends: the aliases on the way, then addresses in this zone, or the name to ask somebody else for. */
function throughAliases(
  question: Question,
  first: string,
  zone: Zone,
  records: ClusterRecords,
): ZoneAnswer | undefined {
  const answers: DnsRecord[] = [];
  const seen = new Set([plainName(question.name).toLowerCase()]);
  let name = plainName(question.name);
  let next = first;
  while (answers.length < MOST_ALIASES && !seen.has(next.toLowerCase())) {
    answers.push({ name, type: 'CNAME', ttl: TTL, data: next });
    seen.add(next.toLowerCase());
    const labels = labelsBelow(next, zone.domain);
    if (labels === undefined) return { ...answerOf(answers), follow: next };
    const found = find(labels, zone, records);
    if (found.kind === 'nothing') return undefined;
    if (found.kind === 'targets') {
      const addresses = addressRecords(next, question.type, found.targets);
      return addresses.length === 0 ? undefined : answerOf([...answers, ...addresses]);
    }
    [name, next] = [next, found.name];
  }
  return undefined;
}

function ofAlias(question: Question, alias: string, zone: Zone, records: ClusterRecords): ZoneAnswer | undefined {
  const { type } = question;
  if (type === 'CNAME') return answerOf([{ name: plainName(question.name), type: 'CNAME', ttl: TTL, data: alias }]);
  return type === 'A' || type === 'AAAA' ? throughAliases(question, alias, zone, records) : undefined;
}

function ofTargets(question: Question, targets: readonly Target[]): ZoneAnswer | undefined {
  const name = plainName(question.name);
  if (question.type === 'SRV') {
    const [servers, glue] = serverRecords(name, targets);
    return servers.length === 0 ? undefined : answerOf(servers, glue);
  }
  const addresses = addressRecords(name, question.type, targets);
  return addresses.length === 0 ? undefined : answerOf(addresses);
}

function inZone(question: Question, labels: readonly string[], zone: Zone, records: ClusterRecords): ZoneAnswer {
  const { type } = question;
  const name = plainName(question.name);
  if (type === 'AXFR' || type === 'IXFR') return { ...answerOf([]), rcode: 'REFUSED' };
  if (type === 'TXT' && labels.length === 1 && labels[0] === 'dns-version')
    return answerOf([{ name, type, ttl: VERSION_TTL, data: VERSION }]);
  const found = find(labels, zone, records);
  const nothing = (rcode: 'NOERROR' | 'NXDOMAIN'): ZoneAnswer => ({
    ...answerOf([]),
    rcode,
    authorities: [authority(zone, records)],
  });
  if (found.kind === 'nothing') return nothing('NXDOMAIN');
  const answer =
    (labels.length === 0 ? atApex(name, type, zone, records) : undefined) ??
    (found.kind === 'alias' ? ofAlias(question, found.name, zone, records) : ofTargets(question, found.targets));
  return answer ?? nothing('NOERROR');
}

/** Whose address it is: a Service's, else that of the endpoints which have it. */
function ofAddress(question: Question, address: string, zone: Zone, records: ClusterRecords): ZoneAnswer | undefined {
  const name = plainName(question.name);
  const record = (data: string): DnsRecord => ({ name, type: 'PTR', ttl: TTL, data });
  const below = (namespace = '', service = '') => `${service}.${namespace}.svc.${zone.domain}`;
  const service = records.serviceAt(address);
  if (service !== undefined) return answerOf([record(below(service.metadata.namespace, service.metadata.name))]);
  const hosts = records.slicesAt(address).flatMap(({ metadata, endpoints }) => {
    const owner = below(metadata.namespace, metadata.labels?.['kubernetes.io/service-name']);
    return (endpoints ?? [])
      .filter((one) => isReady(one) && one.addresses.includes(address))
      .map((one) => `${endpointLabel(one)}.${owner}`);
  });
  return hosts.length === 0 ? undefined : answerOf([...new Set(hosts)].map(record));
}

/** undefined for what is not this cluster's: somebody else may know. */
export function answerInCluster(question: Question, zone: Zone, records: ClusterRecords): ZoneAnswer | undefined {
  const labels = labelsBelow(question.name, zone.domain);
  if (labels !== undefined) return inZone(question, labels, zone, records);
  const address = question.type === 'PTR' ? reversedAddress(question.name) : undefined;
  return address === undefined ? undefined : ofAddress(question, address, zone, records);
}
