// The plugins of a node and what they give to pods: device plugins, drivers of claims, and the sockets at which they and their watchers meet the kubelet.
import path from 'node:path';
import type { Client } from '../../client/index.ts';
import type { Device, Mount } from '../../cri/port.ts';
import type { Clock } from '../../host/clock.ts';
import type { Container, Pod, ResourceStatus } from '../../resources/generated/core-v1.ts';
import type { ResourceClaim } from '../../resources/generated/resource-v1.ts';
import { messageOf } from '../container/errors.ts';
import type { LogSink } from '../options.ts';
import { namesOf } from '../pod/identity.ts';
import { allocatedResources } from './allocated.ts';
import { ClaimDevices } from './claims.ts';
import { DevicePlugins } from './device-plugins.ts';
import { Drivers } from './drivers.ts';
import { DEVICE_PLUGIN, POD_RESOURCES } from './facts.ts';
import { type FoundPlugin, PluginFinder, type PluginTaker } from './finder.ts';
import { allocatableDevices, podResources } from './pod-resources.ts';
import { SliceWiper } from './slices.ts';

/** What a container gets beside what its spec says. */
export interface ContainerExtras {
  readonly env: ReadonlyMap<string, string>;
  readonly mounts: readonly Mount[];
  readonly devices: readonly Device[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly cdiDevices: readonly string[];
}

export interface NodePluginsOptions {
  readonly client: Client;
  readonly nodeName: string;
  readonly rootDir: string;
  readonly clock: Clock;
  readonly log: LogSink;
  /** Pods that are not over. */
  readonly pods: () => readonly Pod[];
  /** The node has other devices than before. */
  readonly onChange: () => void;
  /** Devices that a pod has are better or worse than before. */
  readonly onHealth: (podUid: string) => void;
}

interface RegisterRequest {
  readonly version: string;
  readonly endpoint: string;
  readonly resource_name: string;
}

export class NodePlugins implements PluginTaker {
  readonly devices: DevicePlugins;
  readonly claims: ClaimDevices;
  private readonly slices: SliceWiper;
  private readonly drivers: Drivers;

  constructor(private readonly options: NodePluginsOptions) {
    const { rootDir, clock, log, onChange, onHealth } = options;
    const directory = this.at('device-plugins');
    this.devices = new DevicePlugins({ directory, now: () => clock.now(), onChange, onHealth, log });
    this.slices = new SliceWiper(options);
    const tellPods = (driver: string): void => this.claims.podsOf(driver).forEach(onHealth);
    this.drivers = new Drivers({ clock, slices: this.slices, onHealth: tellPods });
    this.claims = new ClaimDevices(rootDir, log, this.drivers);
  }

  private at(...parts: readonly string[]): string {
    return path.join(this.options.rootDir, ...parts);
  }

  async load(): Promise<void> {
    await Promise.all([this.devices.load(), this.claims.load()]);
  }

  /** Serves plugins and those who ask until the signal comes. The library for that is loaded only now: the node is up before. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.options;
    const finder = new PluginFinder(this.at('plugins_registry'), this, { clock, log, signal });
    const servers: { close(): void }[] = [];
    this.slices.start();
    try {
      servers.push(await this.serveRegistration(), await this.servePodResources());
      await finder.start();
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    } catch (error) {
      log('warn', 'plugins of devices cannot reach this node', { error: messageOf(error) });
    } finally {
      finder.stop();
      for (const server of servers) server.close();
      await this.devices.close();
      this.drivers.close();
      this.slices.stop();
    }
  }

  private async serveRegistration(): Promise<{ close(): void }> {
    const { serveSocket } = await import('./sockets.ts');
    const register = async (request: object): Promise<object> => {
      const { version, endpoint, resource_name: resource } = request as RegisterRequest;
      // The name of a socket in the same directory, and not a way out of it.
      const socket = this.at('device-plugins', path.basename(endpoint));
      await this.devices.register({ resource, socket, version: [version] });
      return {};
    };
    const services = [{ table: DEVICE_PLUGIN, service: 'Registration', handlers: { Register: register } }];
    return serveSocket(this.at('device-plugins', 'kubelet.sock'), services);
  }

  private async servePodResources(): Promise<{ close(): void }> {
    const { serveSocket } = await import('./sockets.ts');
    const { pods } = this.options;
    const holders = { ledger: this.devices.ledger, claims: this.claims };
    const get = (request: object): object => {
      const { pod_name: name, pod_namespace: namespace } = request as { pod_name: string; pod_namespace: string };
      const pod = pods().find((p) => p.metadata.name === name && p.metadata.namespace === namespace);
      if (pod === undefined) throw new Error(`pod ${name} in namespace ${namespace} not found`);
      return { pod_resources: podResources(pod, holders) };
    };
    const handlers = {
      List: () => ({ pod_resources: pods().map((pod) => podResources(pod, holders)) }),
      GetAllocatableResources: () => ({ devices: allocatableDevices(this.devices.ledger) }),
      Get: get,
    };
    return serveSocket(this.at('pod-resources', 'kubelet.sock'), [
      { table: POD_RESOURCES, service: 'PodResourcesLister', handlers },
    ]);
  }

  async take({ type, name, endpoint, versions }: FoundPlugin): Promise<void> {
    if (type === 'DevicePlugin') return this.devices.register({ resource: name, socket: endpoint, version: versions });
    if (type === 'DRAPlugin') return this.drivers.register(name, endpoint, versions);
    throw new Error(`no handler registered for plugin type: ${type} at socket ${endpoint}`);
  }

  leave({ type, name, endpoint }: FoundPlugin): void {
    if (type === 'DevicePlugin') this.devices.deregister(name, endpoint);
    else this.drivers.deregister(name, endpoint);
  }

  async extras(pod: Pod, container: Container): Promise<ContainerExtras> {
    const grants = await this.devices.starting(namesOf(pod).uid, container.name);
    const claimed = this.claims.of(pod, container).flatMap(({ device }) => device.cdi_device_ids);
    const named = grants.flatMap((g) => g.cdi_devices.map((d) => d.name));
    return {
      env: new Map(grants.flatMap((g) => Object.entries(g.envs))),
      mounts: grants.flatMap((g) =>
        g.mounts.map((m) => ({
          ...{ containerPath: m.container_path, hostPath: m.host_path, readonly: m.read_only },
          propagation: 'private' as const,
        })),
      ),
      devices: grants.flatMap((g) =>
        g.devices.map((d) => ({ containerPath: d.container_path, hostPath: d.host_path, permissions: d.permissions })),
      ),
      annotations: Object.assign({}, ...grants.map((g) => g.annotations)) as Record<string, string>,
      cdiDevices: [...new Set([...claimed, ...named])],
    };
  }

  /** How what a container holds is. */
  allocated(pod: Pod, container: Container): readonly ResourceStatus[] {
    return allocatedResources(pod, container, this);
  }

  prepare(pod: Pod, claims: readonly ResourceClaim[]): Promise<void> {
    return this.claims.prepare(pod, claims);
  }

  /** The pod's containers have ended. */
  async release(podUid: string): Promise<void> {
    await this.claims.release(podUid);
    this.devices.release(podUid);
  }

  /** Gives back what pods hold that this node does not know any more. */
  async retain(knows: (podUid: string) => boolean): Promise<void> {
    const all = [...this.claims.pods, ...this.devices.ledger.holdings.map((h) => h.podUid)];
    for (const uid of new Set(all)) if (!knows(uid)) await this.release(uid);
  }
}
