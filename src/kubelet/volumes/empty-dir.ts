// emptyDir volumes: a directory that lives as long as its pod, on the disk, in memory or in huge pages.
// https://kubernetes.io/docs/concepts/storage/volumes/#emptydir
import { chmod, mkdir, stat } from 'node:fs/promises';
import { parseQuantity } from '../../machinery/quantity.ts';
import type { EmptyDirVolumeSource, Pod } from '../../resources/generated/core-v1.ts';
import { podResources } from '../container/resources.ts';
import { allContainers } from '../pod/identity.ts';
import type { MountPort } from './mounts.ts';
import { applyFsGroup, type FsGroup } from './ownership.ts';

export interface EmptyDirInput {
  readonly pod: Pod;
  readonly source: EmptyDirVolumeSource;
  readonly dir: string;
  readonly mounts: MountPort;
  /** What pods may have of the node. */
  readonly allocatable: Readonly<Record<string, string>>;
  readonly fsGroup: FsGroup | undefined;
}

/** No pod can fill more memory than its own limit or the node: the file system says so. KEP-1967. */
export function memorySize({ pod, source, allocatable }: Omit<EmptyDirInput, 'dir' | 'mounts' | 'fsGroup'>): number {
  const value = (text: string | undefined): number => (text === undefined ? 0 : Number(parseQuantity(text).value()));
  const pods = podResources(pod, { memoryCapacity: 0, podPidsLimit: 0 }).memoryLimitBytes ?? 0;
  const bounds = [value(allocatable.memory), pods, value(source.sizeLimit)].filter((n) => n > 0);
  return bounds.length === 0 ? 0 : Math.min(...bounds);
}

const HUGE_PAGES = 'hugepages-';

/** The page size to mount with; the pod has to ask for such pages. */
export function hugePageSize(pod: Pod, medium: string): string {
  const asked = new Set<string>();
  for (const { spec } of allContainers(pod)) {
    for (const name of Object.keys({ ...spec.resources?.limits, ...spec.resources?.requests })) {
      if (name.startsWith(HUGE_PAGES)) asked.add(name.slice(HUGE_PAGES.length));
    }
  }
  if (medium !== 'HugePages') {
    const size = medium.slice('HugePages-'.length);
    if (asked.has(size)) return size;
  } else if (asked.size > 1) {
    throw new Error(`medium: ${medium} can't be used if container requests multiple huge page sizes`);
  }
  const [only] = asked;
  if (only === undefined || medium !== 'HugePages')
    throw new Error(`medium ${medium}: hugePages storage requested, but there is no resource request for huge pages`);
  return only;
}

async function mountMedium(input: EmptyDirInput, medium: string): Promise<void> {
  const { dir, mounts, pod } = input;
  if ((await mounts.below(dir)).includes(dir)) return;
  if (medium === 'Memory') {
    const sizeBytes = memorySize(input);
    await mounts.tmpfs(dir, sizeBytes > 0 ? { sizeBytes } : {});
    return;
  }
  if (!/^HugePages(-.+)?$/.test(medium)) throw new Error(`unknown storage medium "${medium}"`);
  await mounts.hugetlbfs(dir, hugePageSize(pod, medium).replace(/i$/, ''));
}

export async function setUpEmptyDir(input: EmptyDirInput): Promise<void> {
  const { dir, source, fsGroup } = input;
  const fresh = (await stat(dir).catch(() => undefined)) === undefined;
  await mkdir(dir, { recursive: true });
  const medium = source.medium ?? '';
  if (medium !== '') await mountMedium(input, medium);
  else if (fresh) await chmod(dir, 0o777);
  if (fsGroup !== undefined && fresh) await applyFsGroup(dir, fsGroup);
}
