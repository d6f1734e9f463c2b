// The mounts of a container: its volumes, the pod's hosts file, the file for its last words.
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Device, Mount } from '../../cri/port.ts';
import { exists } from '../../host/files.ts';
import type { VolumeMount } from '../../resources/generated/core-v1.ts';
import type { LogSink } from '../options.ts';
import type { ContainerRef, PodPaths } from '../pod/identity.ts';
import type { MountPort } from '../volumes/mounts.ts';
import type { MountedVolume, VolumeMap } from '../volumes/pod-volumes.ts';
import { openBelow } from '../volumes/safe-path.ts';
import { configError, messageOf } from './errors.ts';
import { expand } from './expand.ts';

export interface MountInput {
  readonly ref: ContainerRef;
  readonly env: ReadonlyMap<string, string>;
  readonly volumes: VolumeMap;
  readonly paths: PodPaths;
  readonly port: MountPort;
  /** Ids of image volumes, by the volume's name. */
  readonly imageIds: ReadonlyMap<string, string>;
  readonly log: LogSink;
}

function propagationOf(mount: VolumeMount): Mount['propagation'] {
  if (mount.mountPropagation === 'HostToContainer') return 'hostToContainer';
  return mount.mountPropagation === 'Bidirectional' ? 'bidirectional' : 'private';
}

function subPathOf(mount: VolumeMount, env: ReadonlyMap<string, string>): string {
  const expression = mount.subPathExpr ?? '';
  if (expression === '') return mount.subPath ?? '';
  // An empty value counts as missing: the mount would else be that of the whole volume.
  const missing = new Set<string>();
  const out = expand(expression, (name) => {
    const value = env.get(name) ?? '';
    if (value === '') missing.add(name);
    return value;
  });
  if (missing.size > 0) throw configError(`missing value for ${[...missing].sort().join(', ')}`);
  return out;
}

interface SubPathInput {
  readonly input: MountInput;
  readonly mount: VolumeMount;
  readonly index: number;
  readonly volume: MountedVolume;
  readonly subPath: string;
}

/** Binds what the subPath names to a place of the kubelet's own, which no container can exchange for a link. */
async function bindSubPath({ input, mount, index, volume, subPath }: SubPathInput): Promise<string> {
  if (path.isAbsolute(subPath)) throw configError(`error SubPath \`${subPath}\` must not be an absolute path`);
  if (subPath.split('/').includes('..'))
    throw configError(`unable to provision SubPath \`${subPath}\`: must not contain '..'`);
  const target = path.join(input.paths.subpaths, mount.name, input.ref.spec.name, String(index));
  // Files from the API are read-only to the container; to the kubelet they are a directory like any other.
  const missing = !(await exists(path.join(volume.hostPath, subPath)).catch(() => true));
  try {
    const opened = await openBelow(volume.hostPath, subPath, { create: missing });
    try {
      if ((await input.port.below(target)).includes(target)) await input.port.unmount(target);
      await mkdir(path.dirname(target), { recursive: true });
      if (opened.isDirectory) await mkdir(target, { recursive: true });
      else await writeFile(target, '', { flag: 'a' });
      await input.port.bind(opened.path, target);
    } finally {
      await opened.close();
    }
  } catch (error) {
    // What is wrong is the node's business: the paths in it are the host's.
    input.log('warn', 'subPath', { volume: mount.name, subPath, error: messageOf(error) });
    const what = missing ? 'create subPath directory' : 'prepare subPath';
    throw configError(`failed to ${what} for volumeMount "${mount.name}" of container "${input.ref.spec.name}"`, error);
  }
  return target;
}

async function volumeMount(input: MountInput, mount: VolumeMount, index: number): Promise<Mount> {
  const volume = input.volumes.get(mount.name);
  if (volume === undefined)
    throw configError(`cannot find volume "${mount.name}" to mount into container "${input.ref.spec.name}"`);
  const subPath = subPathOf(mount, input.env);
  const containerPath = path.isAbsolute(mount.mountPath) ? mount.mountPath : path.join('/', mount.mountPath);
  const readonly = mount.readOnly === true || volume.readOnly;
  const common = { containerPath, readonly, propagation: propagationOf(mount) };
  if (volume.image !== undefined) {
    const image = input.imageIds.get(mount.name) ?? volume.image.reference;
    return { ...common, hostPath: '', image, ...(subPath === '' ? {} : { imageSubPath: subPath }) };
  }
  const recursive = readonly && (mount.recursiveReadOnly === 'Enabled' || mount.recursiveReadOnly === 'IfPossible');
  const hostPath = subPath === '' ? volume.hostPath : await bindSubPath({ input, mount, index, volume, subPath });
  return { ...common, hostPath, ...(recursive ? { recursiveReadOnly: true } : {}) };
}

async function messageFile(input: MountInput): Promise<Mount | undefined> {
  const containerPath = input.ref.spec.terminationMessagePath ?? '/dev/termination-log';
  if (containerPath === '') return undefined;
  const dir = input.paths.container(input.ref.spec.name);
  const hostPath = path.join(dir, randomBytes(4).toString('hex'));
  await mkdir(dir, { recursive: true });
  await writeFile(hostPath, '', { flag: 'wx' });
  await chmod(hostPath, 0o666);
  return { containerPath, hostPath, readonly: false, propagation: 'private' };
}

export async function containerMounts(input: MountInput): Promise<Mount[]> {
  const out: Mount[] = [];
  for (const [index, mount] of (input.ref.spec.volumeMounts ?? []).entries()) {
    out.push(await volumeMount(input, mount, index));
  }
  if (!out.some((m) => m.containerPath === '/etc/hosts')) {
    out.push({ containerPath: '/etc/hosts', hostPath: input.paths.hosts, readonly: false, propagation: 'private' });
  }
  const message = await messageFile(input);
  if (message !== undefined && !out.some((m) => m.containerPath === message.containerPath)) out.push(message);
  return out;
}

/** Block volumes, as devices of the container. https://kubernetes.io/docs/concepts/storage/persistent-volumes/#raw-block-volume-support */
export function containerDevices({ ref, volumes }: Pick<MountInput, 'ref' | 'volumes'>): Device[] {
  return (ref.spec.volumeDevices ?? []).map(({ name, devicePath }) => {
    const volume = volumes.get(name);
    if (volume?.block !== true)
      throw configError(`cannot find volume "${name}" to pass into container "${ref.spec.name}"`);
    return { hostPath: volume.hostPath, containerPath: devicePath, permissions: volume.readOnly ? 'r' : 'mrw' };
  });
}
