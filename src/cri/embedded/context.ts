// What the parts of the embedded runtime share, and small helpers over it.
import type { Cgroups } from '../../host/cgroups.ts';
import type { Clock } from '../../host/clock.ts';
import type { Pool } from '../../host/pool.ts';
import type { SpawnHelper } from '../../host/spawn-helper.ts';
import type { PodNetworking } from '../../network/index.ts';
import type { RuntimeEvent } from '../port.ts';
import type { AppArmor } from './apparmor.ts';
import type { Conmon } from './conmon.ts';
import type { ImageStore } from './images/index.ts';
import type { OciRuntime } from './oci-runtime.ts';
import type { ContainerRecord, RecordStore, SandboxRecord } from './records.ts';
import type { HostFacts } from './spec/container-spec.ts';
import type { PodUserNamespaces } from './user-namespaces.ts';

export interface RuntimeContext {
  readonly clock: Clock;
  readonly log: (message: string) => void;
  readonly host: HostFacts;
  readonly cgroups: Cgroups;
  /** `/minke`: every cgroup of this node lies below. */
  readonly cgroupRoot: string;
  readonly runDirectory: string;
  readonly exitDirectory: string;
  readonly pauseRoot: string;
  /** A directory with nothing in it. */
  readonly emptyDirectory: string;
  /** Where vendors describe their devices, the last before the first. */
  readonly cdiDirectories: readonly string[];
  readonly helper: SpawnHelper;
  /** Where all that the helper starts is at first; shims and holders of sandboxes remain there. */
  readonly helperCgroup: string;
  readonly oci: OciRuntime;
  readonly conmon: Conmon;
  readonly network: PodNetworking;
  readonly shm: Pool<string>;
  readonly images: ImageStore;
  readonly userNamespaces: PodUserNamespaces;
  readonly apparmor: AppArmor;
  readonly sandboxes: RecordStore<SandboxRecord>;
  readonly containers: RecordStore<ContainerRecord>;
  /** A process is about to be started in a cgroup: see Cgroups.expectProcess. */
  readonly expectProcess: () => void;
  readonly emit: (event: RuntimeEvent) => void;
}

export function podCgroup(context: RuntimeContext, sandbox: SandboxRecord): string {
  return `${context.cgroupRoot}${sandbox.config.cgroupParent}`;
}

export function sandboxCgroup(context: RuntimeContext, sandbox: SandboxRecord): string {
  return `${podCgroup(context, sandbox)}/${sandbox.id}`;
}

export function containerCgroup(context: RuntimeContext, sandbox: SandboxRecord, id: string): string {
  return `${podCgroup(context, sandbox)}/${id}`;
}

/** Runs what concerns one key one after the other. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<unknown>>();

  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const next = before.then(work, work);
    this.#tails.set(key, next);
    const forget = () => {
      if (this.#tails.get(key) === next) this.#tails.delete(key);
    };
    next.then(forget, forget);
    return next;
  }
}
