// Holds back the deletion of claims that pods use, of volumes that are bound, and of volume attributes classes that either names.
// Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection
import {
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

/** The classes by which a claim is, was or is to be changed. */
export function classesOf({ spec, status }: PersistentVolumeClaim): string[] {
  const names = [
    spec?.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ];
  return [...new Set(names.filter((name): name is string => name !== undefined && name !== ''))];
}

function classOf({ spec }: PersistentVolume): string[] {
  const name = spec?.volumeAttributesClassName ?? '';
  return name === '' ? [] : [name];
}

interface Held {
  readonly object: KubeObject;
  readonly finalizer: string;
}

function letGo(context: ControllerContext, ref: ResourceRef<KubeObject>, { object, finalizer }: Held): Promise<void> {
  const rest = (object.metadata.finalizers ?? []).filter((one) => one !== finalizer);
  return setFinalizers(context, ref, { object, finalizers: rest });
}

async function setFinalizers(
  context: ControllerContext,
  ref: ResourceRef<KubeObject>,
  { object, finalizers }: { readonly object: KubeObject; readonly finalizers: readonly string[] },
): Promise<void> {
  const { namespace = '', name = '', resourceVersion } = object.metadata;
  const metadata = { resourceVersion, finalizers: finalizers.length === 0 ? null : finalizers };
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

export const classProtection: ControllerRow = {
  name: 'volumeattributesclass-protection-controller',
  start(context) {
    const classes = context.informers.informer(VOLUME_ATTRIBUTES_CLASSES);
    const claims = context.informers.informer(PERSISTENT_VOLUME_CLAIMS);
    const volumes = context.informers.informer(PERSISTENT_VOLUMES);
    claims.addIndex('volumeAttributesClass', classesOf);
    volumes.addIndex('volumeAttributesClass', classOf);
    const used = (name: string): boolean =>
      [claims, volumes].some((informer) => informer.byIndex('volumeAttributesClass', name).length > 0);
    const queue = startKeyed(context, {
      name: 'volumeattributesclass-protection-controller',
      workers: 1,
      waitFor: [classes, claims, volumes],
      async reconcile(key) {
        const object = classes.get(key);
        if (object === undefined) return undefined;
        const { finalizers = [], deletionTimestamp } = object.metadata;
        const held = finalizers.includes(CLASS_FINALIZER);
        const ending = deletionTimestamp !== undefined;
        if (ending && held && !used(key))
          await letGo(context, VOLUME_ATTRIBUTES_CLASSES, { object, finalizer: CLASS_FINALIZER });
        if (!ending && !held)
          await setFinalizers(context, VOLUME_ATTRIBUTES_CLASSES, {
            object,
            finalizers: [...finalizers, CLASS_FINALIZER],
          });
        return undefined;
      },
    });
    classes.addHandler({ onAdd: (one) => queue.add(objectKey(one)), onUpdate: (one) => queue.add(objectKey(one)) });
    const freed = (names: readonly string[]): void => {
      for (const name of names) queue.add(name);
    };
    claims.addHandler({
      onUpdate: (_claim, old) => freed(classesOf(old)),
      onDelete: (claim) => freed(classesOf(claim)),
    });
    volumes.addHandler({
      onUpdate: (_volume, old) => freed(classOf(old)),
      onDelete: (volume) => freed(classOf(volume)),
    });
  },
};
