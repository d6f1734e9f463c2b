// Requests and limits as cgroup values. https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
import type { LinuxResources } from '../../cri/port.ts';
import { parseQuantity } from '../../machinery/quantity.ts';
import type { Pod, ResourceRequirements } from '../../resources/generated/core-v1.ts';
import { type ContainerRef, initContainers, isSidecar, namesOf, specOf } from '../pod/identity.ts';
import { type Qos, qosClass } from '../status/qos.ts';

const PERIOD = 100_000;

export function milli(list: Record<string, string> | undefined, name: string): number {
  const text = list?.[name];
  return text === undefined ? 0 : Number(parseQuantity(text).milliValue());
}

export function bytes(list: Record<string, string> | undefined, name: string): number {
  const text = list?.[name];
  return text === undefined ? 0 : Number(parseQuantity(text).value());
}

export function cpuShares(milliCpu: number): number {
  if (milliCpu === 0) return 2;
  return Math.min(Math.max(Math.floor((milliCpu * 1024) / 1000), 2), 262_144);
}

export function cpuQuota(milliCpu: number): number {
  if (milliCpu === 0) return 0;
  return Math.max(Math.floor((milliCpu * PERIOD) / 1000), 1000);
}

const GUARANTEED_OOM = -997;

/** How early the kernel picks a container when memory runs out. */
export function oomScoreAdj(pod: Pod, ref: ContainerRef, memoryCapacity: number): number {
  const priority = specOf(pod).priority ?? 0;
  const qos = qosClass(pod);
  if (priority >= 2_000_000_000 || qos === 'Guaranteed') return GUARANTEED_OOM;
  if (qos === 'BestEffort') return 1000;
  const scoreOf = (r: ContainerRef): number => {
    const request = bytes(r.spec.resources?.requests ?? r.spec.resources?.limits, 'memory');
    const score = 1000 - Math.floor((1000 * request) / Math.max(memoryCapacity, 1));
    return Math.min(Math.max(score, 1000 + GUARANTEED_OOM), 999);
  };
  if (!isSidecar(ref)) return scoreOf(ref);
  const apps = specOf(pod).containers.map((spec) => scoreOf({ kind: 'app', spec }));
  return Math.min(scoreOf(ref), ...apps);
}

function hugepages(limits: Record<string, string> | undefined): LinuxResources['hugepageLimits'] {
  const out: { pageSize: string; limit: number }[] = [];
  for (const name of Object.keys(limits ?? {})) {
    const size = /^hugepages-(\d+)([KMG])i$/.exec(name);
    if (size !== null) out.push({ pageSize: `${size[1]}${size[2]}B`, limit: bytes(limits, name) });
  }
  return out.length === 0 ? undefined : out;
}

export interface ResourceContext {
  readonly memoryCapacity: number;
  readonly podPidsLimit: number;
  /** Whether the node's cgroups are v2 throughout. */
  readonly unifiedCgroups?: boolean;
}

export function containerResources(pod: Pod, ref: ContainerRef, context: ResourceContext): LinuxResources {
  const { requests, limits } = ref.spec.resources ?? {};
  // A container without a limit of its own has the pod's. https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#pod-level-resource-specification
  const whole = specOf(pod).resources?.limits;
  const limitCpu = milli(limits, 'cpu') || milli(whole, 'cpu');
  const requestCpu = requests?.cpu === undefined ? limitCpu : milli(requests, 'cpu');
  const quota = cpuQuota(limitCpu);
  const memory = bytes(limits, 'memory') || bytes(whole, 'memory');
  const pages = hugepages(limits);
  return {
    cpuPeriod: PERIOD,
    ...(quota > 0 ? { cpuQuota: quota } : {}),
    cpuShares: cpuShares(requestCpu),
    ...(memory > 0 ? { memoryLimitBytes: memory } : {}),
    oomScoreAdj: oomScoreAdj(pod, ref, context.memoryCapacity),
    ...(pages === undefined ? {} : { hugepageLimits: pages }),
    // A container without its memory ends as a whole. https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/ (singleProcessOOMKill)
    ...(context.unifiedCgroups === true ? { unified: { 'memory.oom.group': '1' } } : {}),
  };
}

