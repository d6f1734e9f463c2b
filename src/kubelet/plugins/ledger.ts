// Which devices the plugins of a node have, and which containers hold them: the part that is only counting.
// https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/device-plugins/
import type { Pod } from '../../resources/generated/core-v1.ts';
import { bytes } from '../container/amounts.ts';

export interface PluginDevice {
  readonly id: string;
  readonly healthy: boolean;
  /** NUMA nodes that it is near. */
  readonly nodes: readonly number[];
}

/** What a plugin says that a container with its devices needs. */
export interface DeviceGrant {
  readonly envs: Readonly<Record<string, string>>;
  readonly mounts: readonly {
    readonly container_path: string;
    readonly host_path: string;
    readonly read_only: boolean;
  }[];
  readonly devices: readonly {
    readonly container_path: string;
    readonly host_path: string;
    readonly permissions: string;
  }[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly cdi_devices: readonly { readonly name: string }[];
}

export interface Holding {
  readonly podUid: string;
  readonly container: string;
  readonly resource: string;
  readonly ids: readonly string[];
  readonly grant: DeviceGrant;
}

export interface Wish {
  readonly container: string;
  readonly resource: string;
  readonly count: number;
  /** Of a container that ends before the others start: what it had is given to them. */
  readonly passing: boolean;
}

/** What the pod's containers ask for of the given resources, in the order in which they are served. */
export function wishesOf(pod: Pod, isKnown: (resource: string) => boolean): Wish[] {
  const { initContainers = [], containers = [] } = pod.spec ?? {};
  const of = (c: (typeof containers)[number], passing: boolean): Wish[] =>
    Object.keys(c.resources?.limits ?? {})
      .filter(isKnown)
      .map((resource) => ({ container: c.name, resource, count: bytes(c.resources?.limits, resource), passing }))
      .filter((wish) => wish.count > 0);
  return [
    ...initContainers.flatMap((c) => of(c, c.restartPolicy !== 'Always')),
    ...containers.flatMap((c) => of(c, false)),
  ];
}

export interface Choice {
  /** Devices that an init container of the same pod leaves. */
  readonly must: readonly string[];
  readonly free: readonly string[];
}

export class DeviceLedger {
  private readonly devices = new Map<string, Map<string, PluginDevice>>();
  private readonly held: Holding[] = [];

  /** Resources in the order in which they were first heard of. */
  get resources(): readonly string[] {
    return [...this.devices.keys()];
  }

  knows(resource: string): boolean {
    return this.devices.has(resource);
  }

  set(resource: string, list: readonly PluginDevice[]): void {
    this.devices.set(resource, new Map(list.map((d) => [d.id, d])));
  }

  /** Nobody looks after its devices any more. */
  ail(resource: string): void {
    const list = [...(this.devices.get(resource)?.values() ?? [])];
    this.set(
      resource,
      list.map((d) => ({ ...d, healthy: false })),
    );
  }

  drop(resource: string): void {
    this.devices.delete(resource);
  }

  of(resource: string): readonly PluginDevice[] {
    return [...(this.devices.get(resource)?.values() ?? [])];
  }

  amounts(): { capacity: Record<string, string>; allocatable: Record<string, string> } {
    const capacity: Record<string, string> = {};
    const allocatable: Record<string, string> = {};
    for (const [resource, list] of this.devices) {
      capacity[resource] = String(list.size);
      allocatable[resource] = String([...list.values()].filter((d) => d.healthy).length);
    }
    return { capacity, allocatable };
  }

  get holdings(): readonly Holding[] {
    return this.held;
  }

  holdingsOf(podUid: string, container?: string): readonly Holding[] {
    return this.held.filter((h) => h.podUid === podUid && (container === undefined || h.container === container));
  }

  hold(holding: Holding): void {
    this.held.push(holding);
  }

  /** Answers whether there was something to give back. */
  release(podUid: string): boolean {
    const before = this.held.length;
    for (let i = before - 1; i >= 0; i--) if (this.held[i]?.podUid === podUid) this.held.splice(i, 1);
    return this.held.length < before;
  }

  /** Among what devices a wish may be granted; throws, in Kubernetes' words, when there are too few. */
  choice(wish: Wish, passed: ReadonlySet<string>): Choice {
    const { resource, count } = wish;
    const list = this.of(resource);
    const healthy = list.filter((d) => d.healthy).map((d) => d.id);
    if (healthy.length === 0)
      throw new Error(`no healthy devices present; cannot allocate unhealthy devices ${resource}`);
    const taken = new Set(this.held.filter((h) => h.resource === resource).flatMap((h) => h.ids));
    const must = healthy.filter((id) => passed.has(id)).slice(0, count);
    const free = healthy.filter((id) => !taken.has(id));
    if (must.length + free.length < count)
      throw new Error(
        `requested number of devices unavailable for ${resource}. Requested: ${count - must.length}, Available: ${free.length}`,
      );
    return { must, free };
  }

  /** What passing containers of the pod had, so that its later ones may have it too. */
  passedOn(podUid: string, resource: string, passing: ReadonlySet<string>): Set<string> {
    const own = this.held.filter((h) => h.podUid === podUid && h.resource === resource);
    const kept = new Set(own.filter((h) => !passing.has(h.container)).flatMap((h) => h.ids));
    return new Set(own.flatMap((h) => h.ids).filter((id) => !kept.has(id)));
  }
}
