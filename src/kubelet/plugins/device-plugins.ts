// Device plugins: they register at the kubelet's socket or are found by theirs, tell their devices, and are asked before containers get some.
// https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/device-plugins/
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { readIfExists, writeFileAtomic } from '../../host/files.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { messageOf } from '../container/errors.ts';
import type { LogSink } from '../options.ts';
import { namesOf } from '../pod/identity.ts';
import { DEVICE_PLUGIN } from './facts.ts';
import { type DeviceGrant, DeviceLedger, type Holding, type PluginDevice, type Wish, wishesOf } from './ledger.ts';
import type { PluginClient } from './sockets.ts';

const CHECKPOINT = 'kubelet_internal_checkpoint';
const VERSION = 'v1beta1';
/** So long the node tells of devices, as ailing ones, whose plugin is away. */
const GRACE_MS = 5 * 60_000;
/** A domain, a slash and a name; what Kubernetes itself has is nobody else's. */
const EXTENDED = /^(?![^/]*kubernetes\.io\/)[a-z0-9.-]+\/[A-Za-z0-9_.-]+$/;

interface PluginOptions {
  readonly pre_start_required: boolean;
  readonly get_preferred_allocation_available: boolean;
}

interface Endpoint {
  readonly client: PluginClient;
  readonly options: PluginOptions;
  readonly stop: () => void;
}

interface Registered {
  readonly resource: string;
  readonly socket: string;
  readonly version: readonly string[];
}

export interface DevicePluginOptions {
  /** Of the sockets of the plugins, and of what is remembered here. */
  readonly directory: string;
  readonly now: () => number;
  readonly onChange: () => void;
  /** Devices that a pod has are said to be better or worse. */
  readonly onHealth: (podUid: string) => void;
  readonly log: LogSink;
}

interface ListAndWatch {
  readonly devices: readonly {
    readonly ID: string;
    readonly health: string;
    readonly topology: { readonly nodes: readonly { readonly ID: number }[] } | null;
  }[];
}

