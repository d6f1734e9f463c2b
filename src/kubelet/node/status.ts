// The Node object that this kubelet keeps: what it says at registration, and its status from then on.
// https://kubernetes.io/docs/reference/node/node-status/

import type { ImageInfo, RuntimeFeatures } from '../../cri/port.ts';
import type { DiskFacts } from '../../host/machine.ts';
import { rfc3339 } from '../../machinery/time.ts';
import type { Node, NodeAddress, NodeCondition, NodeStatus } from '../../resources/generated/core-v1.ts';
import type { HostFacts } from './facts.ts';

export interface NodeShape {
  readonly name: string;
  readonly hostname: string;
  readonly ips: readonly string[];
  readonly podCidr: string | undefined;
  readonly facts: HostFacts;
  readonly features: RuntimeFeatures;
  readonly disk: DiskFacts;
  readonly maxPods: number;
  readonly reserved: { readonly cpuMilli: number; readonly memoryBytes: number };
  readonly version: string;
  readonly runtimeVersion: string;
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
  /** What device plugins have, by the resources' names. */
  readonly devices?: Pick<Required<NodeStatus>, 'capacity' | 'allocatable'>;
}

export interface Pressure {
  readonly memory: boolean;
  readonly disk: boolean;
  readonly pid: boolean;
  /** Why the node cannot run pods now; undefined when it can. */
  readonly notReady: string | undefined;
}

interface Words {
  readonly type: string;
  readonly bad: { reason: string; message: string };
  readonly good: { reason: string; message: string };
}

const PRESSURES: Record<'memory' | 'disk' | 'pid', Words> = {
  memory: {
    type: 'MemoryPressure',
    bad: { reason: 'KubeletHasInsufficientMemory', message: 'kubelet has insufficient memory available' },
    good: { reason: 'KubeletHasSufficientMemory', message: 'kubelet has sufficient memory available' },
  },
  disk: {
    type: 'DiskPressure',
    bad: { reason: 'KubeletHasDiskPressure', message: 'kubelet has disk pressure' },
    good: { reason: 'KubeletHasNoDiskPressure', message: 'kubelet has no disk pressure' },
  },
  pid: {
    type: 'PIDPressure',
    bad: { reason: 'KubeletHasInsufficientPID', message: 'kubelet has insufficient PID available' },
    good: { reason: 'KubeletHasSufficientPID', message: 'kubelet has sufficient PID available' },
  },
};

function condition(
  made: Pick<NodeCondition, 'type' | 'status' | 'reason' | 'message'>,
  old: readonly NodeCondition[],
  now: number,
): NodeCondition {
  const before = old.find((c) => c.type === made.type);
  const changed = before === undefined || before.status !== made.status;
  const at = rfc3339(now);
  return { ...made, lastHeartbeatTime: at, lastTransitionTime: changed ? at : (before.lastTransitionTime ?? at) };
}

