// How much lies below a directory, without crossing into other file systems or following links.
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';

export interface Amount {
  readonly bytes: number;
  readonly inodes: number;
}

export const NOTHING_USED: Amount = { bytes: 0, inodes: 0 };

export function plus(a: Amount, b: Amount): Amount {
  return { bytes: a.bytes + b.bytes, inodes: a.inodes + b.inodes };
}

export async function diskUse(dir: string): Promise<Amount> {
  const root = await lstat(dir).catch(() => undefined);
  if (root === undefined) return NOTHING_USED;
  let bytes = 0;
  let inodes = 0;
  const seen = new Set<number>();
  const pending = [dir];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    for (const entry of await readdir(at, { withFileTypes: true }).catch(() => [])) {
      const full = path.join(at, entry.name);
      const info = await lstat(full).catch(() => undefined);
      if (info === undefined || info.dev !== root.dev) continue;
      if (info.nlink > 1 && !info.isDirectory()) {
        if (seen.has(info.ino)) continue;
        seen.add(info.ino);
      }
      bytes += info.blocks * 512;
      inodes++;
      if (info.isDirectory()) pending.push(full);
    }
  }
  return { bytes, inodes };
}
