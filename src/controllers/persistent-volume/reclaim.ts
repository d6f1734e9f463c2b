// Deletes what a released volume holds. https://kubernetes.io/docs/concepts/storage/persistent-volumes/#reclaiming
import { realpath, rm } from 'node:fs/promises';
import type { PersistentVolume } from '../../resources/generated/core-v1.ts';
import { PROVISIONED_BY } from './plan.ts';

/** `elsewhere`: whoever made the volume deletes it. */
export type Deletion = 'deleted' | 'elsewhere';

/** A hostPath is deleted only below /tmp: as in Kubernetes, so that no mistake in a volume empties a host. */
async function deleteHostPath(path: string): Promise<void> {
  if (!/^\/tmp\/.+/.test(path) || path.split('/').includes('..'))
    throw new Error(`host_path deleter only supports /tmp/.+ but received provided ${path}`);
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined) return;
  if (!/^\/tmp\/.+/.test(real))
    throw new Error(`host_path deleter only supports /tmp/.+ but received provided ${real}`);
  await rm(path, { recursive: true, force: true });
}

export async function deleteContent(volume: PersistentVolume): Promise<Deletion> {
  const { hostPath } = volume.spec ?? {};
  if (hostPath !== undefined) {
    await deleteHostPath(hostPath.path);
    return 'deleted';
  }
  if (volume.metadata.annotations?.[PROVISIONED_BY] !== undefined) return 'elsewhere';
  const name = volume.metadata.name ?? '';
  throw new Error(`error getting deleter volume plugin for volume "${name}": no deletable volume plugin matched`);
}
