// Raw block volumes: which device file of this host a persistent volume is.
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/#raw-block-volume-support
import { realpath, stat } from 'node:fs/promises';

/** The device itself: a container gets its node, and not a link that could be changed. */
export async function blockDevice(path: string): Promise<string> {
  const real = await realpath(path).catch(() => path);
  const info = await stat(real).catch(() => undefined);
  if (info === undefined) throw new Error(`path "${path}" does not exist`);
  if (!info.isBlockDevice()) throw new Error(`path "${path}" is not a block device`);
  return real;
}
