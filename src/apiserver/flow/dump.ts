// What priority and fairness is doing, as tables for people: priority levels, and the queues of each.
// Source: https://kubernetes.io/docs/reference/debug-cluster/flow-control/#debug-endpoints
import type { QueueState } from './queue-set.ts';

/** What has become of the requests of a level since the server began. */
export interface LevelCounts {
  dispatched: number;
  rejected: number;
  timedOut: number;
  cancelled: number;
}

export interface LevelState {
  readonly name: string;
  /** Requests, not seats. */
  readonly executing: number;
  readonly queues: readonly QueueState[];
  readonly counts: LevelCounts;
}

/** Seconds that a request is thought to hold a seat. */
const SECONDS_PER_SEAT = 0.003;
const LEVEL_COLUMNS = [
  'PriorityLevelName',
  'ActiveQueues',
  'IsIdle',
  'IsQuiescing',
  'WaitingRequests',
  'ExecutingRequests',
  'DispatchedRequests',
  'RejectedRequests',
  'TimedoutRequests',
  'CancelledRequests',
];
const QUEUE_COLUMNS = [
  'PriorityLevelName',
  'Index',
  'PendingRequests',
  'ExecutingRequests',
  'SeatsInUse',
  'NextDispatchR',
  'InitialSeatsSum',
  'MaxSeatsSum',
  'TotalWorkSum',
];
const MIN_WIDTH = 8;

type Row = readonly (string | number | boolean)[];

/** Cells with a comma and at least one space after each but the last, in columns. */
function table(head: readonly string[], rows: readonly Row[]): string {
  const lines = [head, ...rows.map((row) => row.map(String))].map((row) =>
    row.map((cell, i) => (i === row.length - 1 ? cell : `${cell},`)),
  );
  const widths = head.map((_, i) => Math.max(MIN_WIDTH, ...lines.map((line) => (line[i] ?? '').length + 1)));
  return lines
    .map((line) => `${line.map((cell, i) => (i === line.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join('')}\n`)
    .join('');
}

function byName(levels: readonly LevelState[]): LevelState[] {
  return [...levels].sort((a, b) => (a.name < b.name ? -1 : 1));
}

export function dumpLevels(levels: readonly LevelState[]): string {
  const rows = byName(levels).map(({ name, executing, queues, counts }): Row => {
    const waiting = queues.reduce((n, queue) => n + queue.waiting.length, 0);
    const active = queues.filter((queue) => queue.waiting.length > 0 || queue.executing > 0).length;
    const { dispatched, rejected, timedOut, cancelled } = counts;
    const idle = waiting === 0 && executing === 0;
    return [name, active, idle, false, waiting, executing, dispatched, rejected, timedOut, cancelled];
  });
  return table(LEVEL_COLUMNS, rows);
}

const seatSeconds = (seats: number): string => `${(seats * SECONDS_PER_SEAT).toFixed(8)}ss`;

export function dumpQueues(levels: readonly LevelState[]): string {
  const rows = byName(levels).flatMap(({ name, queues }) =>
    queues.map(({ waiting, executing, inUse, next }, index): Row => {
      const seats = waiting.reduce((n, one) => n + one, 0);
      return [name, index, waiting.length, executing, inUse, seatSeconds(next), seats, seats, seatSeconds(seats)];
    }),
  );
  return table(QUEUE_COLUMNS, rows);
}
