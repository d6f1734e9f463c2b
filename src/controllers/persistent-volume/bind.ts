// What the four writes of a binding make of a volume and a claim. Undefined: it is so already.
// Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#binding
import { isKeptFor, objectReference } from '../../client/index.ts';
import { deepEqual } from '../../machinery/json.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '../../resources/generated/core-v1.ts';

export const BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller';
export const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed';

export interface Pair {
  readonly volume: PersistentVolume;
  readonly claim: PersistentVolumeClaim;
}

/** The volume names the claim, with its uid. */
export function volumeBound({ volume, claim }: Pair): PersistentVolume | undefined {
  const ref = volume.spec?.claimRef;
  if (ref !== undefined && isKeptFor(volume, claim) && ref.uid === claim.metadata.uid) return undefined;
  const byUs: Record<string, string> = ref === undefined ? { [BOUND_BY_CONTROLLER]: 'yes' } : {};
  return {
    ...volume,
    metadata: { ...volume.metadata, annotations: { ...volume.metadata.annotations, ...byUs } },
    spec: { ...volume.spec, claimRef: objectReference(claim) },
  };
}

/** The claim names the volume, and says that this is for good. */
export function claimBound({ volume, claim }: Pair): PersistentVolumeClaim | undefined {
  const chosen = (claim.spec?.volumeName ?? '') === '';
  const done = claim.metadata.annotations?.[BIND_COMPLETED] !== undefined;
  if (!chosen && done) return undefined;
  const annotations = {
    ...claim.metadata.annotations,
    ...(chosen ? { [BOUND_BY_CONTROLLER]: 'yes' } : {}),
    [BIND_COMPLETED]: 'yes',
  };
  return {
    ...claim,
    metadata: { ...claim.metadata, annotations },
    spec: { ...claim.spec, volumeName: volume.metadata.name ?? '' },
  };
}

export function volumePhase(volume: PersistentVolume, phase: string, message = ''): PersistentVolume | undefined {
  const { status } = volume;
  if (status?.phase === phase && (status.message ?? '') === message) return undefined;
  const { message: _, reason: __, ...rest } = status ?? {};
  return { ...volume, status: { ...rest, phase, ...(message === '' ? {} : { message }) } };
}

/** The claim's phase; bound, it has what the volume has. */
export function claimPhase(
  claim: PersistentVolumeClaim,
  phase: string,
  volume?: PersistentVolume,
): PersistentVolumeClaim | undefined {
  const old = claim.status ?? {};
  const { accessModes: _, capacity: __, ...unbound } = old;
  if (volume === undefined) {
    const wanted = { ...unbound, phase };
    return deepEqual(old, wanted) ? undefined : { ...claim, status: wanted };
  }
  // A claim that is bound already may have grown beyond what its volume said at first.
  const capacity = old.phase === 'Bound' && old.capacity !== undefined ? old.capacity : volume.spec?.capacity;
  const wanted = {
    ...unbound,
    phase,
    accessModes: volume.spec?.accessModes ?? [],
    ...(capacity === undefined ? {} : { capacity }),
  };
  return deepEqual(old, wanted) ? undefined : { ...claim, status: wanted };
}

/** The volume forgets its claim; a claim that its owner wrote into it stays, without the uid. */
export function volumeUnbound(volume: PersistentVolume): PersistentVolume {
  const { [BOUND_BY_CONTROLLER]: byUs, ...annotations } = volume.metadata.annotations ?? {};
  const { claimRef, ...spec } = volume.spec ?? {};
  const { uid: _, ...kept } = claimRef ?? {};
  return {
    ...volume,
    metadata: { ...volume.metadata, annotations },
    spec: byUs === undefined ? { ...spec, claimRef: kept } : spec,
  };
}
