// Files with care: atomic writes, and paths that cannot leave a root directory whatever symbolic links lie in it.
import { constants } from 'node:fs';
import { type FileHandle, open, readFile, readlink, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, posix } from 'node:path';

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

export function isMissing(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

let counter = 0;

/** Readers see the old content or the new, never a part. With `durable` it also survives a power cut. */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  options: { mode?: number; durable?: boolean } = {},
): Promise<void> {
  counter += 1;
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.${counter}`);
  try {
    await writeFile(temporary, data, { mode: options.mode ?? 0o644, flush: options.durable === true });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  if (options.durable === true) await syncDirectory(dirname(path));
}

export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export async function readIfExists(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

const MAX_LINKS = 40;

/**
 * Where `path` lies below `root` when every symbolic link is followed as if `root` were `/` (as in a chroot).
 * It tells names only: who opens the result while others can change the tree must use `openInRoot`.
 */
export async function resolveInRoot(root: string, path: string): Promise<string> {
  const rest = path.split('/').reverse();
  const done: string[] = [];
  let links = 0;
  while (rest.length > 0) {
    const part = rest.pop() ?? '';
    if (part === '' || part === '.') continue;
    if (part === '..') {
      done.pop();
      continue;
    }
    const target = await readlink(join(root, ...done, part)).catch(() => undefined);
    if (target === undefined) {
      done.push(part);
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) throw new Error(`${path}: too many levels of symbolic links`);
    if (target.startsWith('/')) done.length = 0;
    rest.push(...target.split('/').reverse());
  }
  return join(root, ...done);
}

/** A path below `root` without `..`; throws when it would climb out. Links are not looked at. */
export function joinBelow(root: string, path: string): string {
  const clean = posix.normalize(path);
  if (clean === '..' || clean.startsWith('../') || clean.startsWith('/')) throw new Error(`${path}: leaves its root`);
  return join(root, clean);
}

/** Opens a file below `root` directory by directory, each one held open, so that no link and no race leads out. Links are refused. */
export async function openInRoot(root: string, path: string, flags: number, mode = 0o600): Promise<FileHandle> {
  const parts = path.split('/').filter((p) => p !== '' && p !== '.');
  const last = parts.pop();
  if (last === undefined || [...parts, last].includes('..')) throw new Error(`${path}: not a path below a root`);
  const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  let current = await open(root, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    for (const part of parts) {
      const next = await open(`/proc/self/fd/${current.fd}/${part}`, directoryFlags);
      await current.close();
      current = next;
    }
    return await open(`/proc/self/fd/${current.fd}/${last}`, flags | constants.O_NOFOLLOW, mode);
  } finally {
    await current.close();
  }
}
