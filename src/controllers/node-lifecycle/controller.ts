// Watches over nodes: taints them by their conditions, and gives up those that are no longer heard of.
import { type EventRecorder, LEASES, NODES, objectKey, PODS } from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import { rfc3339 } from '../../machinery/time.ts';
import type { Node, Pod } from '../../resources/generated/core-v1.ts';
import { findCondition } from '../shared/conditions.ts';
import { type ControllerContext, type ControllerRow, recorderFor } from '../shared/context.ts';
import { startKeyed } from '../shared/keyed.ts';
import { firstHeard, lastWord, planNode } from './reconcile.ts';

const NAME = 'node-lifecycle-controller';

interface Heard {
  word: string;
  at: number;
}

export const nodeLifecycle: ControllerRow = {
  name: NAME,
  account: 'node-controller',
  start(context) {
    const { informers, client, clock } = context;
    const nodes = informers.informer(NODES);
    const leases = informers.informer(LEASES, { namespace: 'kube-node-lease' });
    const pods = informers.informer(PODS);
    pods.addIndex('node', (pod) => (pod.spec?.nodeName === undefined ? [] : [pod.spec.nodeName]));
    const recorder = recorderFor(context, 'node-controller');
    const heard = new Map<string, Heard>();
    const heardAt = (node: Node): number => {
      const name = node.metadata.name ?? '';
      const lease = leases.get(`kube-node-lease/${name}`);
      const word = lastWord(node, lease);
      const known = heard.get(name);
      const now = clock.now();
      if (known?.word === word) return known.at;
      const at = known === undefined ? firstHeard(node, lease, now) : now;
      heard.set(name, { word, at });
      return at;
    };
    const queue = startKeyed(context, {
      name: NAME,
      waitFor: [nodes, leases, pods],
      async reconcile(key) {
        const node = nodes.get(key);
        if (node === undefined) {
          heard.delete(key);
          return undefined;
        }
        const plan = planNode(node, heardAt(node), clock.now());
        try {
          if (plan.conditions.length > 0) {
            const status = { conditions: plan.conditions };
            await client.resource(NODES).patch('', key, 'strategic', { status }, { subresource: 'status' });
          }
          if (plan.taints !== undefined) {
            const { resourceVersion } = node.metadata;
            const metadata = plan.conditions.length > 0 ? {} : { resourceVersion };
            await client.resource(NODES).patch('', key, 'merge', { metadata, spec: { taints: plan.taints } });
          }
        } catch (error) {
          if (isApiError(error, 'NotFound')) return undefined;
          throw error;
        }
        // A kubelet that says itself that it is not ready looks after its pods; for one that is silent it is done here.
        if (findCondition(plan.conditions, 'Ready') !== undefined) {
          recorder.event(node, 'Normal', 'NodeNotReady', `Node ${key} status is now: NodeNotReady`);
          await markPods(context, recorder, pods.byIndex('node', key));
        }
        return { requeueAfterMs: plan.lookAgainMs };
      },
    });
    nodes.addHandler({
      onAdd(node) {
        const name = node.metadata.name ?? '';
        recorder.event(node, 'Normal', 'RegisteredNode', `Node ${name} event: Registered Node ${name} in Controller`);
        queue.add(objectKey(node));
      },
      onUpdate: (node) => queue.add(objectKey(node)),
      onDelete(node) {
        const name = node.metadata.name ?? '';
        recorder.event(node, 'Normal', 'RemovingNode', `Node ${name} event: Removing Node ${name} from Controller`);
        queue.add(objectKey(node));
      },
    });
    // A renewed lease only moves the time when the node would be given up; that needs no look at the node before then.
    leases.addHandler({
      onUpdate(lease) {
        const node = nodes.get(lease.metadata.name ?? '');
        if (node === undefined) return;
        heardAt(node);
        if (readiness(node) === 'Unknown') queue.add(objectKey(node));
      },
    });
  },
};

function readiness(node: Node): string | undefined {
  return findCondition(node.status?.conditions, 'Ready')?.status;
}

/** Pods of a node that is not ready serve no one: they are marked so, that Services leave them out. */
async function markPods(context: ControllerContext, recorder: EventRecorder, pods: readonly Pod[]): Promise<void> {
  const client = context.client.resource(PODS);
  for (const pod of pods) {
    if (findCondition(pod.status?.conditions, 'Ready')?.status !== 'True') continue;
    const { namespace = '', name = '' } = pod.metadata;
    const condition = { type: 'Ready', status: 'False', lastTransitionTime: rfc3339(context.clock.now()) };
    try {
      await client.patch(
        namespace,
        name,
        'strategic',
        { status: { conditions: [condition] } },
        { subresource: 'status' },
      );
      recorder.event(pod, 'Warning', 'NodeNotReady', 'Node is not ready');
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }
}
