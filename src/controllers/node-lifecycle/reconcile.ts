// What becomes of a node by its heartbeats and conditions: its taints, and its conditions when it is no longer heard of. Pure.
// Source: https://kubernetes.io/docs/concepts/architecture/nodes/#node-controller
import { parseTime, rfc3339 } from '../../machinery/time.ts';
import type { Lease } from '../../resources/generated/coordination-v1.ts';
import type { Node, NodeCondition, Taint } from '../../resources/generated/core-v1.ts';
import { findCondition } from '../shared/conditions.ts';

/** A node that was not heard of for so long is given up. */
export const GRACE_MS = 50_000;
/** A new node gets more time for its first word. */
export const STARTUP_GRACE_MS = 60_000;

const NOT_READY = 'node.kubernetes.io/not-ready';
const UNREACHABLE = 'node.kubernetes.io/unreachable';
const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';

/** Conditions that shut a node for new pods, with the status that does. */
const BY_CONDITION: readonly (readonly [type: string, status: string, taint: string])[] = [
  ['Ready', 'False', NOT_READY],
  ['Ready', 'Unknown', UNREACHABLE],
  ['MemoryPressure', 'True', 'node.kubernetes.io/memory-pressure'],
  ['DiskPressure', 'True', 'node.kubernetes.io/disk-pressure'],
  ['NetworkUnavailable', 'True', 'node.kubernetes.io/network-unavailable'],
  ['PIDPressure', 'True', 'node.kubernetes.io/pid-pressure'],
];
const OURS = new Set([...BY_CONDITION.map(([, , taint]) => taint), UNSCHEDULABLE]);
const WATCHED = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

export interface NodePlan {
  /** The taints the node should have; undefined when it has them. */
  readonly taints: readonly Taint[] | undefined;
  /** Conditions to set because the node was not heard of. */
  readonly conditions: readonly NodeCondition[];
  /** When to look again, though nothing was heard. */
  readonly lookAgainMs: number;
}

/** `heardAt`: when this controller last saw the node renew its lease or its status. */
export function planNode(node: Node, heardAt: number, now: number): NodePlan {
  const ready = findCondition(node.status?.conditions, 'Ready');
  const grace = ready === undefined ? STARTUP_GRACE_MS : GRACE_MS;
  const silent = now - heardAt;
  const lost = silent > grace;
  const conditions = lost ? lostConditions(node, now) : [];
  const after = (type: string): string | undefined =>
    findCondition(conditions, type)?.status ?? findCondition(node.status?.conditions, type)?.status;
  const lookAgainMs = lost ? 5000 : grace - silent + 1;
  return { taints: wantedTaints(node, after, now), conditions, lookAgainMs };
}

function lostConditions(node: Node, now: number): NodeCondition[] {
  const out: NodeCondition[] = [];
  for (const type of WATCHED) {
    const old = findCondition(node.status?.conditions, type);
    if (old?.status === 'Unknown') continue;
    const never = old === undefined;
    out.push({
      type,
      status: 'Unknown',
      reason: never ? 'NodeStatusNeverUpdated' : 'NodeStatusUnknown',
      message: never ? 'Kubelet never posted node status.' : 'Kubelet stopped posting node status.',
      ...(old?.lastHeartbeatTime !== undefined
        ? { lastHeartbeatTime: old.lastHeartbeatTime }
        : node.metadata.creationTimestamp
          ? { lastHeartbeatTime: node.metadata.creationTimestamp }
          : {}),
      lastTransitionTime: rfc3339(now),
    });
  }
  return out;
}

function wantedTaints(
  node: Node,
  status: (type: string) => string | undefined,
  now: number,
): readonly Taint[] | undefined {
  const old = node.spec?.taints ?? [];
  const wanted: Taint[] = [];
  const want = (key: string, effect: string): void => {
    const known = old.find((taint) => taint.key === key && taint.effect === effect);
    wanted.push(known ?? { key, effect, timeAdded: rfc3339(now) });
  };
  for (const [type, bad, taint] of BY_CONDITION) if (status(type) === bad) want(taint, 'NoSchedule');
  if (node.spec?.unschedulable === true) want(UNSCHEDULABLE, 'NoSchedule');
  if (status('Ready') === 'False') want(NOT_READY, 'NoExecute');
  if (status('Ready') === 'Unknown') want(UNREACHABLE, 'NoExecute');
  const kept = old.filter(
    (taint) => !OURS.has(taint.key) || (taint.effect !== 'NoSchedule' && taint.effect !== 'NoExecute'),
  );
  const next = [...kept, ...wanted];
  const same = next.length === old.length && next.every((taint) => old.includes(taint));
  return same ? undefined : next;
}

/** When a node was last heard of, by the times it wrote itself. */
export function lastWord(node: Node, lease: Lease | undefined): string {
  const ready = findCondition(node.status?.conditions, 'Ready');
  return `${lease?.spec?.renewTime ?? ''}|${ready?.lastHeartbeatTime ?? ''}`;
}

/** The first sight of a node after a start: what it wrote then still counts. */
export function firstHeard(node: Node, lease: Lease | undefined, now: number): number {
  const ready = findCondition(node.status?.conditions, 'Ready');
  const times = [lease?.spec?.renewTime, ready?.lastHeartbeatTime, node.metadata.creationTimestamp ?? undefined];
  const known = times.flatMap((time) => (time === undefined ? [] : (parseTime(time) ?? [])));
  // After a restart of the whole cluster the nodes get a chance to speak before they are given up.
  return Math.min(now, Math.max(now - GRACE_MS + 10_000, ...known));
}
