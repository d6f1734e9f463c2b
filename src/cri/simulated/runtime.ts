// A runtime without processes: containers start and end by rules on the clock that is handed in, so that thousands of nodes fit.
import type { Clock, Random } from '../../host/clock.ts';
import type { ExecResult, ExecStreams } from '../../machinery/streams.ts';
import { AddressBook } from '../../network/index.ts';
import {
  type ContainerConfig,
  type ContainerStatus,
  type ExecSyncResult,
  type LinuxResources,
  type PodSandboxConfig,
  type PodSandboxStats,
  type PodSandboxStatus,
  RuntimeError,
  type RuntimeEvent,
  type RuntimeFeatures,
  type RuntimeService,
  type RuntimeVersion,
} from '../port.ts';
import { behaviourOf, type Rule } from './rules.ts';
import {
  containerStatus,
  type SimulatedContainer,
  type SimulatedSandbox,
  sandboxStats,
  sandboxStatus,
} from './views.ts';

export interface SimulatedRuntimeOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** The node's range of pod addresses. */
  readonly podCidr?: string;
  readonly rule?: Rule;
  /** What a command run inside a container answers; without it every command succeeds and says nothing. */
  readonly exec?: (container: ContainerConfig, command: readonly string[]) => ExecSyncResult;
  readonly hostAddress?: string;
}

const KILLED = 137;
const TERMINATED = 143;
const NOTHING = new Uint8Array();

export class SimulatedRuntime implements RuntimeService {
  readonly #options: SimulatedRuntimeOptions;
  readonly #sandboxes = new Map<string, SimulatedSandbox>();
  readonly #containers = new Map<string, SimulatedContainer>();
  readonly #listeners = new Set<(event: RuntimeEvent) => void>();
  readonly #addresses: AddressBook;

  constructor(options: SimulatedRuntimeOptions) {
    this.#options = options;
    this.#addresses = new AddressBook(options.podCidr ?? '10.244.0.0/24');
  }

