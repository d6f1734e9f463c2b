// What the runtime remembers on the disk of each sandbox and container, so that a later process can adopt them.
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing, writeFileAtomic } from '../../host/files.ts';
import { removeTree } from '../../host/remove-tree.ts';
import type { PodSlot } from '../../network/index.ts';
import type { ContainerConfig, LinuxResources, PodSandboxConfig } from '../port.ts';

/** A process on the host, told apart from a later one with the same number by its start time. */
export interface ProcessRef {
  readonly pid: number;
  readonly startTime: string;
}

export interface SandboxRecord {
  readonly id: string;
  readonly config: PodSandboxConfig;
  readonly createdAt: number;
  state: 'creating' | 'ready' | 'notready';
  slot?: PodSlot;
  /** A tmpfs for /dev/shm, where the sandbox has one of its own. */
  shm?: string;
  pause?: ProcessRef;
  /** Its process was left behind by the helper: the OCI runtime and the pod's groups know nothing of it. */
  readonly plain?: boolean;
}

export interface ContainerRecord {
  readonly id: string;
  readonly sandboxId: string;
  readonly config: ContainerConfig;
  readonly createdAt: number;
  readonly imageId: string;
  readonly imageName: string;
  readonly imageRef: string;
  readonly user: { readonly uid: number; readonly gid: number; readonly supplementalGroups: readonly number[] };
  readonly stopSignal: string;
  readonly logPath: string;
  /** Where on the host images are mounted for this container's volumes. */
  readonly imageMounts: readonly string[];
  state: 'creating' | 'created' | 'running' | 'exited';
  startedAt: number;
  finishedAt: number;
  exitCode: number;
  signal?: number;
  reason: string;
  message: string;
  process?: ProcessRef;
  conmonPid?: number;
  resources?: LinuxResources;
}

const FILE = 'record.json';

/** A directory with one directory per record in it; the record's other files lie beside it. */
export class RecordStore<R extends { readonly id: string }> {
  readonly directory: string;
  /** Writes of one record go one after the other, each with the newest content. */
  readonly #writing = new Map<string, Promise<void>>();

  constructor(directory: string) {
    this.directory = directory;
  }

  /** Short, because many such paths must fit into one page of mount options. */
  path(id: string, ...rest: readonly string[]): string {
    return join(this.directory, id.slice(0, 13), ...rest);
  }

  async create(record: R): Promise<void> {
    await mkdir(this.path(record.id), { recursive: true, mode: 0o711 });
    await this.save(record);
  }

  save(record: R): Promise<void> {
    const before = this.#writing.get(record.id) ?? Promise.resolve();
    const next = before
      .catch(() => undefined)
      .then(() => writeFileAtomic(this.path(record.id, FILE), JSON.stringify(record), { mode: 0o600 }));
    this.#writing.set(record.id, next);
    const forget = () => {
      if (this.#writing.get(record.id) === next) this.#writing.delete(record.id);
    };
    next.then(forget, forget);
    return next;
  }

  async remove(id: string): Promise<void> {
    await this.#writing.get(id)?.catch(() => undefined);
    // The record goes first: what is left of a directory without one is swept at the next start.
    await rm(this.path(id, FILE), { force: true });
    await removeTree(this.path(id));
  }

  /** All whole records, and the names of directories that hold none. */
  async load(): Promise<{ records: R[]; broken: string[] }> {
    const records: R[] = [];
    const broken: string[] = [];
    for (const name of await readdir(this.directory).catch(() => [])) {
      const text = await readFile(join(this.directory, name, FILE), 'utf8').catch((error: unknown) => {
        if (isMissing(error)) return '';
        throw error;
      });
      const record = parse<R>(text);
      if (record === undefined || this.path(record.id) !== join(this.directory, name)) broken.push(name);
      else records.push(record);
    }
    return { records, broken };
  }
}

function parse<R extends { readonly id: string }>(text: string): R | undefined {
  try {
    const value: unknown = JSON.parse(text);
    // Written by this program and by no other; a record cut off in the middle does not parse.
    return typeof value === 'object' && value !== null && 'id' in value ? (value as R) : undefined;
  } catch {
    return undefined;
  }
}
