// Holds back the deletion of claims that pods use and of volumes that are bound.
// Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection
import { objectKey, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS, type ResourceRef } from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import type { ControllerContext, ControllerRow } from '../shared/context.ts';
import { startKeyed } from '../shared/keyed.ts';
import { isFinished } from '../shared/pods.ts';

const CLAIM_FINALIZER = 'kubernetes.io/pvc-protection';
const VOLUME_FINALIZER = 'kubernetes.io/pv-protection';

/** The claims a pod on a node uses, as `namespace/name`. */
export function claimsOf(pod: Pod): string[] {
  if (isFinished(pod) || (pod.spec?.nodeName ?? '') === '') return [];
  return (pod.spec?.volumes ?? []).flatMap((volume) => {
    const name =
      volume.persistentVolumeClaim?.claimName ??
      (volume.ephemeral === undefined ? undefined : `${pod.metadata.name}-${volume.name}`);
    return name === undefined ? [] : [`${pod.metadata.namespace}/${name}`];
  });
}

async function letGo(
  context: ControllerContext,
  ref: ResourceRef<KubeObject>,
  held: { readonly object: KubeObject; readonly finalizer: string },
): Promise<void> {
  const { namespace = '', name = '', resourceVersion, finalizers = [] } = held.object.metadata;
  const rest = finalizers.filter((one) => one !== held.finalizer);
  const metadata = { resourceVersion, finalizers: rest.length === 0 ? null : rest };
  try {
    await context.client.resource(ref).patch(namespace, name, 'merge', { metadata });
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
  }
}

export const claimProtection: ControllerRow = {
  name: 'persistentvolumeclaim-protection-controller',
  start(context) {
    const claims = context.informers.informer(PERSISTENT_VOLUME_CLAIMS);
    const pods = context.informers.informer(PODS);
    pods.addIndex('claim', claimsOf);
    const queue = startKeyed(context, {
      name: 'persistentvolumeclaim-protection-controller',
      workers: 1,
      waitFor: [claims, pods],
      async reconcile(key) {
        const claim = claims.get(key);
        if (claim?.metadata.deletionTimestamp === undefined) return undefined;
        if (!(claim.metadata.finalizers ?? []).includes(CLAIM_FINALIZER)) return undefined;
        if (pods.byIndex('claim', key).length > 0) return undefined;
        await letGo(context, PERSISTENT_VOLUME_CLAIMS, { object: claim, finalizer: CLAIM_FINALIZER });
        return undefined;
      },
    });
    claims.addHandler({ onAdd: (one) => queue.add(objectKey(one)), onUpdate: (one) => queue.add(objectKey(one)) });
    const freed = (pod: Pod): void => {
      for (const key of claimsOf(pod)) queue.add(key);
    };
    pods.addHandler({
      onUpdate(pod, old) {
        if (isFinished(pod)) freed(old);
      },
      onDelete: freed,
    });
  },
};

export const volumeProtection: ControllerRow = {
  name: 'persistentvolume-protection-controller',
  start(context) {
    const volumes = context.informers.informer(PERSISTENT_VOLUMES);
    const queue = startKeyed(context, {
      name: 'persistentvolume-protection-controller',
      workers: 1,
      waitFor: [volumes],
      async reconcile(key) {
        const volume = volumes.get(key);
        if (volume?.metadata.deletionTimestamp === undefined || volume.status?.phase === 'Bound') return undefined;
        if (!(volume.metadata.finalizers ?? []).includes(VOLUME_FINALIZER)) return undefined;
        await letGo(context, PERSISTENT_VOLUMES, { object: volume, finalizer: VOLUME_FINALIZER });
        return undefined;
      },
    });
    volumes.addHandler({ onAdd: (one) => queue.add(objectKey(one)), onUpdate: (one) => queue.add(objectKey(one)) });
  },
};
