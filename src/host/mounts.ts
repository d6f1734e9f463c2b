// Mounts of the host: reading the kernel's table, mounting and unmounting.
import { readFile, realpath } from 'node:fs/promises';
import { cLibrary, inThread, SystemError } from './native.ts';
import { runProgram } from './programs.ts';

export interface MountEntry {
  readonly id: number;
  readonly parent: number;
  readonly root: string;
  readonly mountPoint: string;
  readonly options: readonly string[];
  readonly propagation: readonly string[];
  readonly type: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html */
export function parseMountInfo(text: string): MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of text.split('\n')) {
    const fields = line.split(' ');
    const dash = fields.indexOf('-');
    if (dash < 6) continue;
    entries.push({
      id: Number(fields[0]),
      parent: Number(fields[1]),
      root: unescapeOctal(fields[3] ?? ''),
      mountPoint: unescapeOctal(fields[4] ?? ''),
      options: (fields[5] ?? '').split(','),
      propagation: fields.slice(6, dash),
      type: fields[dash + 1] ?? '',
      source: unescapeOctal(fields[dash + 2] ?? ''),
      superOptions: (fields[dash + 3] ?? '').split(','),
    });
  }
  return entries;
}

export async function listMounts(): Promise<MountEntry[]> {
  return parseMountInfo(await readFile('/proc/self/mountinfo', 'utf8'));
}

export interface MountRequest {
  readonly type: string;
  readonly source: string;
  readonly target: string;
  readonly options: readonly string[];
}

/** Types that have neither a device to be found nor a server to be waited for: the kernel is asked without the host's `mount`. */
const PLAIN_TYPES = new Set(['cgroup', 'hugetlbfs', 'overlay', 'tmpfs']);

/** https://man7.org/linux/man-pages/man2/mount.2.html : options that are flags; all others are the file system's own. */
const FLAGS: Readonly<Record<string, number>> = {
  defaults: 0,
  rw: 0,
  ro: 0x1,
  nosuid: 0x2,
  nodev: 0x4,
  noexec: 0x8,
  noatime: 0x400,
  nodiratime: 0x800,
  relatime: 0x20_0000,
};

async function mountPlainly({ type, source, target, options }: MountRequest): Promise<void> {
  const flags = options.reduce((all, o) => all | (FLAGS[o] ?? 0), 0);
  const data = options.filter((o) => FLAGS[o] === undefined).join(',');
  const { mount: call, koffi } = cLibrary();
  if ((await inThread(call, source, target, type, flags, data)) === 0) return;
  // Why is known only to the thread that asked: ask again here.
  if (call(source, target, type, flags, data) !== 0) throw new SystemError(`mount ${type} on ${target}`, koffi.errno());
}

export async function mount(request: MountRequest): Promise<void> {
  if (PLAIN_TYPES.has(request.type)) return mountPlainly(request);
  const options = request.options.length === 0 ? [] : ['-o', request.options.join(',')];
  // -n and -c spare the mtab and the symlink look-ups.
  await runProgram('mount', ['-n', '-c', '-t', request.type, ...options, request.source, request.target]);
}

export async function bindMount(source: string, target: string, options: readonly string[] = []): Promise<void> {
  await runProgram('mount', ['-n', '-c', '--bind', source, target]);
  if (options.length > 0)
    await runProgram('mount', ['-n', '-c', '-o', ['remount', 'bind', ...options].join(','), target]);
}

// https://man7.org/linux/man-pages/man2/umount.2.html
const DETACH = 0x2;
const NO_LINKS = 0x8;

/** Unmounts all of them; what is not mounted is no error, what is busy is detached. */
export async function unmount(targets: readonly string[]): Promise<void> {
  const { umount, koffi } = cLibrary();
  let failed = false;
  // One after the other, as they come: the deepest first. In a thread, since an overlay writes its files to the disk then.
  for (const target of targets) if ((await inThread(umount, target, NO_LINKS)) !== 0) failed = true;
  if (!failed) return;
  const mounted = new Set((await listMounts()).map((m) => m.mountPoint));
  for (const target of targets)
    if (mounted.has(target) && umount(target, NO_LINKS | DETACH) !== 0)
      throw new SystemError(`unmount ${target}`, koffi.errno());
}

/** Unmounts everything at or below a directory, the deepest first. */
export async function unmountBelow(directory: string): Promise<void> {
  const below = (await listMounts())
    .map((m) => m.mountPoint)
    .filter((p) => p === directory || p.startsWith(`${directory}/`))
    .sort((a, b) => b.length - a.length);
  await unmount(below);
}

/** The mount that a path without links lies on; of several at one place it is the last, which hides the others. */
export function mountOf(path: string, table: readonly MountEntry[]): MountEntry | undefined {
  let found: MountEntry | undefined;
  for (const entry of table) {
    const { mountPoint } = entry;
    const holds = mountPoint === '/' || path === mountPoint || path.startsWith(`${mountPoint}/`);
    if (holds && mountPoint.length >= (found?.mountPoint.length ?? 0)) found = entry;
  }
  return found;
}

/** True when mounts that are made below it are seen in other mount namespaces too. */
export function isShared(entry: MountEntry): boolean {
  return entry.propagation.some((p) => p.startsWith('shared:'));
}

/**
 * Makes a directory a shared mount, unless it lies on one: a bind of itself, which `unmountBelow` undoes.
 * Where something is mounted below already nothing is done, as the bind would hide it.
 */
export async function shareDirectory(directory: string): Promise<void> {
  const path = await realpath(directory);
  const table = await listMounts();
  const over = mountOf(path, table);
  if (over !== undefined && isShared(over)) return;
  // Half made by somebody who was killed meanwhile.
  if (over?.mountPoint === path) await runProgram('mount', ['-n', '-c', '--make-rshared', path]);
  else if (!table.some((m) => m.mountPoint.startsWith(`${path}/`)))
    await runProgram('mount', ['-n', '-c', '--bind', '--make-rshared', path, path]);
}
