// fsGroup: the group that owns a pod's volumes.
// https://kubernetes.io/docs/tasks/configure-pod-container/security-context/#set-the-security-context-for-a-pod
import { chmod, lchown, lstat, readdir } from 'node:fs/promises';
import path from 'node:path';

export interface FsGroup {
  readonly gid: number;
  /** OnRootMismatch: a root that is right already says that all below is. */
  readonly policy: 'Always' | 'OnRootMismatch';
}

async function own(file: string, gid: number): Promise<boolean> {
  const info = await lstat(file);
  await lchown(file, info.uid, gid);
  if (info.isSymbolicLink()) return false;
  const mode = info.mode & 0o7777;
  await chmod(file, info.isDirectory() ? mode | 0o2770 : mode | 0o660);
  return info.isDirectory();
}

async function ownBelow(dir: string, gid: number): Promise<void> {
  for (const name of await readdir(dir)) {
    const file = path.join(dir, name);
    if (await own(file, gid)) await ownBelow(file, gid);
  }
}

export async function applyFsGroup(dir: string, group: FsGroup): Promise<void> {
  const info = await lstat(dir);
  const right = info.gid === group.gid && (info.mode & 0o2770) === 0o2770;
  if (group.policy === 'OnRootMismatch' && right) return;
  await ownBelow(dir, group.gid);
  await own(dir, group.gid);
}
