// The pod network of one node: a bridge, and for each pod a network namespace with one end of a veth pair and an address.
import { readFileSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import type { Clock } from '../../host/clock.ts';
import { Pool } from '../../host/pool.ts';
import { runProgram } from '../../host/programs.ts';
import type { RunProgram } from '../../host/spawn-helper.ts';
import type { LinkStats, NetworkedPod, PodNetworking, PodSlot, SlotInUse } from '../port.ts';
import { AddressBook } from './addresses.ts';
import { applyTable, type HostPort, type PublishedPod, removeTable } from './host-ports.ts';

/** Reads 1 where rules see what goes over bridges; missing where the kernel's br_netfilter is not loaded. */
const BRIDGE_RULES = '/proc/sys/net/bridge/bridge-nf-call-iptables';
const NETNS_DIRECTORY = '/run/netns';
/** Far below anything an administrator would set, above the kernel's own defaults. */
const UNREACHABLE_METRIC = '4278198272';

export interface PodNetworkOptions {
  readonly clock: Clock;
  /** At most 9 characters; every link, namespace and table begins with it. */
  readonly name: string;
  /** Tells the nodes of one cluster on one host apart. */
  readonly nodeIndex?: number;
  readonly podCidr: string;
  readonly clusterCidr: string;
  readonly serviceCidr?: string;
  readonly mtu?: number;
  /** Whether pods reach the world outside with the host's address. */
  readonly masquerade?: boolean;
  readonly log: (message: string) => void;
  /** How programs are run; runProgram unless given. */
  readonly run?: RunProgram;
}

function macOf(ip: string): string {
  return ['0a', '58', ...ip.split('.').map((p) => Number(p).toString(16).padStart(2, '0'))].join(':');
}

/** How many this process has made: one that follows another gives none of its names again. */
let networks = 0;

export class PodNetwork implements PodNetworking {
  readonly #options: PodNetworkOptions;
  readonly #run: RunProgram;
  readonly #addresses: AddressBook;
  readonly #pool: Pool<PodSlot>;
  readonly #published = new Map<string, PublishedPod>();
  /** Numbers of the names that pods had when this process began. */
  readonly #inUse = new Set<number>();
  readonly bridge: string;
  readonly table: string;
  readonly #prefix: string;
  /** Not from 0: a program that a killed predecessor started may still be making the first ones of its own. */
  #serial = (process.pid * 257 + networks++ * 4099) % 0x10_0000;
  #removals: { slots: PodSlot[]; done: Promise<void> } | undefined;
  #nft: Promise<void> = Promise.resolve();
  #bridgeFiltered = false;
  #state: true | string = 'the pod network is not set up yet';

  constructor(options: PodNetworkOptions) {
    this.#options = options;
    this.#run = options.run ?? runProgram;
    const index = options.nodeIndex ?? 0;
    this.bridge = `${options.name}br${index === 0 ? '' : index}`;
    this.table = `${options.name}-pods${index === 0 ? '' : index}`;
    this.#prefix = `${options.name}${index.toString(36)}`;
    this.#addresses = new AddressBook(options.podCidr);
    this.#pool = new Pool<PodSlot>({
      clock: options.clock,
      make: (n) => this.#make(n),
      drop: (slots) => this.#remove(slots),
      min: 6,
      max: 16,
      onError: (error) => options.log(`pod network: ${String(error)}`),
    });
  }

  get ready(): true | string {
    return this.#state;
  }

  get gateway(): string {
    return this.#addresses.gateway;
  }

  /** Sets up what is missing, keeps the slots in use and removes every other leftover. */
  async start(inUse: readonly SlotInUse[]): Promise<readonly string[]> {
    for (const { slot, id, ports } of inUse) {
      this.#addresses.claim(slot.ip);
      this.#inUse.add(Number.parseInt(slot.netns.slice(-5), 16));
      if (ports.length > 0) this.#published.set(id, { ip: slot.ip, ports });
    }
    await this.#sweep(new Set(inUse.map((u) => u.slot.netns)));
    await this.#setUpBridge();
    await this.#applyPorts();
    this.#state = true;
    this.#pool.fill();
    return [];
  }

  async #setUpBridge(): Promise<void> {
    const { clusterCidr, serviceCidr, mtu } = this.#options;
    const links = new Set(await readdir('/sys/class/net'));
    const batch: string[] = [];
    if (!links.has(this.bridge)) batch.push(`link add ${this.bridge} type bridge`);
    batch.push(`link set ${this.bridge} address ${macOf(this.gateway)}`);
    this.#bridgeFiltered = (await readFile(BRIDGE_RULES, 'utf8').catch(() => '0')).trim() === '1';
    // From now on whatever becomes of that: Services rely on it.
    if (this.#bridgeFiltered) batch.push(`link set ${this.bridge} type bridge nf_call_iptables 1`);
    if (mtu !== undefined) batch.push(`link set ${this.bridge} mtu ${mtu}`);
    batch.push(`addr replace ${this.gateway}/${this.#addresses.prefix} dev ${this.bridge}`);
    batch.push(`link set ${this.bridge} up`);
    for (const range of [clusterCidr, serviceCidr])
      if (range !== undefined) batch.push(`route replace unreachable ${range} metric ${UNREACHABLE_METRIC}`);
    // What the host sends to a Service needs some route, or it would be refused before rules see it; one for all nodes.
    if (serviceCidr !== undefined && (this.#options.nodeIndex ?? 0) === 0)
      batch.push(`route replace ${serviceCidr} dev ${this.bridge} src ${this.gateway}`);
    await runProgram('ip', ['-batch', '-'], { stdin: `${batch.join('\n')}\n` });
    await writeFile('/proc/sys/net/ipv4/ip_forward', '1');
    // A port published on 127.0.0.1 leads from there to the bridge.
    await writeFile(`/proc/sys/net/ipv4/conf/${this.bridge}/route_localnet`, '1');
  }

  async #sweep(keep: ReadonlySet<string>): Promise<void> {
    const mine = new RegExp(`^${this.#prefix}[0-9a-f]{5}$`);
    const names = new Set<string>();
    for (const name of await readdir(NETNS_DIRECTORY).catch(() => [])) if (mine.test(name)) names.add(name);
    for (const name of await readdir('/sys/class/net')) if (mine.test(name)) names.add(name);
    const left = [...names].filter((n) => !keep.has(n));
    await this.#deleteNames(left);
  }

  async #deleteNames(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    const [links, spaces] = await Promise.all([
      readdir('/sys/class/net'),
      readdir(NETNS_DIRECTORY).catch((): string[] => []),
    ]);
    const batch = [
      ...names.filter((n) => links.includes(n)).map((n) => `link del ${n}`),
      ...names.filter((n) => spaces.includes(n)).map((n) => `netns del ${n}`),
    ];
    if (batch.length === 0) return;
    const result = await this.#run('ip', ['-force', '-batch', '-'], {
      stdin: `${batch.join('\n')}\n`,
      allowFailure: true,
    });
    if (result.exitCode === 0) return;
    const rest = new Set(await readdir(NETNS_DIRECTORY).catch((): string[] => []));
    const failed = names.filter((n) => rest.has(n));
    if (failed.length > 0)
      throw new Error(`network namespaces remain: ${failed.join(' ')}: ${result.stderr.toString()}`);
  }

  #nextName(): string {
    do this.#serial = (this.#serial + 1) % 0x10_0000;
    while (this.#inUse.has(this.#serial));
    return `${this.#prefix}${this.#serial.toString(16).padStart(5, '0')}`;
  }

  #newSlot(): PodSlot {
    const name = this.#nextName();
    return { link: name, netns: name, netnsPath: `${NETNS_DIRECTORY}/${name}`, ip: this.#addresses.take() };
  }

  #make(n: number): Promise<PodSlot[]> {
    return this.#build(
      Array.from({ length: n }, () => this.#newSlot()),
      (s) => `netns add ${s.netns}`,
    );
  }

  async #build(slots: PodSlot[], space: (slot: PodSlot) => string): Promise<PodSlot[]> {
    const mtu = this.#options.mtu === undefined ? '' : ` mtu ${this.#options.mtu}`;
    const batch = slots.flatMap((s) => [
      space(s),
      `link add ${s.link}${mtu} type veth peer name eth0${mtu} address ${macOf(s.ip)} netns ${s.netns}`,
      `link set ${s.link} master ${this.bridge} up`,
      `link set ${s.link} type bridge_slave hairpin on`,
    ]);
    try {
      await this.#run('ip', ['-batch', '-'], { stdin: `${batch.join('\n')}\n` });
      for (const s of slots) {
        const inside = [
          'link set lo up',
          `addr add ${s.ip}/${this.#addresses.prefix} dev eth0`,
          'link set eth0 up',
          `route add default via ${this.gateway}`,
        ];
        await this.#run('ip', ['-n', s.netns, '-batch', '-'], { stdin: `${inside.join('\n')}\n` });
      }
    } catch (error) {
      await this.#remove(slots).catch(() => undefined);
      throw error;
    }
    return slots;
  }

  async #remove(slots: readonly PodSlot[]): Promise<void> {
    await this.#deleteNames(slots.map((s) => s.netns));
    for (const s of slots) this.#addresses.release(s.ip);
  }

  /** A namespace with its address, ready to be joined. */
  async acquire(): Promise<PodSlot> {
    if (this.#state !== true) throw new Error(this.#state);
    return this.#pool.take();
  }

  /** Joins the network namespace that a process has to the network; it bears a name from then on. */
  async attach(_pod: NetworkedPod, pid: number): Promise<PodSlot> {
    if (this.#state !== true) throw new Error(this.#state);
    const slot = this.#newSlot();
    await this.#build([slot], (s) => `netns attach ${s.netns} ${pid}`);
    return slot;
  }

  /** Takes a pod's network down; those asked for within one turn go in one process. */
  release(slot: PodSlot): Promise<void> {
    if (this.#removals !== undefined) {
      this.#removals.slots.push(slot);
      return this.#removals.done;
    }
    const slots = [slot];
    const done = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      this.#removals = undefined;
      return this.#remove(slots);
    });
    this.#removals = { slots, done };
    return done;
  }

  /** Publishes a pod's host ports, or takes them back when there are none. */
  async setHostPorts(id: string, ip: string, ports: readonly HostPort[]): Promise<void> {
    if (ports.length === 0 && !this.#published.has(id)) return;
    if (ports.length === 0) this.#published.delete(id);
    else this.#published.set(id, { ip, ports });
    await this.#applyPorts();
  }

  #applyPorts(): Promise<void> {
    const apply = () =>
      applyTable({
        table: this.table,
        podCidr: this.#addresses.cidr,
        clusterCidr: this.#options.clusterCidr,
        masquerade: this.#options.masquerade ?? true,
        bridgeFiltered: this.#bridgeFiltered,
        pods: [...this.#published.values()],
      });
    const next = this.#nft.then(apply, apply);
    this.#nft = next.catch(() => undefined);
    return next;
  }

  /** Counters as the pod sees them: what it receives, the host's end sends. */
  stats(slot: PodSlot): LinkStats | undefined {
    const read = (name: string) => Number(readFileSync(`/sys/class/net/${slot.link}/statistics/${name}`, 'utf8'));
    try {
      return {
        rxBytes: read('tx_bytes'),
        rxErrors: read('tx_errors'),
        txBytes: read('rx_bytes'),
        txErrors: read('rx_errors'),
      };
    } catch {
      return undefined;
    }
  }

  /** Gives back what was made ahead; pods keep their network. */
  async close(): Promise<void> {
    this.#state = 'the pod network is closed';
    await this.#pool.close();
  }

  /** Removes everything this network ever made on the host. */
  async destroy(): Promise<void> {
    await this.close();
    await this.#sweep(new Set());
    const batch: string[] = [];
    if ((await readdir('/sys/class/net')).includes(this.bridge)) batch.push(`link del ${this.bridge}`);
    for (const range of [this.#options.clusterCidr, this.#options.serviceCidr])
      if (range !== undefined) batch.push(`route del unreachable ${range} metric ${UNREACHABLE_METRIC}`);
    await runProgram('ip', ['-force', '-batch', '-'], { stdin: `${batch.join('\n')}\n`, allowFailure: true });
    await this.#nft;
    await removeTable(this.table);
  }
}
