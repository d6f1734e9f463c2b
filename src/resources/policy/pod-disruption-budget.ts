// PodDisruptionBudget: how many pods evictions must leave. https://kubernetes.io/docs/tasks/run-application/configure-pdb/
import { type FieldError, FieldPath } from '../../machinery/field-error.ts';
import {
  ageColumn,
  checkConditions,
  checkCountOrPercent,
  column,
  ErrorList,
  nameColumn,
  statusKept,
  statusSubresource,
} from '../checks/index.ts';
import { checkLabelSelector } from '../common/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { PodDisruptionBudget } from '../generated/policy-v1.ts';

const COUNTS = ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const;

/** In the order and with the names of Go's own form, which messages show. */
function goForm(spec: NonNullable<PodDisruptionBudget['spec']>): object {
  const { minAvailable = null, maxUnavailable = null, selector = null, unhealthyPodEvictionPolicy = null } = spec;
  return {
    MinAvailable: minAvailable,
    Selector: selector,
    MaxUnavailable: maxUnavailable,
    UnhealthyPodEvictionPolicy: unhealthyPodEvictionPolicy,
  };
}

function validate(budget: PodDisruptionBudget): FieldError[] {
  const found = new ErrorList();
  const path = FieldPath.of('spec');
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy } = budget.spec ?? {};
  if (minAvailable !== undefined && maxUnavailable !== undefined)
    found.invalid(path, goForm(budget.spec ?? {}), 'minAvailable and maxUnavailable cannot be both set');
  checkCountOrPercent(found, minAvailable, path.child('minAvailable'), { atMost100: true });
  checkCountOrPercent(found, maxUnavailable, path.child('maxUnavailable'), { atMost100: true });
  checkLabelSelector(selector, path.child('selector'), {}, found.errors);
  if (unhealthyPodEvictionPolicy !== undefined)
    found.oneOf(path.child('unhealthyPodEvictionPolicy'), unhealthyPodEvictionPolicy, [
      'AlwaysAllow',
      'IfHealthyBudget',
    ]);
  return found.errors;
}

function validateStatus(budget: PodDisruptionBudget): FieldError[] {
  const path = FieldPath.of('status');
  const found = checkConditions(budget.status?.conditions, path.child('conditions'));
  for (const field of COUNTS) found.notNegative(path.child(field), budget.status?.[field]);
  return found.errors;
}

export const podDisruptionBudgets = defineResource<PodDisruptionBudget>({
  group: 'policy',
  version: 'v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  singular: 'poddisruptionbudget',
  shortNames: ['pdb'],
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.policy.v1.PodDisruptionBudget',
  anyFinalizer: true,
  nameRule: 'path-segment',
  unconditionalUpdate: false,
  resetFields: ['status'],
  strategy: { ...statusKept<PodDisruptionBudget>(), validate, validateUpdate: validate },
  generation: 'spec',
  subresources: { status: statusSubresource<PodDisruptionBudget>({ validateUpdate: validateStatus }) },
  columns: [
    nameColumn(),
    column({
      name: 'Min Available',
      description: 'The minimum number of pods that must be available.',
      cell: (o) => String(o.spec?.minAvailable ?? 'N/A'),
    }),
    column({
      name: 'Max Unavailable',
      description: 'The maximum number of pods that may be unavailable.',
      cell: (o) => String(o.spec?.maxUnavailable ?? 'N/A'),
    }),
    column({
      name: 'Allowed Disruptions',
      type: 'integer',
      description: 'Calculated number of pods that may be disrupted at this time.',
      cell: (o) => o.status?.disruptionsAllowed ?? 0,
    }),
    ageColumn(),
  ],
});
