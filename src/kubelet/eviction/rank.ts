// Which pods go first when a node runs out, and the words that tell them so.
// https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
import { Quantity } from '../../machinery/quantity.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { podTotals } from '../container/amounts.ts';
import { isCritical, namesOf, specOf } from '../pod/identity.ts';
import type { Shortage, Starved } from './signals.ts';
import { podStorageRequest } from './storage-use.ts';

export interface ContainerUse {
  readonly name: string;
  readonly used: number;
  readonly requested: number;
}

/** What a pod has of the resource that is short. */
export interface PodUse {
  readonly pod: Pod;
  /** Undefined where the runtime knows nothing of the pod: such go first. */
  readonly used: number | undefined;
  /** Of those resources of which containers have shares of their own. */
  readonly containers: readonly ContainerUse[];
}

function priority(pod: Pod): number {
  return specOf(pod).priority ?? 0;
}

function requested(pod: Pod, starved: Starved): number {
  if (starved === 'memory') return podTotals(pod).requestMemory;
  return starved === 'ephemeral-storage' ? podStorageRequest(pod) : 0;
}

interface Standing {
  readonly use: PodUse;
  readonly unknown: boolean;
  readonly over: number;
}

function compare(starved: Starved): (a: Standing, b: Standing) => number {
  return (a, b) => {
    const byPriority = priority(a.use.pod) - priority(b.use.pod);
    if (starved === 'pids') return byPriority || Number(b.unknown) - Number(a.unknown) || b.over - a.over;
    return (
      Number(b.unknown) - Number(a.unknown) || Number(b.over > 0) - Number(a.over > 0) || byPriority || b.over - a.over
    );
  };
}

/** Those over their requests first, then low priority, then the most over. Processes nobody requests: there priority is the first. */
export function ranked(uses: readonly PodUse[], starved: Starved): PodUse[] {
  return uses
    .filter(({ pod }) => !isCritical(pod))
    .map((use) => ({
      use,
      unknown: use.used === undefined,
      over: (use.used ?? 0) - requested(use.pod, starved),
    }))
    .sort(compare(starved))
    .map(({ use }) => use);
}

/** As Kubernetes prints an amount of bytes: with the largest binary unit that leaves no rest. */
function binary(amount: number): string {
  return Quantity.of(Math.round(amount), 'BinarySI').toString();
}

export interface EvictionWords {
  readonly message: string;
  /** For programs that read the event. */
  readonly annotations: Record<string, string>;
}

/** Of a pod that requests memory as a whole. */
function ofPod(use: PodUse, starved: Starved): string | undefined {
  const request = specOf(use.pod).resources?.requests?.memory;
  if (starved !== 'memory' || request === undefined) return undefined;
  return `Pod ${namesOf(use.pod).name} was using ${binary(use.used ?? 0)}, request is ${request}, has larger consumption of ${starved}. `;
}

export function evictionWords(use: PodUse, shortage: Omit<Shortage, 'signal' | 'pressure'>): EvictionWords {
  const { starved, threshold, available } = shortage;
  const head = `The node was low on resource: ${starved}. Threshold quantity: ${threshold}, available: ${available}. `;
  if (use.used === undefined) return { message: head, annotations: {} };
  const whole = ofPod(use, starved);
  const over = use.containers.filter((c) => c.used > c.requested);
  const parts = over.map(
    (c) =>
      `Container ${c.name} was using ${binary(c.used)}, request is ${binary(c.requested)}, has larger consumption of ${starved}. `,
  );
  return {
    message: head + (whole ?? '') + parts.join(''),
    annotations: {
      ...(whole === undefined ? {} : { offending_pod: namesOf(use.pod).name, offending_pod_usage: binary(use.used) }),
      offending_containers: over.map((c) => c.name).join(','),
      offending_containers_usage: over.map((c) => binary(c.used)).join(','),
      starved_resource: starved,
    },
  };
}
