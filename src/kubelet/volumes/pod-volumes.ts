// All volumes of one pod: set up before its containers start, kept up to date while they run, taken down after.

import { chmod, lstat, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { removeTree } from '../../host/remove-tree.ts';
import { nearest } from '../../machinery/int64.ts';
import type { Pod, Volume } from '../../resources/generated/core-v1.ts';
import { messageOf } from '../container/errors.ts';
import { allContainers, namesOf, type PodPaths, specOf } from '../pod/identity.ts';
import { type Payload, samePayload, writeAtomically } from './atomic-writer.ts';
import type { ClaimedVolume, ClaimSource } from './claims.ts';
import { setUpEmptyDir } from './empty-dir.ts';
import { UnknownVolumeError, VolumeError, VolumesError, waitingText } from './errors.ts';
import { prepareHostPath } from './host-path.ts';
import type { MountPort } from './mounts.ts';
import { mountNfs, unsupported } from './other-sources.ts';
import { applyFsGroup, type FsGroup } from './ownership.ts';
import { type PayloadContext, payloadOf } from './payload.ts';

export interface MountedVolume {
  readonly hostPath: string;
  readonly readOnly: boolean;
  /** `hostPath` is a device, for volumeDevices. */
  readonly block?: boolean;
  /** An image's reference and id: the runtime mounts it. */
  readonly image?: { readonly reference: string; readonly pullPolicy: string };
}

export type VolumeMap = ReadonlyMap<string, MountedVolume>;

export interface VolumeDeps {
  readonly mounts: MountPort;
  readonly paths: PodPaths;
  /** A directory on a tmpfs, for what must not reach a disk. */
  readonly secretDir: string;
  readonly now: () => number;
  readonly claims: ClaimSource;
}

function fsGroupOf(pod: Pod): FsGroup | undefined {
  const context = specOf(pod).securityContext;
  if (context?.fsGroup === undefined) return undefined;
  const policy = context.fsGroupChangePolicy === 'OnRootMismatch' ? 'OnRootMismatch' : 'Always';
  return { gid: nearest(context.fsGroup), policy };
}

const FILE_PLUGINS = {
  configMap: 'configmap',
  secret: 'secret',
  downwardAPI: 'downward-api',
  projected: 'projected',
} as const;

function pluginOf(volume: Volume): keyof typeof FILE_PLUGINS | undefined {
  for (const key of ['configMap', 'secret', 'downwardAPI', 'projected'] as const) {
    if (volume[key] !== undefined) return key;
  }
  return undefined;
}

/** What must not reach a disk: all files but those of ConfigMaps. */
function inMemory(volume: Volume): boolean {
  return pluginOf(volume) !== undefined && volume.configMap === undefined;
}

/** True for volumes whose content comes from the API and can change while the pod runs. */
export function isLive(volume: Volume): boolean {
  return pluginOf(volume) !== undefined;
}

/** So long what was written is not read again to see whether it is still there: a pod that starts is looked at several times. */
const TRUSTED_MS = 10_000;

/** Every namespace has it: a controller sees to that. */
const ROOT_CA = 'kube-root-ca.crt';

/** True for volumes that depend on nothing that a user could have forgotten. */
export function isSelfMade(volume: Volume): boolean {
  // Huge pages are there for pods that ask for them as a resource.
  if (volume.emptyDir !== undefined) return !(volume.emptyDir.medium ?? '').startsWith('HugePages');
  if (volume.downwardAPI !== undefined) return true;
  if (volume.projected === undefined) return false;
  return (volume.projected.sources ?? []).every(
    (s) => s.serviceAccountToken !== undefined || s.downwardAPI !== undefined || s.configMap?.name === ROOT_CA,
  );
}

/** What no container mounts is never set up, and so cannot keep the pod waiting. */
export function usedVolumes(pod: Pod): readonly Volume[] {
  const volumes = specOf(pod).volumes ?? [];
  if (volumes.length === 0) return volumes;
  const used = new Set<string>();
  for (const { spec } of allContainers(pod)) {
    for (const { name } of spec.volumeMounts ?? []) used.add(name);
    for (const { name } of spec.volumeDevices ?? []) used.add(name);
  }
  return volumes.filter((v) => used.has(v.name));
}

export class PodVolumes {
  private readonly ready = new Map<string, MountedVolume>();
  private readonly seen = new Map<string, { readonly payload: Payload; readonly at: number }>();
  constructor(private readonly deps: VolumeDeps) {}

  get mounted(): VolumeMap {
    return this.ready;
  }

  /** The pod's volumes that are not there yet. */
  unmounted(pod: Pod): string[] {
    return usedVolumes(pod)
      .map((v) => v.name)
      .filter((name) => !this.ready.has(name));
  }

  /** Sets up what is not yet, brings live volumes up to date. Throws what fails, after trying all. */
  async setUp(context: PayloadContext): Promise<VolumeMap> {
    const failed: Error[] = [];
    const unknown = new Map<string, string>();
    for (const volume of usedVolumes(context.pod)) {
      if (this.ready.has(volume.name) && !isLive(volume)) continue;
      try {
        this.ready.set(volume.name, await this.one(context, volume));
      } catch (error) {
        if (error instanceof UnknownVolumeError) unknown.set(volume.name, error.message);
        else if (error instanceof VolumeError) failed.push(error);
        else failed.push(new VolumeError(volume.name, messageOf(error), { cause: error }));
      }
    }
    if (unknown.size > 0) {
      const why = [...unknown.values()].join('; ');
      failed.push(new UnknownVolumeError(waitingText(this.unmounted(context.pod), [...unknown.keys()], why)));
    }
    if (failed.length > 0) throw new VolumesError(failed);
    return this.ready;
  }

  private async one(context: PayloadContext, volume: Volume): Promise<MountedVolume> {
    if (isLive(volume)) return this.files(context, volume);
    if (volume.emptyDir !== undefined) {
      const dir = this.deps.paths.volume('empty-dir', volume.name);
      const { allocatable } = context.fields;
      const fsGroup = fsGroupOf(context.pod);
      const { mounts } = this.deps;
      await setUpEmptyDir({ pod: context.pod, source: volume.emptyDir, dir, mounts, allocatable, fsGroup });
      return { hostPath: dir, readOnly: false };
    }
    if (volume.hostPath !== undefined) {
      await prepareHostPath(volume.hostPath.path, volume.hostPath.type ?? '');
      return { hostPath: volume.hostPath.path, readOnly: false };
    }
    if (volume.image !== undefined) {
      const reference = volume.image.reference ?? '';
      return { hostPath: '', readOnly: true, image: { reference, pullPolicy: volume.image.pullPolicy ?? '' } };
    }
    const claim = volume.persistentVolumeClaim?.claimName ?? this.ephemeralClaim(context.pod, volume);
    if (claim !== undefined) return this.claimed(context.pod, volume, claim);
    if (volume.nfs !== undefined) {
      const hostPath = this.deps.paths.volume('nfs', volume.name);
      await mountNfs(volume.nfs, hostPath, this.deps.mounts);
      return { hostPath, readOnly: volume.nfs.readOnly === true };
    }
    throw unsupported(volume);
  }

  private ephemeralClaim(pod: Pod, volume: Volume): string | undefined {
    return volume.ephemeral === undefined ? undefined : `${namesOf(pod).name}-${volume.name}`;
  }

  private async claimed(pod: Pod, volume: Volume, claim: string): Promise<MountedVolume> {
    const found = await this.deps.claims(pod, volume.name, claim);
    // Access modes are for binding alone: what is mounted read-only is what the pod says.
    const readOnly = volume.persistentVolumeClaim?.readOnly === true;
    const group = fsGroupOf(pod);
    const hostPath = found.fileSystem === undefined ? found.path : await this.device(volume, found);
    if (found.fsGroup && group !== undefined && !readOnly) await applyFsGroup(hostPath, group);
    return { hostPath, readOnly, ...(found.block ? { block: true } : {}) };
  }

  /** Each pod mounts the device for itself: the kernel has one file system for all. */
  private async device(volume: Volume, found: ClaimedVolume): Promise<string> {
    const dir = this.deps.paths.volume('local-volume', volume.name);
    await mkdir(dir, { recursive: true, mode: 0o750 });
    if (!(await this.deps.mounts.below(dir)).includes(dir))
      await this.deps.mounts.device(found.path, dir, found.fileSystem ?? 'ext4');
    return dir;
  }

  private async files(context: PayloadContext, volume: Volume): Promise<MountedVolume> {
    const payload = await payloadOf(context, volume);
    if (payload === undefined) throw new VolumeError(volume.name, 'no volume plugin matched');
    const dir = this.fileDir(volume);
    if (!this.ready.has(volume.name)) {
      await mkdir(dir, { recursive: true });
      // A directory in memory is one of a file system's own, which nobody but the owner takes files from.
      await chmod(dir, inMemory(volume) ? 0o1777 : 0o777);
      const group = fsGroupOf(context.pod);
      if (group !== undefined) await applyFsGroup(dir, { ...group, policy: 'OnRootMismatch' });
    }
    const seen = this.seen.get(volume.name);
    const now = this.deps.now();
    if (seen !== undefined && now - seen.at < TRUSTED_MS && samePayload(seen.payload, payload))
      return { hostPath: dir, readOnly: true };
    await writeAtomically(dir, payload, {
      now,
      ...(context.fsGroup === undefined ? {} : { fsGroup: context.fsGroup }),
    });
    this.seen.set(volume.name, { payload, at: now });
    return { hostPath: dir, readOnly: true };
  }

  private fileDir(volume: Volume): string {
    const kind = pluginOf(volume);
    if (kind !== undefined && inMemory(volume)) return path.join(this.deps.secretDir, FILE_PLUGINS[kind], volume.name);
    return this.deps.paths.volume(kind === undefined ? 'unknown' : FILE_PLUGINS[kind], volume.name);
  }

  /** Unmounts and removes all that this pod has on the host. Safe to repeat. */
  async tearDown(): Promise<void> {
    const { paths, secretDir, mounts } = this.deps;
    for (const dir of [paths.root, secretDir]) {
      if ((await lstat(dir).catch(() => undefined)) === undefined) continue;
      for (const point of await mounts.below(dir)) await mounts.unmount(point);
      await removeTree(dir);
    }
    this.ready.clear();
    this.seen.clear();
  }
}
