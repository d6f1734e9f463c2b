// Finds the place on this host of the volume that a claim is bound to.
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/
import type { Client } from '../../client/index.ts';
import { PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES } from '../../client/index.ts';
import { isApiError } from '../../machinery/errors.ts';
import type { PersistentVolume } from '../../resources/generated/core-v1.ts';
import { namesOf } from '../pod/identity.ts';
import { VolumeError } from './errors.ts';
import { prepareHostPath } from './host-path.ts';
import type { ClaimSource } from './pod-volumes.ts';

async function placeOf(volume: PersistentVolume): Promise<string> {
  const { hostPath, local } = volume.spec ?? {};
  if (hostPath !== undefined) {
    await prepareHostPath(
      hostPath.path,
      hostPath.type === undefined || hostPath.type === '' ? 'DirectoryOrCreate' : hostPath.type,
    );
    return hostPath.path;
  }
  if (local !== undefined) {
    await prepareHostPath(local.path, 'Directory').catch(() => {
      throw new Error(`path "${local.path}" does not exist`);
    });
    return local.path;
  }
  throw new Error('no volume plugin matched: this node mounts hostPath and local volumes');
}

export function claimSource(client: Client): ClaimSource {
  return async (pod, volume, claim) => {
    const { namespace, uid } = namesOf(pod);
    const claims = client.resource(PERSISTENT_VOLUME_CLAIMS);
    let pvc: Awaited<ReturnType<typeof claims.get>>;
    try {
      pvc = await claims.get(namespace, claim);
    } catch (error) {
      if (isApiError(error, 'NotFound')) throw new VolumeError(volume, `persistentvolumeclaim "${claim}" not found`);
      throw error;
    }
    if (pvc.metadata.deletionTimestamp !== undefined && uid === '') {
      throw new VolumeError(volume, 'PersistentVolumeClaim is being deleted');
    }
    const name = pvc.spec?.volumeName ?? '';
    if (pvc.status?.phase !== 'Bound' || name === '') {
      throw new VolumeError(volume, `error processing PVC ${namespace}/${claim}: PVC is not bound`);
    }
    const pv = await client.resource(PERSISTENT_VOLUMES).get('', name);
    const modes = pvc.spec?.accessModes ?? [];
    const readOnly = modes.length === 1 && modes[0] === 'ReadOnlyMany';
    return { path: await placeOf(pv), readOnly };
  };
}
