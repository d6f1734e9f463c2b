// Who a container runs as: the image's user or the pod's, looked up in the image's own /etc/passwd and /etc/group.
import { constants } from 'node:fs';
import { relative } from 'node:path';
import { isMissing, openInRoot, resolveInRoot } from '../../../host/files.ts';
import type { LinuxSecurity } from '../../port.ts';

export interface ContainerUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
}

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

const FILE_CAP = 4 * 1024 * 1024;

/** Reads a file as the container would see it: links are followed within the root file system and never out of it. */
export async function readInRoot(rootfs: string, path: string): Promise<string> {
  try {
    const resolved = await resolveInRoot(rootfs, path);
    const handle = await openInRoot(rootfs, relative(rootfs, resolved), constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const info = await handle.stat();
      // A device or a pipe under that name would block or never end.
      if (!info.isFile()) return '';
      const buffer = Buffer.alloc(Math.min(info.size, FILE_CAP));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (isMissing(error)) return '';
    throw error;
  }
}

export function parsePasswd(text: string): PasswdEntry[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , uid = '', gid = ''] = line.split(':');
    return name !== '' && /^\d+$/.test(uid) && /^\d+$/.test(gid) ? [{ name, uid: Number(uid), gid: Number(gid) }] : [];
  });
}

export function parseGroup(text: string): GroupEntry[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , gid = '', members = ''] = line.split(':');
    return name !== '' && /^\d+$/.test(gid)
      ? [{ name, gid: Number(gid), members: members.split(',').filter((m) => m !== '') }]
      : [];
  });
}

function isNumber(text: string): boolean {
  return /^\d+$/.test(text);
}

function groupId(text: string, groups: readonly GroupEntry[]): number {
  const entry = groups.find((g) => g.name === text);
  if (entry !== undefined) return entry.gid;
  if (isNumber(text)) return Number(text);
  throw new Error(`unable to find group ${text}: no matching entries in group file`);
}

/**
 * https://kubernetes.io/docs/tasks/configure-pod-container/security-context/ : the pod's user and group win over the image's; the groups of
 * the image's /etc/group count unless supplementalGroupsPolicy is Strict.
 */
export function chooseUser(security: LinuxSecurity, imageUser: string, files: AccountTexts): ContainerUser {
  const accounts = parsePasswd(files.passwd);
  const groups = parseGroup(files.group);
  const own = security.runAsUser !== undefined ? String(security.runAsUser) : security.runAsUsername;
  const [userText = '', groupText] = own !== undefined ? [own, undefined] : imageUser.split(':', 2);
  const byName = accounts.find((a) => a.name === userText);
  if (userText !== '' && byName === undefined && !isNumber(userText))
    throw new Error(`unable to find user ${userText}: no matching entries in passwd file`);
  const uid = byName?.uid ?? (userText === '' ? 0 : Number(userText));
  const account = byName ?? accounts.find((a) => a.uid === uid);
  const gid =
    security.runAsGroup ??
    (groupText !== undefined && groupText !== '' ? groupId(groupText, groups) : (account?.gid ?? 0));
  const additional = new Set<number>([gid]);
  if (security.supplementalGroupsPolicy !== 'Strict' && account !== undefined)
    for (const entry of groups) if (entry.members.includes(account.name)) additional.add(entry.gid);
  for (const extra of security.supplementalGroups) additional.add(extra);
  return { uid, gid, additionalGids: [...additional] };
}

export interface AccountTexts {
  readonly passwd: string;
  readonly group: string;
}

const KEPT_IMAGES = 64;
const KEPT_BYTES = 64 * 1024;

/** The account files of images: what a new root file system has is what its image has, so they are read once. */
export class AccountFiles {
  readonly #known = new Map<string, AccountTexts>();

  /** `root` is a new root file system of the image, not looked at when its files are known. */
  async of(imageId: string, root: Promise<string>): Promise<AccountTexts> {
    const known = this.#known.get(imageId);
    if (known !== undefined) return known;
    const rootfs = await root;
    const [passwd, group] = await Promise.all([readInRoot(rootfs, '/etc/passwd'), readInRoot(rootfs, '/etc/group')]);
    if (passwd.length + group.length <= KEPT_BYTES) {
      const [oldest] = this.#known.keys();
      if (this.#known.size >= KEPT_IMAGES && oldest !== undefined) this.#known.delete(oldest);
      this.#known.set(imageId, { passwd, group });
    }
    return { passwd, group };
  }
}
