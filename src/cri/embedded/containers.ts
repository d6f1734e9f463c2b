// Containers: made ready in a bundle, started under conmon, watched to their end, removed.
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { unmount, unmountBelow } from '../../host/mounts.ts';
import { removeTree } from '../../host/remove-tree.ts';
import type { ContainerConfig, RuntimeEvent } from '../port.ts';
import { RuntimeError } from '../port.ts';
import { CreateError } from './conmon.ts';
import { prepareBundle } from './container-bundle.ts';
import { containerdState, readEnd } from './container-view.ts';
import { containerCgroup, KeyedLock, type RuntimeContext } from './context.ts';
import { asRuntimeError, startFailure } from './errors.ts';
import { isAlive, processRef, signalProcess } from './processes.ts';
import type { ContainerRecord } from './records.ts';
import { newId, type Sandboxes } from './sandboxes.ts';
import { signalNumber } from './signals.ts';
import { AccountFiles } from './spec/users.ts';

/** As containerd reports a container that never ran. */
const START_ERROR_CODE = 128;
const UNKNOWN_EXIT_CODE = 255;
const QUICK_KILL_MS = 500;
const KILL_WAIT_MS = 10_000;

export class Containers {
  readonly #context: RuntimeContext;
  readonly #sandboxes: Sandboxes;
  readonly #locks = new KeyedLock();
  readonly #waiters = new Map<string, Set<() => void>>();
  readonly #accounts = new AccountFiles();
  readonly records = new Map<string, ContainerRecord>();

  constructor(context: RuntimeContext, sandboxes: Sandboxes) {
    this.#context = context;
    this.#sandboxes = sandboxes;
  }

  need(id: string): ContainerRecord {
    const record = this.records.get(id);
    if (record === undefined)
      throw new RuntimeError('not-found', `an error occurred when try to find container "${id}": not found`);
    return record;
  }

  needRunning(id: string): ContainerRecord {
    const record = this.need(id);
    if (record.state !== 'running')
      throw new RuntimeError('internal', `container is in ${containerdState(record.state)} state`);
    return record;
  }

  cgroup(record: ContainerRecord): string {
    return containerCgroup(this.#context, this.#sandboxes.need(record.sandboxId), record.id);
  }

  bundle(record: ContainerRecord): string {
    return this.#context.containers.path(record.id);
  }

  of(sandboxId: string): ContainerRecord[] {
    return [...this.records.values()].filter((r) => r.sandboxId === sandboxId);
  }

  async create(sandboxId: string, config: ContainerConfig): Promise<string> {
    const sandbox = this.#sandboxes.need(sandboxId);
    const existing = this.of(sandboxId).find(
      (r) => r.config.name === config.name && r.config.attempt === config.attempt,
    );
    if (existing !== undefined) return existing.id;
    this.#context.expectProcess(); // it will be started soon
    const image = await this.#context.images.open(config.image);
    if (image === undefined)
      throw new RuntimeError('create-container', `failed to resolve image "${config.userImage}": not found`);
    const id = newId();
    const directory = this.#context.containers.path(id);
    await mkdir(directory, { recursive: true, mode: 0o711 });
    try {
      const target = config.security.targetContainerId;
      const targetPid = target === undefined ? undefined : this.#processOf(target);
      const facts = this.#sandboxes.facts(sandbox);
      const accounts = this.#accounts;
      const bundle = { id, sandbox, facts, config, image, accounts, targetPid };
      const { record, missingFilter } = await prepareBundle(this.#context, bundle);
      if (missingFilter !== undefined) this.#missingFilters.set(id, missingFilter);
      await this.#context.containers.create(record);
      this.records.set(id, record);
      this.#emit(record, 'created');
      return id;
    } catch (error) {
      await unmountBelow(directory);
      await removeTree(directory);
      throw asRuntimeError(error, 'create-container', `failed to generate container "${id}" spec`);
    }
  }

  /** The first process of the container whose processes another is to see. */
  #processOf(target: string): number | undefined {
    const { state, process } = this.need(target);
    if (state === 'running') return process?.pid;
    const why = `container "${target}" is not running - in state ${containerdState(state)}`;
    throw new Error(`invalid target container: ${why}`);
  }

  /** Containers of whose processes and groups nothing is left. */
  readonly #cleared = new Set<string>();

  /** Seccomp profiles that crun will compile for the container of that id. */
  readonly #missingFilters = new Map<string, string>();

  start(id: string): Promise<void> {
    return this.#locks.run(id, () => this.#start(id));
  }

  async #start(id: string): Promise<void> {
    const record = this.need(id);
    if (record.state === 'running') return;
    if (record.state !== 'created')
      throw new RuntimeError('run-container', `container is in ${containerdState(record.state)} state`);
    const context = this.#context;
    try {
      const pid = await context.conmon.create({
        id,
        bundle: this.bundle(record),
        logPath: record.logPath,
        terminal: record.config.tty,
        stdin: record.config.stdin,
        stdinOnce: record.config.stdinOnce,
      });
      const ref = processRef(pid);
      await context.oci.start(id);
      if (ref !== undefined) record.process = ref;
    } catch (error) {
      await this.#failStart(record, error);
    }
    record.state = 'running';
    record.startedAt = context.clock.now();
    await context.containers.save(record);
    const filterKey = this.#missingFilters.get(id);
    this.#missingFilters.delete(id);
    if (filterKey !== undefined) await context.oci.keepFilter(filterKey, id);
    this.#emit(record, 'started');
    // It may have ended before this process knew that it runs.
    void this.checkExit(id).catch((error: unknown) => context.log(`container ${id}: ${String(error)}`));
  }