export function nodeConditions(pressure: Pressure, old: readonly NodeCondition[], now: number): NodeCondition[] {
  const out = (['memory', 'disk', 'pid'] as const).map((key) => {
    const words = PRESSURES[key];
    const bad = pressure[key];
    return condition({ type: words.type, status: bad ? 'True' : 'False', ...(bad ? words.bad : words.good) }, old, now);
  });
  const ready = pressure.notReady === undefined;
  const made = ready
    ? { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' }
    : { type: 'Ready', status: 'False', reason: 'KubeletNotReady', message: pressure.notReady ?? '' };
  return [...out, condition(made, old, now)];
}

export function nodeLabels(shape: NodeShape): Record<string, string> {
  return {
    'beta.kubernetes.io/arch': shape.facts.arch,
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': shape.facts.arch,
    'kubernetes.io/hostname': shape.hostname,
    'kubernetes.io/os': 'linux',
    ...shape.labels,
  };
}

function kib(bytes: number): string {
  return `${Math.floor(bytes / 1024)}Ki`;
}

const NO_DEVICES = { capacity: {}, allocatable: {} };

function amounts(shape: NodeShape): Pick<NodeStatus, 'capacity' | 'allocatable'> {
  const { facts, disk, reserved, maxPods, devices = NO_DEVICES } = shape;
  const pages = [...facts.hugepages];
  const pageBytes = pages.reduce((sum, [, n]) => sum + n, 0);
  const hugepages = Object.fromEntries(pages.map(([name, n]) => [name, n === 0 ? '0' : `${n / 1024 / 1024}Mi`]));
  const milliCpu = facts.cpus * 1000 - reserved.cpuMilli;
  return {
    capacity: {
      ...devices.capacity,
      cpu: String(facts.cpus),
      'ephemeral-storage': kib(disk.totalBytes),
      ...hugepages,
      memory: kib(facts.memoryBytes),
      pods: String(maxPods),
    },
    allocatable: {
      ...devices.allocatable,
      cpu: milliCpu % 1000 === 0 ? String(milliCpu / 1000) : `${milliCpu}m`,
      // What eviction keeps free is not given away.
      'ephemeral-storage': String(Math.floor(disk.totalBytes * 0.9)),
      ...hugepages,
      memory: kib(Math.max(0, facts.memoryBytes - reserved.memoryBytes - pageBytes)),
      pods: String(maxPods),
    },
  };
}

function addresses(shape: NodeShape): NodeAddress[] {
  const ips = shape.ips.map((address) => ({ type: 'InternalIP', address }));
  return [...ips, { type: 'Hostname', address: shape.hostname }];
}

const MAX_IMAGES = 50;
const MAX_NAMES = 5;

export function nodeImages(images: readonly ImageInfo[]): NodeStatus['images'] {
  return [...images]
    .sort((a, b) => b.size - a.size)
    .slice(0, MAX_IMAGES)
    .map((image) => ({
      names: [...image.repoDigests, ...image.repoTags].slice(0, MAX_NAMES),
      sizeBytes: image.size,
    }))
    .filter((image) => image.names.length > 0);
}

function runtimeStatus(features: RuntimeFeatures): Pick<NodeStatus, 'runtimeHandlers' | 'features'> {
  const runtimeHandlers = features.handlers.map(({ name, userNamespaces, recursiveReadOnlyMounts }) => ({
    name,
    features: { recursiveReadOnlyMounts, userNamespaces },
  }));
  const { supplementalGroupsPolicy } = features;
  return { ...(runtimeHandlers.length === 0 ? {} : { runtimeHandlers }), features: { supplementalGroupsPolicy } };
}

export interface StatusParts {
  readonly shape: NodeShape;
  readonly pressure: Pressure;
  readonly images: readonly ImageInfo[];
  readonly old: NodeStatus | undefined;
  readonly now: number;
}

export function nodeStatus(parts: StatusParts): NodeStatus {
  const { shape, now } = parts;
  const { facts } = shape;
  return {
    ...amounts(shape),
    conditions: nodeConditions(parts.pressure, parts.old?.conditions ?? [], now),
    addresses: addresses(shape),
    daemonEndpoints: { kubeletEndpoint: { Port: shape.port } },
    nodeInfo: {
      machineID: facts.machineId,
      systemUUID: facts.systemUuid,
      bootID: facts.bootId,
      kernelVersion: facts.kernel,
      osImage: facts.osImage,
      containerRuntimeVersion: shape.runtimeVersion,
      kubeletVersion: shape.version,
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: facts.arch,
      ...(facts.swapBytes > 0 ? { swap: { capacity: facts.swapBytes } } : {}),
    },
    ...(parts.images.length === 0 ? {} : { images: nodeImages(parts.images) }),
    ...runtimeStatus(shape.features),
  };
}

export function newNode(shape: NodeShape, taints: readonly { key: string; value?: string; effect: string }[]): Node {
  const spec = {
    ...(shape.podCidr === undefined ? {} : { podCIDR: shape.podCidr, podCIDRs: [shape.podCidr] }),
    ...(taints.length === 0 ? {} : { taints: taints.map((t) => ({ ...t })) }),
  };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: shape.name,
      labels: nodeLabels(shape),
      annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
    },
    ...(Object.keys(spec).length === 0 ? {} : { spec }),
  };
}
