// Any CRI v1 runtime (containerd, CRI-O) as Minke's RuntimeService, over gRPC on its socket.
import type { Clock, Timer } from '../../host/clock.ts';
import type { ExecResult, ExecStreams, PortStream } from '../../machinery/streams.ts';
import {
  type ContainerConfig,
  type ContainerStatus,
  type ExecSyncResult,
  type LinuxResources,
  type PodSandboxConfig,
  type PodSandboxStats,
  type PodSandboxStatus,
  RuntimeError,
  type RuntimeErrorKind,
  type RuntimeEvent,
  type RuntimeFeatures,
  type RuntimeService,
  type RuntimeVersion,
} from '../port.ts';
import { containerIn, containerOut, resourcesOut, sandboxIn, sandboxOut, statsIn } from './convert.ts';
import { streamCommand, streamPort } from './streaming.ts';
import { type CriConnection, isUnimplemented, list, type Message, message, number, text } from './wire.ts';

export interface GrpcRuntimeOptions {
  readonly connection: CriConnection;
  readonly clock: Clock;
  /** `/minke`: every pod's cgroup lies below. */
  readonly cgroupRoot: string;
  readonly log: (message: string) => void;
}

/** How often a runtime without events is asked what there is. */
const RELIST_MS = 1000;
const STOP_MARGIN_MS = 30_000;
/** A runtime may wait for children that hold a killed command's output; the caller's time is over all the same. */
const EXEC_MARGIN_MS = 2000;
const EVENT_TYPES: Readonly<Record<string, RuntimeEvent['type']>> = {
  CONTAINER_CREATED_EVENT: 'created',
  CONTAINER_STARTED_EVENT: 'started',
  CONTAINER_STOPPED_EVENT: 'stopped',
  CONTAINER_DELETED_EVENT: 'deleted',
};

/** What a look at a runtime without events has found. */
interface Seen {
  readonly state: string;
  readonly sandboxId: string;
  readonly podUid: string;
  readonly containerId?: string;
}

export class GrpcRuntime implements RuntimeService {
  readonly #options: GrpcRuntimeOptions;
  readonly #listeners = new Set<(event: RuntimeEvent) => void>();
  /** Container → sandbox: a container's status does not tell it. */
  readonly #owners = new Map<string, string>();
  #seen: ReadonlyMap<string, Seen> = new Map();
  #stop: (() => void) | undefined;
  #timer: Timer | undefined;

  constructor(options: GrpcRuntimeOptions) {
    this.#options = options;
  }

