// Pods wait for their claims, and go where the volumes can be reached, or chosen, or made.
// Source: https://kubernetes.io/docs/concepts/storage/storage-classes/#volume-binding-mode

import { bestVolume, nodeSelectorMatches, storageClassOf } from '../../client/index.ts';
import { parseQuantity } from '../../machinery/quantity.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '../../resources/generated/core-v1.ts';
import type { StorageClass } from '../../resources/generated/storage-v1.ts';
import type { Plugin, Rejection, Snapshot } from '../framework.ts';
import type { NodeInfo } from '../node-info.ts';

const NAME = 'VolumeBinding';
const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed';
const hopeless = (reason: string): Rejection => ({ plugin: NAME, reasons: [reason], resolvable: false });
const AFFINITY = hopeless("node(s) didn't match PersistentVolume's node affinity");
const UNBOUND = hopeless('pod has unbound immediate PersistentVolumeClaims');
const NOTHING_FREE = hopeless("node(s) didn't find available persistent volumes to bind");

/** A claim that waits for its pod, and the volume it gets; without one it is made on the pod's node. */
export interface VolumeChoice {
  readonly claim: PersistentVolumeClaim;
  readonly volume?: PersistentVolume;
}

interface Claims {
  readonly bound: readonly PersistentVolume[];
  readonly waiting: readonly PersistentVolumeClaim[];
}

function claimOf(pod: Pod, volume: Volume, snapshot: Snapshot): PersistentVolumeClaim | Rejection | undefined {
  const ephemeral = volume.ephemeral === undefined ? undefined : `${pod.metadata.name}-${volume.name}`;
  const name = volume.persistentVolumeClaim?.claimName ?? ephemeral;
  if (name === undefined) return undefined;
  const claim = snapshot.claim(pod.metadata.namespace ?? '', name);
  if (claim === undefined) {
    const waits = `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`;
    return hopeless(ephemeral === undefined ? `persistentvolumeclaim "${name}" not found` : waits);
  }
  if (claim.status?.phase === 'Lost') {
    const lost = claim.spec?.volumeName ?? '';
    return hopeless(`persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${lost}"`);
  }
  if (claim.metadata.deletionTimestamp !== undefined)
    return hopeless(`persistentvolumeclaim "${name}" is being deleted`);
  const owned = (claim.metadata.ownerReferences ?? []).some((o) => o.controller && o.uid === pod.metadata.uid);
  if (ephemeral === undefined || owned) return claim;
  const { namespace } = pod.metadata;
  return hopeless(
    `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`,
  );
}

function isRejection(found: PersistentVolumeClaim | Rejection): found is Rejection {
  return 'reasons' in found;
}

function claimsOf(pod: Pod, snapshot: Snapshot): Claims | Rejection {
  const bound: PersistentVolume[] = [];
  const waiting: PersistentVolumeClaim[] = [];
  for (const volume of pod.spec?.volumes ?? []) {
    const claim = claimOf(pod, volume, snapshot);
    if (claim === undefined) continue;
    if (isRejection(claim)) return claim;
    const name = claim.spec?.volumeName ?? '';
    const done = claim.metadata.annotations?.[BIND_COMPLETED] !== undefined || claim.status?.phase === 'Bound';
    if (name !== '' && done) {
      const found = snapshot.volume(name);
      if (found !== undefined) bound.push(found);
      continue;
    }
    const waits = snapshot.storageClass(storageClassOf(claim))?.volumeBindingMode === 'WaitForFirstConsumer';
    if (!waits || name !== '') return UNBOUND;
    waiting.push(claim);
  }
  return { bound, waiting };
}

/** Whether whoever makes volumes of this class can make one that the node reaches. */
function canBeMade(made: StorageClass | undefined, node: NodeInfo): boolean {
  if (made === undefined || made.provisioner === 'kubernetes.io/no-provisioner') return false;
  const terms = made.allowedTopologies ?? [];
  return (
    terms.length === 0 ||
    terms.some((term) =>
      (term.matchLabelExpressions ?? []).every(({ key, values }) => values.includes(node.labels[key] ?? '')),
    )
  );
}

function choose(
  waiting: readonly PersistentVolumeClaim[],
  node: NodeInfo,
  snapshot: Snapshot,
): VolumeChoice[] | undefined {
  const size = (claim: PersistentVolumeClaim) => parseQuantity(claim.spec?.resources?.requests?.storage ?? '0');
  const taken = new Set<string>();
  const out: VolumeChoice[] = [];
  for (const claim of [...waiting].sort((a, b) => size(a).cmp(size(b)))) {
    const volume = bestVolume(claim, snapshot.volumes(), { node, taken });
    if (volume === undefined && !canBeMade(snapshot.storageClass(storageClassOf(claim)), node)) return undefined;
    if (volume !== undefined) taken.add(volume.metadata.name ?? '');
    out.push(volume === undefined ? { claim } : { claim, volume });
  }
  return out;
}

/** What has to be written before the pod is bound to the node. */
export function chooseVolumes(pod: Pod, node: NodeInfo, snapshot: Snapshot): readonly VolumeChoice[] {
  const claims = claimsOf(pod, snapshot);
  return 'waiting' in claims ? (choose(claims.waiting, node, snapshot) ?? []) : [];
}

export const volumeBinding: Plugin = {
  name: NAME,
  weight: 0,
  wakes: new Set(['volume', 'node-add', 'node-update']),
  begin({ pod }, snapshot) {
    const claims = claimsOf(pod, snapshot);
    if ('reasons' in claims) return { reject: claims };
    const { bound, waiting } = claims;
    if (bound.length === 0 && waiting.length === 0) return undefined;
    return {
      filter(node) {
        if (!bound.every((volume) => nodeSelectorMatches(volume.spec?.nodeAffinity?.required, node))) return AFFINITY;
        return waiting.length === 0 || choose(waiting, node, snapshot) !== undefined ? undefined : NOTHING_FREE;
      },
    };
  },
};
