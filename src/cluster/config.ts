// What a cluster is made of: its name, ranges, ports and the places on the disk where it keeps things.
import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import type { FeatureGates, RuntimeConfig } from '../resources/index.ts';

export const DEFAULT_DATA_DIR = '/var/lib/minke';
export const DEFAULT_PORT = 6443;

export interface ClusterConfig {
  /** Bears every link, cgroup, table and process that the cluster makes; at most 9 characters. */
  readonly name: string;
  readonly dataDir: string;
  readonly bindAddress: string;
  readonly port: number;
  readonly nodes: readonly string[];
  /** `embedded`, `simulated`, or the `unix:///…sock` of a CRI runtime. */
  readonly runtime: string;
  readonly clusterCidr: string;
  readonly serviceCidr: string;
  readonly clusterDomain: string;
  /** A registry that has mirrors in registries.yaml is never asked itself. */
  readonly onlyMirrors: boolean;
  /** The first node serves its own API there, the others on the ports that follow; absent: only through the API server. */
  readonly kubeletPort?: number;
  /** Of whom names outside the cluster are asked: `host`, `none`, or addresses; absent: `host`, as in records from before. */
  readonly dnsForward?: string;
  /** Feature gates that are on; absent: none, as in the records of clusters that were started before there were any. */
  readonly featureGates?: FeatureGates;
  /** API versions that are on or off against the rule; absent: none. */
  readonly runtimeConfig?: RuntimeConfig;
  /** The pods' network is made by the host's CNI plugins. */
  readonly cni?: { readonly configDirectory: string; readonly binaries: readonly string[] };
}

export interface ClusterPaths {
  readonly root: string;
  readonly pki: string;
  readonly database: string;
  readonly runtime: string;
  readonly kubelet: string;
  readonly podLogs: string;
  readonly kubeconfig: string;
  readonly registries: string;
  /** A CredentialProviderConfig, and the programs that it names. */
  readonly credentialProviders: string;
  readonly credentialPrograms: string;
  readonly pidFile: string;
  readonly controlSocket: string;
  readonly log: string;
  readonly config: string;
  readonly images: string;
  readonly staticPods: string;
  /** An audit.k8s.io Policy; where it is, requests are written to `auditLog`. */
  readonly auditPolicy: string;
  readonly auditLog: string;
}

export function clusterPaths(dataDir: string): ClusterPaths {
  const root = resolve(dataDir);
  return {
    root,
    pki: join(root, 'pki'),
    database: join(root, 'db'),
    runtime: join(root, 'runtime'),
    kubelet: join(root, 'kubelet'),
    podLogs: join(root, 'pod-logs'),
    kubeconfig: join(root, 'kubeconfig'),
    registries: join(root, 'registries.yaml'),
    credentialProviders: join(root, 'credential-providers.yaml'),
    credentialPrograms: join(root, 'credential-providers'),
    pidFile: join(root, 'minke.pid'),
    controlSocket: join(root, 'control.sock'),
    log: join(root, 'minke.log'),
    config: join(root, 'cluster.json'),
    images: join(root, 'images'),
    staticPods: join(root, 'manifests'),
    auditPolicy: join(root, 'audit-policy.yaml'),
    auditLog: join(root, 'audit.log'),
  };
}

/** `minke` for the default directory, else a short name of its own, so that clusters live side by side. */
export function clusterName(dataDir: string): string {
  const root = resolve(dataDir);
  if (root === DEFAULT_DATA_DIR) return 'minke';
  return `mk${createHash('sha256').update(root).digest('hex').slice(0, 6)}`;
}

const FIRST_OCTET = 128;
const OCTETS = 96;

/** Second octets of the 10.x.0.0/16 ranges that routes of this host lead to. `table` is /proc/net/route. */
export function usedOctets(table: string): Set<number> {
  const used = new Set<number>();
  for (const line of table.split('\n').slice(1)) {
    const destination = Number.parseInt(line.split('\t')[1] ?? '', 16);
    if ((destination & 0xff) === 10) used.add((destination >> 8) & 0xff);
  }
  return used;
}

