// Nodes without a kubelet, for tests: their pods are Running and Ready as soon as they are bound, and gone as soon as they are deleted.
import { NODES, PODS } from '../../src/client/index.ts';
import type { Pod } from '../../src/resources/generated/core-v1.ts';
import type { Plane } from './plane.ts';

export interface FakeNodes {
  /** What a pod becomes when it runs; absent: Running and Ready. */
  outcome: (pod: Pod) => 'ready' | 'unready' | 'succeeded' | 'failed' | 'nothing';
}

const now = (): string => new Date().toISOString().replace(/\.\d+/, '');

export async function addFakeNodes(
  plane: Plane,
  names: readonly string[],
  labels: Record<string, string> = {},
): Promise<FakeNodes> {
  const fake: FakeNodes = { outcome: () => 'ready' };
  const nodes = plane.client.resource(NODES);
  for (const name of names) {
    await nodes.create('', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
    });
    const ready = {
      type: 'Ready',
      status: 'True',
      reason: 'Test',
      message: '',
      lastHeartbeatTime: now(),
      lastTransitionTime: now(),
    };
    const status = { conditions: [ready], allocatable: { cpu: '64', memory: '256Gi', pods: '1000' } };
    await nodes.patch('', name, 'strategic', { status }, { subresource: 'status' });
  }
  const handle = (pod: Pod): void => {
    if (!names.includes(pod.spec?.nodeName ?? '')) return;
    act(plane, fake, pod).catch((error: unknown) => {
      if (!/not found/.test(String(error))) plane.errors.push(`fake node: ${String(error)}`);
    });
  };
  plane.informers.informer(PODS).addHandler({ onAdd: handle, onUpdate: handle });
  return fake;
}

let lastIp = 0;

async function act(plane: Plane, fake: FakeNodes, pod: Pod): Promise<void> {
  const pods = plane.client.resource(PODS);
  const { namespace = '', name = '' } = pod.metadata;
  if (pod.metadata.deletionTimestamp !== undefined) {
    await pods.delete(namespace, name, { gracePeriodSeconds: 0 });
    return;
  }
  if ((pod.status?.phase ?? 'Pending') !== 'Pending') return;
  const outcome = fake.outcome(pod);
  if (outcome === 'nothing') return;
  const phase = { ready: 'Running', unready: 'Running', succeeded: 'Succeeded', failed: 'Failed' }[outcome];
  const status = outcome === 'ready' ? 'True' : 'False';
  const podIP = `10.244.0.${++lastIp}`;
  const ready = { type: 'Ready', status, lastTransitionTime: now() };
  const body = { status: { phase, conditions: [ready], podIP, podIPs: [{ ip: podIP }], startTime: now() } };
  await pods.patch(namespace, name, 'strategic', body, { subresource: 'status' });
}
