// Writes a set of files so that readers see all of the old or all of the new: ..data points to a directory of its own.
// https://kubernetes.io/docs/concepts/configuration/configmap/#mounted-configmaps-are-updated-automatically
import { randomBytes } from 'node:crypto';
import {
  chmod,
  chown,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';

export interface PayloadFile {
  readonly data: Uint8Array;
  readonly mode: number;
  readonly uid?: number;
}

/** Keys are relative paths without `..`. */
export type Payload = ReadonlyMap<string, PayloadFile>;

export interface Ownership {
  readonly fsGroup?: number;
}

const DATA = '..data';

function stampName(now: number): string {
  const iso = new Date(now).toISOString();
  const text = iso.slice(0, 19).replaceAll('-', '_').replace('T', '_').replaceAll(':', '_');
  const tail = randomBytes(4).readUInt32BE() % 1_000_000_000;
  return `..${text}.${String(tail).padStart(9, '0')}`;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** Whether two payloads make the same files. */
export function samePayload(a: Payload, b: Payload): boolean {
  if (a.size !== b.size) return false;
  for (const [name, file] of a) {
    const other = b.get(name);
    if (other === undefined || other.mode !== file.mode || other.uid !== file.uid) return false;
    if (other.data !== file.data && !same(other.data, file.data)) return false;
  }
  return true;
}

function modeOf(file: PayloadFile, owner: Ownership): number {
  return owner.fsGroup === undefined ? file.mode : file.mode | 0o440;
}

async function upToDate(dir: string, payload: Payload, owner: Ownership): Promise<boolean> {
  let count = 0;
  const walk = async (at: string): Promise<boolean> => {
    for (const entry of await readdir(path.join(dir, DATA, at), { withFileTypes: true })) {
      const name = path.join(at, entry.name);
      if (entry.isDirectory()) {
        if (!(await walk(name))) return false;
        continue;
      }
      const wanted = payload.get(name);
      if (wanted === undefined) return false;
      const file = path.join(dir, DATA, name);
      const [data, info] = await Promise.all([readFile(file), stat(file)]);
      if (!same(data, wanted.data) || (info.mode & 0o7777) !== modeOf(wanted, owner)) return false;
      count++;
    }
    return true;
  };
  try {
    return (await walk('')) && count === payload.size;
  } catch {
    return false;
  }
}

async function writePayload(target: string, payload: Payload, owner: Ownership): Promise<void> {
  await mkdir(target, { mode: 0o755 });
  await chmod(target, 0o755);
  const made = new Set<string>();
  for (const [name, file] of payload) {
    const full = path.join(target, name);
    const parent = path.dirname(full);
    if (parent !== target && !made.has(parent)) {
      await mkdir(parent, { recursive: true, mode: 0o755 });
      made.add(parent);
    }
    await writeFile(full, file.data, { mode: file.mode, flag: 'wx' });
    // The mode given to open() is cut by the umask.
    await chmod(full, modeOf(file, owner));
    if (file.uid !== undefined || owner.fsGroup !== undefined) {
      await chown(full, file.uid ?? 0, owner.fsGroup ?? 0);
      if (file.uid !== undefined) await chmod(full, modeOf(file, owner));
    }
  }
  if (owner.fsGroup !== undefined) await ownTree(target, [...made], owner.fsGroup);
}

async function ownTree(target: string, dirs: readonly string[], group: number): Promise<void> {
  for (const dir of [target, ...dirs]) {
    await chown(dir, 0, group);
    await chmod(dir, 0o2775);
  }
}

/** The first component of each path is what users see, as a link into ..data. */
async function linkVisible(dir: string, payload: Payload): Promise<void> {
  const wanted = new Set([...payload.keys()].map((name) => name.split('/')[0] ?? name));
  const present = new Set((await readdir(dir)).filter((name) => !name.startsWith('..')));
  for (const name of wanted) if (!present.has(name)) await symlink(path.join(DATA, name), path.join(dir, name));
  for (const name of present) if (!wanted.has(name)) await rm(path.join(dir, name), { recursive: true, force: true });
}

/** Returns false when there was nothing to change. */
export async function writeAtomically(
  dir: string,
  payload: Payload,
  options: Ownership & { readonly now: number },
): Promise<boolean> {
  if (await upToDate(dir, payload, options)) return false;
  const old = await readlink(path.join(dir, DATA)).catch(() => undefined);
  const next = stampName(options.now);
  await writePayload(path.join(dir, next), payload, options);
  await symlink(next, path.join(dir, '..data_tmp')).catch(async () => {
    await rm(path.join(dir, '..data_tmp'), { force: true });
    await symlink(next, path.join(dir, '..data_tmp'));
  });
  await rename(path.join(dir, '..data_tmp'), path.join(dir, DATA));
  await linkVisible(dir, payload);
  if (old?.startsWith('..') && !old.includes('/')) {
    await rm(path.join(dir, old), { recursive: true, force: true });
  }
  return true;
}
