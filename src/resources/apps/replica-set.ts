// ReplicaSet. https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/
import { FieldPath } from '../../machinery/field-error.ts';
import { ageColumn, column, ErrorList, nameColumn, statusKept, statusSubresource } from '../checks/index.ts';
import { defaultPodTemplateSpec } from '../common/index.ts';
import { ALL_VERBS, type Column, defineResource } from '../definition.ts';
import type { ReplicaSet } from '../generated/apps-v1.ts';
import {
  checkReplicatedTemplate,
  checkSelector,
  checkSelectorKept,
  EMPTY_TEMPLATE,
  isReadable,
  nameWarnings,
  selectorShown,
  templateColumns,
  templateWarnings,
} from './template.ts';

const SPEC = FieldPath.of('spec');
const COUNTS = [
  'replicas',
  'fullyLabeledReplicas',
  'readyReplicas',
  'availableReplicas',
  'terminatingReplicas',
  'observedGeneration',
] as const;

function applyDefaults(draft: ReplicaSet): void {
  draft.spec ??= { selector: {} };
  draft.spec.replicas ??= 1;
  draft.spec.template ??= { spec: { containers: [] } };
  defaultPodTemplateSpec(draft.spec.template);
}

function validate(set: ReplicaSet, old?: ReplicaSet): ErrorList {
  const found = new ErrorList();
  const { replicas = 0, minReadySeconds = 0, template = EMPTY_TEMPLATE } = set.spec ?? {};
  const selector = set.spec?.selector;
  found.notNegative(SPEC.child('replicas'), replicas);
  found.notNegative(SPEC.child('minReadySeconds'), minReadySeconds);
  // Kubernetes says "deployment" here as well.
  checkSelector(found, selector, 'deployment');
  if (!isReadable(selector)) found.invalid(SPEC.child('selector'), selectorShown(selector), 'invalid label selector');
  else checkReplicatedTemplate(found, { template, selector, old: old?.spec?.template });
  return found;
}

function validateUpdate(set: ReplicaSet, old: ReplicaSet): ErrorList {
  const found = validate(set, old);
  checkSelectorKept(found, set.spec?.selector, old.spec?.selector);
  return found;
}

function validateStatus(set: ReplicaSet): ErrorList {
  const found = new ErrorList();
  const path = FieldPath.of('status');
  const status = set.status ?? { replicas: 0 };
  for (const field of COUNTS) found.notNegative(path.child(field), status[field]);
  const { replicas = 0, readyReplicas = 0, availableReplicas = 0 } = status;
  for (const field of ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'] as const)
    if ((status[field] ?? 0) > replicas)
      found.invalid(path.child(field), status[field] ?? 0, 'cannot be greater than status.replicas');
  if (availableReplicas > readyReplicas)
    found.invalid(path.child('availableReplicas'), availableReplicas, 'cannot be greater than readyReplicas');
  return found;
}

const COLUMNS: readonly Column<ReplicaSet>[] = [
  nameColumn(),
  column({
    name: 'Desired',
    type: 'integer',
    description: ['apps/v1', 'ReplicaSetSpec', 'replicas'],
    cell: (o) => o.spec?.replicas ?? 0,
  }),
  column({
    name: 'Current',
    type: 'integer',
    description: ['apps/v1', 'ReplicaSetStatus', 'replicas'],
    cell: (o) => o.status?.replicas ?? 0,
  }),
  column({
    name: 'Ready',
    type: 'integer',
    description: ['apps/v1', 'ReplicaSetStatus', 'readyReplicas'],
    cell: (o) => o.status?.readyReplicas ?? 0,
  }),
  ageColumn(),
  ...templateColumns<ReplicaSet>((o) => o.spec, ['apps/v1', 'ReplicaSetSpec']),
];

export const replicaSets = defineResource<ReplicaSet>({
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  singular: 'replicaset',
  shortNames: ['rs'],
  categories: ['all'],
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.apps.v1.ReplicaSet',
  resetFields: ['status'],
  strategy: {
    applyDefaults,
    ...statusKept<ReplicaSet>(),
    validate: (set) => validate(set).errors,
    validateUpdate: (set, old) => validateUpdate(set, old).errors,
    warnings: (set, old) => [
      ...(old === undefined ? nameWarnings(set.metadata.name) : []),
      ...templateWarnings(set, old),
    ],
  },
  generation: 'spec',
  subresources: {
    status: statusSubresource<ReplicaSet>({ applyDefaults, validateUpdate: (set) => validateStatus(set).errors }),
    scale: {
      type: 'scale',
      specReplicasPath: 'spec.replicas',
      statusReplicasPath: 'status.replicas',
      selectorPath: 'spec.selector',
    },
  },
  columns: COLUMNS,
});
