// Removes pods that nobody else will: those of nodes that are gone, those deleted before they had a node, and very old finished ones.
// Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-garbage-collection
import { NODES, objectKey, PODS } from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import { parseTime, rfc3339 } from '../../machinery/time.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import type { ControllerRow } from '../shared/context.ts';
import { startKeyed } from '../shared/keyed.ts';

const NAME = 'pod-garbage-collector-controller';
/** A node may be missing only from our cache, or for a moment. */
const QUARANTINE_MS = 40_000;
const MOST_FINISHED = 12_500;

export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

export const podGarbageCollector: ControllerRow = {
  name: NAME,
  account: 'pod-garbage-collector',
  start(context) {
    const { informers, client, clock } = context;
    const nodes = informers.informer(NODES);
    const pods = informers.informer(PODS);
    pods.addIndex('node', (pod) => (pod.spec?.nodeName === undefined ? [] : [pod.spec.nodeName]));
    /** Pods whose node is missing, with the time when that was first seen. */
    const seenMissing = new Map<string, number>();
    const finished = new Set<string>();
    const missing = (node: string): boolean => node !== '' && nodes.get(node) === undefined;
    const queue = startKeyed(context, {
      name: NAME,
      waitFor: [nodes, pods],
      async reconcile(key) {
        const pod = pods.get(key);
        if (pod === undefined) {
          seenMissing.delete(key);
          return undefined;
        }
        const node = pod.spec?.nodeName ?? '';
        if (node === '' && pod.metadata.deletionTimestamp !== undefined) await remove(pod, undefined);
        else if (missing(node)) {
          const since = seenMissing.get(key) ?? clock.now();
          seenMissing.set(key, since);
          const left = since + QUARANTINE_MS - clock.now();
          if (left > 0) return { requeueAfterMs: left };
          await remove(pod, 'PodGC: node no longer exists');
        } else if (finished.size > MOST_FINISHED && isOldest(key)) await remove(pod, undefined);
        return undefined;
      },
    });
    const isOldest = (key: string): boolean => {
      const age = (one: string): number => parseTime(pods.get(one)?.metadata.creationTimestamp ?? '') ?? 0;
      const oldest = [...finished].sort((a, b) => age(a) - age(b)).slice(0, finished.size - MOST_FINISHED);
      return oldest.includes(key);
    };
    const remove = async (pod: Pod, why: string | undefined): Promise<void> => {
      const { namespace = '', name = '', uid } = pod.metadata;
      const target = client.resource(PODS);
      try {
        if (!isFinished(pod) && why !== undefined) {
          const condition = {
            type: 'DisruptionTarget',
            status: 'True',
            reason: 'DeletionByPodGC',
            message: why,
            lastTransitionTime: rfc3339(clock.now()),
          };
          const status = { phase: 'Failed', conditions: [condition] };
          await target.patch(namespace, name, 'strategic', { metadata: { uid }, status }, { subresource: 'status' });
        }
        await target.delete(namespace, name, {
          gracePeriodSeconds: 0,
          ...(uid === undefined ? {} : { preconditions: { uid } }),
        });
      } catch (error) {
        if (!isApiError(error, 'NotFound')) throw error;
      }
    };
    const consider = (pod: Pod): void => {
      const key = objectKey(pod);
      if (isFinished(pod)) finished.add(key);
      const node = pod.spec?.nodeName ?? '';
      const unplaced = node === '' && pod.metadata.deletionTimestamp !== undefined;
      if (unplaced || missing(node)) queue.add(key);
      else if (finished.size > MOST_FINISHED) for (const one of finished) queue.add(one);
    };
    pods.addHandler({
      onAdd: consider,
      onUpdate: consider,
      onDelete(pod) {
        finished.delete(objectKey(pod));
        seenMissing.delete(objectKey(pod));
      },
    });
    nodes.addHandler({
      onAdd(node) {
        for (const pod of pods.byIndex('node', node.metadata.name ?? '')) seenMissing.delete(objectKey(pod));
      },
      onDelete(node) {
        for (const pod of pods.byIndex('node', node.metadata.name ?? '')) queue.add(objectKey(pod));
      },
    });
  },
};