interface Totals {
  requestCpu: number;
  requestMemory: number;
  limitCpu: number;
  limitMemory: number;
  cpuUnlimited: boolean;
  memoryUnlimited: boolean;
}

function sumOf(all: readonly (ResourceRequirements | undefined)[]): Totals {
  const t: Totals = {
    requestCpu: 0,
    requestMemory: 0,
    limitCpu: 0,
    limitMemory: 0,
    cpuUnlimited: false,
    memoryUnlimited: false,
  };
  for (const r of all) {
    t.requestCpu += r?.requests?.cpu === undefined ? milli(r?.limits, 'cpu') : milli(r.requests, 'cpu');
    t.requestMemory += r?.requests?.memory === undefined ? bytes(r?.limits, 'memory') : bytes(r.requests, 'memory');
    t.limitCpu += milli(r?.limits, 'cpu');
    t.limitMemory += bytes(r?.limits, 'memory');
    if (milli(r?.limits, 'cpu') === 0) t.cpuUnlimited = true;
    if (bytes(r?.limits, 'memory') === 0) t.memoryUnlimited = true;
  }
  return t;
}

function larger(a: Totals, b: Totals): Totals {
  return {
    requestCpu: Math.max(a.requestCpu, b.requestCpu),
    requestMemory: Math.max(a.requestMemory, b.requestMemory),
    limitCpu: Math.max(a.limitCpu, b.limitCpu),
    limitMemory: Math.max(a.limitMemory, b.limitMemory),
    cpuUnlimited: a.cpuUnlimited || b.cpuUnlimited,
    memoryUnlimited: a.memoryUnlimited || b.memoryUnlimited,
  };
}

/** What a pod counts for: app containers and sidecars together, or the largest init container with the sidecars before it. */
export function podTotals(pod: Pod): Totals {
  const spec = specOf(pod);
  if (spec.resources !== undefined) return sumOf([spec.resources]);
  const sidecars: (ResourceRequirements | undefined)[] = [];
  let peak: Totals | undefined;
  for (const ref of initContainers(pod)) {
    if (isSidecar(ref)) sidecars.push(ref.spec.resources);
    else {
      const here = sumOf([...sidecars, ref.spec.resources]);
      peak = peak === undefined ? here : larger(peak, here);
    }
  }
  const main = sumOf([...sidecars, ...spec.containers.map((c) => c.resources)]);
  return peak === undefined ? main : larger(main, peak);
}

/** The pod's own cgroup: shares of all, limits only when every container has one. */
export function podResources(pod: Pod, context: ResourceContext): LinuxResources {
  const t = podTotals(pod);
  const overhead = specOf(pod).overhead;
  const quota = t.cpuUnlimited ? 0 : cpuQuota(t.limitCpu + milli(overhead, 'cpu'));
  const memory = t.memoryUnlimited ? 0 : t.limitMemory + bytes(overhead, 'memory');
  return {
    cpuPeriod: PERIOD,
    cpuShares: cpuShares(t.requestCpu + milli(overhead, 'cpu')),
    ...(quota > 0 ? { cpuQuota: quota } : {}),
    ...(memory > 0 ? { memoryLimitBytes: memory } : {}),
    ...(context.podPidsLimit > 0 ? { pidsLimit: context.podPidsLimit } : {}),
  };
}

const QOS_DIR: Record<Qos, string> = { Guaranteed: '', Burstable: '/burstable', BestEffort: '/besteffort' };

export function cgroupParent(pod: Pod): string {
  return `/kubepods${QOS_DIR[qosClass(pod)]}/pod${namesOf(pod).uid}`;
}
