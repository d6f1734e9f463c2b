// What a pod has on the node's disk, and which of its own limits it is over.
// https://kubernetes.io/docs/concepts/storage/ephemeral-storage/#ephemeral-storage-consumption-management
import path from 'node:path';
import { parseQuantity, Quantity } from '../../machinery/quantity.ts';
import type { Pod, Volume } from '../../resources/generated/core-v1.ts';
import { bytes } from '../container/amounts.ts';
import {
  allContainers,
  appContainers,
  type ContainerRef,
  initContainers,
  isSidecar,
  type PodPaths,
  specOf,
} from '../pod/identity.ts';
import { type Amount, diskUse, NOTHING_USED, plus } from './disk-use.ts';

const STORAGE = 'ephemeral-storage';

export interface ContainerStorage {
  /** What it wrote to its root file system. */
  readonly layer: Amount;
  readonly logs: Amount;
}

export interface StorageUse {
  readonly containers: ReadonlyMap<string, ContainerStorage>;
  /** Volumes that are the node's own disk, by name. */
  readonly volumes: ReadonlyMap<string, Amount>;
}

export type StoragePart = 'layers' | 'logs' | 'volumes';

/** What the parts of a pod have together. */
export function storageTotal(use: StorageUse, parts: ReadonlySet<StoragePart>): Amount {
  let sum = NOTHING_USED;
  for (const { layer, logs } of use.containers.values()) {
    if (parts.has('layers')) sum = plus(sum, layer);
    if (parts.has('logs')) sum = plus(sum, logs);
  }
  if (parts.has('volumes')) for (const amount of use.volumes.values()) sum = plus(sum, amount);
  return sum;
}

export const ALL_PARTS: ReadonlySet<StoragePart> = new Set(['layers', 'logs', 'volumes']);

export function containerBytes(use: StorageUse | undefined, name: string): number {
  const own = use?.containers.get(name);
  return own === undefined ? 0 : own.layer.bytes + own.logs.bytes;
}

function onDisk(volume: Volume): boolean {
  return volume.emptyDir !== undefined && (volume.emptyDir.medium ?? '') === '';
}

/** Whether anything limits what the pod may have on the disk. */
export function hasStorageLimit(pod: Pod): boolean {
  const spec = specOf(pod);
  return (
    (spec.volumes ?? []).some((v) => v.emptyDir?.sizeLimit !== undefined) ||
    spec.resources?.limits?.[STORAGE] !== undefined ||
    [...initContainers(pod), ...appContainers(pod)].some((c) => c.spec.resources?.limits?.[STORAGE] !== undefined)
  );
}

export interface StorageInput {
  readonly pod: Pod;
  readonly paths: PodPaths;
  /** Each container's writable layer. */
  readonly layers: ReadonlyMap<string, Amount>;
}

export async function storageUse({ pod, paths, layers }: StorageInput): Promise<StorageUse> {
  const containers = new Map<string, ContainerStorage>();
  const volumes = new Map<string, Amount>();
  for (const { spec } of allContainers(pod)) {
    const logs = await diskUse(path.join(paths.logs, spec.name));
    containers.set(spec.name, { layer: layers.get(spec.name) ?? NOTHING_USED, logs });
  }
  for (const volume of specOf(pod).volumes ?? []) {
    if (volume.configMap !== undefined) volumes.set(volume.name, await diskUse(paths.volume('configmap', volume.name)));
    else if (onDisk(volume)) volumes.set(volume.name, await diskUse(paths.volume('empty-dir', volume.name)));
  }
  return { containers, volumes };
}

function overEmptyDir(pod: Pod, use: StorageUse): string | undefined {
  for (const { name, emptyDir } of specOf(pod).volumes ?? []) {
    const limit = emptyDir?.sizeLimit;
    if (limit === undefined) continue;
    const most = bytes({ limit }, 'limit');
    if (most > 0 && (use.volumes.get(name)?.bytes ?? 0) > most) {
      return `Usage of EmptyDir volume "${name}" exceeds the limit "${limit}". `;
    }
  }
  return undefined;
}

/** What all containers that run side by side have, or the largest init container with the sidecars before it. */
function podStorage(pod: Pod, side: 'limits' | 'requests'): Quantity {
  const own = specOf(pod).resources?.[side]?.[STORAGE];
  if (own !== undefined) return parseQuantity(own);
  const of = ({ spec }: ContainerRef) => parseQuantity(spec.resources?.[side]?.[STORAGE] ?? '0');
  let sidecars = Quantity.zero;
  let peak = Quantity.zero;
  for (const ref of initContainers(pod)) {
    const with_ = sidecars.add(of(ref));
    if (isSidecar(ref)) sidecars = with_;
    if (with_.cmp(peak) > 0) peak = with_;
  }
  const main = appContainers(pod).reduce((sum, ref) => sum.add(of(ref)), sidecars);
  return main.cmp(peak) > 0 ? main : peak;
}

export function podStorageLimit(pod: Pod): string | undefined {
  const most = podStorage(pod, 'limits');
  return most.cmp(Quantity.zero) > 0 ? most.toString() : undefined;
}

export function podStorageRequest(pod: Pod): number {
  const overhead = bytes(specOf(pod).overhead, STORAGE);
  return Number(podStorage(pod, 'requests').value()) + overhead;
}

function overPod(pod: Pod, use: StorageUse): string | undefined {
  const limit = podStorageLimit(pod);
  if (limit === undefined || storageTotal(use, ALL_PARTS).bytes <= bytes({ limit }, 'limit')) return undefined;
  return `Pod ephemeral local storage usage exceeds the total limit of containers ${limit}. `;
}

function overContainer(pod: Pod, use: StorageUse): string | undefined {
  for (const { spec } of appContainers(pod)) {
    const limit = spec.resources?.limits?.[STORAGE];
    if (limit !== undefined && containerBytes(use, spec.name) > bytes({ limit }, 'limit')) {
      return `Container ${spec.name} exceeded its local ephemeral storage limit "${limit}". `;
    }
  }
  return undefined;
}

/** Why the pod has to go; undefined when it keeps to its limits. */
export function overStorageLimit(pod: Pod, use: StorageUse): string | undefined {
  return overEmptyDir(pod, use) ?? overPod(pod, use) ?? overContainer(pod, use);
}
