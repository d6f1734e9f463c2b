// Volumes that need a driver or a program that this node may lack: what is tried, and what the event says.
import { mkdir } from 'node:fs/promises';
import type { NFSVolumeSource, Volume } from '../../resources/generated/core-v1.ts';
import { messageOf } from '../container/errors.ts';
import type { MountPort } from './mounts.ts';

/** An in-line or persistent CSI volume. No driver can register with this kubelet. https://kubernetes.io/docs/concepts/storage/volumes/#csi */
export function noDriver(step: string, driver: string): Error {
  return new Error(`kubernetes.io/csi: ${step}: driver name ${driver} not found in the list of registered CSI drivers`);
}

export async function mountNfs(source: NFSVolumeSource, dir: string, mounts: MountPort): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o750 });
  if ((await mounts.below(dir)).includes(dir)) return;
  const what = `${source.server}:${source.path}`;
  const options = source.readOnly === true ? ['ro'] : [];
  try {
    await mounts.mount({ type: 'nfs', source: what, target: dir, options });
  } catch (error) {
    throw new Error(
      `mount failed: ${messageOf(error)}\nMounting command: mount\nMounting arguments: -t nfs ${what} ${dir}`,
    );
  }
}

/** Why nothing on this node can mount the volume. */
export function unsupported(volume: Volume): Error {
  if (volume.csi !== undefined) return noDriver('mounter.SetUpAt failed to get CSI client', volume.csi.driver);
  const kind = Object.keys(volume).find((k) => k !== 'name') ?? 'unknown';
  return new Error(`no volume plugin matched: ${kind} is not supported on this node`);
}
