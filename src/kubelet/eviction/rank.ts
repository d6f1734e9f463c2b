// Which pods go first when a node runs out, and the words that tell them so.
// https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
import { Quantity } from '../../machinery/quantity.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { podTotals } from '../container/resources.ts';
import { isStatic, namesOf, specOf } from '../pod/identity.ts';

export type Starved = 'memory' | 'ephemeral-storage' | 'inodes' | 'pids';

export interface PodUse {
  readonly pod: Pod;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly processes: number;
  readonly containers: readonly {
    readonly name: string;
    readonly memoryBytes: number;
    readonly requestBytes: number;
    /** Of its writable layer and its logs. */
    readonly diskBytes: number;
    readonly diskRequestBytes: number;
  }[];
}

function priority(pod: Pod): number {
  return specOf(pod).priority ?? 0;
}

export function isCritical(pod: Pod): boolean {
  return isStatic(pod) || priority(pod) >= 2_000_000_000;
}

function used(use: PodUse, starved: Starved): number {
  if (starved === 'memory') return use.memoryBytes;
  return starved === 'pids' ? use.processes : use.diskBytes;
}

function requested(use: PodUse, starved: Starved): number {
  if (starved === 'memory') return podTotals(use.pod).requestMemory;
  if (starved !== 'ephemeral-storage') return 0;
  return use.containers.reduce((sum, c) => sum + c.diskRequestBytes, 0);
}

/** Those over their requests first, then low priority, then the most over. */
export function ranked(uses: readonly PodUse[], starved: Starved): PodUse[] {
  const over = (u: PodUse): number => used(u, starved) - requested(u, starved);
  return [...uses]
    .filter((u) => !isCritical(u.pod))
    .sort(
      (a, b) => Number(over(b) > 0) - Number(over(a) > 0) || priority(a.pod) - priority(b.pod) || over(b) - over(a),
    );
}

/** As Kubernetes prints an amount of bytes: with the largest binary unit that leaves no rest. */
export function binary(amount: number): string {
  return Quantity.of(Math.round(amount), 'BinarySI').toString();
}

export function evictionMessage(
  use: PodUse,
  starved: Starved,
  levels: { threshold: string; available: string },
): string {
  const head = `The node was low on resource: ${starved}. Threshold quantity: ${levels.threshold}, available: ${levels.available}. `;
  if (starved !== 'memory' && starved !== 'ephemeral-storage') return head;
  const parts = use.containers
    .map(({ name, ...c }) =>
      starved === 'memory'
        ? { name, used: c.memoryBytes, asked: c.requestBytes }
        : { name, used: c.diskBytes, asked: c.diskRequestBytes },
    )
    .filter(({ used, asked }) => used > asked)
    .map(
      ({ name, used, asked }) =>
        `Container ${name} was using ${binary(used)}, request is ${binary(asked)}, has larger consumption of ${starved}. `,
    );
  return head + parts.join('');
}

export function nameOf(use: PodUse): string {
  const n = namesOf(use.pod);
  return `${n.namespace}/${n.name}`;
}
