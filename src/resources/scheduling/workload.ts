// Workload and PodGroup: pods that are scheduled together (KEP-4671, alpha).
import { FieldPath } from '../../machinery/field-error.ts';
import { checkConditions, nameAndAge, statusKept, statusSubresource } from '../checks/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { PodGroup, Workload } from '../generated/scheduling-v1alpha2.ts';
import {
  validatePodGroup,
  validatePodGroupUpdate,
  validateWorkload,
  validateWorkloadUpdate,
} from './workload-rules.ts';

const GROUP = 'scheduling.k8s.io';
const VERSION = 'v1alpha2';

export const workloads = defineResource<Workload>({
  group: GROUP,
  version: VERSION,
  kind: 'Workload',
  plural: 'workloads',
  singular: 'workload',
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.scheduling.v1alpha2.Workload',
  strategy: { validate: validateWorkload, validateUpdate: validateWorkloadUpdate },
  generation: 'spec',
  columns: nameAndAge<Workload>(),
});

export const podGroups = defineResource<PodGroup>({
  group: GROUP,
  version: VERSION,
  kind: 'PodGroup',
  plural: 'podgroups',
  singular: 'podgroup',
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.scheduling.v1alpha2.PodGroup',
  resetFields: ['status'],
  strategy: {
    applyDefaults(draft) {
      if (draft.spec !== undefined) draft.spec.disruptionMode ??= 'Pod';
    },
    ...statusKept<PodGroup>(),
    validate: validatePodGroup,
    validateUpdate: validatePodGroupUpdate,
  },
  generation: 'spec',
  subresources: {
    status: statusSubresource<PodGroup>({
      keep: 'metadata',
      validateUpdate: (group) => checkConditions(group.status?.conditions, FieldPath.of('status', 'conditions')).errors,
    }),
  },
  columns: nameAndAge<PodGroup>(),
});
