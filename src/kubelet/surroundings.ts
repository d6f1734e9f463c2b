// What a kubelet has found out about its host and its runtime, and how the node's status tells it.
import { readFile } from 'node:fs/promises';
import type { RuntimeFeatures, RuntimeVersion } from '../cri/port.ts';
import { type DiskFacts, diskFacts } from '../host/machine.ts';
import type { Node } from '../resources/generated/core-v1.ts';
import type { KubeletConfig } from './config.ts';
import type { DnsContext } from './container/hosts.ts';
import { parseResolvConf, type Resolver } from './container/hosts.ts';
import { type HostFacts, hostFacts } from './node/facts.ts';
import type { NodeShape } from './node/status.ts';
import type { KubeletOptions } from './options.ts';
import type { NodeFacts } from './worker/deps.ts';

interface Known {
  readonly facts: HostFacts;
  readonly disk: DiskFacts;
  readonly version: RuntimeVersion;
  readonly features: RuntimeFeatures;
  readonly host: Resolver;
}

const NO_RESOLVER: Resolver = { servers: [], searches: [], options: [] };

export class Surroundings {
  private known: Known | undefined;

  constructor(
    private readonly options: KubeletOptions,
    private readonly config: KubeletConfig,
  ) {}

  async look(): Promise<void> {
    const { runtime, rootDir } = this.options;
    const [facts, disk, version, features, resolv] = await Promise.all([
      hostFacts(),
      diskFacts(rootDir),
      runtime.version(),
      runtime.features(),
      readFile(this.config.resolvConf, 'utf8').catch(() => ''),
    ]);
    this.known = { facts, disk, version, features, host: parseResolvConf(resolv) };
  }

  get facts(): HostFacts | undefined {
    return this.known?.facts;
  }

  get handlers(): RuntimeFeatures['handlers'] {
    return this.known?.features.handlers ?? [];
  }

  /** Devices need no drivers where there are no processes. */
  get simulatesDevices(): boolean {
    return this.known?.features.simulatesDevices === true;
  }

  get runtimeName(): string {
    return this.known?.version.name ?? 'minke';
  }

  get dns(): DnsContext {
    const { clusterDns, clusterDomain } = this.config;
    return { clusterDns, clusterDomain, host: this.known?.host ?? NO_RESOLVER };
  }

  /** What pods come to know of their node. */
  nodeFacts(node: Node | undefined): NodeFacts {
    const { nodeName, nodeIps } = this.options;
    return {
      name: nodeName,
      ips: nodeIps,
      memoryCapacity: this.facts?.memoryBytes ?? 0,
      unifiedCgroups: this.facts?.unifiedCgroups ?? false,
      allocatable: node?.status?.allocatable ?? {},
    };
  }

  shape(): NodeShape {
    const { known, options, config } = this;
    if (known === undefined) throw new Error('the kubelet has not looked at its host yet');
    return {
      name: options.nodeName,
      hostname: options.hostname ?? options.nodeName,
      ips: options.nodeIps,
      podCidr: options.podCidr,
      facts: known.facts,
      disk: known.disk,
      maxPods: config.maxPods,
      reserved: config.systemReserved,
      version: options.version ?? 'v1.36.0',
      runtimeVersion: `${known.version.name}://${known.version.version}`,
      features: known.features,
      port: options.port ?? 10250,
      labels: config.nodeLabels,
    };
  }
}
