// What a plugin of the scheduler is: rules that shut nodes out, and scores for those that are left.
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../resources/generated/core-v1.ts';
import type { PodDisruptionBudget } from '../resources/generated/policy-v1.ts';
import type { ResourceClaim } from '../resources/generated/resource-v1.ts';
import type { StorageClass } from '../resources/generated/storage-v1.ts';
import type { DeviceWorld } from './devices/allocate.ts';
import type { NodeInfo, PodInfo } from './node-info.ts';

/** Why a node (or the whole cluster) cannot take the pod. */
export interface Rejection {
  readonly plugin: string;
  readonly reasons: readonly string[];
  /** False when taking other pods away could not help. */
  readonly resolvable: boolean;
}

/** Claims for devices, and who has which. */
export interface Devices {
  /** Undefined while one of them is not there. */
  claimsOf(pod: Pod): readonly ResourceClaim[] | undefined;
  /** Devices were found for it, and are not in the API yet. */
  isPromised(claim: ResourceClaim): boolean;
  readonly world: DeviceWorld;
}

/** What planning sees: the cluster at one moment. */
export interface Snapshot {
  readonly nodes: readonly NodeInfo[];
  node(name: string): NodeInfo | undefined;
  namespaceLabels(namespace: string): Readonly<Record<string, string>>;
  /** Pods that wait for room on the node, which others made for them. */
  nominated(node: string): readonly PodInfo[];
  readonly budgets: readonly PodDisruptionBudget[];
  claim(namespace: string, name: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  /** All that are promised to nobody. */
  volumes(): readonly PersistentVolume[];
  storageClass(name: string): StorageClass | undefined;
  readonly devices: Devices;
}

/** What a plugin has to say about one pod in one snapshot. All parts are optional: absent means "no opinion". */
export interface Cycle {
  /** No node will do. */
  readonly reject?: Rejection;
  /** Only these nodes come into question. */
  readonly only?: ReadonlySet<string>;
  filter?(node: NodeInfo): Rejection | undefined;
  /** Raw score of a node that passed; `normalize` brings all to 0–100. */
  score?(node: NodeInfo): number;
  /** Default: scores are 0–100 already. */
  normalize?(scores: readonly number[]): readonly number[];
  /** Called with the nodes that passed, before they are scored. */
  beforeScore?(nodes: readonly NodeInfo[]): void;
}

/** What may make room for a pod that a plugin shut out. */
export type ClusterEvent =
  | 'node-add'
  | 'node-update'
  | 'pod-assigned'
  | 'pod-changed'
  | 'pod-gone'
  | 'volume'
  | 'claim'
  | 'namespace';

export interface Plugin {
  readonly name: string;
  readonly weight: number;
  /** Which events could let a pod through that this plugin rejected. */
  readonly wakes: ReadonlySet<ClusterEvent>;
  /** Undefined when the plugin has nothing to say about the pod. */
  begin(pod: PodInfo, snapshot: Snapshot): Cycle | undefined;
}

export const MAX_SCORE = 100;

/** Brings scores to 0–100 by the greatest; `reverse` when small is good. */
export function normalizeByGreatest(scores: readonly number[], reverse: boolean): readonly number[] {
  const greatest = Math.max(0, ...scores);
  if (greatest === 0) return reverse ? scores.map(() => MAX_SCORE) : scores;
  return scores.map((score) => {
    const scaled = Math.trunc((score * MAX_SCORE) / greatest);
    return reverse ? MAX_SCORE - scaled : scaled;
  });
}
