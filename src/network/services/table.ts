// The text of the nft table of a cluster's Services, as nft reads it: the old one goes in the same transaction.
import { Chains, type ClusterFacts, MASQUERADE_MARK } from './chains.ts';
import type { Protocol, ServiceRoute } from './routes.ts';

export interface OwnPort {
  readonly protocol: Protocol;
  readonly port: number;
}

export interface ServiceTableInput extends ClusterFacts {
  readonly table: string;
  readonly serviceCidr: string;
  /** Where the cluster itself listens for pods: nobody beyond this host gets there. */
  readonly own?: { readonly address: string; readonly ports: readonly OwnPort[] };
  readonly routes: readonly ServiceRoute[];
}

export interface ServiceTable {
  /** Declares everything in a table that has none of it. */
  readonly body: string;
  /** What is to go before another body comes, in an order in which nothing is needed any more. */
  readonly parts: readonly string[];
  /** Sets that the kernel fills: those that the next table has too stay as they are. */
  readonly remembered: ReadonlySet<string>;
}

const KEY = 'ip daddr . meta l4proto . th dport';
const PORT_KEY = 'meta l4proto . th dport';
const INDEX = 'numgen random mod 65536';
const TYPE = 'ipv4_addr . inet_proto . inet_service';
const PORT_TYPE = 'inet_proto . inet_service';
interface Declared {
  readonly kind: 'set' | 'map';
  readonly name: string;
  readonly type: string;
  readonly elements: readonly string[];
}

const pairs = (map: ReadonlyMap<string, string>): string[] => [...map].map(([key, value]) => `${key} : ${value}`);

function declared(chains: Chains): Declared[] {
  const hairpins = [...chains.endpointIps].map((ip) => `${ip} . ${ip}`);
  return [
    { kind: 'map', name: 'services', type: `type ${TYPE} : verdict`, elements: pairs(chains.services) },
    { kind: 'map', name: 'node-ports', type: `type ${PORT_TYPE} : verdict`, elements: pairs(chains.nodePorts) },
    { kind: 'map', name: 'guarded', type: `type ${TYPE} : verdict`, elements: pairs(chains.guarded) },
    {
      kind: 'map',
      name: 'backends',
      type: `typeof ${KEY} . ${INDEX} : ip daddr . th dport`,
      elements: chains.backends,
    },
    {
      kind: 'map',
      name: 'port-backends',
      type: `typeof ${PORT_KEY} . ${INDEX} : ip daddr . th dport`,
      elements: chains.portBackends,
    },
    { kind: 'set', name: 'refused', type: `type ${TYPE}`, elements: [...new Set(chains.refused)] },
    { kind: 'set', name: 'refused-ports', type: `type ${PORT_TYPE}`, elements: [...new Set(chains.refusedPorts)] },
    { kind: 'set', name: 'cluster-ips', type: 'type ipv4_addr', elements: [...chains.clusterIps] },
    { kind: 'set', name: 'hairpins', type: 'type ipv4_addr . ipv4_addr', elements: hairpins },
  ];
}

