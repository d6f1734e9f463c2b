// A claim for one pod only is used by no second.
// Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#access-modes

import type { Pod } from '../../resources/generated/core-v1.ts';
import type { Plugin, Rejection } from '../framework.ts';

const NAME = 'VolumeRestrictions';
const TAKEN: Rejection = {
  plugin: NAME,
  reasons: ['node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode'],
  resolvable: true,
};

function claimNames(pod: Pod): string[] {
  return (pod.spec?.volumes ?? []).flatMap((volume) => volume.persistentVolumeClaim?.claimName ?? []);
}

export const volumeRestrictions: Plugin = {
  name: NAME,
  weight: 0,
  wakes: new Set(['pod-gone', 'volume']),
  begin({ pod, key }, snapshot) {
    const namespace = pod.metadata.namespace ?? '';
    const exclusive = new Set(
      claimNames(pod).filter((name) =>
        snapshot.claim(namespace, name)?.spec?.accessModes?.includes('ReadWriteOncePod'),
      ),
    );
    if (exclusive.size === 0) return undefined;
    const taken = snapshot.nodes.some((node) =>
      [...node.pods.values()].some(
        (other) =>
          other.key !== key &&
          other.pod.metadata.namespace === namespace &&
          claimNames(other.pod).some((name) => exclusive.has(name)),
      ),
    );
    return taken ? { filter: () => TAKEN } : undefined;
  },
};
