// Which of a node's resources are short: Kubernetes' eviction signals, and what must stay free of each.
// https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#eviction-signals
import { Quantity } from '../../machinery/quantity.ts';
import type { EvictionThresholds } from '../config.ts';

/** The resource that is short, as messages name it. */
export type Starved = 'memory' | 'ephemeral-storage' | 'inodes' | 'pids';

export type PressureKind = 'memory' | 'disk' | 'pid';

export type Signal =
  | 'memory.available'
  | 'nodefs.available'
  | 'nodefs.inodesFree'
  | 'imagefs.available'
  | 'imagefs.inodesFree'
  | 'pid.available';

export interface Level {
  readonly available: number;
  readonly capacity: number;
}

/** What was seen of each signal; one that the host says nothing of is not judged. */
export type Observations = Readonly<Partial<Record<Signal, Level>>>;

export interface Shortage {
  readonly signal: Signal;
  readonly starved: Starved;
  readonly pressure: PressureKind;
  /** As messages tell them. */
  readonly threshold: string;
  readonly available: string;
}

interface Rule {
  readonly signal: Signal;
  readonly starved: Starved;
  readonly pressure: PressureKind;
  /** What must stay free: an amount, or a share of what there is. */
  readonly least: (hard: EvictionThresholds) => { readonly amount: number } | { readonly share: number };
}

/** In the order in which shortages are dealt with. */
const RULES: readonly Rule[] = [
  {
    signal: 'memory.available',
    starved: 'memory',
    pressure: 'memory',
    least: (hard) => ({ amount: hard.memoryAvailable }),
  },
  {
    signal: 'nodefs.available',
    starved: 'ephemeral-storage',
    pressure: 'disk',
    least: (hard) => ({ share: hard.nodefsAvailable }),
  },
  {
    signal: 'nodefs.inodesFree',
    starved: 'inodes',
    pressure: 'disk',
    least: (hard) => ({ share: hard.nodefsInodesFree }),
  },
  {
    signal: 'imagefs.available',
    starved: 'ephemeral-storage',
    pressure: 'disk',
    least: (hard) => ({ share: hard.imagefsAvailable }),
  },
  {
    signal: 'imagefs.inodesFree',
    starved: 'inodes',
    pressure: 'disk',
    least: (hard) => ({ share: hard.imagefsInodesFree }),
  },
  {
    signal: 'pid.available',
    starved: 'pids',
    pressure: 'pid',
    least: (hard) => ({ share: hard.pidAvailable }),
  },
];

/** Shares have the precision of 32 bits, as Kubernetes reads them. */
function quantityOf(least: ReturnType<Rule['least']>, level: Level): number {
  return 'amount' in least ? least.amount : Math.floor(level.capacity * Math.fround(least.share));
}

function isCount(starved: Starved): boolean {
  return starved === 'inodes' || starved === 'pids';
}

/** What is short, the most urgent first. */
export function shortages(hard: EvictionThresholds, seen: Observations): Shortage[] {
  return RULES.flatMap(({ signal, starved, pressure, least }) => {
    const level = seen[signal];
    if (level === undefined || level.capacity <= 0) return [];
    const wanted = quantityOf(least(hard), level);
    if (wanted <= level.available) return [];
    return [
      {
        signal,
        starved,
        pressure,
        // Kubernetes writes every threshold with binary units, also where it counts.
        threshold: Quantity.of(wanted, 'BinarySI').toString(),
        available: Quantity.of(Math.floor(level.available), isCount(starved) ? 'DecimalSI' : 'BinarySI').toString(),
      },
    ];
  });
}
