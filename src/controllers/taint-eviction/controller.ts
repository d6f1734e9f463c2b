// Deletes pods from nodes whose NoExecute taints they do not, or no longer, tolerate.
import { NODES, objectKey, PODS } from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import { rfc3339 } from '../../machinery/time.ts';
import { type ControllerRow, recorderFor } from '../shared/context.ts';
import { startKeyed } from '../shared/keyed.ts';
import { evictionTime } from './reconcile.ts';

const NAME = 'taint-eviction-controller';

export const taintEviction: ControllerRow = {
  name: NAME,
  account: 'node-controller',
  start(context) {
    const { informers, client, clock } = context;
    const nodes = informers.informer(NODES);
    const pods = informers.informer(PODS);
    pods.addIndex('node', (pod) => (pod.spec?.nodeName === undefined ? [] : [pod.spec.nodeName]));
    const recorder = recorderFor(context, NAME);
    /** Pods that are to go, with the time when that was first seen. */
    const planned = new Map<string, number>();
    const queue = startKeyed(context, {
      name: NAME,
      waitFor: [nodes, pods],
      async reconcile(key) {
        const pod = pods.get(key);
        const node = nodes.get(pod?.spec?.nodeName ?? '');
        if (pod === undefined || node === undefined || pod.metadata.deletionTimestamp !== undefined) {
          planned.delete(key);
          return undefined;
        }
        const now = clock.now();
        const time = evictionTime(pod, node, planned.get(key) ?? now);
        if (time === undefined) {
          if (planned.delete(key))
            recorder.event(pod, 'Normal', 'TaintManagerEviction', `Cancelling deletion of Pod ${key}`);
          return undefined;
        }
        if (time > now) {
          if (!planned.has(key)) planned.set(key, now);
          return { requeueAfterMs: time - now };
        }
        planned.delete(key);
        recorder.event(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${key}`);
        const { namespace = '', name = '', uid } = pod.metadata;
        const condition = {
          type: 'DisruptionTarget',
          status: 'True',
          reason: 'DeletionByTaintManager',
          message: 'Taint manager: deleting due to NoExecute taint',
          lastTransitionTime: rfc3339(now),
        };
        try {
          const body = { metadata: { uid }, status: { conditions: [condition] } };
          await client.resource(PODS).patch(namespace, name, 'strategic', body, { subresource: 'status' });
          await client.resource(PODS).delete(namespace, name, uid === undefined ? {} : { preconditions: { uid } });
        } catch (error) {
          if (!isApiError(error, 'NotFound')) throw error;
        }
        return undefined;
      },
    });
    const consider = (name: string): void => {
      for (const pod of pods.byIndex('node', name)) queue.add(objectKey(pod));
    };
    const tainted = (name: string | undefined): boolean =>
      name !== undefined && (nodes.get(name)?.spec?.taints ?? []).some((taint) => taint.effect === 'NoExecute');
    nodes.addHandler({
      onAdd: (node) => consider(node.metadata.name ?? ''),
      onUpdate(node, old) {
        if (JSON.stringify(node.spec?.taints) !== JSON.stringify(old.spec?.taints)) consider(node.metadata.name ?? '');
      },
    });
    pods.addHandler({
      onAdd: (pod) => tainted(pod.spec?.nodeName) && queue.add(objectKey(pod)),
      onUpdate: (pod) => tainted(pod.spec?.nodeName) && queue.add(objectKey(pod)),
      onDelete: (pod) => planned.delete(objectKey(pod)),
    });
  },
};
