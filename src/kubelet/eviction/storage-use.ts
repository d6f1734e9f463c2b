// What a pod has on the node's disk, and which of its own limits it is over.
// https://kubernetes.io/docs/concepts/storage/ephemeral-storage/#ephemeral-storage-consumption-management
import path from 'node:path';
import { parseQuantity } from '../../machinery/quantity.ts';
import type { Pod, Volume } from '../../resources/generated/core-v1.ts';
import { bytes } from '../container/resources.ts';
import { appContainers, initContainers, isSidecar, type PodPaths, specOf } from '../pod/identity.ts';
import { diskUse } from './disk-use.ts';

const STORAGE = 'ephemeral-storage';

export interface StorageUse {
  /** Writable layer and logs, by container. */
  readonly containers: ReadonlyMap<string, number>;
  /** emptyDir volumes, by name. */
  readonly emptyDirs: ReadonlyMap<string, number>;
  /** All that counts for the pod. */
  readonly total: number;
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
  /** Bytes of each container's writable layer. */
  readonly layers: ReadonlyMap<string, number>;
}

export async function storageUse({ pod, paths, layers }: StorageInput): Promise<StorageUse> {
  const containers = new Map<string, number>();
  const emptyDirs = new Map<string, number>();
  let total = 0;
  for (const { spec } of [...initContainers(pod), ...appContainers(pod)]) {
    const used = (layers.get(spec.name) ?? 0) + (await diskUse(path.join(paths.logs, spec.name)));
    containers.set(spec.name, used);
    total += used;
  }
  for (const volume of specOf(pod).volumes ?? []) {
    if (volume.configMap !== undefined) total += await diskUse(paths.volume('configmap', volume.name));
    if (!onDisk(volume)) continue;
    const used = await diskUse(paths.volume('empty-dir', volume.name));
    emptyDirs.set(volume.name, used);
    total += used;
  }
  return { containers, emptyDirs, total };
}

function overEmptyDir(pod: Pod, use: StorageUse): string | undefined {
  for (const { name, emptyDir } of specOf(pod).volumes ?? []) {
    const limit = emptyDir?.sizeLimit;
    if (limit === undefined) continue;
    const most = bytes({ limit }, 'limit');
    if (most > 0 && (use.emptyDirs.get(name) ?? 0) > most) {
      return `Usage of EmptyDir volume "${name}" exceeds the limit "${limit}". `;
    }
  }
  return undefined;
}

/** The limits of all containers that run side by side, or the largest of an init container with the sidecars before it. */
export function podStorageLimit(pod: Pod): string | undefined {
  const own = specOf(pod).resources?.limits?.[STORAGE];
  if (own !== undefined) return own;
  const zero = parseQuantity('0');
  const limitOf = (list: Record<string, string> | undefined) => parseQuantity(list?.[STORAGE] ?? '0');
  let sidecars = zero;
  let peak = zero;
  for (const ref of initContainers(pod)) {
    const with_ = sidecars.add(limitOf(ref.spec.resources?.limits));
    if (isSidecar(ref)) sidecars = with_;
    if (with_.cmp(peak) > 0) peak = with_;
  }
  const main = specOf(pod).containers.reduce((sum, c) => sum.add(limitOf(c.resources?.limits)), sidecars);
  const most = main.cmp(peak) > 0 ? main : peak;
  return most.cmp(zero) > 0 ? most.toString() : undefined;
}

function overPod(pod: Pod, use: StorageUse): string | undefined {
  const limit = podStorageLimit(pod);
  if (limit === undefined || use.total <= bytes({ limit }, 'limit')) return undefined;
  return `Pod ephemeral local storage usage exceeds the total limit of containers ${limit}. `;
}

function overContainer(pod: Pod, use: StorageUse): string | undefined {
  for (const { spec } of appContainers(pod)) {
    const limit = spec.resources?.limits?.[STORAGE];
    if (limit !== undefined && (use.containers.get(spec.name) ?? 0) > bytes({ limit }, 'limit')) {
      return `Container ${spec.name} exceeded its local ephemeral storage limit "${limit}". `;
    }
  }
  return undefined;
}

/** Why the pod has to go; undefined when it keeps to its limits. */
export function overStorageLimit(pod: Pod, use: StorageUse): string | undefined {
  return overEmptyDir(pod, use) ?? overPod(pod, use) ?? overContainer(pod, use);
}
