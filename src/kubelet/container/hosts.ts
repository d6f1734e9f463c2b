// The /etc/hosts, hostname and resolver settings of a pod.
// https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
import type { HostAlias, Pod } from '../../resources/generated/core-v1.ts';
import { namesOf, specOf } from '../pod/identity.ts';

const STANDARD = `# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
`;

function aliases(entries: readonly HostAlias[]): string {
  if (entries.length === 0) return '';
  const lines = entries.map((e) => `${e.ip}\t${(e.hostnames ?? []).join('\t')}\n`);
  return `\n# Entries added by HostAliases.\n${lines.join('')}`;
}

export interface HostNames {
  readonly hostname: string;
  /** Empty without a subdomain. */
  readonly domain: string;
}

/** Linux takes 64 bytes; Kubernetes cuts at 63 and does not end on a dot or dash. */
export function hostNames(pod: Pod, clusterDomain: string): HostNames {
  const spec = specOf(pod);
  const { name, namespace } = namesOf(pod);
  if (spec.hostnameOverride !== undefined && spec.hostnameOverride !== '') {
    return { hostname: spec.hostnameOverride, domain: '' };
  }
  const own = spec.hostname !== undefined && spec.hostname !== '' ? spec.hostname : name;
  const hostname = own.length > 63 ? own.slice(0, 63).replace(/[-.]+$/, '') : own;
  const sub = spec.subdomain ?? '';
  return { hostname, domain: sub === '' ? '' : `${sub}.${namespace}.svc.${clusterDomain}` };
}

/** What `hostname` says inside: the whole name when the pod asks for that. */
export function kernelHostname(pod: Pod, clusterDomain: string): string {
  const { hostname, domain } = hostNames(pod, clusterDomain);
  if (specOf(pod).setHostnameAsFQDN !== true || domain === '') return hostname;
  const full = `${hostname}.${domain}`;
  if (full.length > 64) {
    throw new Error(
      `failed to construct FQDN from pod hostname and cluster domain, FQDN ${full} is too long (64 characters is the max, ${full.length} characters requested)`,
    );
  }
  return full;
}

export interface HostsInput {
  readonly pod: Pod;
  readonly podIps: readonly string[];
  readonly clusterDomain: string;
  /** The host's own file, for pods on the host network. */
  readonly hostFile: string;
}

export function hostsFile(input: HostsInput): string {
  const spec = specOf(input.pod);
  const extra = aliases(spec.hostAliases ?? []);
  if (spec.hostNetwork === true) return `# Kubernetes-managed hosts file (host network).\n${input.hostFile}${extra}`;
  const { hostname, domain } = hostNames(input.pod, input.clusterDomain);
  const lines = input.podIps.map((ip) =>
    domain === '' ? `${ip}\t${hostname}\n` : `${ip}\t${hostname}.${domain}\t${hostname}\n`,
  );
  return STANDARD + lines.join('') + extra;
}

export interface Resolver {
  readonly servers: string[];
  readonly searches: string[];
  readonly options: string[];
}

/** With and without the dot of the root it is the same domain. */
const searchesOf = (words: readonly string[]): string[] =>
  words.filter((word) => word !== '.').map((word) => word.replace(/\.$/, ''));

/** Lines add up, and of one option the last value holds. */
const optionsOf = (words: readonly string[]): string[] => [
  ...new Map(words.map((word) => [word.split(':')[0] ?? word, word])).values(),
];

export function parseResolvConf(text: string): Resolver {
  const out: Resolver = { servers: [], searches: [], options: [] };
  for (const line of text.split('\n')) {
    const [word, ...rest] = line.trim().split(/\s+/);
    if (word === 'nameserver' && rest[0] !== undefined) out.servers.push(rest[0]);
    else if (word === 'search') out.searches.splice(0, out.searches.length, ...searchesOf(rest));
    else if (word === 'options') out.options.splice(0, out.options.length, ...optionsOf([...out.options, ...rest]));
  }
  return out;
}

export interface DnsContext {
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  readonly host: Resolver;
}

function mergedOptions(base: readonly string[], extra: readonly { name?: string; value?: string }[]): string[] {
  const out = new Map<string, string | undefined>();
  for (const text of base) {
    const at = text.indexOf(':');
    out.set(at < 0 ? text : text.slice(0, at), at < 0 ? undefined : text.slice(at + 1));
  }
  for (const o of extra) if (o.name !== undefined) out.set(o.name, o.value);
  return [...out].map(([name, value]) => (value === undefined || value === '' ? name : `${name}:${value}`));
}

function basis(pod: Pod, context: DnsContext): Resolver {
  const spec = specOf(pod);
  const policy = spec.dnsPolicy ?? 'ClusterFirst';
  if (policy === 'None') return { servers: [], searches: [], options: [] };
  const host = spec.hostNetwork === true && policy === 'ClusterFirst';
  if (policy === 'Default' || host || context.clusterDns.length === 0) return context.host;
  const { namespace } = namesOf(pod);
  const domain = context.clusterDomain;
  const own = [`${namespace}.svc.${domain}`, `svc.${domain}`, domain];
  return {
    servers: [...context.clusterDns],
    searches: [...new Set([...own, ...context.host.searches])],
    options: ['ndots:5'],
  };
}

const MAX_SERVERS = 3;
const MAX_SEARCHES = 32;
const MAX_SEARCH = 253;
const MAX_SEARCH_LINE = 2048;

/** What resolvers read, and some cannot bear more. */
function fittingSearches(all: readonly string[]): string[] {
  const fitting = all.slice(0, MAX_SEARCHES).filter((s) => s.length <= MAX_SEARCH);
  while (fitting.join(' ').length > MAX_SEARCH_LINE) fitting.pop();
  return fitting;
}

/** All that the policy and the pod name, whether it fits or not. */
function wished(pod: Pod, context: DnsContext): Resolver {
  const base = basis(pod, context);
  const config = specOf(pod).dnsConfig ?? {};
  return {
    servers: [...new Set([...base.servers, ...(config.nameservers ?? [])])],
    searches: [...new Set([...base.searches, ...(config.searches ?? [])])],
    options: mergedOptions(base.options, config.options ?? []),
  };
}

function fitting({ servers, searches, options }: Resolver): Resolver {
  return { servers: servers.slice(0, MAX_SERVERS), searches: fittingSearches(searches), options };
}

export function podResolver(pod: Pod, context: DnsContext): Resolver {
  return fitting(wished(pod, context));
}

/** What the pod is to be told of what was left out. https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#dns-search-domain-list-limits */
export function omittedFromResolver(pod: Pod, context: DnsContext): string[] {
  const all = wished(pod, context);
  const { servers, searches } = fitting(all);
  const out: string[] = [];
  if (servers.length < all.servers.length) {
    const applied = `the applied nameserver line is: ${servers.join(' ')}`;
    out.push(`Nameserver limits were exceeded, some nameservers have been omitted, ${applied}`);
  }
  if (searches.length < all.searches.length) {
    const applied = `the applied search line is: ${searches.join(' ')}`;
    out.push(`Search Line limits were exceeded, some search paths have been omitted, ${applied}`);
  }
  return out;
}