  #call(name: string, request: object, kind: RuntimeErrorKind = 'internal', timeoutMs?: number): Promise<Message> {
    const options = timeoutMs === undefined ? { kind } : { kind, timeoutMs };
    return this.#options.connection.call('RuntimeService', name, request, options);
  }

  /** Stopping and removing what is gone has succeeded. */
  async #gone(call: Promise<Message>): Promise<void> {
    await call.catch((error: unknown) => {
      if (!(error instanceof RuntimeError) || error.kind !== 'not-found') throw error;
    });
  }

  async version(): Promise<RuntimeVersion> {
    const answer = await this.#call('Version', { version: 'v1' });
    return {
      name: text(answer, 'runtime_name'),
      version: text(answer, 'runtime_version'),
      apiVersion: text(answer, 'runtime_api_version'),
    };
  }

  async features(): Promise<RuntimeFeatures> {
    const answer = await this.#call('Status', {});
    const handlers = list(answer, 'runtime_handlers').map((handler) => {
      const features = message(handler, 'features');
      return {
        name: text(handler, 'name'),
        userNamespaces: features.user_namespaces === true,
        recursiveReadOnlyMounts: features.recursive_read_only_mounts === true,
      };
    });
    return { handlers, supplementalGroupsPolicy: message(answer, 'features').supplemental_groups_policy === true };
  }

  async ready(): Promise<{ runtime: true | string; network: true | string }> {
    const conditions = list(message(await this.#call('Status', {}), 'status'), 'conditions');
    const of = (type: string): true | string => {
      const found = conditions.find((c) => text(c, 'type') === type);
      if (found?.status === true) return true;
      return found === undefined ? `no condition ${type}` : `${text(found, 'reason')}: ${text(found, 'message')}`;
    };
    return { runtime: of('RuntimeReady'), network: of('NetworkReady') };
  }

  async runPodSandbox(config: PodSandboxConfig): Promise<string> {
    const request = { config: sandboxOut(config, this.#options.cgroupRoot), runtime_handler: config.runtimeHandler };
    return text(await this.#call('RunPodSandbox', request, 'sandbox'), 'pod_sandbox_id');
  }

  async stopPodSandbox(id: string): Promise<void> {
    await this.#gone(this.#call('StopPodSandbox', { pod_sandbox_id: id }));
  }

  async removePodSandbox(id: string): Promise<void> {
    // containerd refuses to remove what still runs.
    await this.stopPodSandbox(id);
    await this.#gone(this.#call('RemovePodSandbox', { pod_sandbox_id: id }));
  }

  async podSandboxStatus(id: string): Promise<PodSandboxStatus> {
    return sandboxIn(message(await this.#call('PodSandboxStatus', { pod_sandbox_id: id }), 'status'));
  }

  async listPodSandboxes(): Promise<readonly PodSandboxStatus[]> {
    const items = list(await this.#call('ListPodSandbox', {}), 'items');
    // The list has no addresses.
    const all = await Promise.all(
      items.map((item) => this.podSandboxStatus(text(item, 'id')).catch(ignoreNotFound<PodSandboxStatus>)),
    );
    return all.filter((s) => s !== undefined);
  }

  async createContainer(sandboxId: string, config: ContainerConfig, sandbox: PodSandboxConfig): Promise<string> {
    const answer = await this.#call(
      'CreateContainer',
      {
        pod_sandbox_id: sandboxId,
        config: containerOut(config, sandbox),
        sandbox_config: sandboxOut(sandbox, this.#options.cgroupRoot),
      },
      'create-container',
    );
    const id = text(answer, 'container_id');
    this.#owners.set(id, sandboxId);
    return id;
  }

  async startContainer(id: string): Promise<void> {
    await this.#call('StartContainer', { container_id: id }, 'run-container');
  }

  async stopContainer(id: string, timeoutMs: number): Promise<void> {
    const request = { container_id: id, timeout: Math.ceil(timeoutMs / 1000) };
    await this.#gone(this.#call('StopContainer', request, 'internal', timeoutMs + STOP_MARGIN_MS));
  }

  async removeContainer(id: string): Promise<void> {
    await this.#gone(this.#call('RemoveContainer', { container_id: id }));
    this.#owners.delete(id);
  }

  async #owner(id: string): Promise<string> {
    if (!this.#owners.has(id)) await this.#listOwners();
    return this.#owners.get(id) ?? '';
  }

  async #listOwners(): Promise<readonly Message[]> {
    const all = list(await this.#call('ListContainers', {}), 'containers');
    for (const c of all) this.#owners.set(text(c, 'id'), text(c, 'pod_sandbox_id'));
    return all;
  }

  async containerStatus(id: string): Promise<ContainerStatus> {
    const answer = await this.#call('ContainerStatus', { container_id: id });
    return containerIn(message(answer, 'status'), await this.#owner(id));
  }

  async listContainers(): Promise<readonly ContainerStatus[]> {
    const all = await this.#listOwners();
    const whole = await Promise.all(
      all.map((c) => this.containerStatus(text(c, 'id')).catch(ignoreNotFound<ContainerStatus>)),
    );
    return whole.filter((s) => s !== undefined);
  }

  async updateContainerResources(id: string, resources: LinuxResources): Promise<void> {
    await this.#call('UpdateContainerResources', { container_id: id, linux: resourcesOut(resources) });
  }

  async updatePodSandboxResources(id: string, resources: LinuxResources): Promise<void> {
    await this.#call('UpdatePodSandboxResources', { pod_sandbox_id: id, resources: resourcesOut(resources) }).catch(
      (error: unknown) => {
        if (!isUnimplemented(error)) throw error; // only newer runtimes want to know
      },
    );
  }

  async reopenContainerLog(id: string): Promise<void> {
    await this.#call('ReopenContainerLog', { container_id: id });
  }

  async execSync(id: string, command: readonly string[], timeoutMs: number): Promise<ExecSyncResult> {
    const request = { container_id: id, cmd: command, timeout: Math.ceil(timeoutMs / 1000) };
    const answer = await this.#call('ExecSync', request, 'internal', timeoutMs === 0 ? 0 : timeoutMs + EXEC_MARGIN_MS);
    const bytes = (field: string) => (answer[field] instanceof Uint8Array ? answer[field] : new Uint8Array());
    return { exitCode: number(answer, 'exit_code'), stdout: bytes('stdout'), stderr: bytes('stderr') };
  }

  async exec(id: string, command: readonly string[], streams: ExecStreams): Promise<ExecResult> {
    const answer = await this.#call('Exec', { container_id: id, cmd: command, ...wanted(streams) });
    return streamCommand(text(answer, 'url'), streams);
  }

  async attach(id: string, streams: ExecStreams): Promise<ExecResult> {
    const answer = await this.#call('Attach', { container_id: id, ...wanted(streams) });
    return streamCommand(text(answer, 'url'), streams);
  }

  async portForward(sandboxId: string, port: number, stream: PortStream): Promise<void> {
    const answer = await this.#call('PortForward', { pod_sandbox_id: sandboxId, port: [port] });
    await streamPort(text(answer, 'url'), port, stream);
  }

  async podSandboxStats(id: string): Promise<PodSandboxStats> {
    return statsIn(message(await this.#call('PodSandboxStats', { pod_sandbox_id: id }), 'stats'));
  }

  async listPodSandboxStats(): Promise<readonly PodSandboxStats[]> {
    return list(await this.#call('ListPodSandboxStats', {}), 'stats').map(statsIn);
  }

  onEvent(callback: (event: RuntimeEvent) => void): () => void {
    this.#listeners.add(callback);
    if (this.#listeners.size === 1) this.#listen();
    return () => {
      this.#listeners.delete(callback);
      if (this.#listeners.size === 0) this.close();
    };
  }

  close(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #listen(): void {
    this.#stop = this.#options.connection.stream(
      'GetContainerEvents',
      (event) => this.#tell(event),
      (error) => {
        this.#stop = undefined;
        if (this.#listeners.size === 0) return;
        if (isUnimplemented(error)) this.#relist();
        else this.#timer = this.#options.clock.setTimer(RELIST_MS, () => this.#listen());
      },
    );
  }

  #tell(event: Message): void {
    const type = EVENT_TYPES[text(event, 'container_event_type')];
    const sandbox = message(event, 'pod_sandbox_status');
    const sandboxId = text(sandbox, 'id');
    const id = text(event, 'container_id');
    if (type === undefined) return;
    const podUid = text(message(sandbox, 'metadata'), 'uid');
    this.#emit({ type, sandboxId, podUid, ...(id === sandboxId ? {} : { containerId: id }) });
  }

  #emit(event: RuntimeEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** For runtimes without events (containerd before 1.7): what changed since the last look? */
  #relist(): void {
    const look = async () => {
      const [pods, containers] = await Promise.all([
        this.#call('ListPodSandbox', {}),
        this.#call('ListContainers', {}),
      ]);
      const now = new Map<string, Seen>();
      for (const p of list(pods, 'items')) {
        const id = text(p, 'id');
        now.set(id, { state: text(p, 'state'), sandboxId: id, podUid: text(message(p, 'metadata'), 'uid') });
      }
      for (const c of list(containers, 'containers')) {
        const [id, sandboxId] = [text(c, 'id'), text(c, 'pod_sandbox_id')];
        now.set(id, { state: text(c, 'state'), sandboxId, podUid: now.get(sandboxId)?.podUid ?? '', containerId: id });
      }
      this.#compare(now);
    };
    look()
      .catch((error: unknown) => this.#options.log(`runtime: ${String(error)}`))
      .finally(() => {
        if (this.#listeners.size > 0) this.#timer = this.#options.clock.setTimer(RELIST_MS, () => this.#relist());
      });
  }

  #compare(now: ReadonlyMap<string, Seen>): void {
    const before = this.#seen;
    this.#seen = now;
    const base = (of: Seen) => ({
      sandboxId: of.sandboxId,
      podUid: of.podUid,
      ...(of.containerId === undefined ? {} : { containerId: of.containerId }),
    });
    for (const [id, entry] of now) {
      if (before.get(id)?.state === entry.state) continue;
      const type = /RUNNING|_READY/.test(entry.state)
        ? 'started'
        : entry.state.endsWith('CREATED')
          ? 'created'
          : 'stopped';
      this.#emit({ type, ...base(entry) });
    }
    for (const [id, entry] of before) if (!now.has(id)) this.#emit({ type: 'deleted', ...base(entry) });
  }
}

function wanted(streams: ExecStreams): object {
  return {
    tty: streams.tty,
    stdin: streams.stdin !== undefined,
    stdout: streams.stdout !== undefined,
    stderr: streams.stderr !== undefined && !streams.tty,
  };
}

function ignoreNotFound<T>(error: unknown): T | undefined {
  if (error instanceof RuntimeError && error.kind === 'not-found') return undefined;
  throw error;
}
