// Priority: turns a pod's priority class into its number.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/
import type { Pod, PodSpec } from '../../resources/generated/core-v1.ts';
import type { PriorityClass } from '../../resources/generated/scheduling-v1.ts';
import type { LiveCache } from '../registry/live-cache.ts';
import { isResource, refuse } from './match.ts';
import type { AdmissionPlugin, AdmissionRequest } from './plugin.ts';

interface Computed {
  readonly name: string;
  readonly value: number;
  readonly policy: string;
}

/** The class that pods without one get: of several, the one with the lowest value. */
function defaultClass(classes: LiveCache<PriorityClass>): PriorityClass | undefined {
  let found: PriorityClass | undefined;
  for (const one of classes.list()) {
    if (one.globalDefault === true && (found === undefined || (one.value ?? 0) < (found.value ?? 0))) found = one;
  }
  return found;
}

function compute(request: AdmissionRequest, spec: PodSpec, classes: LiveCache<PriorityClass>): Computed {
  const wanted = spec.priorityClassName ?? '';
  const found = wanted === '' ? defaultClass(classes) : classes.get(wanted);
  if (found === undefined && wanted !== '') throw refuse(request, `no PriorityClass with name ${wanted} was found`);
  return {
    name: found?.metadata?.name ?? '',
    value: found?.value ?? 0,
    policy: found?.preemptionPolicy ?? 'PreemptLowerPriority',
  };
}

function setPriority(request: AdmissionRequest, spec: PodSpec, classes: LiveCache<PriorityClass>): void {
  const computed = compute(request, spec, classes);
  if (computed.name !== '') spec.priorityClassName = computed.name;
  if (spec.priority !== undefined && spec.priority !== computed.value) {
    throw refuse(
      request,
      `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${computed.value} from the given PriorityClass name`,
    );
  }
  spec.priority = computed.value;
  if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== computed.policy) {
    throw refuse(
      request,
      `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${computed.policy} from the given PriorityClass name`,
    );
  }
  spec.preemptionPolicy = computed.policy;
}

export function priorityAdmission(classes: LiveCache<PriorityClass>): AdmissionPlugin {
  return {
    name: 'Priority',
    operations: ['CREATE', 'UPDATE'],
    admit(request) {
      if (!isResource(request, '', 'pods')) return;
      const pod = request.object as Pod;
      if (pod.spec === undefined) return;
      if (request.operation === 'CREATE') {
        setPriority(request, pod.spec, classes);
        return;
      }
      // What was computed once stays, where an update leaves it out.
      const old = (request.old as Pod | undefined)?.spec;
      if (pod.spec.priority === undefined && old?.priority !== undefined) pod.spec.priority = old.priority;
      if (pod.spec.preemptionPolicy === undefined && old?.preemptionPolicy !== undefined) {
        pod.spec.preemptionPolicy = old.preemptionPolicy;
      }
    },
    validate(request) {
      if (!isResource(request, 'scheduling.k8s.io', 'priorityclasses')) return;
      const draft = request.object as PriorityClass;
      if (draft.globalDefault !== true) return;
      const other = defaultClass(classes);
      if (other === undefined || other.metadata?.name === draft.metadata?.name) return;
      throw refuse(
        request,
        `PriorityClass ${other.metadata?.name ?? ''} is already marked as default. Only one default can exist`,
      );
    },
  };
}
