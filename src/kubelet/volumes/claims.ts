// Finds the place on this host of the volume that a claim is bound to.
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/
import { stat } from 'node:fs/promises';
import type { Client } from '../../client/index.ts';
import { nodeSelectorMatches, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES } from '../../client/index.ts';
import type {
  LocalVolumeSource,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
} from '../../resources/generated/core-v1.ts';
import { messageOf } from '../container/errors.ts';
import { allContainers, namesOf } from '../pod/identity.ts';
import { blockDevice } from './block-device.ts';
import { UnknownVolumeError, VolumeError } from './errors.ts';
import { prepareHostPath } from './host-path.ts';
import { noDriver } from './other-sources.ts';

export interface ClaimedVolume {
  readonly path: string;
  /** The containers see a device and no directory. */
  readonly block: boolean;
  /** `path` is a device with (or for) a file system of this type. */
  readonly fileSystem?: string;
  /** Whether the pod's fsGroup becomes the owner of what is in it. */
  readonly fsGroup: boolean;
}

/** Where the volume of a claim lies on this host; throws what the event should say. */
export type ClaimSource = (pod: Pod, volume: string, claim: string) => Promise<ClaimedVolume>;

async function directoryOf(volume: PersistentVolume): Promise<string> {
  const { hostPath, csi } = volume.spec ?? {};
  if (hostPath !== undefined) {
    await prepareHostPath(hostPath.path, hostPath.type ?? '');
    return hostPath.path;
  }
  if (csi !== undefined) throw noDriver('attacher.MountDevice failed to create newCsiDriverClient', csi.driver);
  throw new Error('no volume plugin matched: this node mounts hostPath and local volumes');
}

/** A directory as it is; a device with its file system, which is made where there is none. */
async function localVolume({ path, fsType }: LocalVolumeSource): Promise<ClaimedVolume> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) throw new Error(`path "${path}" does not exist`);
  const found = { path, block: false, fsGroup: true };
  if (info.isDirectory()) return found;
  return {
    ...found,
    path: await blockDevice(path),
    fileSystem: fsType === undefined || fsType === '' ? 'ext4' : fsType,
  };
}

async function placeOf(volume: PersistentVolume): Promise<ClaimedVolume> {
  const block = volume.spec?.volumeMode === 'Block';
  const { local, hostPath } = volume.spec ?? {};
  if (!block && local !== undefined) return localVolume(local);
  if (!block) return { path: await directoryOf(volume), block, fsGroup: false };
  if (local === undefined)
    throw new Error(hostPath === undefined ? 'no volume plugin matched' : 'hostPath volumes are no block devices');
  return { path: await blockDevice(local.path), block, fsGroup: false };
}

/** A pod that uses the claim already goes on; no other may begin. */
function hasStarted(pod: Pod): boolean {
  return (pod.status?.containerStatuses ?? []).some((c) => c.state?.running !== undefined);
}

function checkClaim(pod: Pod, volume: string, pvc: PersistentVolumeClaim): string {
  const { namespace, name, uid } = namesOf(pod);
  const claim = pvc.metadata.name ?? '';
  const template = pod.spec?.volumes?.find((v) => v.name === volume)?.ephemeral;
  if (template !== undefined && !(pvc.metadata.ownerReferences ?? []).some((o) => o.controller && o.uid === uid)) {
    throw new Error(`PVC ${namespace}/${claim} was not created for pod ${namespace}/${name} (pod is not owner)`);
  }
  if (pvc.metadata.deletionTimestamp !== undefined && !hasStarted(pod)) throw new Error('PVC is being deleted');
  const bound = pvc.spec?.volumeName ?? '';
  if (pvc.status?.phase !== 'Bound' || bound === '') throw new Error('PVC is not bound');
  return bound;
}

/** Which of volumeMounts and volumeDevices names it must fit the volume's mode. */
function checkUse(pod: Pod, volume: string, block: boolean): void {
  const containers = allContainers(pod).map((c) => c.spec);
  const mounted = containers.some((c) => (c.volumeMounts ?? []).some((m) => m.name === volume));
  const device = containers.some((c) => (c.volumeDevices ?? []).some((d) => d.name === volume));
  if (block && mounted)
    throw new UnknownVolumeError(`volume ${volume} has volumeMode Block, but is specified in volumeMounts`);
  if (!block && device) {
    throw new UnknownVolumeError(`volume ${volume} has volumeMode Filesystem, but is specified in volumeDevices`);
  }
}

async function claimOf(client: Client, namespace: string, claim: string): Promise<PersistentVolumeClaim> {
  try {
    return await client.resource(PERSISTENT_VOLUME_CLAIMS).get(namespace, claim);
  } catch (error) {
    throw new Error(`failed to fetch PVC from API server: ${messageOf(error)}`, { cause: error });
  }
}

export function claimSource(client: Client, node: () => Node | undefined): ClaimSource {
  const find = async (pod: Pod, volume: string, claim: string): Promise<string> => {
    const { namespace } = namesOf(pod);
    try {
      return checkClaim(pod, volume, await claimOf(client, namespace, claim));
    } catch (error) {
      throw new UnknownVolumeError(`error processing PVC ${namespace}/${claim}: ${messageOf(error)}`);
    }
  };
  return async (pod, volume, claim) => {
    const name = await find(pod, volume, claim);
    const pv = await client.resource(PERSISTENT_VOLUMES).get('', name);
    const { name: here = '', labels = {} } = node()?.metadata ?? {};
    if (here !== '' && !nodeSelectorMatches(pv.spec?.nodeAffinity?.required, { name: here, labels })) {
      throw new VolumeError(name, 'no matching NodeSelectorTerms', { step: 'MountVolume.NodeAffinity check' });
    }
    checkUse(pod, volume, pv.spec?.volumeMode === 'Block');
    try {
      return await placeOf(pv);
    } catch (error) {
      // Its name in events is the volume's own, not the pod's for it.
      const step = pv.spec?.volumeMode === 'Block' ? { step: 'MapVolume.SetUpDevice' } : {};
      throw new VolumeError(name, messageOf(error), { cause: error, ...step });
    }
  };
}
