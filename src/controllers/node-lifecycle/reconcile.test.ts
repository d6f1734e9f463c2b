// Tests of what becomes of a node by its conditions and its silence.
import { describe, expect, it } from 'vitest';
import type { Node } from '../../resources/generated/core-v1.ts';
import { firstHeard, GRACE_MS, planNode } from './reconcile.ts';

const now = Date.UTC(2026, 0, 1);

function node(ready?: string, spec: Node['spec'] = {}, extra: { type: string; status: string }[] = []): Node {
  const conditions =
    ready === undefined ? [] : [{ type: 'Ready', status: ready, lastHeartbeatTime: '2025-12-31T23:59:50Z' }];
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n', creationTimestamp: '2025-12-31T00:00:00Z' },
    spec,
    status: { conditions: [...conditions, ...extra] },
  };
}

const taints = (one: Node, heardAt = now): string[] | undefined =>
  planNode(one, heardAt, now).taints?.map((taint) => `${taint.key.split('/')[1] ?? taint.key}:${taint.effect}`);

describe('a node', () => {
  it('that is well keeps its own taints and gets none', () => {
    expect(taints(node('True', { taints: [{ key: 'mine', effect: 'NoSchedule' }] }))).toBeUndefined();
  });

  it('is tainted by each condition that shuts it', () => {
    expect(taints(node('False'))).toEqual(['not-ready:NoSchedule', 'not-ready:NoExecute']);
    const pressed = [
      { type: 'DiskPressure', status: 'True' },
      { type: 'MemoryPressure', status: 'False' },
    ];
    expect(taints(node('True', { unschedulable: true }, pressed))).toEqual([
      'disk-pressure:NoSchedule',
      'unschedulable:NoSchedule',
    ]);
  });

  it('loses the taints whose reason is gone, and keeps the time of those that stay', () => {
    const old = [
      { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute', timeAdded: '2025-12-31T23:00:00Z' },
      { key: 'node.kubernetes.io/disk-pressure', effect: 'NoSchedule' },
      { key: 'mine', effect: 'NoExecute' },
    ];
    const plan = planNode(node('False', { taints: old }), now, now);
    expect(plan.taints?.find((taint) => taint.effect === 'NoExecute' && taint.key.endsWith('not-ready'))).toBe(old[0]);
    expect(taints(node('True', { taints: old }))).toEqual(['mine:NoExecute']);
  });

  it('that is silent for too long is given up', () => {
    const plan = planNode(node('True'), now - GRACE_MS - 1, now);
    expect(plan.conditions.map((one) => [one.type, one.status, one.reason])).toEqual([
      ['Ready', 'Unknown', 'NodeStatusUnknown'],
      ['MemoryPressure', 'Unknown', 'NodeStatusNeverUpdated'],
      ['DiskPressure', 'Unknown', 'NodeStatusNeverUpdated'],
      ['PIDPressure', 'Unknown', 'NodeStatusNeverUpdated'],
    ]);
    expect(plan.conditions[0]?.message).toBe('Kubelet stopped posting node status.');
    expect(plan.taints?.map((taint) => taint.key)).toEqual([
      'node.kubernetes.io/unreachable',
      'node.kubernetes.io/unreachable',
    ]);
    expect(planNode(node('True'), now - GRACE_MS + 1000, now)).toMatchObject({ conditions: [], lookAgainMs: 1001 });
  });

  it('gets some time after a restart of the cluster, however long ago it was last heard of', () => {
    const long = { ...node('True'), metadata: { name: 'n' }, status: { conditions: [] } };
    expect(now - firstHeard(long, undefined, now)).toBeLessThan(GRACE_MS);
  });
});