export class DevicePlugins {
  readonly ledger = new DeviceLedger();
  private readonly endpoints = new Map<string, Endpoint>();
  /** What plugins last said, by resource and device: also of those that are away since. */
  private readonly said = new Map<string, ReadonlyMap<string, boolean>>();
  private readonly awaySince = new Map<string, number>();
  /** Resources that the node once told of. */
  private readonly gone = new Set<string>();
  private saving: Promise<void> = Promise.resolve();
  private granting: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: DevicePluginOptions) {}

  private get checkpoint(): string {
    return path.join(this.options.directory, CHECKPOINT);
  }

  /** What a kubelet before this one knew; sockets of its time lead nowhere, or to plugins that will come again. */
  async load(): Promise<void> {
    const { directory, now, log } = this.options;
    for (const name of await readdir(directory).catch(() => []))
      if (name !== CHECKPOINT) await rm(path.join(directory, name), { recursive: true, force: true });
    const text = await readIfExists(this.checkpoint);
    if (text === undefined) return;
    try {
      const { devices, holdings } = JSON.parse(text) as {
        devices: Record<string, string[]>;
        holdings: Holding[];
      };
      for (const [resource, ids] of Object.entries(devices)) {
        this.ledger.set(
          resource,
          ids.map((id) => ({ id, healthy: false, nodes: [] })),
        );
        this.awaySince.set(resource, now());
      }
      for (const holding of holdings) this.ledger.hold(holding);
    } catch (error) {
      log('warn', 'the checkpoint of devices cannot be read', { error: String(error) });
    }
  }

  private save(): Promise<void> {
    this.saving = this.saving
      .then(() => {
        const { ledger } = this;
        const devices = Object.fromEntries(ledger.resources.map((r) => [r, ledger.of(r).map((d) => d.id)]));
        return writeFileAtomic(this.checkpoint, JSON.stringify({ devices, holdings: ledger.holdings }), {
          mode: 0o600,
        });
      })
      .catch((error: unknown) => this.options.log('warn', 'devices', { error: messageOf(error) }));
    return this.saving;
  }

  /** Throws, for the plugin to read, when it cannot be taken. */
  async register({ resource, socket, version }: Registered): Promise<void> {
    if (!version.includes(VERSION))
      throw new Error(
        `requested API version "${version.join(',')}" is not supported by kubelet. Supported version is ["${VERSION}"]`,
      );
    if (!EXTENDED.test(resource)) throw new Error(`the ResourceName "${resource}" is invalid`);
    const { PluginClient: Opened } = await import('./sockets.ts');
    const client = new Opened(socket, DEVICE_PLUGIN, 'DevicePlugin');
    const options = await client.call<PluginOptions>('GetDevicePluginOptions', {}).catch((error: unknown) => {
      client.close();
      throw new Error(`failed to get device plugin options: ${messageOf(error)}`, { cause: error });
    });
    this.unplug(resource);
    const stop = client.stream<ListAndWatch>(
      'ListAndWatch',
      ({ devices }) => this.told(resource, devices),
      () => this.lost(resource, client),
    );
    this.awaySince.delete(resource);
    this.gone.delete(resource);
    this.endpoints.set(resource, { client, options, stop });
    if (!this.ledger.knows(resource)) this.ledger.set(resource, []);
  }

  private told(resource: string, devices: ListAndWatch['devices']): void {
    const list = devices.map(
      ({ ID, health, topology }): PluginDevice => ({
        id: ID,
        healthy: health === 'Healthy',
        nodes: (topology?.nodes ?? []).map((n) => n.ID),
      }),
    );
    this.ledger.set(resource, list);
    void this.save();
    this.options.onChange();
    this.tellPods(resource, new Map(list.map((d) => [d.id, d.healthy])));
  }

  private tellPods(resource: string, said: ReadonlyMap<string, boolean>): void {
    const before = this.said.get(resource);
    this.said.set(resource, said);
    const changed = (id: string): boolean => (before?.get(id) ?? true) !== (said.get(id) ?? true);
    for (const { podUid, ids, resource: held } of this.ledger.holdings)
      if (held === resource && ids.some(changed)) this.options.onHealth(podUid);
  }

  /** Of what no plugin has told yet, nothing bad is known. */
  saidHealthy(resource: string, id: string): boolean {
    return this.said.get(resource)?.get(id) ?? true;
  }

  private lost(resource: string, client: PluginClient): void {
    if (this.endpoints.get(resource)?.client !== client) return;
    this.unplug(resource);
    this.ledger.ail(resource);
    this.awaySince.set(resource, this.options.now());
    this.options.onChange();
  }

  private unplug(resource: string): void {
    const endpoint = this.endpoints.get(resource);
    this.endpoints.delete(resource);
    endpoint?.stop();
    endpoint?.client.close();
  }

  /** The socket of a plugin that was found by it is gone. */
  deregister(resource: string, socket: string): void {
    const endpoint = this.endpoints.get(resource);
    if (endpoint?.client.socket === socket) this.lost(resource, endpoint.client);
  }

  /** For the node's status: what once was there has to be told as none. */
  amounts(): { capacity: Record<string, string>; allocatable: Record<string, string> } {
    for (const [resource, since] of this.awaySince) {
      if (this.options.now() - since < GRACE_MS) continue;
      this.awaySince.delete(resource);
      this.ledger.drop(resource);
      this.gone.add(resource);
      void this.save();
    }
    const { capacity, allocatable } = this.ledger.amounts();
    const none = Object.fromEntries([...this.gone].map((resource) => [resource, '0']));
    return { capacity: { ...none, ...capacity }, allocatable: { ...none, ...allocatable } };
  }

  wants(pod: Pod): boolean {
    return wishesOf(pod, (r) => this.ledger.knows(r)).length > 0;
  }

  /** Gives the pod's containers their devices, one pod after the other; throws when there are too few. */
  allocate(pod: Pod): Promise<void> {
    const next = this.granting.catch(() => undefined).then(() => this.grantAll(pod));
    this.granting = next;
    return next;
  }

  private async grantAll(pod: Pod): Promise<void> {
    const { uid } = namesOf(pod);
    const wishes = wishesOf(pod, (r) => this.ledger.knows(r));
    const passing = new Set(wishes.filter((w) => w.passing).map((w) => w.container));
    try {
      for (const wish of wishes) {
        const has = this.ledger.holdingsOf(uid, wish.container).some((h) => h.resource === wish.resource);
        if (!has) await this.grant(uid, wish, passing);
      }
    } catch (error) {
      this.ledger.release(uid);
      throw error;
    }
    await this.save();
  }

  private async grant(podUid: string, wish: Wish, passing: ReadonlySet<string>): Promise<void> {
    const { container, resource } = wish;
    const choice = this.ledger.choice(wish, this.ledger.passedOn(podUid, resource, passing));
    const endpoint = this.endpoints.get(resource);
    if (endpoint === undefined) throw new Error(`unknown Device Plugin ${resource}`);
    const ids = await this.preferred(endpoint, wish, choice);
    const request = { container_requests: [{ devices_ids: ids }] };
    const answer = await endpoint.client.call<{ container_responses: DeviceGrant[] }>('Allocate', request);
    const [given] = answer.container_responses;
    if (given === undefined) throw new Error(`no containers return in allocation response ${JSON.stringify(answer)}`);
    this.ledger.hold({ podUid, container, resource, ids, grant: given });
  }

  /** The plugin may have a wish of its own; what it names beyond what is free is not heeded. */
  private async preferred(
    { client, options }: Endpoint,
    { count }: Wish,
    choice: { readonly must: readonly string[]; readonly free: readonly string[] },
  ): Promise<readonly string[]> {
    const all = [...choice.must, ...choice.free];
    if (!options.get_preferred_allocation_available || all.length === count) return all.slice(0, count);
    const request = {
      available_deviceIDs: all,
      must_include_deviceIDs: choice.must,
      allocation_size: count,
    };
    const answer = await client
      .call<{ container_responses: { deviceIDs: string[] }[] }>('GetPreferredAllocation', {
        container_requests: [request],
      })
      .catch((error: unknown) => {
        throw new Error(`device plugin GetPreferredAllocation rpc failed with err: ${messageOf(error)}`, {
          cause: error,
        });
      });
    const liked = (answer.container_responses[0]?.deviceIDs ?? []).filter((id) => all.includes(id));
    return [...new Set([...choice.must, ...liked, ...all])].slice(0, count);
  }

  /** What the container's plugins say it needs; those that want to know are told that it starts. */
  async starting(podUid: string, container: string): Promise<readonly DeviceGrant[]> {
    const holdings = this.ledger.holdingsOf(podUid, container);
    for (const { resource, ids } of holdings) {
      const endpoint = this.endpoints.get(resource);
      if (endpoint === undefined) throw new Error(`endpoint not found in cache for a registered resource: ${resource}`);
      if (!endpoint.options.pre_start_required) continue;
      await endpoint.client.call('PreStartContainer', { devices_ids: ids }).catch((error: unknown) => {
        throw new Error(`device plugin PreStartContainer rpc failed with err: ${messageOf(error)}`, { cause: error });
      });
    }
    return holdings.map((h) => h.grant);
  }

  release(podUid: string): void {
    if (this.ledger.release(podUid)) void this.save();
  }

  async close(): Promise<void> {
    for (const resource of [...this.endpoints.keys()]) this.unplug(resource);
    await this.saving;
  }
}
