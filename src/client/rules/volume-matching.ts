// Which persistent volume suits a claim: asked by the controller that binds them and by the scheduler.
// Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#binding
import { selectorFromObject } from '../../machinery/label-selector.ts';
import { parseQuantity } from '../../machinery/quantity.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '../../resources/generated/core-v1.ts';
import { type NodeFacts, nodeSelectorMatches } from './node-affinity.ts';

const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';

/** The class of a claim or volume; '' for none. */
export function storageClassOf(object: PersistentVolume | PersistentVolumeClaim): string {
  return object.metadata.annotations?.[CLASS_ANNOTATION] ?? object.spec?.storageClassName ?? '';
}

function compareQuantities(a: string, b: string): number {
  return parseQuantity(a).cmp(parseQuantity(b));
}

/** The volume is kept for this claim, or is the claim's already. */
export function isKeptFor(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const ref = volume.spec?.claimRef;
  if (ref === undefined) return false;
  if (ref.name !== claim.metadata.name || ref.namespace !== claim.metadata.namespace) return false;
  return (ref.uid ?? '') === '' || ref.uid === claim.metadata.uid;
}

export function isLargeEnough(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const wanted = claim.spec?.resources?.requests?.storage ?? '0';
  return compareQuantities(volume.spec?.capacity?.storage ?? '0', wanted) >= 0;
}

/** Why a volume cannot be this claim's; undefined when it can. The claim's selector is not asked. */
export function mismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (!isLargeEnough(volume, claim)) return 'requested PV is too small';
  if (storageClassOf(volume) !== storageClassOf(claim)) return 'storageClassName does not match';
  if ((volume.spec?.volumeAttributesClassName ?? '') !== (claim.spec?.volumeAttributesClassName ?? ''))
    return 'VolumeAttributesClassName does not match';
  if ((volume.spec?.volumeMode ?? 'Filesystem') !== (claim.spec?.volumeMode ?? 'Filesystem'))
    return 'incompatible volumeMode';
  const modes = new Set(volume.spec?.accessModes ?? []);
  return (claim.spec?.accessModes ?? []).every((mode) => modes.has(mode)) ? undefined : 'incompatible accessMode';
}

export interface MatchOptions {
  /** Only volumes that this node reaches. */
  readonly node?: NodeFacts;
  /** Volumes that are promised to others. */
  readonly taken?: ReadonlySet<string>;
  /** The claim waits for its pod: only a volume that is kept for it will do. */
  readonly onlyKept?: boolean;
}

function isFree(volume: PersistentVolume, options: MatchOptions): boolean {
  if (volume.spec?.claimRef !== undefined || volume.status?.phase !== 'Available') return false;
  return options.taken?.has(volume.metadata.name ?? '') !== true;
}

/** Fewest access modes, then smallest, is best. */
function byFit(a: PersistentVolume, b: PersistentVolume): number {
  const modes = (a.spec?.accessModes?.length ?? 0) - (b.spec?.accessModes?.length ?? 0);
  return modes || compareQuantities(a.spec?.capacity?.storage ?? '0', b.spec?.capacity?.storage ?? '0');
}

export function bestVolume(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
  options: MatchOptions = {},
): PersistentVolume | undefined {
  const reachable = volumes.filter((volume) => {
    if (volume.metadata.deletionTimestamp !== undefined) return false;
    return options.node === undefined || nodeSelectorMatches(volume.spec?.nodeAffinity?.required, options.node);
  });
  const kept = reachable.find((volume) => isKeptFor(volume, claim) && isLargeEnough(volume, claim));
  if (kept !== undefined || options.onlyKept === true) return kept;
  const selector = claim.spec?.selector;
  const chosen = selector === undefined ? undefined : selectorFromObject(selector);
  return reachable
    .filter((volume) => isFree(volume, options) && mismatch(volume, claim) === undefined)
    .filter((volume) => chosen === undefined || chosen.matches(volume.metadata.labels))
    .sort(byFit)[0];
}