  async #failStart(record: ContainerRecord, error: unknown): Promise<never> {
    const text = error instanceof Error ? error.message : String(error);
    const message = error instanceof CreateError ? startFailure(text) : text;
    await this.#context.oci.delete(record.id, this.cgroup(record));
    record.state = 'exited';
    record.exitCode = START_ERROR_CODE;
    record.reason = 'StartError';
    record.message = message;
    record.finishedAt = this.#context.clock.now();
    await this.#context.containers.save(record);
    this.#emit(record, 'stopped');
    throw new RuntimeError('run-container', message, error);
  }

  /** Looks whether conmon has recorded the end of a container, and takes it in. */
  async checkExit(id: string): Promise<boolean> {
    const record = this.records.get(id);
    if (record === undefined || record.state !== 'running') return false;
    const end = readEnd(join(this.#context.exitDirectory, id));
    if (end === undefined) return false;
    await this.#locks.run(id, () => this.#finish(record, end));
    return true;
  }

  async #finish(
    record: ContainerRecord,
    end: { exitCode: number; finishedAt: number; message?: string },
  ): Promise<void> {
    if (record.state !== 'running') return;
    const context = this.#context;
    const cgroup = this.cgroup(record);
    const killedForMemory = end.exitCode !== 0 && context.cgroups.oomKills(cgroup) > 0;
    record.state = 'exited';
    record.exitCode = end.exitCode;
    record.finishedAt = end.finishedAt;
    record.reason = killedForMemory ? 'OOMKilled' : end.exitCode === 0 ? 'Completed' : 'Error';
    record.message = end.message ?? '';
    await context.containers.save(record);
    if (killedForMemory) this.#emit(record, 'oom');
    this.#emit(record, 'stopped');
    for (const wake of this.#waiters.get(record.id) ?? []) wake();
    this.#waiters.delete(record.id);
    // What the first process left behind (it may share the pod's PID namespace) ends with it.
    await context.oci.delete(record.id, cgroup);
    this.#cleared.add(record.id);
  }

  /** The process is gone and nobody recorded how it ended: its shim was killed. */
  async markLost(record: ContainerRecord): Promise<void> {
    if (await this.checkExit(record.id)) return;
    const end = {
      exitCode: UNKNOWN_EXIT_CODE,
      finishedAt: this.#context.clock.now(),
      message: 'the container ended while nothing watched it; its exit code is unknown',
    };
    await this.#locks.run(record.id, () => this.#finish(record, end));
  }

  waitExit(id: string, timeoutMs: number): Promise<boolean> {
    const record = this.records.get(id);
    if (record === undefined || record.state !== 'running') return Promise.resolve(true);
    return new Promise((resolve) => {
      const set = this.#waiters.get(id) ?? new Set();
      this.#waiters.set(id, set);
      const timer = this.#context.clock.setTimer(timeoutMs, () => {
        set.delete(wake);
        resolve(false);
      });
      const wake = () => {
        timer.cancel();
        resolve(true);
      };
      set.add(wake);
    });
  }

  async stop(id: string, timeoutMs: number): Promise<void> {
    const record = this.records.get(id);
    if (record === undefined) return;
    if (record.state === 'created') return this.#locks.run(id, () => this.#abandon(record));
    if (record.state !== 'running') return;
    const { process: ref } = record;
    if (timeoutMs > 0 && ref !== undefined && isAlive(ref)) {
      signalProcess(ref.pid, signalNumber(record.stopSignal));
      if (await this.waitExit(id, timeoutMs)) return;
    }
    await this.kill(record);
  }

  /** Never started: nothing to kill, but it must not be started any more. */
  async #abandon(record: ContainerRecord): Promise<void> {
    if (record.state !== 'created') return;
    record.state = 'exited';
    record.exitCode = START_ERROR_CODE;
    record.reason = 'StartError';
    record.finishedAt = this.#context.clock.now();
    await this.#context.containers.save(record);
    this.#emit(record, 'stopped');
  }

  async kill(record: ContainerRecord): Promise<void> {
    if (record.state !== 'running') return;
    const { process: ref } = record;
    if (ref !== undefined && isAlive(ref)) signalProcess(ref.pid, 'SIGKILL');
    else await this.#context.cgroups.kill(this.cgroup(record));
    if (await this.waitExit(record.id, QUICK_KILL_MS)) return;
    // The first process takes all others with it: when they are many, limits hold their end up.
    const cgroup = this.cgroup(record);
    const { cgroups } = this.#context;
    const ended = await cgroups.unthrottled(dirname(cgroup), async () => {
      await cgroups.kill(cgroup);
      return this.waitExit(record.id, KILL_WAIT_MS);
    });
    if (!ended) await this.markLost(record);
  }

  async remove(id: string): Promise<void> {
    const record = this.records.get(id);
    if (record === undefined) return;
    if (record.state === 'running') await this.kill(record);
    await this.#locks.run(id, async () => {
      if (!this.records.has(id)) return;
      const context = this.#context;
      if (!this.#cleared.delete(id)) await context.oci.delete(id, this.cgroup(record));
      await unmount([join(this.bundle(record), 'rootfs'), ...record.imageMounts]);
      await context.containers.remove(id);
      await rm(join(context.exitDirectory, id), { force: true });
      this.records.delete(id);
      this.#missingFilters.delete(id);
      this.#emit(record, 'deleted');
    });
  }

  #emit(record: ContainerRecord, type: RuntimeEvent['type']): void {
    const podUid = this.#sandboxes.records.get(record.sandboxId)?.config.uid ?? '';
    this.#context.emit({ type, sandboxId: record.sandboxId, containerId: record.id, podUid });
  }
}
