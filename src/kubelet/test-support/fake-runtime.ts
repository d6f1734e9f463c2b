// A runtime in memory for tests: containers live until a script or a stop ends them.
import type {
  ContainerConfig,
  ContainerStatus,
  ExecSyncResult,
  ImageInfo,
  ImageService,
  PodSandboxConfig,
  PodSandboxStatus,
  RuntimeEvent,
  RuntimeFeatures,
  RuntimeService,
} from '../../cri/port.ts';
import { RuntimeError } from '../../cri/port.ts';
import type { Clock } from '../../host/clock.ts';
import { LABEL } from '../pod/identity.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export interface FakeContainer extends Mutable<ContainerStatus> {
  config: ContainerConfig;
}

export class FakeRuntime implements RuntimeService {
  readonly sandboxes = new Map<string, Mutable<PodSandboxStatus>>();
  readonly containers = new Map<string, FakeContainer>();
  readonly calls: string[] = [];
  /** What containers end with when they are stopped. */
  stopExitCode = 137;
  private readonly listeners = new Set<(event: RuntimeEvent) => void>();
  private counter = 0;
  /** What becomes of a container when it starts: an exit code ends it at once. */
  script: (config: ContainerConfig) => number | undefined = () => undefined;
  execResult: (command: readonly string[]) => ExecSyncResult = () => ({
    exitCode: 0,
    stdout: new Uint8Array(),
    stderr: new Uint8Array(),
  });
  failCreate: string | undefined;

  constructor(private readonly clock: Clock) {}

  private id(): string {
    return (++this.counter).toString(16).padStart(64, '0');
  }

  private emit(event: RuntimeEvent): void {
    for (const listener of this.listeners) listener(event);
  }

  version(): Promise<{ name: string; version: string; apiVersion: string }> {
    return Promise.resolve({ name: 'minke', version: '0', apiVersion: 'v1' });
  }

  features(): Promise<RuntimeFeatures> {
    const able = { userNamespaces: true, recursiveReadOnlyMounts: true };
    return Promise.resolve({ handlers: [{ name: '', ...able }], supplementalGroupsPolicy: true });
  }

  ready(): Promise<{ runtime: true; network: true }> {
    return Promise.resolve({ runtime: true, network: true });
  }

  runPodSandbox(config: PodSandboxConfig): Promise<string> {
    const id = this.id();
    this.calls.push(`sandbox ${config.name} ${config.attempt}`);
    this.sandboxes.set(id, {
      id,
      name: config.name,
      namespace: config.namespace,
      uid: config.uid,
      attempt: config.attempt,
      state: 'ready',
      createdAt: this.clock.now(),
      ips: config.namespaces.network === 'node' ? [] : [`10.9.0.${this.counter}`],
      labels: config.labels,
      annotations: config.annotations,
      runtimeHandler: config.runtimeHandler,
    });
    this.emit({ type: 'started', sandboxId: id, podUid: config.uid });
    return Promise.resolve(id);
  }

  async stopPodSandbox(id: string): Promise<void> {
    const sandbox = this.sandboxes.get(id);
    if (sandbox === undefined) return;
    for (const c of this.containers.values()) if (c.sandboxId === id) this.exit(c.id, 137);
    this.calls.push(`stop sandbox ${sandbox.name}`);
    sandbox.state = 'notready';
    this.emit({ type: 'stopped', sandboxId: id, podUid: sandbox.uid });
    await Promise.resolve();
  }

  removePodSandbox(id: string): Promise<void> {
    this.sandboxes.delete(id);
    return Promise.resolve();
  }

  podSandboxStatus(id: string): Promise<PodSandboxStatus> {
    const found = this.sandboxes.get(id);
    if (found === undefined) return Promise.reject(new RuntimeError('not-found', id));
    return Promise.resolve({ ...found });
  }

  listPodSandboxes(): Promise<PodSandboxStatus[]> {
    return Promise.resolve([...this.sandboxes.values()].map((s) => ({ ...s })));
  }

  createContainer(sandboxId: string, config: ContainerConfig, sandbox: PodSandboxConfig): Promise<string> {
    if (this.failCreate !== undefined) return Promise.reject(new RuntimeError('create-container', this.failCreate));
    const id = this.id();
    this.calls.push(`create ${config.name} ${config.attempt}`);
    this.containers.set(id, {
      id,
      sandboxId,
      name: config.name,
      attempt: config.attempt,
      state: 'created',
      createdAt: this.clock.now(),
      startedAt: 0,
      finishedAt: 0,
      exitCode: 0,
      reason: '',
      message: '',
      image: `docker.io/library/${config.userImage}`,
      imageRef: config.image,
      imageId: config.image,
      labels: { ...config.labels, [LABEL.podUid]: sandbox.uid },
      annotations: config.annotations,
      mounts: config.mounts,
      logPath: `${sandbox.logDirectory}/${config.logPath}`,
      config,
    });
    return Promise.resolve(id);
  }

