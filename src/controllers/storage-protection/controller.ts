// Holds back the deletion of claims that pods use, of volumes that are bound, and of attributes classes that claims or volumes name.
// Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection

import {
  attributesClasses,
  objectKey,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  PODS,
  type ResourceRef,
  VOLUME_ATTRIBUTES_CLASSES,
} from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../resources/generated/core-v1.ts';
import type { ControllerContext, ControllerRow } from '../shared/context.ts';
import { startKeyed } from '../shared/keyed.ts';
import { isFinished } from '../shared/pods.ts';

const CLAIM_FINALIZER = 'kubernetes.io/pvc-protection';
const VOLUME_FINALIZER = 'kubernetes.io/pv-protection';
const CLASS_FINALIZER = 'kubernetes.io/vac-protection';

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

interface Protected {
  readonly ref: ResourceRef<KubeObject>;
  readonly object: KubeObject | undefined;
  readonly finalizer: string;
  /** Asked when the object is to go. */
  readonly isUsed: () => boolean;
}

/** An object bears the finalizer until it is to go and nobody uses it any more. */
async function protect(context: ControllerContext, { ref, object, finalizer, isUsed }: Protected): Promise<void> {
  if (object === undefined) return;
  const { finalizers = [], deletionTimestamp } = object.metadata;
  const isHeld = finalizers.includes(finalizer);
  if (deletionTimestamp === undefined ? isHeld : !isHeld || isUsed()) return;
  const others = finalizers.filter((one) => one !== finalizer);
  const metadata = { ...object.metadata, finalizers: isHeld ? others : [...others, finalizer] };
  try {
    await context.client.resource(ref).update({ ...object, metadata });
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
  }
}

export const claimProtection: ControllerRow = {
  name: 'persistentvolumeclaim-protection-controller',
  account: 'pvc-protection-controller',
  start(context) {
    const claims = context.informers.informer(PERSISTENT_VOLUME_CLAIMS);
    const pods = context.informers.informer(PODS);
    pods.addIndex('claim', claimsOf);
    const queue = startKeyed(context, {
      name: 'persistentvolumeclaim-protection-controller',
      workers: 1,
      waitFor: [claims, pods],
      async reconcile(key) {
        await protect(context, {
          ref: PERSISTENT_VOLUME_CLAIMS,
          object: claims.get(key),
          finalizer: CLAIM_FINALIZER,
          isUsed: () => pods.byIndex('claim', key).length > 0,
        });
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
  account: 'pv-protection-controller',
  start(context) {
    const volumes = context.informers.informer(PERSISTENT_VOLUMES);
    const queue = startKeyed(context, {
      name: 'persistentvolume-protection-controller',
      workers: 1,
      waitFor: [volumes],
      async reconcile(key) {
        const volume = volumes.get(key);
        await protect(context, {
          ref: PERSISTENT_VOLUMES,
          object: volume,
          finalizer: VOLUME_FINALIZER,
          isUsed: () => volume?.status?.phase === 'Bound',
        });
        return undefined;
      },
    });
    volumes.addHandler({ onAdd: (one) => queue.add(objectKey(one)), onUpdate: (one) => queue.add(objectKey(one)) });
  },
};

function classesOf(claim: PersistentVolumeClaim): string[] {
  return [...attributesClasses(claim)];
}

export function classesOfVolume({ spec }: PersistentVolume): string[] {
  const name = spec?.volumeAttributesClassName ?? '';
  return name === '' ? [] : [name];
}

/** Source: https://kubernetes.io/docs/concepts/storage/volume-attributes-classes/ */
export const classProtection: ControllerRow = {
  name: 'volumeattributesclass-protection-controller',
  account: 'volumeattributesclass-protection-controller',
  start(context) {
    const classes = context.informers.informer(VOLUME_ATTRIBUTES_CLASSES);
    const claims = context.informers.informer(PERSISTENT_VOLUME_CLAIMS);
    const volumes = context.informers.informer(PERSISTENT_VOLUMES);
    claims.addIndex('attributes-class', classesOf);
    volumes.addIndex('attributes-class', classesOfVolume);
    const queue = startKeyed(context, {
      name: 'volumeattributesclass-protection-controller',
      workers: 1,
      waitFor: [classes, claims, volumes],
      async reconcile(key) {
        await protect(context, {
          ref: VOLUME_ATTRIBUTES_CLASSES,
          object: classes.get(key),
          finalizer: CLASS_FINALIZER,
          isUsed: () => [claims, volumes].some((users) => users.byIndex('attributes-class', key).length > 0),
        });
        return undefined;
      },
    });
    classes.addHandler({ onAdd: (one) => queue.add(objectKey(one)), onUpdate: (one) => queue.add(objectKey(one)) });
    // Whoever let go of a class may have been the last.
    const freed = (before: readonly string[], after: readonly string[]): void => {
      for (const name of before) if (!after.includes(name)) queue.add(name);
    };
    claims.addHandler({
      onUpdate: (claim, old) => freed(classesOf(old), classesOf(claim)),
      onDelete: (claim) => freed(classesOf(claim), []),
    });
    volumes.addHandler({
      onUpdate: (volume, old) => freed(classesOfVolume(old), classesOfVolume(volume)),
      onDelete: (volume) => freed(classesOfVolume(volume), []),
    });
  },
};
