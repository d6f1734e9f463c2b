// Mounting on the host: the few operations that volumes need.
import { fileSystemOf, makeFileSystem } from '../../host/file-systems.ts';
import { bindMount, listMounts, type MountRequest, mount, shareDirectory, unmount } from '../../host/mounts.ts';

export interface TmpfsOptions {
  readonly sizeBytes?: number;
  readonly mode?: string;
}

/** Handed in, so that tests need no root. */
export interface MountPort {
  tmpfs(target: string, options: TmpfsOptions): Promise<void>;
  hugetlbfs(target: string, pageSize: string | undefined): Promise<void>;
  mount(request: MountRequest): Promise<void>;
  /** Mounts a block device; one that is empty gets a file system before. */
  device(device: string, target: string, type: string): Promise<void>;
  /** `source` may be a /proc/<pid>/fd/<n> link: it is not followed by name. */
  bind(source: string, target: string): Promise<void>;
  unmount(target: string): Promise<void>;
  /** Mounts below the directory are to be seen in containers, and theirs on the host. */
  share(directory: string): Promise<void>;
  /** All mount points at or below a directory, deepest first. */
  below(directory: string): Promise<readonly string[]>;
}

/** The host's own mount and umount. */
export function hostMounts(): MountPort {
  return {
    async tmpfs(target, { sizeBytes, mode }) {
      const options = ['rw'];
      if (sizeBytes !== undefined) options.push(`size=${sizeBytes}`);
      if (mode !== undefined) options.push(`mode=${mode}`);
      await mount({ type: 'tmpfs', source: 'tmpfs', target, options });
    },
    async hugetlbfs(target, pageSize) {
      const options = pageSize === undefined ? ['rw'] : [`pagesize=${pageSize}`];
      await mount({ type: 'hugetlbfs', source: 'nodev', target, options });
    },
    mount: (request) => mount(request),
    async device(device, target, type) {
      if ((await fileSystemOf(device)) === undefined) await makeFileSystem(device, type);
      await mount({ type, source: device, target, options: ['defaults'] });
    },
    bind: (source, target) => bindMount(source, target),
    unmount: (target) => unmount([target]),
    share: shareDirectory,
    async below(directory) {
      const points = (await listMounts()).map((m) => m.mountPoint);
      return points.filter((p) => p === directory || p.startsWith(`${directory}/`)).sort((a, b) => b.length - a.length);
    },
  };
}

/** Plain directories: for pods of which no process runs. */
export function noMounts(): MountPort {
  const nothing = async () => {};
  return {
    tmpfs: nothing,
    hugetlbfs: nothing,
    mount: nothing,
    device: nothing,
    bind: nothing,
    unmount: nothing,
    share: nothing,
    below: async () => [],
  };
}