function baseChains(input: ServiceTableInput): Map<string, readonly string[]> {
  const { serviceCidr, clusterCidr, own } = input;
  const nat = (hook: string, priority: string) => `type nat hook ${hook} priority ${priority}; policy accept;`;
  const filter = (hook: string, priority: string) => `type filter hook ${hook} priority ${priority}; policy accept;`;
  // From elsewhere to a cluster address: endpoints that are elsewhere too must answer to this host.
  const strangers = `ip daddr ${serviceCidr} ip saddr != ${clusterCidr ?? ''} meta mark set meta mark or ${MASQUERADE_MARK}`;
  const ownPorts = (clusterCidr === undefined ? [] : (own?.ports ?? [])).map(
    ({ protocol, port }) =>
      `ip daddr ${own?.address ?? ''} ${protocol} dport ${port} ip saddr != ${clusterCidr ?? ''} fib saddr type != local drop`,
  );
  return new Map([
    ['dispatch', [`${KEY} vmap @services`, `fib daddr type local ${PORT_KEY} vmap @node-ports`]],
    // A reset is not held back as messages of ICMP are, of which a host sends few to one address.
    ['deny', ['meta l4proto tcp reject with tcp reset', 'reject']],
    [
      'refuse',
      [
        `${KEY} @refused goto deny`,
        `fib daddr type local ${PORT_KEY} @refused-ports goto deny`,
        'ip daddr @cluster-ips goto deny',
        `ip daddr ${serviceCidr} reject with icmp type host-unreachable`,
      ],
    ],
    [
      'from-host',
      [
        `meta mark and ${MASQUERADE_MARK} == ${MASQUERADE_MARK} meta mark set meta mark xor ${MASQUERADE_MARK} masquerade`,
        'ip saddr 127.0.0.0/8 masquerade',
        'ip saddr . ip daddr @hairpins masquerade',
      ],
    ],
    ['guard-prerouting', [filter('prerouting', '-110'), `ct state new ${KEY} vmap @guarded`]],
    ['guard-output', [filter('output', '-110'), `ct state new ${KEY} vmap @guarded`]],
    ['prerouting', [nat('prerouting', '-100'), ...(clusterCidr === undefined ? [] : [strangers]), 'jump dispatch']],
    ['output', [nat('output', '-100'), 'jump dispatch']],
    ['refuse-prerouting', [filter('prerouting', '-90'), ...ownPorts, 'ct state new jump refuse']],
    ['refuse-output', [filter('output', '-90'), 'ct state new jump refuse']],
    ['postrouting', [nat('postrouting', '100'), 'ct status dnat oifname != "lo" jump from-host']],
  ]);
}

function block(kind: string, name: string, lines: readonly string[]): string {
  return `  ${kind} ${name} {\n${lines.map((line) => `    ${line}\n`).join('')}  }\n`;
}

export function renderServices(input: ServiceTableInput): ServiceTable {
  const chains = new Chains(input);
  for (const route of input.routes) chains.add(route);
  const sets = declared(chains);
  const all = [...chains.chains, ...baseChains(input)];
  const body = [
    // Without a size, for which the kernel would take memory at once; it ends at 65,535 clients by itself.
    ...[...chains.seen].map(([name, seconds]) =>
      block('set', name, ['type ipv4_addr', 'flags dynamic,timeout', `timeout ${seconds}s`]),
    ),
    ...sets.map(({ kind, name, type, elements }) =>
      block(kind, name, [
        type,
        ...(elements.length === 0 ? [] : [`elements = {\n      ${elements.join(',\n      ')} }`]),
      ]),
    ),
    ...all.map(([name, lines]) => block('chain', name, lines)),
  ];
  return {
    body: `table ip ${input.table} {\n${body.join('')}}\n`,
    parts: [
      ...sets.map(({ kind, name }) => `${kind} ip ${input.table} ${name}`),
      ...all.map(([name]) => `chain ip ${input.table} ${name}`),
    ],
    remembered: new Set(chains.seen.keys()),
  };
}

/** One transaction from what is there, if that is known, to the new table. */
export function transaction(table: string, before: ServiceTable | undefined, after: ServiceTable): string {
  const stays = before !== undefined && [...before.remembered].some((name) => after.remembered.has(name));
  if (!stays) return `table ip ${table}\ndelete table ip ${table}\n${after.body}`;
  // Who is with which endpoint is to be remembered: all goes but the sets that know.
  const gone = [...before.remembered].filter((name) => !after.remembered.has(name));
  const deletions = [...before.parts, ...gone.map((name) => `set ip ${table} ${name}`)].map(
    (part) => `delete ${part}\n`,
  );
  return `flush table ip ${table}\n${deletions.join('')}${after.body}`;
}
