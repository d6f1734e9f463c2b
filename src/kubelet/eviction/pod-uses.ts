// What each pod of the node has of a resource, for those who have to choose among them.
import type { PodSandboxStats } from '../../cri/port.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { bytes } from '../container/amounts.ts';
import { appContainers, initContainers, namesOf, type PodPaths } from '../pod/identity.ts';
import type { ContainerUse, PodUse } from './rank.ts';
import type { Signal, Starved } from './signals.ts';
import {
  ALL_PARTS,
  containerBytes,
  type StoragePart,
  type StorageUse,
  storageTotal,
  storageUse,
} from './storage-use.ts';

export interface Measured {
  readonly pods: readonly Pod[];
  readonly stats: readonly PodSandboxStats[];
  readonly paths: (pod: Pod) => PodPaths | undefined;
}

function statsOf(measured: Measured, pod: Pod): PodSandboxStats | undefined {
  return measured.stats.find((s) => s.uid === namesOf(pod).uid);
}

export async function storageOf(measured: Measured, pod: Pod): Promise<StorageUse | undefined> {
  const paths = measured.paths(pod);
  if (paths === undefined) return undefined;
  const containers = statsOf(measured, pod)?.containers ?? [];
  const layers = new Map(containers.map((c) => [c.name, { bytes: c.rootfsUsedBytes, inodes: c.rootfsInodes }]));
  return storageUse({ pod, paths, layers });
}

/** What of a pod counts: where images have a disk of their own, layers are there and the rest is not. */
function partsOf(signal: Signal, ownImageFs: boolean): ReadonlySet<StoragePart> {
  if (!ownImageFs) return ALL_PARTS;
  return new Set<StoragePart>(signal.startsWith('imagefs') ? ['layers'] : ['logs', 'volumes']);
}

/** Ephemeral containers request nothing and are not blamed. */
function containerUses(pod: Pod, starved: Starved, used: (name: string) => number | undefined): ContainerUse[] {
  return [...appContainers(pod), ...initContainers(pod)].flatMap(({ spec }) => {
    const amount = used(spec.name);
    return amount === undefined
      ? []
      : [{ name: spec.name, used: amount, requested: bytes(spec.resources?.requests, starved) }];
  });
}

async function diskUseOf(measured: Measured, pod: Pod, what: UseQuestion): Promise<PodUse> {
  const use = await storageOf(measured, pod);
  if (use === undefined) return { pod, used: undefined, containers: [] };
  const total = storageTotal(use, partsOf(what.signal, what.ownImageFs));
  if (what.starved === 'inodes') return { pod, used: total.inodes, containers: [] };
  const running = new Set(statsOf(measured, pod)?.containers.map((c) => c.name));
  const containers = containerUses(pod, what.starved, (name) =>
    running.has(name) ? containerBytes(use, name) : undefined,
  );
  return { pod, used: total.bytes, containers };
}

export interface UseQuestion {
  readonly signal: Signal;
  readonly starved: Starved;
  readonly ownImageFs: boolean;
}

async function useOf(measured: Measured, pod: Pod, what: UseQuestion): Promise<PodUse> {
  const { starved } = what;
  const stats = statsOf(measured, pod);
  if (stats === undefined) return { pod, used: undefined, containers: [] };
  if (starved === 'pids') return { pod, used: stats.pids, containers: [] };
  if (starved !== 'memory') return diskUseOf(measured, pod, what);
  const used = (name: string) => stats.containers.find((c) => c.name === name)?.memoryWorkingSetBytes;
  return { pod, used: stats.memoryWorkingSetBytes, containers: containerUses(pod, starved, used) };
}

export function podUses(measured: Measured, what: UseQuestion): Promise<PodUse[]> {
  return Promise.all(measured.pods.map((pod) => useOf(measured, pod, what)));
}
