// A pod network made by the host's CNI plugins. https://www.cni.dev/docs/spec/
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../host/files.ts';
import { NETNS_DIRECTORY, type SpaceRequest, spaces } from '../../host/network-namespaces.ts';
import { runProgram } from '../../host/programs.ts';
import type { RunProgram } from '../../host/spawn-helper.ts';
import { type Perform, performHere } from '../../host/tasks.ts';
import { tryParseQuantity } from '../../machinery/quantity.ts';
import type { LinkStats, NetworkedPod, PodNetworking, PodSlot, SlotInUse } from '../port.ts';
import { findNetworkList, type NetworkList } from './config.ts';
import { type Attachment, PluginRunner, type RuntimeConfig } from './plugins.ts';
import { addressesOf, hostLinkOf } from './result.ts';

const IF_NAME = 'eth0';
const TIMEOUT_MS = 60_000;
/** As containerd has it: only the rate is asked for, so the burst is as large as it can be. */
const BURST = 4_294_967_295;

export interface CniNetworkOptions {
  /** The cluster's name: network namespaces begin with it. */
  readonly name: string;
  readonly nodeIndex?: number;
  /** Where the network configurations are: /etc/cni/net.d by custom. */
  readonly configDirectory: string;
  /** Where the plugins are: /opt/cni/bin by custom. */
  readonly binaries: readonly string[];
  /** What the plugins were told and answered, for when they are to take it down; kept over a reboot. */
  readonly cacheDirectory: string;
  readonly timeoutMs?: number;
  readonly log: (message: string) => void;
  /** How plugins are run; runProgram unless given. */
  readonly run?: RunProgram;
  /** Who makes and removes network namespaces; this process unless given. */
  readonly perform?: Perform;
}

interface Cached {
  readonly list: NetworkList;
  readonly attachment: Attachment;
  readonly result?: unknown;
}

function bandwidth(annotations: Readonly<Record<string, string>>): Record<string, number> | undefined {
  const rate = (direction: string): Record<string, number> => {
    const text = annotations[`kubernetes.io/${direction}-bandwidth`];
    const bits = text === undefined ? undefined : tryParseQuantity(text);
    return bits === undefined ? {} : { [`${direction}Rate`]: Number(bits.toNumber()), [`${direction}Burst`]: BURST };
  };
  const both = { ...rate('ingress'), ...rate('egress') };
  return Object.keys(both).length === 0 ? undefined : both;
}

