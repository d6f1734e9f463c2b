// Pods wait for their claims, and go where the volumes can be reached.

import { nodeSelectorMatches } from '../../client/index.ts';
import type { PersistentVolume } from '../../resources/generated/core-v1.ts';
import type { Plugin, Rejection } from '../framework.ts';

const NAME = 'VolumeBinding';
const hopeless = (reason: string): Rejection => ({ plugin: NAME, reasons: [reason], resolvable: false });
const AFFINITY = hopeless("node(s) didn't match PersistentVolume's node affinity");
const UNBOUND = hopeless('pod has unbound immediate PersistentVolumeClaims');

export const volumeBinding: Plugin = {
  name: NAME,
  weight: 0,
  wakes: new Set(['volume', 'node-add', 'node-update']),
  begin({ pod }, snapshot) {
    const namespace = pod.metadata.namespace ?? '';
    const volumes: PersistentVolume[] = [];
    for (const volume of pod.spec?.volumes ?? []) {
      const ephemeral = volume.ephemeral === undefined ? undefined : `${pod.metadata.name}-${volume.name}`;
      const name = volume.persistentVolumeClaim?.claimName ?? ephemeral;
      if (name === undefined) continue;
      const claim = snapshot.claim(namespace, name);
      if (claim === undefined) return { reject: hopeless(`persistentvolumeclaim "${name}" not found`) };
      if (claim.status?.phase === 'Lost')
        return {
          reject: hopeless(
            `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec?.volumeName ?? ''}"`,
          ),
        };
      if (claim.metadata.deletionTimestamp !== undefined)
        return { reject: hopeless(`persistentvolumeclaim "${name}" is being deleted`) };
      const bound = claim.metadata.annotations?.['pv.kubernetes.io/bind-completed'] !== undefined;
      const volumeName = claim.spec?.volumeName ?? '';
      if (volumeName !== '' && (bound || claim.status?.phase === 'Bound')) {
        const found = snapshot.volume(volumeName);
        if (found !== undefined) volumes.push(found);
        continue;
      }
      const waits =
        snapshot.storageClass(claim.spec?.storageClassName ?? '')?.volumeBindingMode === 'WaitForFirstConsumer';
      if (!waits) return { reject: UNBOUND };
    }
    if (volumes.length === 0) return undefined;
    return {
      filter: (node) =>
        volumes.every((volume) => nodeSelectorMatches(volume.spec?.nodeAffinity?.required, node))
          ? undefined
          : AFFINITY,
    };
  },
};