  startContainer(id: string): Promise<void> {
    const c = this.containers.get(id);
    if (c === undefined) return Promise.reject(new RuntimeError('not-found', id));
    c.state = 'running';
    c.startedAt = this.clock.now();
    this.calls.push(`start ${c.name} ${c.attempt}`);
    const code = this.script(c.config);
    if (code !== undefined) setImmediate(() => this.exit(id, code));
    return Promise.resolve();
  }

  exit(id: string, code: number): void {
    const c = this.containers.get(id);
    if (c === undefined || c.state === 'exited') return;
    c.state = 'exited';
    c.exitCode = code;
    c.finishedAt = this.clock.now();
    c.reason = code === 0 ? 'Completed' : 'Error';
    this.emit({ type: 'stopped', sandboxId: c.sandboxId, containerId: id, podUid: c.labels[LABEL.podUid] ?? '' });
  }

  byName(name: string): FakeContainer | undefined {
    return [...this.containers.values()].reverse().find((c) => c.name === name);
  }

  stopContainer(id: string): Promise<void> {
    const c = this.containers.get(id);
    if (c !== undefined) this.calls.push(`stop ${c.name}`);
    this.exit(id, this.stopExitCode);
    return Promise.resolve();
  }

  removeContainer(id: string): Promise<void> {
    this.containers.delete(id);
    return Promise.resolve();
  }

  containerStatus(id: string): Promise<ContainerStatus> {
    const found = this.containers.get(id);
    if (found === undefined) return Promise.reject(new RuntimeError('not-found', id));
    return Promise.resolve({ ...found });
  }

  listContainers(): Promise<ContainerStatus[]> {
    return Promise.resolve([...this.containers.values()].map((c) => ({ ...c })));
  }

  updateContainerResources(): Promise<void> {
    return Promise.resolve();
  }

  updatePodSandboxResources(): Promise<void> {
    return Promise.resolve();
  }

  reopenContainerLog(): Promise<void> {
    return Promise.resolve();
  }

  execSync(_id: string, command: readonly string[]): Promise<ExecSyncResult> {
    this.calls.push(`exec ${command.join(' ')}`);
    return Promise.resolve(this.execResult(command));
  }

  exec(): Promise<{ exitCode: number }> {
    return Promise.resolve({ exitCode: 0 });
  }

  attach(): Promise<{ exitCode: number }> {
    return Promise.resolve({ exitCode: 0 });
  }

  portForward(): Promise<void> {
    return Promise.resolve();
  }

  podSandboxStats(): Promise<never> {
    return Promise.reject(new RuntimeError('not-found', 'no stats'));
  }

  listPodSandboxStats(): Promise<[]> {
    return Promise.resolve([]);
  }

  onEvent(callback: (event: RuntimeEvent) => void): () => void {
    this.listeners.add(callback);
    return () => this.listeners.delete(callback);
  }
}

export class FakeImages implements ImageService {
  readonly present = new Map<string, ImageInfo>();
  readonly pulls: string[] = [];
  failPull: RuntimeError | undefined;

  add(name: string): void {
    this.present.set(name, { id: `sha256:${name}`, repoTags: [name], repoDigests: [], size: 1000, pinned: false });
  }

  imageStatus(image: string): Promise<ImageInfo | undefined> {
    const byId = [...this.present.values()].find((i) => i.id === image);
    return Promise.resolve(this.present.get(image) ?? byId);
  }

  listImages(): Promise<ImageInfo[]> {
    return Promise.resolve([...this.present.values()]);
  }

  pullImage(image: string): Promise<string> {
    this.pulls.push(image);
    if (this.failPull !== undefined) return Promise.reject(this.failPull);
    this.add(image);
    return Promise.resolve(`sha256:${image}`);
  }

  removeImage(image: string): Promise<void> {
    this.present.delete(image);
    return Promise.resolve();
  }

  imageFsInfo(): Promise<{ usedBytes: number; inodesUsed: number; mountpoint: string }> {
    return Promise.resolve({ usedBytes: 0, inodesUsed: 0, mountpoint: '/' });
  }
}
