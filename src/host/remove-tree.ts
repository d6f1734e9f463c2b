// Removes a directory with all that is in it by one call of the C library, in one thread. Node's own asks a thread for each step of it, some
// hundred times for what a pod leaves; and unlike that one this does not go where something else is mounted.
import { lstat, rm } from 'node:fs/promises';
import { listMounts } from './mounts.ts';
import { cLibrary, inThread } from './native.ts';

// https://man7.org/linux/man-pages/man3/nftw.3.html : what a directory holds before the directory, links themselves, one file system
const PHYSICAL = 1;
const ONE_FILE_SYSTEM = 2;
const DEPTH_FIRST = 8;
const OPEN_DIRECTORIES = 32;

/** What is not there is no error. Rejects when something cannot be removed, or when something is mounted there. */
export async function removeTree(path: string): Promise<void> {
  const { walk, remove } = cLibrary();
  const flags = PHYSICAL | ONE_FILE_SYSTEM | DEPTH_FIRST;
  if ((await inThread(walk, path, remove, OPEN_DIRECTORIES, flags)) === 0) return;
  // Why, only that thread knew.
  if ((await lstat(path).catch(() => undefined)) === undefined) return;
  const mounted = (await listMounts()).find(({ mountPoint: at }) => at === path || at.startsWith(`${path}/`));
  if (mounted !== undefined) throw new Error(`cannot remove ${path}: something is mounted on ${mounted.mountPoint}`);
  await rm(path, { recursive: true, force: true });
}
