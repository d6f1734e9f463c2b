// The embedded runtime: pods run by crun and conmon on overlayfs, with a network of Minke's own. This file puts its parts together.
import type { Timer } from '../../host/clock.ts';
import { watchDirectory } from '../../host/watch.ts';
import type { ExecResult, ExecStreams, PortStream } from '../../machinery/streams.ts';
import type {
  ContainerConfig,
  ContainerStatus,
  ExecSyncResult,
  LinuxResources,
  PodSandboxConfig,
  PodSandboxStats,
  PodSandboxStatus,
  RuntimeEvent,
  RuntimeFeatures,
  RuntimeService,
  RuntimeVersion,
} from '../port.ts';
import { adopt } from './adopt.ts';
import { Attaches } from './attach.ts';
import { containerStatusOf } from './container-view.ts';
import { Containers } from './containers.ts';
import { KeyedLock, type RuntimeContext } from './context.ts';
import { destroyAll } from './destroy.ts';
import { asRuntimeError } from './errors.ts';
import { Execs } from './exec.ts';
import { openContext } from './open.ts';
import type { EmbeddedRuntime, EmbeddedRuntimeOptions } from './options.ts';
import { forwardPort } from './port-forward.ts';
import { isAlive, signalProcess } from './processes.ts';
import type { ProcessRef } from './records.ts';
import { Sandboxes } from './sandboxes.ts';
import { ociResources } from './spec/resources.ts';
import { Stats } from './stats.ts';

export type { EmbeddedRuntime, EmbeddedRuntimeOptions } from './options.ts';

/** How often what has no event of its own is looked at: pause processes, and shims that were killed. */
const SWEEP_MS = 1000;
const THOROUGH_EVERY = 10;

class EmbeddedRuntimeService implements RuntimeService {
  readonly #context: RuntimeContext;
  readonly #listeners: Set<(event: RuntimeEvent) => void>;
  readonly #locks = new KeyedLock();
  readonly sandboxes: Sandboxes;
  readonly containers: Containers;
  readonly #execs: Execs;
  readonly #attaches: Attaches;
  readonly #stats: Stats;
  #version: Promise<string> | undefined;

  constructor(context: RuntimeContext, listeners: Set<(event: RuntimeEvent) => void>) {
    this.#context = context;
    this.#listeners = listeners;
    this.sandboxes = new Sandboxes(context);
    this.containers = new Containers(context, this.sandboxes);
    this.#execs = new Execs(context, this.containers);
    this.#attaches = new Attaches(context, this.containers);
    this.#stats = new Stats(context, this.containers);
  }

  async version(): Promise<RuntimeVersion> {
    this.#version ??= this.#context.oci.version();
    return { name: 'minke', version: `${this.#context.oci.name}-${await this.#version}`, apiVersion: 'v1' };
  }

  async features(): Promise<RuntimeFeatures> {
    const { userNamespaces } = this.#context.host;
    // The kernel does both since mount_setattr(2), Linux 5.12.
    return {
      handlers: [{ name: '', userNamespaces, recursiveReadOnlyMounts: userNamespaces }],
      supplementalGroupsPolicy: true,
    };
  }

  ready(): Promise<{ runtime: true | string; network: true | string }> {
    return Promise.resolve({ runtime: true, network: this.#context.network.ready });
  }

  runPodSandbox(config: PodSandboxConfig): Promise<string> {
    return this.#locks.run(config.uid, () => this.sandboxes.run(config));
  }

  async stopPodSandbox(id: string): Promise<void> {
    const record = this.sandboxes.records.get(id);
    if (record === undefined) return;
    await this.#locks.run(record.config.uid, async () => {
      await Promise.all(this.containers.of(id).map((c) => this.containers.stop(c.id, 0)));
      await this.sandboxes.stop(record);
    });
  }

