// Pods with user ids of their own: their images, seen through their namespace, and their part of the host's ids.
import { chown, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { listMounts, unmount } from '../../host/mounts.ts';
import type { RunProgram } from '../../host/spawn-helper.ts';
import { RuntimeError } from '../port.ts';
import { IdMapper } from './idmap.ts';
import type { RecordStore, SandboxRecord } from './records.ts';
import { hostIdOf } from './spec/user-namespace.ts';

export class PodUserNamespaces {
  readonly #mapper: IdMapper;
  readonly #sandboxes: RecordStore<SandboxRecord>;
  readonly #mounted = new Map<string, Promise<void>>();

  constructor(options: { directory: string; sandboxes: RecordStore<SandboxRecord>; run: RunProgram }) {
    this.#mapper = new IdMapper(options.directory, options.run);
    this.#sandboxes = options.sandboxes;
  }

  #path(record: SandboxRecord): string {
    return this.#sandboxes.path(record.id, 'layers');
  }

  /** What is root's own on the way to a root file system, the pod's root cannot pass. */
  async requireAccess(record: SandboxRecord): Promise<void> {
    if (record.config.namespaces.user === undefined) return;
    for (let path = this.#sandboxes.directory; ; path = dirname(path)) {
      const { mode } = await stat(path);
      if ((mode & 0o001) === 0)
        throw new RuntimeError(
          'sandbox',
          `hostUsers: false: the pod's user ids may not pass ${path}, where the runtime keeps its files: chmod o+x ${path}, or choose another data directory`,
        );
      if (path === dirname(path)) return;
    }
  }

  /** An image's layers as the pod's own ids have them: one mount of all layers for the pod, since they lie beside one another. */
  async layers(record: SandboxRecord, layers: readonly string[]): Promise<readonly string[]> {
    const [first] = layers;
    const pid = record.pause?.pid;
    if (record.config.namespaces.user === undefined || first === undefined || pid === undefined) return layers;
    const target = this.#path(record);
    const mounted = this.#mounted.get(record.id) ?? this.#mount(dirname(first), pid, target);
    this.#mounted.set(record.id, mounted);
    try {
      await mounted;
    } catch (error) {
      this.#mounted.delete(record.id);
      throw new RuntimeError('create-container', `hostUsers: false: ${String((error as Error).message)}`, error);
    }
    return layers.map((l) => join(target, basename(l)));
  }

  async #mount(source: string, pid: number, target: string): Promise<void> {
    // A predecessor of this process may have mounted it.
    if ((await listMounts()).some((m) => m.mountPoint === target)) return;
    await this.#mapper.mount(source, pid, target);
  }

  /** Whose the upper directory of a container is: its root's. */
  async own(record: SandboxRecord, path: string): Promise<void> {
    const { user } = record.config.namespaces;
    if (user !== undefined) await chown(path, hostIdOf(user.uids, 0), hostIdOf(user.gids, 0));
  }

  async release(record: SandboxRecord): Promise<void> {
    if (record.config.namespaces.user === undefined) return;
    this.#mounted.delete(record.id);
    await unmount([this.#path(record)]);
  }
}