function runtimeConfig(pod: NetworkedPod): RuntimeConfig {
  const limits = bandwidth(pod.annotations);
  return {
    portMappings: pod.ports.map((p) => ({
      hostPort: p.hostPort,
      containerPort: p.containerPort,
      protocol: p.protocol.toLowerCase(),
      ...(p.hostIp === '' ? {} : { hostIP: p.hostIp }),
    })),
    ...(limits === undefined ? {} : { bandwidth: limits }),
    ...(pod.dns === undefined ? {} : { dns: pod.dns }),
  };
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export class CniNetwork implements PodNetworking {
  readonly #options: CniNetworkOptions;
  readonly #perform: Perform;
  readonly #plugins: PluginRunner;
  readonly #prefix: string;
  readonly #names = new Set<string>();
  #serial = (process.pid * 257) % 0x10_0000;
  #closed = false;

  constructor(options: CniNetworkOptions) {
    this.#options = options;
    this.#perform = options.perform ?? performHere;
    this.#plugins = new PluginRunner({
      binaries: options.binaries,
      timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
      run: options.run ?? runProgram,
    });
    this.#prefix = `${options.name}${(options.nodeIndex ?? 0).toString(36)}`;
  }

  get ready(): true | string {
    if (this.#closed) return 'the pod network is closed';
    const list = findNetworkList(this.#options.configDirectory);
    return typeof list === 'string' ? list : true;
  }

  #cachePath(netns: string): string {
    return join(this.#options.cacheDirectory, `${netns}.json`);
  }

  async #cached(netns: string): Promise<Cached | undefined> {
    try {
      const value: unknown = JSON.parse(await readFile(this.#cachePath(netns), 'utf8'));
      // Written by this program and by no other; a file cut off in the middle does not parse.
      return value as Cached;
    } catch {
      return undefined;
    }
  }

  async #cache(netns: string, cached: Cached): Promise<void> {
    await writeFileAtomic(this.#cachePath(netns), JSON.stringify(cached), { mode: 0o600 });
  }

  async start(inUse: readonly SlotInUse[]): Promise<readonly string[]> {
    const { cacheDirectory, log } = this.#options;
    await mkdir(cacheDirectory, { recursive: true, mode: 0o700 });
    for (const { slot } of inUse) this.#names.add(slot.netns);
    await this.#sweep();
    const list = findNetworkList(this.#options.configDirectory);
    if (typeof list === 'string') log(list);
    const lost: string[] = [];
    const valid: Attachment[] = [];
    for (const { slot, id } of inUse) {
      const cached = await this.#cached(slot.netns);
      try {
        if (cached === undefined) throw new Error('nothing is known of how its network was made');
        await this.#plugins.check(cached.list, cached.attachment, cached.result);
        valid.push(cached.attachment);
      } catch (error) {
        log(`the network of sandbox ${id} is lost: ${text(error)}`);
        lost.push(id);
      }
    }
    if (typeof list !== 'string')
      await this.#plugins.collect(list, valid).catch((error: unknown) => log(`cni: ${text(error)}`));
    return lost;
  }

  /** What a predecessor left: network namespaces and attachments that no pod has. */
  async #sweep(): Promise<void> {
    const { cacheDirectory, log } = this.#options;
    const mine = new RegExp(`^${this.#prefix}[0-9a-f]{5}$`);
    const known = (await readdir(cacheDirectory).catch(() => [])).map((n) => n.replace(/\.json$/, ''));
    const left = new Set([...known, ...spaces()].filter((n) => mine.test(n) && !this.#names.has(n)));
    for (const netns of left) await this.#takeDown(netns).catch((error: unknown) => log(`cni: ${text(error)}`));
  }

  async #takeDown(netns: string): Promise<void> {
    const cached = await this.#cached(netns);
    const path = `${NETNS_DIRECTORY}/${netns}`;
    const there = existsSync(path);
    if (cached !== undefined)
      await this.#plugins.del(cached.list, { ...cached.attachment, netns: there ? path : '' }, cached.result);
    if (there) await this.#perform('removeSpaces', [netns]);
    await rm(this.#cachePath(netns), { force: true });
    this.#names.delete(netns);
  }

  #nextName(): string {
    for (;;) {
      this.#serial = (this.#serial + 1) % 0x10_0000;
      const name = `${this.#prefix}${this.#serial.toString(16).padStart(5, '0')}`;
      if (!this.#names.has(name)) return name;
    }
  }

  acquire(pod: NetworkedPod): Promise<PodSlot> {
    return this.#join(pod, (name) => ({ name }));
  }

  attach(pod: NetworkedPod, pid: number): Promise<PodSlot> {
    return this.#join(pod, (name) => ({ name, pid }));
  }

  async #join(pod: NetworkedPod, space: (name: string) => SpaceRequest): Promise<PodSlot> {
    const list = findNetworkList(this.#options.configDirectory);
    if (typeof list === 'string') throw new Error(list);
    const netns = this.#nextName();
    this.#names.add(netns);
    const netnsPath = `${NETNS_DIRECTORY}/${netns}`;
    const attachment: Attachment = {
      containerId: pod.id,
      netns: netnsPath,
      ifName: IF_NAME,
      args: [
        ['IgnoreUnknown', '1'],
        ['K8S_POD_NAMESPACE', pod.namespace],
        ['K8S_POD_NAME', pod.name],
        ['K8S_POD_INFRA_CONTAINER_ID', pod.id],
        ['K8S_POD_UID', pod.uid],
      ],
      runtimeConfig: runtimeConfig(pod),
    };
    try {
      await this.#cache(netns, { list, attachment });
      await this.#perform('makeSpace', space(netns));
      const result = await this.#plugins.add(list, attachment);
      const ips = addressesOf(result);
      const [ip] = ips;
      if (ip === undefined) throw new Error(`cni network "${list.name}" gave the pod no address`);
      await this.#cache(netns, { list, attachment, result });
      return { link: hostLinkOf(result), netns, netnsPath, ip, ...(ips.length > 1 ? { ips } : {}) };
    } catch (error) {
      await this.#takeDown(netns).catch((failure: unknown) => this.#options.log(`cni: ${text(failure)}`));
      throw error;
    }
  }

  async release(slot: PodSlot): Promise<void> {
    await this.#takeDown(slot.netns);
  }

  /** The plugins were told of them when the pod was joined, and forget them when it leaves. */
  async setHostPorts(): Promise<void> {}

  /** The host's end has a name that only plugins know, so it is the pod's own that is read. */
  stats(_slot: PodSlot, pid: number | undefined): LinkStats | undefined {
    if (pid === undefined) return undefined;
    try {
      const line = readFileSync(`/proc/${pid}/net/dev`, 'utf8')
        .split('\n')
        .find((l) => l.trimStart().startsWith(`${IF_NAME}:`));
      const n = line
        ?.slice(line.indexOf(':') + 1)
        .trim()
        .split(/\s+/)
        .map(Number);
      if (n === undefined) return undefined;
      return { rxBytes: n[0] ?? 0, rxErrors: n[2] ?? 0, txBytes: n[8] ?? 0, txErrors: n[10] ?? 0 };
    } catch {
      return undefined;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  async destroy(): Promise<void> {
    await this.close();
    this.#names.clear();
    await this.#sweep();
  }
}
