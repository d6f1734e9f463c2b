// hostPath volumes and their types. https://kubernetes.io/docs/concepts/storage/volumes/#hostpath
import type { Stats } from 'node:fs';
import { mkdir, open, stat } from 'node:fs/promises';

const CHECKS: Record<string, { is: (s: Stats) => boolean; what: string }> = {
  Directory: { is: (s) => s.isDirectory(), what: 'directory' },
  DirectoryOrCreate: { is: (s) => s.isDirectory(), what: 'directory' },
  File: { is: (s) => s.isFile(), what: 'file' },
  FileOrCreate: { is: (s) => s.isFile(), what: 'file' },
  Socket: { is: (s) => s.isSocket(), what: 'socket file' },
  CharDevice: { is: (s) => s.isCharacterDevice(), what: 'character device' },
  BlockDevice: { is: (s) => s.isBlockDevice(), what: 'block device' },
};

/** Its directory must be there: only the file is made. */
async function makeFile(target: string): Promise<void> {
  try {
    await (await open(target, 'a', 0o644)).close();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new Error(`open ${target}: no such file or directory`, { cause: error });
    // What is there already, and is no file, is told below.
    if (code !== 'EISDIR' && code !== 'ENXIO') throw error;
  }
}

export async function prepareHostPath(target: string, type: string): Promise<void> {
  if (type === '') {
    // Nothing is checked; container runtimes make a missing directory.
    await stat(target).catch(() => mkdir(target, { recursive: true, mode: 0o755 }));
    return;
  }
  if (type === 'DirectoryOrCreate') await mkdir(target, { recursive: true, mode: 0o755 }).catch(() => undefined);
  if (type === 'FileOrCreate') await makeFile(target);
  const check = CHECKS[type];
  if (check === undefined) throw new Error(`hostPath type ${type} is unknown`);
  const info = await stat(target).catch(() => undefined);
  if (info === undefined || !check.is(info)) {
    throw new Error(`hostPath type check failed: ${target} is not a ${check.what}`);
  }
}
