// The container runtime port: what the kubelet asks of any runtime (embedded, gRPC, simulated). It follows the CRI v1 API in
// names and meaning. Source: https://github.com/kubernetes/cri-api (runtime/v1). Times are nanoseconds since 1970 as bigint-safe numbers
// in milliseconds (float) to stay in JavaScript's exact range.
import type { ExecResult, ExecStreams, PortStream } from '../machinery/streams.ts';

export type NamespaceMode = 'pod' | 'container' | 'node' | 'target';

export interface PodSandboxConfig {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly attempt: number;
  readonly hostname: string;
  /** Where this pod's container logs go: `<logDirectory>/<container log_path>`. */
  readonly logDirectory: string;
  readonly dns?: {
    readonly servers: readonly string[];
    readonly searches: readonly string[];
    readonly options: readonly string[];
  };
  readonly portMappings: readonly PortMapping[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** The pod's cgroup, below the cluster's own root: `/kubepods/burstable/pod<uid>`. */
  readonly cgroupParent: string;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly namespaces: {
    readonly network: 'pod' | 'node';
    readonly pid: 'pod' | 'container' | 'node';
    readonly ipc: 'pod' | 'node';
    readonly user?: UserNamespace;
  };
  readonly security: LinuxSecurity;
  readonly overhead?: LinuxResources;
  readonly resources?: LinuxResources;
  readonly runtimeHandler: string;
}

export interface UserNamespace {
  readonly uids: readonly { readonly hostId: number; readonly containerId: number; readonly length: number }[];
  readonly gids: readonly { readonly hostId: number; readonly containerId: number; readonly length: number }[];
}

export interface PortMapping {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly containerPort: number;
  readonly hostPort: number;
  readonly hostIp: string;
}

export interface LinuxSecurity {
  readonly privileged: boolean;
  readonly runAsUser?: number;
  readonly runAsUsername?: string;
  readonly runAsGroup?: number;
  readonly supplementalGroups: readonly number[];
  readonly supplementalGroupsPolicy?: 'Merge' | 'Strict';
  readonly readonlyRootfs: boolean;
  readonly noNewPrivs: boolean;
  readonly capabilities?: { readonly add: readonly string[]; readonly drop: readonly string[] };
  readonly seccomp?: { readonly type: 'RuntimeDefault' | 'Unconfined' | 'Localhost'; readonly localhostPath?: string };
  readonly apparmor?: {
    readonly type: 'RuntimeDefault' | 'Unconfined' | 'Localhost';
    readonly localhostProfile?: string;
  };
  readonly selinux?: {
    readonly user?: string;
    readonly role?: string;
    readonly type?: string;
    readonly level?: string;
  };
  /** Absent: the runtime's defaults; empty: nothing masked (procMount Unmasked). */
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
  readonly pidMode: NamespaceMode;
  /** For ephemeral containers that share another container's PID namespace. */
  readonly targetContainerId?: string;
}

export interface LinuxResources {
  readonly cpuPeriod?: number;
  readonly cpuQuota?: number;
  readonly cpuShares?: number;
  readonly memoryLimitBytes?: number;
  readonly oomScoreAdj?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly hugepageLimits?: readonly { readonly pageSize: string; readonly limit: number }[];
  readonly pidsLimit?: number;
  /** cgroup v2 files set as they are, e.g. memory.oom.group. */
  readonly unified?: Readonly<Record<string, string>>;
  readonly memorySwapLimitBytes?: number;
}

export interface Mount {
  readonly containerPath: string;
  readonly hostPath: string;
  readonly readonly: boolean;
  readonly recursiveReadOnly?: boolean;
  readonly propagation: 'private' | 'hostToContainer' | 'bidirectional';
  /** An image volume: mounted read-only in place of hostPath. */
  readonly image?: string;
  readonly imageSubPath?: string;
}

export interface Device {
  readonly containerPath: string;
  readonly hostPath: string;
  readonly permissions: string;
}

/**
 * Annotation of containers that somebody waits for to end: init containers that are no sidecars, and those of Jobs. The runtime
 * that runs no process cannot see it from the command.
 */
export const RUNS_TO_COMPLETION = 'minke.dev/runs-to-completion';

export interface ContainerConfig {
  readonly name: string;
  readonly attempt: number;
  /** The image's id as `imageStatus` gave it. */
  readonly image: string;
  /** The image as the user wrote it. */
  readonly userImage: string;
  /** Empty: the image's ENTRYPOINT / CMD by Kubernetes' table of command and args. */
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly workingDir: string;
  readonly env: readonly { readonly key: string; readonly value: string }[];
  readonly mounts: readonly Mount[];
  readonly devices: readonly Device[];
  /** Names by the Container Device Interface: `vendor.example/gpu=one`. */
  readonly cdiDevices?: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Below the sandbox's logDirectory: `<container>/<attempt>.log`. CRI log format. */
  readonly logPath: string;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly tty: boolean;
  readonly resources: LinuxResources;
  readonly security: LinuxSecurity;
  /** Name without SIG, or SIGxxx; the image's own when absent. */
  readonly stopSignal?: string;
}

export interface PodSandboxStatus {
  readonly id: string;
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly attempt: number;
  readonly state: 'ready' | 'notready';
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly ips: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly runtimeHandler: string;
  /** PID of the pause process on the host, where the runtime knows it. */
  readonly pid?: number;
}

export interface ContainerStatus {
  readonly id: string;
  readonly sandboxId: string;
  readonly name: string;
  readonly attempt: number;
  readonly state: 'created' | 'running' | 'exited' | 'unknown';
  /** Milliseconds since 1970; 0 when it has not happened. */
  readonly createdAt: number;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly exitCode: number;
  readonly signal?: number;
  /** `Completed`, `Error`, `OOMKilled`, `ContainerCannotRun`, `StartError` … as the runtime reports it. */
  readonly reason: string;
  readonly message: string;
  readonly image: string;
  /** Repo digest (`docker.io/library/busybox@sha256:…`) or image id. */
  readonly imageRef: string;
  readonly imageId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
  /** Absolute path of the log file. */
  readonly logPath: string;
  readonly pid?: number;
  readonly user?: { readonly uid: number; readonly gid: number; readonly supplementalGroups: readonly number[] };
  readonly resources?: LinuxResources;
  readonly stopSignal?: string;
}

/** Something happened to a sandbox or container; the kubelet looks at the pod again. */
export interface RuntimeEvent {
  readonly type: 'created' | 'started' | 'stopped' | 'deleted' | 'oom';
  readonly sandboxId: string;
  readonly containerId?: string;
  readonly podUid: string;
}

export interface ContainerStats {
  readonly id: string;
  readonly sandboxId: string;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly cpuUsageNanoCores?: number;
  readonly cpuUsageCoreNanoSeconds: number;
  readonly memoryUsageBytes: number;
  readonly memoryWorkingSetBytes: number;
  readonly memoryRssBytes: number;
  readonly memoryPageFaults: number;
  readonly memoryMajorPageFaults: number;
  readonly pids: number;
  readonly rootfsUsedBytes: number;
  readonly rootfsInodes: number;
}

export interface PodSandboxStats {
  readonly id: string;
  readonly uid: string;
  readonly timestamp: number;
  readonly cpuUsageCoreNanoSeconds: number;
  readonly memoryUsageBytes: number;
  readonly memoryWorkingSetBytes: number;
  readonly pids: number;
  readonly network?: {
    readonly name: string;
    readonly rxBytes: number;
    readonly rxErrors: number;
    readonly txBytes: number;
    readonly txErrors: number;
  };
  readonly containers: readonly ContainerStats[];
}

export interface RuntimeVersion {
  readonly name: string;
  readonly version: string;
  readonly apiVersion: string;
}

/** What a runtime can do beyond the least, by the handlers it has; the default one has no name. */
export interface RuntimeFeatures {
  readonly handlers: readonly {
    readonly name: string;
    readonly userNamespaces: boolean;
    readonly recursiveReadOnlyMounts: boolean;
  }[];
  /** Containers have all devices that are claimed for them, since they have no processes. */
  readonly simulatesDevices?: boolean;
  readonly supplementalGroupsPolicy: boolean;
}

export interface ExecSyncResult {
  readonly exitCode: number;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

/** Every call is safe to repeat: stop and remove of what is gone succeed. Errors are RuntimeErrors. */
export interface RuntimeService {
  version(): Promise<RuntimeVersion>;
  features(): Promise<RuntimeFeatures>;
  /** Throws a RuntimeError with what is missing while the runtime or the pod network is not ready. */
  ready(): Promise<{ readonly runtime: true | string; readonly network: true | string }>;
  runPodSandbox(config: PodSandboxConfig): Promise<string>;
  stopPodSandbox(id: string): Promise<void>;
  removePodSandbox(id: string): Promise<void>;
  podSandboxStatus(id: string): Promise<PodSandboxStatus>;
  listPodSandboxes(): Promise<readonly PodSandboxStatus[]>;
  createContainer(sandboxId: string, config: ContainerConfig, sandbox: PodSandboxConfig): Promise<string>;
  startContainer(id: string): Promise<void>;
  /** Sends the stop signal, waits `timeoutMs`, then SIGKILL. */
  stopContainer(id: string, timeoutMs: number): Promise<void>;
  removeContainer(id: string): Promise<void>;
  containerStatus(id: string): Promise<ContainerStatus>;
  listContainers(): Promise<readonly ContainerStatus[]>;
  updateContainerResources(id: string, resources: LinuxResources): Promise<void>;
  updatePodSandboxResources(id: string, resources: LinuxResources): Promise<void>;
  reopenContainerLog(id: string): Promise<void>;
  /** Output is capped (16 MiB in all, as containerd); throws RuntimeError `deadline` when it takes longer than `timeoutMs` (0: no limit). */
  execSync(id: string, command: readonly string[], timeoutMs: number): Promise<ExecSyncResult>;
  exec(id: string, command: readonly string[], streams: ExecStreams): Promise<ExecResult>;
  attach(id: string, streams: ExecStreams): Promise<ExecResult>;
  portForward(sandboxId: string, port: number, stream: PortStream): Promise<void>;
  podSandboxStats(id: string): Promise<PodSandboxStats>;
  listPodSandboxStats(): Promise<readonly PodSandboxStats[]>;
  /** Calls back as things happen, at once and in order; the returned function stops it. */
  onEvent(callback: (event: RuntimeEvent) => void): () => void;
}

export interface ImageInfo {
  /** `sha256:…` of the configuration. */
  readonly id: string;
  readonly repoTags: readonly string[];
  readonly repoDigests: readonly string[];
  readonly size: number;
  readonly uid?: number;
  readonly username?: string;
  readonly pinned: boolean;
}

export interface RegistryAuth {
  readonly username?: string;
  readonly password?: string;
  readonly auth?: string;
  readonly identityToken?: string;
  readonly registryToken?: string;
  readonly serverAddress?: string;
}

export interface PullProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface ImageService {
  /** undefined when there is no such image. Takes names as users write them (`nginx`, `nginx:1.25`, `host/x@sha256:…`) and ids. */
  imageStatus(image: string): Promise<ImageInfo | undefined>;
  listImages(): Promise<readonly ImageInfo[]>;
  /** Returns the image's id. `RuntimeError.kind` tells a bad name, a refusal, an absence and a broken transfer apart. */
  pullImage(
    image: string,
    auth: RegistryAuth | undefined,
    onProgress?: (p: PullProgress) => void,
    signal?: AbortSignal,
  ): Promise<string>;
  removeImage(image: string): Promise<void>;
  imageFsInfo(): Promise<{ readonly usedBytes: number; readonly inodesUsed: number; readonly mountpoint: string }>;
}

export type RuntimeErrorKind =
  | 'not-found'
  | 'already-exists'
  | 'invalid-image-name'
  | 'image-not-found'
  | 'registry-unavailable'
  | 'unauthorized'
  | 'signature-validation-failed'
  | 'create-container' // the container could not be made: CreateContainerError
  | 'run-container' // it was made and could not be started: RunContainerError / ContainerCannotRun
  | 'sandbox' // the sandbox could not be made
  | 'deadline'
  | 'unavailable' // the runtime itself does not answer
  | 'internal';

/** What a runtime throws. `message` is what the user sees in an event. */
export class RuntimeError extends Error {
  constructor(
    readonly kind: RuntimeErrorKind,
    message: string,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'RuntimeError';
  }
}