/** An octet of its own for a cluster beside the default one: by its name, or the next that no route of the host uses. */
export function octetFor(name: string, used: ReadonlySet<number>): number {
  const begin = (createHash('sha256').update(name).digest()[0] ?? 0) % OCTETS;
  for (let i = 0; i < OCTETS; i++) {
    const octet = FIRST_OCTET + ((begin + i) % OCTETS);
    if (!used.has(octet) && !used.has(octet - 100)) return octet;
  }
  return FIRST_OCTET + begin;
}

export interface ConfigInput {
  readonly dataDir: string;
  readonly port: number;
  readonly bindAddress?: string;
  readonly nodes: number;
  readonly runtime: string;
  readonly onlyMirrors?: boolean;
  readonly cni?: ClusterConfig['cni'];
  readonly kubeletPort?: number;
  readonly dnsForward?: string;
  readonly featureGates?: FeatureGates;
  readonly runtimeConfig?: RuntimeConfig;
  /** What an earlier start of the same cluster chose; kept, since pods and Services have addresses in them. */
  readonly ranges?: Pick<ClusterConfig, 'clusterCidr' | 'serviceCidr'>;
  /** The text of /proc/net/route. */
  readonly routes: string;
}

export function clusterConfig(input: ConfigInput): ClusterConfig {
  const name = clusterName(input.dataDir);
  return {
    name,
    dataDir: resolve(input.dataDir),
    bindAddress: input.bindAddress ?? '127.0.0.1',
    port: input.port,
    // Names that do not depend on the host: what a document or a test says about `node-1` holds everywhere.
    nodes: Array.from({ length: input.nodes }, (_, i) => `node-${i + 1}`),
    runtime: input.runtime,
    ...(input.ranges ?? rangesFor(name, input)),
    clusterDomain: 'cluster.local',
    onlyMirrors: input.onlyMirrors === true,
    ...(input.dnsForward === undefined ? {} : { dnsForward: input.dnsForward }),
    ...(input.featureGates === undefined ? {} : { featureGates: input.featureGates }),
    ...(input.runtimeConfig === undefined ? {} : { runtimeConfig: input.runtimeConfig }),
    ...(input.cni === undefined ? {} : { cni: input.cni }),
    ...(input.kubeletPort === undefined ? {} : { kubeletPort: input.kubeletPort }),
  };
}

/** Simulated pods are on no wire: with more nodes than a /16 has room for they take the shared address space (RFC 6598). */
const WIDE_RANGE = '100.64.0.0/10';

function rangesFor(name: string, input: ConfigInput): Pick<ClusterConfig, 'clusterCidr' | 'serviceCidr'> {
  const own = hostRangesFor(name, input.routes);
  const wide = input.runtime === 'simulated' && input.nodes > nodeCapacity(own.clusterCidr);
  return wide ? { ...own, clusterCidr: WIDE_RANGE } : own;
}

function hostRangesFor(name: string, routes: string): Pick<ClusterConfig, 'clusterCidr' | 'serviceCidr'> {
  if (name === 'minke') return { clusterCidr: '10.244.0.0/16', serviceCidr: '10.96.0.0/16' };
  const octet = octetFor(name, usedOctets(routes));
  return { clusterCidr: `10.${octet}.0.0/16`, serviceCidr: `10.${octet - 100}.0.0/16` };
}

const NODE_PREFIX = 24;

/** How many nodes a range of pods has room for, a /24 each. */
export function nodeCapacity(clusterCidr: string): number {
  return 2 ** (NODE_PREFIX - Number(clusterCidr.split('/')[1]));
}

/** The `index`-th /24 of the range: a node's own pods. */
export function podCidrOf(clusterCidr: string, index: number): string {
  const [a = 0, b = 0, c = 0] = clusterCidr.split('.').map(Number);
  const block = a * 65_536 + b * 256 + c + index;
  return `${block >> 16}.${(block >> 8) & 255}.${block & 255}.0/${NODE_PREFIX}`;
}

/** The first address of the Service range: the `kubernetes` Service. */
export function firstServiceIp(serviceCidr: string): string {
  const [a, b, c] = serviceCidr.split('.');
  return `${a}.${b}.${c}.1`;
}

/** The address of the cluster's DNS, by custom the tenth. */
export function dnsServiceIp(serviceCidr: string): string {
  const [a, b, c] = serviceCidr.split('.');
  return `${a}.${b}.${c}.10`;
}
