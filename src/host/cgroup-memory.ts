// Lets the kernel forget a memory control group that is removed: pages of files that it read first would keep it, unseen, for as long as they stay in memory.
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Up to here the next reader had better read from the disk again; more is worth a group that is kept. */
const WORTH_KEEPING = 4 * 1024 * 1024;

export interface MemoryTree {
  readonly version: 1 | 2;
  readonly root: string;
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // the group is gone
  }
}

function amount(stat: string, key: string): number {
  return Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0);
}

/** Bytes of files that are charged to the group, as memory.stat tells. What lies on a tmpfs goes with its file. */
export function fileBytes(stat: string, version: 1 | 2): number {
  return amount(stat, version === 1 ? 'cache' : 'file') - amount(stat, 'shmem');
}

/**
 * Gives back the few pages of files that an empty group holds. https://docs.kernel.org/admin-guide/cgroup-v1/memory.html#force-empty ,
 * https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files (memory.reclaim)
 */
export async function releaseFilePages(tree: MemoryTree, path: string): Promise<void> {
  const dir = join(tree.root, path);
  if (text(join(dir, 'cgroup.procs')) !== '') return;
  const bytes = fileBytes(text(join(dir, 'memory.stat')), tree.version);
  if (bytes <= 0 || bytes > WORTH_KEEPING) return;
  const [file, value] = tree.version === 1 ? ['memory.force_empty', '0'] : ['memory.reclaim', String(bytes)];
  // A page in use stays, and the group with it until the page goes.
  await writeFile(join(dir, file), value).catch(() => undefined);
}
