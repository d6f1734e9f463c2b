// Requests and limits as cgroup values. https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
import type { LinuxResources } from '../../cri/port.ts';
import type { Pod } from '../../resources/generated/core-v1.ts';
import { type ContainerRef, namesOf, specOf } from '../pod/identity.ts';
import { bytes, milli, podAmounts, podTotals, type Qos, qosClass } from './amounts.ts';
import { oomScoreAdj } from './oom-score.ts';

const PERIOD = 100_000;

export function cpuShares(milliCpu: number): number {
  if (milliCpu === 0) return 2;
  return Math.min(Math.max(Math.floor((milliCpu * 1024) / 1000), 2), 262_144);
}

export function cpuQuota(milliCpu: number): number {
  if (milliCpu === 0) return 0;
  return Math.max(Math.floor((milliCpu * PERIOD) / 1000), 1000);
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
  const pages = hugepages({ ...whole, ...limits });
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

/** The pod's own cgroup: shares of all, limits only where the pod or every container has one. */
export function podResources(pod: Pod, context: ResourceContext): LinuxResources {
  const t = podTotals(pod);
  const quota = t.cpuUnlimited ? 0 : cpuQuota(t.limitCpu);
  const memory = t.memoryUnlimited ? 0 : t.limitMemory;
  const pages = hugepages(podAmounts(pod, 'requests'));
  return {
    cpuPeriod: PERIOD,
    cpuShares: cpuShares(t.requestCpu),
    ...(quota > 0 ? { cpuQuota: quota } : {}),
    ...(memory > 0 ? { memoryLimitBytes: memory } : {}),
    ...(pages === undefined ? {} : { hugepageLimits: pages }),
    ...(context.podPidsLimit > 0 ? { pidsLimit: context.podPidsLimit } : {}),
  };
}

const QOS_DIR: Record<Qos, string> = { Guaranteed: '', Burstable: '/burstable', BestEffort: '/besteffort' };

export function cgroupParent(pod: Pod): string {
  return `/kubepods${QOS_DIR[qosClass(pod)]}/pod${namesOf(pod).uid}`;
}
