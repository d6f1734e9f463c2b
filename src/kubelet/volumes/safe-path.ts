// Opens a path below a root so that no symlink, made at whatever moment, leads out of it.
// Source: the subPath race of https://nvd.nist.gov/vuln/detail/CVE-2021-25741
import { constants } from 'node:fs';
import { chmod, type FileHandle, mkdir, open, realpath } from 'node:fs/promises';
import path from 'node:path';

/** O_PATH is not among Node's constants. */
const O_PATH = 0o10000000;

export interface SafeFile {
  /** A path that names exactly what was opened, for this process and its children, until `close`. */
  readonly path: string;
  readonly isDirectory: boolean;
  close(): Promise<void>;
}

function handlePath(handle: FileHandle): string {
  return `/proc/${process.pid}/fd/${handle.fd}`;
}

async function step(parent: FileHandle, name: string, mode: number | undefined): Promise<FileHandle> {
  const at = `${handlePath(parent)}/${name}`;
  try {
    return await open(at, O_PATH | constants.O_NOFOLLOW);
  } catch (error) {
    if (mode === undefined || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  let made = true;
  await mkdir(at, { mode: 0o750 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
    made = false;
  });
  const handle = await open(at, O_PATH | constants.O_NOFOLLOW);
  // The umask has no say in it.
  if (made && !(await handle.stat()).isSymbolicLink()) await chmod(handlePath(handle), mode);
  return handle;
}

/** Where the path leads when its links are followed, as components below the root; missing tails stay as written. */
async function componentsOf(root: string, relative: string): Promise<string[]> {
  const parts = relative.split('/').filter((p) => p !== '' && p !== '.');
  if (parts.includes('..')) throw new Error(`path ${relative} must not contain '..'`);
  for (let n = parts.length; n >= 0; n--) {
    const real = await realpath(path.join(root, ...parts.slice(0, n))).catch(() => undefined);
    if (real === undefined) continue;
    if (real !== root && !real.startsWith(`${root}/`)) {
      throw new Error(`${path.join(root, relative)} is not allowed: it leads out of the volume`);
    }
    const inside = path.relative(root, real);
    return [...inside.split('/').filter((p) => p !== ''), ...parts.slice(n)];
  }
  return parts;
}

/** With `create`, directories that are missing are made, with the root's own mode. */
export async function openBelow(
  root: string,
  relative: string,
  options: { readonly create: boolean },
): Promise<SafeFile> {
  const realRoot = await realpath(root);
  const parts = await componentsOf(realRoot, relative);
  let handle = await open(realRoot, O_PATH | constants.O_DIRECTORY);
  try {
    const mode = options.create ? (await handle.stat()).mode & 0o7777 : undefined;
    for (const part of parts) {
      const next = await step(handle, part, mode);
      await handle.close();
      handle = next;
      if ((await handle.stat()).isSymbolicLink())
        throw new Error(`${relative} is a symbolic link that changed meanwhile`);
    }
    const info = await handle.stat();
    const opened = handle;
    return { path: handlePath(opened), isDirectory: info.isDirectory(), close: () => opened.close() };
  } catch (error) {
    await handle.close().catch(() => undefined);
    throw error;
  }
}
