// What the host can give to containers, looked up once when the runtime starts.
import { readdir, readFile, stat } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import type { CgroupLayout } from '../../host/cgroup-layout.ts';
import { exists, readIfExists } from '../../host/files.ts';
import { goArchitecture, hasCapability } from '../../host/machine.ts';
import { capabilitiesOf } from './spec/capabilities.ts';
import type { HostFacts } from './spec/container-spec.ts';
import type { OciDevice } from './spec/types.ts';

async function bounding(): Promise<string[]> {
  const status = await readFile('/proc/self/status', 'utf8');
  const mask = (name: string) => BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0'}`);
  return capabilitiesOf(mask('CapBnd') & mask('CapPrm'));
}

/** User namespaces may be forbidden; mounts show files with other owners since Linux 5.12. */
async function canMapIds(): Promise<boolean> {
  const most = Number((await readIfExists('/proc/sys/user/max_user_namespaces').catch(() => undefined)) ?? '0');
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return most > 0 && (major > 5 || (major === 5 && minor >= 12));
}

/** `cgroup`: one that exists; a kernel without swap accounting has no file for it there, and to set it would fail. */
export async function hostFacts(layout: CgroupLayout, cgroup: string): Promise<HostFacts> {
  const unified = layout.mode === 'unified';
  const tree = (unified ? layout.unified : layout.legacy.get('memory')) ?? '/nonexistent';
  const swapFile = join(tree, cgroup, unified ? 'memory.swap.max' : 'memory.memsw.limit_in_bytes');
  const own = Number(await readFile('/proc/self/oom_score_adj', 'utf8').catch(() => '0'));
  return {
    architecture: goArchitecture(),
    capabilities: await bounding(),
    unifiedCgroups: unified,
    swap: await exists(swapFile),
    userNamespaces: await canMapIds(),
    ...((await hasCapability('CAP_SYS_RESOURCE')) ? {} : { lowestOomScoreAdj: Math.max(0, own) }),
  };
}

/** A device number's two halves, as the C library packs them. https://man7.org/linux/man-pages/man3/makedev.3.html */
function deviceNumbers(rdev: number): { major: number; minor: number } {
  const value = BigInt(rdev);
  return {
    major: Number(((value >> 8n) & 0xfffn) | ((value >> 32n) & ~0xfffn)),
    minor: Number((value & 0xffn) | ((value >> 12n) & ~0xffn)),
  };
}

export async function deviceAt(hostPath: string, containerPath: string): Promise<OciDevice | undefined> {
  const info = await stat(hostPath);
  if (!info.isCharacterDevice() && !info.isBlockDevice()) return undefined;
  return {
    path: containerPath,
    type: info.isBlockDevice() ? 'b' : 'c',
    ...deviceNumbers(info.rdev),
    fileMode: info.mode & 0o7777,
    uid: info.uid,
    gid: info.gid,
  };
}

/** Made by the runtime itself, or of another kind than a device. */
const OWN_DEVICES = new Set([
  'pts',
  'shm',
  'fd',
  'mqueue',
  'console',
  'ptmx',
  'stdin',
  'stdout',
  'stderr',
  '.lxc',
  '.lxd-mounts',
  '.udev',
]);

/** All devices of the host, for privileged containers. */
export async function hostDevices(directory = '/dev'): Promise<OciDevice[]> {
  const devices: OciDevice[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (directory === '/dev' && OWN_DEVICES.has(entry.name)) continue;
    const path = join(directory, entry.name);
    if (entry.isDirectory()) devices.push(...(await hostDevices(path).catch(() => [])));
    else if (entry.isCharacterDevice() || entry.isBlockDevice()) {
      const device = await deviceAt(path, path).catch(() => undefined);
      if (device !== undefined) devices.push(device);
    }
  }
  return devices;
}