  async removePodSandbox(id: string): Promise<void> {
    const record = this.sandboxes.records.get(id);
    if (record === undefined) return;
    await this.stopPodSandbox(id);
    await this.#locks.run(record.config.uid, async () => {
      await Promise.all(this.containers.of(id).map((c) => this.containers.remove(c.id)));
      await this.sandboxes.remove(id);
    });
  }

  async podSandboxStatus(id: string): Promise<PodSandboxStatus> {
    return this.sandboxes.status(this.sandboxes.need(id));
  }

  async listPodSandboxes(): Promise<readonly PodSandboxStatus[]> {
    const whole = [...this.sandboxes.records.values()].filter((r) => r.state !== 'creating');
    return whole.map((r) => this.sandboxes.status(r));
  }

  createContainer(sandboxId: string, config: ContainerConfig): Promise<string> {
    return this.#locks.run(`${sandboxId}/${config.name}`, () => this.containers.create(sandboxId, config));
  }

  startContainer(id: string): Promise<void> {
    return this.containers.start(id);
  }

  stopContainer(id: string, timeoutMs: number): Promise<void> {
    return this.containers.stop(id, timeoutMs);
  }

  removeContainer(id: string): Promise<void> {
    return this.containers.remove(id);
  }

  async containerStatus(id: string): Promise<ContainerStatus> {
    return containerStatusOf(this.containers.need(id));
  }

  async listContainers(): Promise<readonly ContainerStatus[]> {
    return [...this.containers.records.values()].map(containerStatusOf);
  }

  async updateContainerResources(id: string, resources: LinuxResources): Promise<void> {
    const record = this.containers.need(id);
    const facts = { unified: this.#context.host.unifiedCgroups, swap: this.#context.host.swap };
    try {
      if (record.state === 'running') await this.#context.oci.update(id, ociResources(resources, [], facts));
    } catch (error) {
      throw asRuntimeError(error, 'internal', 'failed to update resources');
    }
    record.resources = { ...record.resources, ...resources };
    await this.#context.containers.save(record);
  }

  async updatePodSandboxResources(id: string, resources: LinuxResources): Promise<void> {
    await this.sandboxes.updateResources(this.sandboxes.need(id), resources);
  }

  async reopenContainerLog(id: string): Promise<void> {
    const record = this.containers.needRunning(id);
    await this.#context.conmon.reopenLog(this.containers.bundle(record));
  }

  execSync(id: string, command: readonly string[], timeoutMs: number): Promise<ExecSyncResult> {
    return this.#execs.sync(id, command, timeoutMs);
  }

  exec(id: string, command: readonly string[], streams: ExecStreams): Promise<ExecResult> {
    return this.#execs.stream(id, command, streams);
  }

  attach(id: string, streams: ExecStreams): Promise<ExecResult> {
    return this.#attaches.attach(id, streams);
  }

  async portForward(sandboxId: string, port: number, stream: PortStream): Promise<void> {
    const record = this.sandboxes.need(sandboxId);
    this.sandboxes.facts(record);
    await forwardPort(record.slot?.netnsPath, port, stream);
  }

  async podSandboxStats(id: string): Promise<PodSandboxStats> {
    return this.#stats.pod(this.sandboxes.need(id));
  }

  async listPodSandboxStats(): Promise<readonly PodSandboxStats[]> {
    const ready = [...this.sandboxes.records.values()].filter((r) => r.state === 'ready');
    const all: PodSandboxStats[] = [];
    for (const record of ready) {
      all.push(await this.#stats.pod(record));
      // The numbers are read in this thread, and others want it too.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return all;
  }

  onEvent(callback: (event: RuntimeEvent) => void): () => void {
    this.#listeners.add(callback);
    return () => this.#listeners.delete(callback);
  }

  #sweeps = 0;

  /** Looking whether a number is a process costs next to nothing; whether it is still the same one, and no zombie, a file. */
  #alive(ref: ProcessRef): boolean {
    if (!signalProcess(ref.pid, 0)) return false;
    return this.#sweeps % THOROUGH_EVERY !== 0 || isAlive(ref);
  }

  /** Finds what died without a word. */
  async sweep(): Promise<void> {
    this.#sweeps += 1;
    for (const record of this.sandboxes.records.values())
      if (record.state === 'ready' && record.pause !== undefined && !this.#alive(record.pause))
        await this.#locks.run(record.config.uid, () => this.sandboxes.markDead(record));
    for (const record of this.containers.records.values()) {
      if (record.state !== 'running' || record.process === undefined || this.#alive(record.process)) continue;
      const { process: ref } = record;
      // Its shim may be about to write down how it ended.
      this.#context.clock.setTimer(SWEEP_MS, () => {
        const lost = record.state === 'running' && record.process === ref;
        if (lost) this.containers.markLost(record).catch((e: unknown) => this.#context.log(String(e)));
      });
    }
  }
}

/** Opens the runtime: adopts what runs, rolls back what was half made, sets the pod network up. */
export async function createEmbeddedRuntime(options: EmbeddedRuntimeOptions): Promise<EmbeddedRuntime> {
  const listeners = new Set<(event: RuntimeEvent) => void>();
  const context = await openContext(options, listeners);
  const { clock, log } = options;
  const service = new EmbeddedRuntimeService(context, listeners);
  await adopt(context, service.sandboxes, service.containers);
  context.shm.fill();
  const look = (id: string) => {
    service.containers.checkExit(id).catch((error: unknown) => log(`container ${id}: ${String(error)}`));
  };
  const stopWatch = watchDirectory(context.exitDirectory, clock, (name) => {
    if (name !== undefined) look(name);
    else for (const id of service.containers.records.keys()) look(id);
  });
  for (const id of service.containers.records.keys()) look(id);
  let timer: Timer | undefined;
  let sweeping: Promise<void> = Promise.resolve();
  const sweep = () => {
    sweeping = service
      .sweep()
      .catch((error: unknown) => log(`runtime: ${String(error)}`))
      .then(() => {
        if (timer !== undefined) timer = clock.setTimer(SWEEP_MS, sweep);
      });
  };
  timer = clock.setTimer(SWEEP_MS, sweep);
  const close = async () => {
    timer?.cancel();
    timer = undefined;
    await sweeping;
    stopWatch();
    await context.shm.close();
    await context.network.close();
    context.helper.close();
  };
  const destroy = async () => {
    await close();
    await destroyAll(context, options.stateDir);
  };
  return { runtime: service, close, destroy };
}
