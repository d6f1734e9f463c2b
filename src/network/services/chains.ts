// The chains that choose an endpoint, and what leads into them, collected Service by Service for one nft table.
import { createHash } from 'node:crypto';
import { type Endpoint, type ServiceRoute, usable } from './routes.ts';

/** What is to have the host's address when it leaves; the bit that kube-proxy uses too. */
export const MASQUERADE_MARK = '0x4000';

export interface ClusterFacts {
  /** Where a node's pods have their addresses; empty where it is not known. */
  readonly nodes: ReadonlyMap<string, string>;
  /** Absent: pods may have any address. */
  readonly clusterCidr?: string;
}

/** An address and port of a Service; without an address it is every one of the host. */
interface Front {
  readonly ip?: string;
  readonly port: number;
}

const hash = (...parts: readonly (string | number)[]): string =>
  createHash('sha256').update(parts.join(' ')).digest('hex').slice(0, 12);

const sameAs = (a: readonly Endpoint[], b: readonly Endpoint[]): boolean =>
  a.length === b.length && a.every((one, i) => one === b[i]);

const numbered = (list: readonly string[]): string => list.map((value, i) => `${i} : ${value}`).join(', ');

export class Chains {
  readonly #facts: ClusterFacts;
  readonly chains = new Map<string, readonly string[]>();
  /** Verdicts by address, protocol and port, and by protocol and port for those on every address. */
  readonly services = new Map<string, string>();
  readonly nodePorts = new Map<string, string>();
  readonly backends: string[] = [];
  readonly portBackends: string[] = [];
  readonly refused: string[] = [];
  readonly refusedPorts: string[] = [];
  readonly clusterIps = new Set<string>();
  readonly endpointIps = new Set<string>();
  readonly guarded = new Map<string, string>();
  /** Who is with which endpoint: sets that the kernel fills, by name, with the seconds that it remembers. */
  readonly seen = new Map<string, number>();

  constructor(facts: ClusterFacts) {
    this.#facts = facts;
  }

  add(route: ServiceRoute): void {
    const { clusterIp, externalIps, nodePort, port } = route;
    this.clusterIps.add(clusterIp);
    for (const { ip } of route.endpoints) this.endpointIps.add(ip);
    this.#lead(route, [{ ip: clusterIp, port }], route.insideLocal ? this.#inside(route) : undefined);
    const outside: Front[] = externalIps.map((ip) => ({ ip, port }));
    if (nodePort !== undefined) outside.push({ port: nodePort });
    for (const front of outside) this.#leadOutside(route, front);
    this.#guard(route);
  }

