// What the status says of the resources of a pod as a whole: what it was granted, and what is in force.
// https://kubernetes.io/docs/concepts/workloads/pods/pod-resources/
import type { Pod, PodStatus, ResourceRequirements } from '../../resources/generated/core-v1.ts';
import { podAmounts, podTotals } from '../container/amounts.ts';
import { specOf } from '../pod/identity.ts';

const RESIZABLE = ['cpu', 'memory'] as const;

/** Processor and memory as the pod's cgroup has them, and whatever else the pod says of itself. */
function inForce(pod: Pod): ResourceRequirements {
  const own = specOf(pod).resources;
  const { cpuUnlimited, memoryUnlimited } = podTotals(pod);
  const unlimited = { cpu: cpuUnlimited, memory: memoryUnlimited };
  const requests: Record<string, string> = { ...own?.requests };
  const limits: Record<string, string> = { ...own?.limits };
  const allRequests = podAmounts(pod, 'requests');
  const allLimits = podAmounts(pod, 'limits');
  for (const name of RESIZABLE) {
    const request = allRequests[name];
    if (request !== undefined) requests[name] = request;
    const limit = allLimits[name];
    if (limit !== undefined && !unlimited[name]) limits[name] = limit;
  }
  return {
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
    ...(Object.keys(requests).length === 0 ? {} : { requests }),
  };
}

export function podResourceStatus(granted: Pod, actuated: Pod): Pick<PodStatus, 'allocatedResources' | 'resources'> {
  const allocatedResources = podAmounts(granted, 'requests');
  return {
    ...(Object.keys(allocatedResources).length === 0 ? {} : { allocatedResources }),
    resources: inForce(actuated),
  };
}
