// Makes the claims of generic ephemeral volumes: each is its pod's, and goes with it.
// Source: https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/#generic-ephemeral-volumes
import { objectKey, PERSISTENT_VOLUME_CLAIMS, PODS } from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import type { PersistentVolumeClaim, Pod, Volume } from '../../resources/generated/core-v1.ts';
import { type ControllerRow, recorderFor } from '../shared/context.ts';
import { startKeyed } from '../shared/keyed.ts';
import { isFinished } from '../shared/pods.ts';

const NAME = 'ephemeral-volume-controller';

export function claimFor(pod: Pod, volume: Volume): PersistentVolumeClaim | undefined {
  const template = volume.ephemeral?.volumeClaimTemplate;
  if (template === undefined) return undefined;
  const { name = '', namespace = '', uid = '' } = pod.metadata;
  const { labels, annotations } = template.metadata ?? {};
  const owner = { apiVersion: 'v1', kind: 'Pod', name, uid, controller: true, blockOwnerDeletion: true };
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: `${name}-${volume.name}`,
      namespace,
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ownerReferences: [owner],
    },
    spec: template.spec,
  };
}

function isOwned(claim: PersistentVolumeClaim, pod: Pod): boolean {
  return (claim.metadata.ownerReferences ?? []).some((o) => o.controller === true && o.uid === pod.metadata.uid);
}

export const ephemeralVolumes: ControllerRow = {
  name: NAME,
  account: 'ephemeral-volume-controller',
  start(context) {
    const pods = context.informers.informer(PODS);
    const claims = context.informers.informer(PERSISTENT_VOLUME_CLAIMS);
    const client = context.client.resource(PERSISTENT_VOLUME_CLAIMS);
    const recorder = recorderFor(context, 'ephemeral_volume');
    const queue = startKeyed(context, {
      name: NAME,
      waitFor: [pods, claims],
      async reconcile(key) {
        const pod = pods.get(key);
        if (pod === undefined || pod.metadata.deletionTimestamp !== undefined || isFinished(pod)) return undefined;
        for (const volume of pod.spec?.volumes ?? []) {
          const wanted = claimFor(pod, volume);
          if (wanted === undefined) continue;
          const known = claims.get(objectKey(wanted));
          if (known === undefined) {
            await client.create(pod.metadata.namespace ?? '', wanted).catch((error: unknown) => {
              if (isApiError(error, 'AlreadyExists')) return;
              const text = error instanceof Error ? error.message : String(error);
              recorder.event(pod, 'Warning', 'FailedBinding', `ephemeral volume ${volume.name}: ${text}`);
              throw error;
            });
          } else if (!isOwned(known, pod)) {
            const text = `PVC ${objectKey(wanted)} was not created for pod ${key} (pod is not owner)`;
            recorder.event(pod, 'Warning', 'FailedBinding', `ephemeral volume ${volume.name}: ${text}`);
          }
        }
        return undefined;
      },
    });
    const consider = (pod: Pod): void => {
      if ((pod.spec?.volumes ?? []).some((v) => v.ephemeral !== undefined)) queue.add(objectKey(pod));
    };
    pods.addHandler({ onAdd: consider });
    claims.addHandler({
      onDelete: (claim) => {
        for (const { kind, name } of claim.metadata.ownerReferences ?? []) {
          if (kind === 'Pod') queue.add(`${claim.metadata.namespace}/${name}`);
        }
      },
    });
  },
};
