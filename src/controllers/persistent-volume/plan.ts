// Decides, without doing anything, what becomes of a claim or a volume.
// Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#lifecycle-of-a-volume-and-claim
import { bestVolume, isKeptFor, mismatch, storageClassOf } from '../../client/index.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../resources/generated/core-v1.ts';
import type { StorageClass } from '../../resources/generated/storage-v1.ts';
import { BIND_COMPLETED } from './bind.ts';

const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';
export const SELECTED_NODE = 'volume.kubernetes.io/selected-node';
export const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';

/** What the controller sees of the cluster. */
export interface View {
  readonly volumes: readonly PersistentVolume[];
  volume(name: string): PersistentVolume | undefined;
  claim(namespace: string, name: string): PersistentVolumeClaim | undefined;
  storageClass(name: string): StorageClass | undefined;
  readonly classes: readonly StorageClass[];
  /** Pods that use the claim and have no node yet. */
  waitingPods(claim: PersistentVolumeClaim): readonly Pod[];
}

export interface Say {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export type ClaimPlan =
  | { readonly do: 'bind'; readonly volume: PersistentVolume }
  | { readonly do: 'pend' | 'lose'; readonly say?: Say; readonly provisioner?: string }
  | { readonly do: 'nothing'; readonly say?: Say }
  | { readonly do: 'take-class'; readonly name: string; readonly say?: undefined };

const normal = (reason: string, message: string): Say => ({ type: 'Normal', reason, message });
const warning = (reason: string, message: string): Say => ({ type: 'Warning', reason, message });

/** Its volume is chosen when its pod's node is. */
function waitsForPod(claim: PersistentVolumeClaim, view: View): boolean {
  const waits = view.storageClass(storageClassOf(claim))?.volumeBindingMode === 'WaitForFirstConsumer';
  return waits && claim.metadata.annotations?.[SELECTED_NODE] === undefined;
}

function waitingText(claim: PersistentVolumeClaim, view: View): Say {
  const names = view.waitingPods(claim).map((pod) => pod.metadata.name ?? '');
  if (names.length === 0)
    return normal('WaitForFirstConsumer', 'waiting for first consumer to be created before binding');
  const [one = ''] = names;
  const who = names.length === 1 ? `pod ${one}` : `pods ${names.sort().join(',')}`;
  return normal('WaitForPodScheduled', `waiting for ${who} to be scheduled`);
}

function withoutVolume(claim: PersistentVolumeClaim, view: View): ClaimPlan {
  const name = storageClassOf(claim);
  if (name === '') {
    const text = 'no persistent volumes available for this claim and no storage class is set';
    return { do: 'pend', say: normal('FailedBinding', text) };
  }
  const found = view.storageClass(name);
  if (found === undefined)
    return { do: 'pend', say: warning('ProvisioningFailed', `storageclass.storage.k8s.io "${name}" not found`) };
  const { provisioner } = found;
  if (provisioner.startsWith('kubernetes.io/')) {
    const text = `no volume plugin matched name: ${provisioner}`;
    return { do: 'pend', say: warning('ProvisioningFailed', text) };
  }
  const text = `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`;
  return { do: 'pend', say: normal('ExternalProvisioning', text), provisioner };
}

const DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class';

/** A claim without a class gets the default one, also when that comes later. Of several the newest counts. */
function defaultClass(claim: PersistentVolumeClaim, view: View): string | undefined {
  const { spec, metadata } = claim;
  if (spec?.storageClassName !== undefined || metadata.annotations?.[CLASS_ANNOTATION] !== undefined) return undefined;
  const made = (one: StorageClass): string => one.metadata.creationTimestamp ?? '';
  const [first] = view.classes
    .filter((one) => one.metadata.annotations?.[DEFAULT_CLASS] === 'true')
    .sort((a, b) => made(b).localeCompare(made(a)) || (a.metadata.name ?? '').localeCompare(b.metadata.name ?? ''));
  return first?.metadata.name;
}

function planChoosing(claim: PersistentVolumeClaim, view: View): ClaimPlan {
  const waits = waitsForPod(claim, view);
  const volume = bestVolume(claim, view.volumes, { onlyKept: waits });
  if (volume !== undefined) return { do: 'bind', volume };
  const name = defaultClass(claim, view);
  if (name !== undefined) return { do: 'take-class', name };
  return waits ? { do: 'pend', say: waitingText(claim, view) } : withoutVolume(claim, view);
}

/** The user said which volume it should be. */
function planChosen(claim: PersistentVolumeClaim, name: string, view: View): ClaimPlan {
  const volume = view.volume(name);
  if (volume === undefined) return { do: 'pend' };
  if (volume.spec?.claimRef === undefined) {
    const why = mismatch(volume, claim);
    if (why === undefined) return { do: 'bind', volume };
    return { do: 'pend', say: warning('VolumeMismatch', `Cannot bind to requested volume "${name}": ${why}`) };
  }
  if (isKeptFor(volume, claim)) return { do: 'bind', volume };
  return { do: 'pend', say: warning('FailedBinding', `volume "${name}" already bound to a different claim.`) };
}

function planBound(claim: PersistentVolumeClaim, view: View): ClaimPlan {
  const name = claim.spec?.volumeName ?? '';
  const lost = (reason: string, message: string): ClaimPlan =>
    claim.status?.phase === 'Lost' ? { do: 'nothing' } : { do: 'lose', say: warning(reason, message) };
  if (name === '')
    return lost('ClaimLost', 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!');
  const volume = view.volume(name);
  if (volume === undefined)
    return lost('ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!');
  const ref = volume.spec?.claimRef;
  if (ref === undefined || ref.uid === claim.metadata.uid || isKeptFor(volume, claim)) return { do: 'bind', volume };
  return lost('ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly');
}

export function planClaim(claim: PersistentVolumeClaim, view: View): ClaimPlan {
  if (claim.metadata.annotations?.[BIND_COMPLETED] !== undefined) return planBound(claim, view);
  const name = claim.spec?.volumeName ?? '';
  return name === '' ? planChoosing(claim, view) : planChosen(claim, name, view);
}

export type VolumePlan =
  | { readonly do: 'phase'; readonly phase: 'Available' | 'Bound' }
  | { readonly do: 'look-at-claim'; readonly claim: string; readonly phase?: 'Available' }
  | { readonly do: 'release' }
  | { readonly do: 'unbind' };

export function planVolume(volume: PersistentVolume, view: View): VolumePlan {
  const ref = volume.spec?.claimRef;
  if (ref === undefined) return { do: 'phase', phase: 'Available' };
  const key = `${ref.namespace}/${ref.name}`;
  const claim = view.claim(ref.namespace ?? '', ref.name ?? '');
  // Kept for a claim that may come, or has not taken it yet.
  if ((ref.uid ?? '') === '') return { do: 'look-at-claim', claim: key, phase: 'Available' };
  if (claim === undefined || claim.metadata.uid !== ref.uid) return { do: 'release' };
  const chosen = claim.spec?.volumeName ?? '';
  if (chosen === '') return { do: 'look-at-claim', claim: key };
  if (chosen === volume.metadata.name) return { do: 'phase', phase: 'Bound' };
  // The claim has another: this one is free again, or, made for it, of no use.
  const { annotations = {} } = volume.metadata;
  const made = annotations[PROVISIONED_BY] !== undefined && volume.spec?.persistentVolumeReclaimPolicy === 'Delete';
  if (made) return { do: 'release' };
  return { do: 'unbind' };
}
