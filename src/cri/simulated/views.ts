// What a simulated runtime tells of its sandboxes and containers.
import type { Timer } from '../../host/clock.ts';
import type {
  ContainerConfig,
  ContainerStats,
  ContainerStatus,
  LinuxResources,
  PodSandboxConfig,
  PodSandboxStats,
  PodSandboxStatus,
} from '../port.ts';
import type { Behaviour } from './rules.ts';

export interface SimulatedSandbox {
  readonly id: string;
  readonly config: PodSandboxConfig;
  readonly createdAt: number;
  readonly ip: string;
  ready: boolean;
}

export interface SimulatedContainer {
  readonly id: string;
  readonly sandbox: SimulatedSandbox;
  readonly config: ContainerConfig;
  readonly behaviour: Behaviour;
  readonly createdAt: number;
  state: 'created' | 'running' | 'exited';
  startedAt: number;
  finishedAt: number;
  exitCode: number;
  reason: string;
  message: string;
  resources: LinuxResources;
  timer?: Timer;
  readonly waiters: Set<() => void>;
}

export function sandboxStatus(s: SimulatedSandbox): PodSandboxStatus {
  const { config } = s;
  return {
    id: s.id,
    name: config.name,
    namespace: config.namespace,
    uid: config.uid,
    attempt: config.attempt,
    state: s.ready ? 'ready' : 'notready',
    createdAt: s.createdAt,
    ips: s.ip === '' ? [] : [s.ip],
    labels: config.labels,
    annotations: config.annotations,
    runtimeHandler: config.runtimeHandler,
  };
}

export function containerStatus(c: SimulatedContainer): ContainerStatus {
  return {
    id: c.id,
    sandboxId: c.sandbox.id,
    name: c.config.name,
    attempt: c.config.attempt,
    state: c.state,
    createdAt: c.createdAt,
    startedAt: c.startedAt,
    finishedAt: c.finishedAt,
    exitCode: c.exitCode,
    reason: c.reason,
    message: c.message,
    image: c.config.userImage,
    imageRef: c.config.image,
    imageId: c.config.image,
    labels: c.config.labels,
    annotations: c.config.annotations,
    mounts: c.config.mounts,
    logPath: `${c.sandbox.config.logDirectory}/${c.config.logPath}`,
    resources: c.resources,
    ...(c.config.stopSignal === undefined ? {} : { stopSignal: c.config.stopSignal }),
  };
}

function containerStats(c: SimulatedContainer, timestamp: number): ContainerStats {
  const { cpuNanoCores, memoryBytes } = c.behaviour;
  return {
    id: c.id,
    sandboxId: c.sandbox.id,
    name: c.config.name,
    timestamp,
    cpuUsageNanoCores: cpuNanoCores,
    cpuUsageCoreNanoSeconds: Math.round((cpuNanoCores * (timestamp - c.startedAt)) / 1000),
    memoryUsageBytes: memoryBytes,
    memoryWorkingSetBytes: memoryBytes,
    memoryRssBytes: memoryBytes,
    memoryPageFaults: 0,
    memoryMajorPageFaults: 0,
    pids: 1,
    rootfsUsedBytes: 0,
    rootfsInodes: 0,
  };
}

/** The running containers of a sandbox, as numbers. */
export function sandboxStats(
  { id, config }: SimulatedSandbox,
  running: readonly SimulatedContainer[],
  timestamp: number,
): PodSandboxStats {
  const containers = running.map((c) => containerStats(c, timestamp));
  const sum = (pick: (c: ContainerStats) => number) => containers.reduce((total, c) => total + pick(c), 0);
  return {
    id,
    uid: config.uid,
    timestamp,
    cpuUsageCoreNanoSeconds: sum((c) => c.cpuUsageCoreNanoSeconds),
    memoryUsageBytes: sum((c) => c.memoryUsageBytes),
    memoryWorkingSetBytes: sum((c) => c.memoryWorkingSetBytes),
    pids: sum((c) => c.pids),
    containers,
  };
}
