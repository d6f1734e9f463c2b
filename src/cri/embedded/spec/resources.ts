// From the CRI's resources to the OCI's.
import type { LinuxResources } from '../../port.ts';
import type { OciDeviceRule, OciResources } from './types.ts';

export interface ResourceFacts {
  /** v1 cgroups have no `unified` files. */
  readonly unified: boolean;
  readonly swap: boolean;
}

export function ociResources(r: LinuxResources, devices: readonly OciDeviceRule[], facts: ResourceFacts): OciResources {
  const cpu = {
    ...(r.cpuShares ? { shares: r.cpuShares } : {}),
    ...(r.cpuQuota ? { quota: r.cpuQuota } : {}),
    ...(r.cpuPeriod ? { period: r.cpuPeriod } : {}),
    ...(r.cpusetCpus ? { cpus: r.cpusetCpus } : {}),
    ...(r.cpusetMems ? { mems: r.cpusetMems } : {}),
  };
  const limit = r.memoryLimitBytes;
  const swap = r.memorySwapLimitBytes ?? limit;
  return {
    devices,
    ...(Object.keys(cpu).length === 0 ? {} : { cpu }),
    ...(limit ? { memory: { limit, ...(facts.swap && swap ? { swap } : {}) } } : {}),
    ...(r.pidsLimit ? { pids: { limit: r.pidsLimit } } : {}),
    ...(r.hugepageLimits?.length ? { hugepageLimits: r.hugepageLimits } : {}),
    ...(facts.unified && r.unified && Object.keys(r.unified).length > 0 ? { unified: r.unified } : {}),
  };
}
