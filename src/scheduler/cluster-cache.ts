// The cluster as the scheduler knows it: nodes with the pods on them, those among them that are only on their way.
import { objectKey } from '../client/index.ts';
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '../resources/generated/core-v1.ts';
import type { PodDisruptionBudget } from '../resources/generated/policy-v1.ts';
import type { StorageClass } from '../resources/generated/storage-v1.ts';
import type { Snapshot } from './framework.ts';
import { NodeInfo, type PodInfo, podInfo } from './node-info.ts';

/** What is looked up when it is asked for. */
export interface Lookups {
  namespaceLabels(namespace: string): Readonly<Record<string, string>>;
  budgets(): readonly PodDisruptionBudget[];
  claim(namespace: string, name: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  volumes(): readonly PersistentVolume[];
  storageClass(name: string): StorageClass | undefined;
  readonly devices: Snapshot['devices'];
}

export class ClusterCache {
  private readonly nodes = new Map<string, NodeInfo>();
  private order: readonly NodeInfo[] | undefined;
  /** Where each pod is counted, by its key. */
  private readonly placed = new Map<string, { readonly node: string; readonly info: PodInfo }>();
  /** Pods bound to a node whose binding the watch has not shown yet. */
  private readonly assumed = new Map<string, string | undefined>();
  private readonly nominated = new Map<string, { readonly node: string; readonly info: PodInfo }>();

  constructor(private readonly lookups: Lookups) {}

  setNode(node: Node): void {
    const name = node.metadata.name ?? '';
    const known = this.nodes.get(name);
    const made = known === undefined ? new NodeInfo(node) : new NodeInfo(node, known);
    if (known === undefined) for (const { node: at, info } of this.placed.values()) if (at === name) made.add(info);
    this.nodes.set(name, made);
    // A heartbeat changes no place in the order.
    const at = this.order?.indexOf(known ?? made) ?? -1;
    if (this.order === undefined || at < 0) this.order = undefined;
    else this.order = this.order.with(at, made);
  }

  removeNode(name: string): void {
    this.nodes.delete(name);
    this.order = undefined;
  }

  /** A pod on a node, as the watch shows it. */
  setPod(pod: Pod): void {
    const info = podInfo(pod);
    this.assumed.delete(info.key);
    this.nominated.delete(info.key);
    this.place(info, pod.spec?.nodeName ?? '');
  }

  /** A pod that is being bound. */
  assume(pod: Pod, node: string): void {
    const info = podInfo(pod);
    this.assumed.set(info.key, pod.metadata.uid);
    this.nominated.delete(info.key);
    this.place(info, node);
  }

  isAssumed(key: string): boolean {
    return this.assumed.has(key);
  }

  /** The binding failed. */
  forget(key: string): void {
    if (this.assumed.delete(key)) this.unplace(key);
  }

  removePod(key: string): void {
    this.assumed.delete(key);
    this.nominated.delete(key);
    this.unplace(key);
  }

  nominate(pod: Pod, node: string | undefined): void {
    const key = objectKey(pod);
    if (node === undefined || node === '') this.nominated.delete(key);
    else this.nominated.set(key, { node, info: podInfo(pod) });
  }

  snapshot(): Snapshot {
    this.order ??= [...this.nodes.values()];
    const { lookups, nodes, nominated } = this;
    return {
      nodes: this.order,
      node: (name) => nodes.get(name),
      nominated: (name) =>
        nominated.size === 0 ? [] : [...nominated.values()].filter((one) => one.node === name).map((one) => one.info),
      namespaceLabels: lookups.namespaceLabels,
      get budgets() {
        return lookups.budgets();
      },
      claim: lookups.claim,
      volume: lookups.volume,
      volumes: lookups.volumes,
      storageClass: lookups.storageClass,
      devices: lookups.devices,
    };
  }

  private place(info: PodInfo, node: string): void {
    this.unplace(info.key);
    this.placed.set(info.key, { node, info });
    this.nodes.get(node)?.add(info);
  }

  private unplace(key: string): void {
    const at = this.placed.get(key);
    if (at === undefined) return;
    this.placed.delete(key);
    this.nodes.get(at.node)?.remove(key);
  }
}