  #chain(kind: string, lines: readonly string[]): string {
    const name = `${kind}-${hash(...lines)}`;
    this.chains.set(name, lines);
    return name;
  }

  /** Leads fronts to all endpoints, or by `verdict` where not everybody gets the same ones. */
  #lead(route: ServiceRoute, fronts: readonly Front[], verdict: string | undefined): void {
    const all = usable(route.endpoints);
    for (const front of fronts) {
      if (all.length === 0) this.#refuse(route, front);
      else this.#claim(route, front, verdict ?? this.#any(route, front, all));
    }
  }

  #leadOutside(route: ServiceRoute, front: Front): void {
    const all = usable(route.endpoints);
    if (all.length === 0) {
      this.#refuse(route, front);
    } else if (route.outsideLocal) {
      const near = usable(this.#onNodes(route));
      this.#claim(route, front, sameAs(near, all) ? this.#any(route, front, all) : this.#near(route, near));
    } else {
      const chain = this.#any(route, front, all);
      const marking = `outside-${chain}`;
      this.chains.set(marking, [`meta mark set meta mark or ${MASQUERADE_MARK}`, `goto ${chain}`]);
      this.#claim(route, front, marking);
    }
  }

  #claim({ protocol }: ServiceRoute, { ip, port }: Front, chain: string): void {
    const [map, key] =
      ip === undefined ? [this.nodePorts, `${protocol} . ${port}`] : [this.services, `${ip} . ${protocol} . ${port}`];
    if (!map.has(key)) map.set(key, `goto ${chain}`);
  }

  #refuse({ protocol }: ServiceRoute, { ip, port }: Front): void {
    if (ip === undefined) this.refusedPorts.push(`${protocol} . ${port}`);
    else this.refused.push(`${ip} . ${protocol} . ${port}`);
  }

  /** Chance among all: one chain for every number of endpoints, which finds them by where the packet goes. */
  #any(route: ServiceRoute, front: Front, endpoints: readonly Endpoint[]): string {
    if (route.stickySeconds !== undefined) return this.#among(route, endpoints);
    const { protocol } = route;
    const { ip, port } = front;
    const own = ip === undefined ? `${protocol} . ${port}` : `${ip} . ${protocol} . ${port}`;
    const [claimed, into] = ip === undefined ? [this.nodePorts, this.portBackends] : [this.services, this.backends];
    const n = endpoints.length;
    if (!claimed.has(own))
      for (const [i, one] of endpoints.entries()) into.push(`${own} . ${i} : ${one.ip} . ${one.port}`);
    const [name, key, map] =
      ip === undefined
        ? [`any-port-${n}`, 'meta l4proto . th dport', 'port-backends']
        : [`any-${n}`, 'ip daddr . meta l4proto . th dport', 'backends'];
    this.chains.set(name, [`dnat ip to ${key} . numgen random mod ${n} map @${map}`]);
    return name;
  }

  /** A chain that chooses among these, whatever the packet's address. */
  #among(route: ServiceRoute, endpoints: readonly Endpoint[]): string {
    const { protocol, stickySeconds } = route;
    const n = endpoints.length;
    if (n === 0) return this.#chain('nobody', ['drop']);
    if (stickySeconds !== undefined) return this.#sticky(route, endpoints, stickySeconds);
    const targets = numbered(endpoints.map((one) => `${one.ip} . ${one.port}`));
    return this.#chain('among', [`meta l4proto ${protocol} dnat ip to numgen random mod ${n} map { ${targets} }`]);
  }

  #sticky({ key, protocol }: ServiceRoute, endpoints: readonly Endpoint[], seconds: number): string {
    const known: string[] = [];
    const targets: string[] = [];
    for (const { ip, port } of endpoints) {
      const id = hash(key, ip, port, seconds);
      this.seen.set(`seen-${id}`, seconds);
      this.chains.set(`to-${id}`, [
        `update @seen-${id} { ip saddr }`,
        `meta l4proto ${protocol} dnat ip to ${ip}:${port}`,
      ]);
      known.push(`ip saddr @seen-${id} goto to-${id}`);
      targets.push(`goto to-${id}`);
    }
    return this.#chain('sticky', [...known, `numgen random mod ${targets.length} vmap { ${numbered(targets)} }`]);
  }

  #onNodes(route: ServiceRoute): readonly Endpoint[] {
    return route.endpoints.filter((one) => one.node !== undefined && this.#facts.nodes.has(one.node));
  }

  /** internalTrafficPolicy Local: pods of a node get that node's endpoints; who is on the host itself is on every node. */
  #inside(route: ServiceRoute): string {
    const everywhere = this.#among(route, usable(this.#onNodes(route)));
    // The host's address is that of a bridge, and thus in the range of a node.
    const lines = [`fib saddr type local goto ${everywhere}`];
    for (const [node, cidr] of this.#facts.nodes) {
      if (cidr === '') continue;
      const own = usable(route.endpoints.filter((one) => one.node === node));
      lines.push(`ip saddr ${cidr} goto ${this.#among(route, own)}`);
    }
    return this.#chain('inside', [...lines, `goto ${everywhere}`]);
  }

  /** externalTrafficPolicy Local: who comes from elsewhere gets what is on this host, pods and the host itself get all. */
  #near(route: ServiceRoute, near: readonly Endpoint[]): string {
    const all = this.#among(route, usable(route.endpoints));
    const { clusterCidr } = this.#facts;
    return this.#chain('near', [
      ...(clusterCidr === undefined ? [] : [`ip saddr ${clusterCidr} goto ${all}`]),
      `fib saddr type local goto ${all}`,
      `goto ${this.#among(route, near)}`,
    ]);
  }

  #guard({ allowed, protocol, port }: ServiceRoute): void {
    if (allowed === undefined) return;
    const { addresses, ranges } = allowed;
    const chain = this.#chain('only', [...ranges.map((range) => `ip saddr ${range} return`), 'drop']);
    for (const ip of addresses) this.guarded.set(`${ip} . ${protocol} . ${port}`, `goto ${chain}`);
  }
}
