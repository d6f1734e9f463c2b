// Writes a set of files so that readers see all of the old or all of the new: ..data points to a directory of its own.
// https://kubernetes.io/docs/concepts/configuration/configmap/#mounted-configmaps-are-updated-automatically
// In this thread: a pod's volumes take some hundred small steps, and to ask another thread for one costs ten times the step.
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
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

function modeOf(file: PayloadFile, owner: Ownership): number {
  return owner.fsGroup === undefined ? file.mode : file.mode | 0o440;
}

function upToDate(dir: string, payload: Payload, owner: Ownership): boolean {
  let count = 0;
  const walk = (at: string): boolean => {
    for (const entry of readdirSync(path.join(dir, DATA, at), { withFileTypes: true })) {
      const name = path.join(at, entry.name);
      if (entry.isDirectory()) {
        if (!walk(name)) return false;
        continue;
      }
      const wanted = payload.get(name);
      if (wanted === undefined) return false;
      const file = path.join(dir, DATA, name);
      if (!same(readFileSync(file), wanted.data) || (statSync(file).mode & 0o7777) !== modeOf(wanted, owner))
        return false;
      count++;
    }
    return true;
  };
  try {
    return walk('') && count === payload.size;
  } catch {
    return false;
  }
}

function writePayload(target: string, payload: Payload, owner: Ownership): void {
  mkdirSync(target, { mode: 0o755 });
  chmodSync(target, 0o755);
  const made = new Set<string>();
  for (const [name, file] of payload) {
    const full = path.join(target, name);
    const parent = path.dirname(full);
    if (parent !== target && !made.has(parent)) {
      mkdirSync(parent, { recursive: true, mode: 0o755 });
      made.add(parent);
    }
    writeFileSync(full, file.data, { mode: file.mode, flag: 'wx' });
    // The mode given to open() is cut by the umask.
    chmodSync(full, modeOf(file, owner));
    if (file.uid !== undefined || owner.fsGroup !== undefined) {
      chownSync(full, file.uid ?? 0, owner.fsGroup ?? 0);
      if (file.uid !== undefined) chmodSync(full, modeOf(file, owner));
    }
  }
  if (owner.fsGroup !== undefined) ownTree(target, [...made], owner.fsGroup);
}

function ownTree(target: string, dirs: readonly string[], group: number): void {
  for (const dir of [target, ...dirs]) {
    chownSync(dir, 0, group);
    chmodSync(dir, 0o2775);
  }
}

/** The first component of each path is what users see, as a link into ..data. */
function linkVisible(dir: string, payload: Payload): void {
  const wanted = new Set([...payload.keys()].map((name) => name.split('/')[0] ?? name));
  const present = new Set(readdirSync(dir).filter((name) => !name.startsWith('..')));
  for (const name of wanted) if (!present.has(name)) symlinkSync(path.join(DATA, name), path.join(dir, name));
  for (const name of present) if (!wanted.has(name)) rmSync(path.join(dir, name), { recursive: true, force: true });
}

function linkTarget(file: string): string | undefined {
  try {
    return readlinkSync(file);
  } catch {
    return undefined;
  }
}

/** Returns false when there was nothing to change. */
export function writeAtomically(dir: string, payload: Payload, options: Ownership & { readonly now: number }): boolean {
  if (upToDate(dir, payload, options)) return false;
  const old = linkTarget(path.join(dir, DATA));
  const next = stampName(options.now);
  writePayload(path.join(dir, next), payload, options);
  const temporary = path.join(dir, '..data_tmp');
  rmSync(temporary, { force: true });
  symlinkSync(next, temporary);
  renameSync(temporary, path.join(dir, DATA));
  linkVisible(dir, payload);
  if (old?.startsWith('..') && !old.includes('/')) rmSync(path.join(dir, old), { recursive: true, force: true });
  return true;
}
