// RuntimeClass: a pod that names one gets its overhead and where it may be scheduled.
// Source: https://kubernetes.io/docs/concepts/containers/runtime-class/
import { deepEqual } from '../../machinery/json.ts';
import type { Pod, PodSpec } from '../../resources/generated/core-v1.ts';
import type { RuntimeClass } from '../../resources/generated/node-v1.ts';
import type { LiveCache } from '../registry/live-cache.ts';
import { isResource, refuse } from './match.ts';
import type { AdmissionPlugin, AdmissionRequest } from './plugin.ts';

function setOverhead(request: AdmissionRequest, spec: PodSpec, found: RuntimeClass): void {
  const fixed = found.overhead?.podFixed;
  if (fixed === undefined) return;
  if (spec.overhead !== undefined && Object.keys(spec.overhead).length > 0 && !deepEqual(spec.overhead, fixed)) {
    throw refuse(request, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
  }
  spec.overhead = { ...fixed };
}

function setScheduling(request: AdmissionRequest, spec: PodSpec, found: RuntimeClass): void {
  const { scheduling } = found;
  if (scheduling === undefined) return;
  const selector = { ...spec.nodeSelector };
  for (const [key, value] of Object.entries(scheduling.nodeSelector ?? {})) {
    if (Object.hasOwn(selector, key) && selector[key] !== value) {
      throw refuse(request, 'pod rejected: conflict: runtimeClass.scheduling.nodeSelector and pod.spec.nodeSelector');
    }
    selector[key] = value;
  }
  if (Object.keys(selector).length > 0) spec.nodeSelector = selector;
  const tolerations = spec.tolerations ?? [];
  const added = (scheduling.tolerations ?? []).filter((t) => !tolerations.some((have) => deepEqual(have, t)));
  if (added.length > 0) spec.tolerations = [...tolerations, ...added];
}

export function runtimeClassAdmission(classes: LiveCache<RuntimeClass>): AdmissionPlugin {
  return {
    name: 'RuntimeClass',
    operations: ['CREATE'],
    admit(request) {
      if (!isResource(request, '', 'pods')) return;
      const { spec } = request.object as Pod;
      if (spec === undefined) return;
      const name = spec.runtimeClassName;
      if (name === undefined || name === '') return;
      const found = classes.get(name);
      if (found === undefined) throw refuse(request, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`);
      setOverhead(request, spec, found);
      setScheduling(request, spec, found);
    },
    validate(request) {
      if (!isResource(request, '', 'pods')) return;
      const { overhead, runtimeClassName } = (request.object as Pod).spec ?? {};
      const fixed = runtimeClassName ? classes.get(runtimeClassName)?.overhead?.podFixed : undefined;
      if (overhead !== undefined && fixed === undefined)
        throw refuse(request, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead');
    },
  };
}
