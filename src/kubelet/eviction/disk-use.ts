// How many bytes lie below a directory, without crossing into other file systems or following links.
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';

export async function diskUse(dir: string, limit = Number.POSITIVE_INFINITY): Promise<number> {
  const root = await lstat(dir).catch(() => undefined);
  if (root === undefined) return 0;
  let total = 0;
  const seen = new Set<number>();
  const pending = [dir];
  while (pending.length > 0 && total <= limit) {
    const at = pending.pop() ?? dir;
    for (const entry of await readdir(at, { withFileTypes: true }).catch(() => [])) {
      const full = path.join(at, entry.name);
      const info = await lstat(full).catch(() => undefined);
      if (info === undefined || info.dev !== root.dev) continue;
      if (info.nlink > 1 && !info.isDirectory()) {
        if (seen.has(info.ino)) continue;
        seen.add(info.ino);
      }
      total += info.blocks * 512;
      if (info.isDirectory()) pending.push(full);
    }
  }
  return total;
}