  #id(): string {
    return `${this.#options.random.uuid()}${this.#options.random.uuid()}`.replaceAll('-', '');
  }

  #sandbox(id: string): SimulatedSandbox {
    const found = this.#sandboxes.get(id);
    if (found === undefined) throw new RuntimeError('not-found', `sandbox ${id}: not found`);
    return found;
  }

  #container(id: string): SimulatedContainer {
    const found = this.#containers.get(id);
    if (found === undefined) throw new RuntimeError('not-found', `container ${id}: not found`);
    return found;
  }

  #running(id: string): SimulatedContainer {
    const found = this.#container(id);
    if (found.state !== 'running')
      throw new RuntimeError('internal', `container is in CONTAINER_${found.state.toUpperCase()} state`);
    return found;
  }

  #emit(type: RuntimeEvent['type'], sandbox: SimulatedSandbox, containerId?: string): void {
    const event = {
      type,
      sandboxId: sandbox.id,
      podUid: sandbox.config.uid,
      ...(containerId === undefined ? {} : { containerId }),
    };
    for (const listener of this.#listeners) listener(event);
  }

  async version(): Promise<RuntimeVersion> {
    return { name: 'simulated', version: '1.0.0', apiVersion: 'v1' };
  }

  async features(): Promise<RuntimeFeatures> {
    const able = { userNamespaces: true, recursiveReadOnlyMounts: true };
    return { handlers: [{ name: '', ...able }], supplementalGroupsPolicy: true, simulatesDevices: true };
  }

  async ready(): Promise<{ runtime: true; network: true }> {
    return { runtime: true, network: true };
  }

  async runPodSandbox(config: PodSandboxConfig): Promise<string> {
    for (const s of this.#sandboxes.values())
      if (s.ready && s.config.uid === config.uid && s.config.attempt === config.attempt) return s.id;
    const ip = config.namespaces.network === 'node' ? (this.#options.hostAddress ?? '') : this.#addresses.take();
    const sandbox: SimulatedSandbox = { id: this.#id(), config, createdAt: this.#options.clock.now(), ip, ready: true };
    this.#sandboxes.set(sandbox.id, sandbox);
    this.#emit('started', sandbox);
    return sandbox.id;
  }

  async stopPodSandbox(id: string): Promise<void> {
    const sandbox = this.#sandboxes.get(id);
    if (sandbox === undefined || !sandbox.ready) return;
    for (const c of this.#of(id)) await this.stopContainer(c.id, 0);
    sandbox.ready = false;
    if (sandbox.config.namespaces.network === 'pod') this.#addresses.release(sandbox.ip);
    this.#emit('stopped', sandbox);
  }

  async removePodSandbox(id: string): Promise<void> {
    const sandbox = this.#sandboxes.get(id);
    if (sandbox === undefined) return;
    await this.stopPodSandbox(id);
    for (const c of this.#of(id)) await this.removeContainer(c.id);
    this.#sandboxes.delete(id);
    this.#emit('deleted', sandbox);
  }

  #of(sandboxId: string): SimulatedContainer[] {
    return [...this.#containers.values()].filter((c) => c.sandbox.id === sandboxId);
  }

  async podSandboxStatus(id: string): Promise<PodSandboxStatus> {
    return sandboxStatus(this.#sandbox(id));
  }

  async listPodSandboxes(): Promise<readonly PodSandboxStatus[]> {
    return [...this.#sandboxes.values()].map((s) => sandboxStatus(s));
  }

  async createContainer(sandboxId: string, config: ContainerConfig): Promise<string> {
    const sandbox = this.#sandbox(sandboxId);
    if (!sandbox.ready) throw new RuntimeError('create-container', `sandbox ${sandboxId} is not ready`);
    const existing = this.#of(sandboxId).find(
      (c) => c.config.name === config.name && c.config.attempt === config.attempt,
    );
    if (existing !== undefined) return existing.id;
    const container: SimulatedContainer = {
      id: this.#id(),
      sandbox,
      config,
      behaviour: behaviourOf(config, sandbox.config, this.#options.rule ?? (() => ({}))),
      createdAt: this.#options.clock.now(),
      state: 'created',
      startedAt: 0,
      finishedAt: 0,
      exitCode: 0,
      reason: '',
      message: '',
      resources: config.resources,
      waiters: new Set(),
    };
    this.#containers.set(container.id, container);
    this.#emit('created', sandbox, container.id);
    return container.id;
  }

  async startContainer(id: string): Promise<void> {
    const container = this.#container(id);
    if (container.state === 'running') return;
    if (container.state === 'exited') throw new RuntimeError('run-container', 'container is in CONTAINER_EXITED state');
    const { behaviour } = container;
    if (behaviour.startAfterMs > 0) await this.#options.clock.sleep(behaviour.startAfterMs);
    if (container.state !== 'created')
      throw new RuntimeError('run-container', 'the container was stopped while it started');
    if (behaviour.startError !== undefined) {
      this.#end(container, 128, 'StartError', behaviour.startError);
      throw new RuntimeError('run-container', behaviour.startError);
    }
    container.state = 'running';
    container.startedAt = this.#options.clock.now();
    this.#emit('started', container.sandbox, id);
    if (behaviour.runForMs !== undefined)
      container.timer = this.#options.clock.setTimer(behaviour.runForMs, () =>
        this.#finish(container, behaviour.exitCode),
      );
  }

  #finish(container: SimulatedContainer, exitCode: number): void {
    this.#end(container, exitCode, exitCode === 0 ? 'Completed' : 'Error', '');
  }

  #end(container: SimulatedContainer, exitCode: number, reason: string, message: string): void {
    if (container.state === 'exited') return;
    container.timer?.cancel();
    container.state = 'exited';
    container.finishedAt = this.#options.clock.now();
    container.exitCode = exitCode;
    container.reason = reason;
    container.message = message;
    this.#emit('stopped', container.sandbox, container.id);
    for (const wake of container.waiters) wake();
    container.waiters.clear();
  }

  async stopContainer(id: string, timeoutMs: number): Promise<void> {
    const container = this.#containers.get(id);
    if (container === undefined || container.state === 'exited') return;
    if (container.state === 'created') return this.#end(container, 128, 'StartError', '');
    if (timeoutMs > 0 && container.behaviour.heedsStop) return this.#finish(container, TERMINATED);
    if (timeoutMs > 0) await Promise.race([this.#ended(container), this.#options.clock.sleep(timeoutMs)]);
    this.#finish(container, KILLED);
  }

  #ended(container: SimulatedContainer, signal?: AbortSignal): Promise<void> {
    if (container.state !== 'running' || signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      container.waiters.add(resolve);
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  async removeContainer(id: string): Promise<void> {
    const container = this.#containers.get(id);
    if (container === undefined) return;
    if (container.state === 'running') this.#finish(container, KILLED);
    this.#containers.delete(id);
    this.#emit('deleted', container.sandbox, id);
  }

  async containerStatus(id: string): Promise<ContainerStatus> {
    return containerStatus(this.#container(id));
  }

  async listContainers(): Promise<readonly ContainerStatus[]> {
    return [...this.#containers.values()].map((c) => containerStatus(c));
  }

  async updateContainerResources(id: string, resources: LinuxResources): Promise<void> {
    const container = this.#container(id);
    container.resources = { ...container.resources, ...resources };
  }

  async updatePodSandboxResources(id: string, _resources: LinuxResources): Promise<void> {
    this.#sandbox(id);
  }

  async reopenContainerLog(id: string): Promise<void> {
    this.#running(id);
  }

  async execSync(id: string, command: readonly string[], _timeoutMs: number): Promise<ExecSyncResult> {
    const container = this.#running(id);
    return this.#options.exec?.(container.config, command) ?? { exitCode: 0, stdout: NOTHING, stderr: NOTHING };
  }

  async exec(id: string, command: readonly string[], streams: ExecStreams): Promise<ExecResult> {
    const result = await this.execSync(id, command, 0);
    streams.stdin?.resume();
    if (result.stdout.length > 0) streams.stdout?.write(result.stdout);
    if (result.stderr.length > 0) (streams.stderr ?? streams.stdout)?.write(result.stderr);
    return { exitCode: result.exitCode };
  }

  async attach(id: string, streams: ExecStreams): Promise<ExecResult> {
    const container = this.#running(id);
    streams.stdin?.resume();
    await this.#ended(container, streams.signal);
    return { exitCode: container.exitCode };
  }

  async portForward(sandboxId: string, port: number): Promise<void> {
    this.#sandbox(sandboxId);
    throw new RuntimeError('internal', `simulated pods run no processes: nothing listens on port ${port}`);
  }

  async podSandboxStats(id: string): Promise<PodSandboxStats> {
    const running = this.#of(id).filter((c) => c.state === 'running');
    return sandboxStats(this.#sandbox(id), running, this.#options.clock.now());
  }

  async listPodSandboxStats(): Promise<readonly PodSandboxStats[]> {
    const ready = [...this.#sandboxes.values()].filter((s) => s.ready);
    return Promise.all(ready.map((s) => this.podSandboxStats(s.id)));
  }

  onEvent(callback: (event: RuntimeEvent) => void): () => void {
    this.#listeners.add(callback);
    return () => this.#listeners.delete(callback);
  }
}
