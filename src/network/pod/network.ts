// The pod network of one node: a bridge, and for each pod a network namespace with one end of a veth pair and an address.
import { readFileSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import type { Clock } from '../../host/clock.ts';
import {
  addBridge,
  changeBridge,
  deleteLink,
  deleteRoute,
  type Route,
  setAddress,
  setRoute,
} from '../../host/links.ts';
import { ask, withNetlink } from '../../host/netlink.ts';
import { linkIndex, NETNS_DIRECTORY, spaces } from '../../host/network-namespaces.ts';
import { Pool } from '../../host/pool.ts';
import { type Perform, performHere } from '../../host/tasks.ts';
import type { LinkStats, NetworkedPod, PodNetworking, PodSlot, SlotInUse } from '../port.ts';
import { AddressBook } from './addresses.ts';
import { applyTable, type HostPort, type PublishedPod, removeTable } from './host-ports.ts';

/** Reads 1 where rules see what goes over bridges; missing where the kernel's br_netfilter is not loaded. */
const BRIDGE_RULES = '/proc/sys/net/bridge/bridge-nf-call-iptables';
/** Far below anything an administrator would set, above the kernel's own defaults. */
const UNREACHABLE_METRIC = 4_278_198_272;

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
  /** Who makes and removes network namespaces; this process unless given. */
  readonly perform?: Perform;
}

function macOf(ip: string): string {
  return ['0a', '58', ...ip.split('.').map((p) => Number(p).toString(16).padStart(2, '0'))].join(':');
}

/** How many this process has made: one that follows another gives none of its names again. */
let networks = 0;

export class PodNetwork implements PodNetworking {
  readonly #options: PodNetworkOptions;
  readonly #perform: Perform;
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
    this.#perform = options.perform ?? performHere;
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
    const { serviceCidr, mtu, nodeIndex = 0 } = this.#options;
    const { bridge, gateway } = this;
    this.#bridgeFiltered = (await readFile(BRIDGE_RULES, 'utf8').catch(() => '0')).trim() === '1';
    await withNetlink(async (socket) => {
      await ask(socket, [
        addBridge(bridge),
        // From now on whatever becomes of that: Services rely on it.
        changeBridge(bridge, { address: macOf(gateway), mtu, callsIptables: this.#bridgeFiltered }),
      ]);
      const link = linkIndex(bridge);
      await ask(socket, [
        setAddress(link, gateway, this.#addresses.prefix),
        ...this.#nowhere().map(setRoute),
        // What the host sends to a Service needs some route, or it would be refused before rules see it; one for all nodes.
        ...(serviceCidr !== undefined && nodeIndex === 0 ? [setRoute({ to: serviceCidr, link, source: gateway })] : []),
      ]);
    });
    await writeFile('/proc/sys/net/ipv4/ip_forward', '1');
    // A port published on 127.0.0.1 leads from there to the bridge.
    await writeFile(`/proc/sys/net/ipv4/conf/${bridge}/route_localnet`, '1');
  }

  /** What belongs to nobody here must not leave the host. */
  #nowhere(): Route[] {
    const { clusterCidr, serviceCidr } = this.#options;
    return [clusterCidr, serviceCidr].flatMap((to) => (to === undefined ? [] : [{ to, metric: UNREACHABLE_METRIC }]));
  }

  async #sweep(keep: ReadonlySet<string>): Promise<void> {
    const mine = new RegExp(`^${this.#prefix}[0-9a-f]{5}$`);
    const links = await readdir('/sys/class/net');
    const names = new Set([...spaces(), ...links].filter((name) => mine.test(name)));
    await this.#perform(
      'removeSpaces',
      [...names].filter((n) => !keep.has(n)),
    );
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

  async #make(n: number): Promise<PodSlot[]> {
    const made: PodSlot[] = [];
    // One after the other: the kernel does no two at a time, and who starts containers waits for the same threads.
    while (made.length < n) {
      const slot = this.#newSlot();
      try {
        await this.#connect(slot);
        made.push(slot);
      } catch (error) {
        if (made.length === 0) throw error;
        this.#options.log(`pod network: ${String(error)}`);
        break;
      }
    }
    return made;
  }

  /** Makes the network namespace of a slot, or gives its name to one that a process has, and leads it to the bridge. */
  async #connect(slot: PodSlot, pid?: number): Promise<void> {
    const { mtu } = this.#options;
    const { prefix } = this.#addresses;
    try {
      await this.#perform('makeLink', {
        name: slot.netns,
        bridge: this.bridge,
        inside: { name: 'eth0', mac: macOf(slot.ip), address: slot.ip, prefix, gateway: this.gateway },
        ...(mtu === undefined ? {} : { mtu }),
        ...(pid === undefined ? {} : { pid }),
      });
    } catch (error) {
      this.#addresses.release(slot.ip);
      throw error;
    }
  }

  async #remove(slots: readonly PodSlot[]): Promise<void> {
    await this.#perform(
      'removeSpaces',
      slots.map((s) => s.netns),
    );
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
    await this.#connect(slot, pid);
    return slot;
  }

  /** Takes a pod's network down; those asked for within one turn go together. */
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
    await withNetlink((socket) => ask(socket, [deleteLink(this.bridge), ...this.#nowhere().map(deleteRoute)]));
    await this.#nft;
    await removeTable(this.table);
  }
}
