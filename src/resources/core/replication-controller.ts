// ReplicationControllers: the ancestor of ReplicaSets.
// Source: https://kubernetes.io/docs/concepts/workloads/controllers/replicationcontroller/
import { type FieldError, FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import { isDns1123Label } from '../../machinery/names.ts';
import { ageColumn, column, keepStatus, nameColumn, statusSubresource } from '../checks/index.ts';
import {
  checkNonNegative,
  containersColumn,
  defaultPodTemplateSpec,
  type Findings,
  formatLabels,
  imagesColumn,
  nameOnlyCheck,
  podTemplateWarnings,
  validateObjectMetaUpdate,
  validatePodTemplateSpec,
} from '../common/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { ReplicationController } from '../generated/core-v1.ts';

const SPEC = FieldPath.of('spec');
const STATUS = FieldPath.of('status');
const TEMPLATE = SPEC.child('template');

function applyDefaults(controller: ReplicationController): void {
  controller.spec ??= {};
  const { spec } = controller;
  spec.replicas ??= 1;
  if (spec.template) {
    defaultPodTemplateSpec(spec.template);
    const labels = spec.template.metadata?.labels;
    if (labels !== undefined) {
      if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels };
      if (Object.keys(controller.metadata.labels ?? {}).length === 0) controller.metadata.labels = { ...labels };
    }
  }
}

function prepareForCreate(controller: ReplicationController): void {
  controller.status = { replicas: 0 };
}

function checkTemplate(controller: ReplicationController, old: ReplicationController | undefined, out: Findings): void {
  const spec = controller.spec ?? {};
  const template = spec.template;
  if (!template) {
    out.push(fieldErrors.required(TEMPLATE));
    return;
  }
  const labels = template.metadata?.labels;
  const selector = spec.selector ?? {};
  if (Object.keys(selector).some((key) => labels?.[key] !== selector[key]))
    out.push(
      fieldErrors.invalid(TEMPLATE.child('metadata', 'labels'), labels, '`selector` does not match template `labels`'),
    );
  out.push(...validatePodTemplateSpec(template, TEMPLATE, { old: old?.spec?.template }));
  if (template.spec?.restartPolicy !== 'Always')
    out.push(
      fieldErrors.notSupported(TEMPLATE.child('spec', 'restartPolicy'), template.spec?.restartPolicy ?? '', ['Always']),
    );
  if (template.spec?.activeDeadlineSeconds !== undefined)
    out.push(
      fieldErrors.forbidden(
        TEMPLATE.child('spec', 'activeDeadlineSeconds'),
        'activeDeadlineSeconds in ReplicationController is not Supported',
      ),
    );
}

function checkSpec(controller: ReplicationController, old: ReplicationController | undefined): FieldError[] {
  const out: Findings = [];
  const spec = controller.spec ?? {};
  checkNonNegative(spec.minReadySeconds, SPEC.child('minReadySeconds'), out);
  if (Object.keys(spec.selector ?? {}).length === 0) out.push(fieldErrors.required(SPEC.child('selector')));
  checkNonNegative(spec.replicas, SPEC.child('replicas'), out);
  checkTemplate(controller, old, out);
  return out;
}

function validateUpdate(controller: ReplicationController, old: ReplicationController): FieldError[] {
  return [...validateObjectMetaUpdate(controller.metadata, old.metadata), ...checkSpec(controller, old)];
}

function validateStatus(controller: ReplicationController, old: ReplicationController): FieldError[] {
  const out: Findings = validateObjectMetaUpdate(controller.metadata, old.metadata);
  const status = controller.status ?? { replicas: 0 };
  const fields = [
    'replicas',
    'fullyLabeledReplicas',
    'readyReplicas',
    'availableReplicas',
    'observedGeneration',
  ] as const;
  for (const field of fields) checkNonNegative(status[field], STATUS.child(field), out);
  const replicas = status.replicas ?? 0;
  for (const field of ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'] as const) {
    const count = status[field] ?? 0;
    if (count > replicas)
      out.push(fieldErrors.invalid(STATUS.child(field), count, 'cannot be greater than status.replicas'));
  }
  const available = status.availableReplicas ?? 0;
  if (available > (status.readyReplicas ?? 0))
    out.push(fieldErrors.invalid(STATUS.child('availableReplicas'), available, 'cannot be greater than readyReplicas'));
  return out;
}

function warnings(controller: ReplicationController, old: ReplicationController | undefined): string[] {
  const ofTemplate = () => podTemplateWarnings(controller.spec?.template, TEMPLATE);
  if (old !== undefined) return old.metadata.generation === controller.metadata.generation ? [] : ofTemplate();
  const problems = isDns1123Label(controller.metadata.name ?? '');
  if (problems.length === 0) return ofTemplate();
  return [
    `metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [${problems.join(' ')}]`,
    ...ofTemplate(),
  ];
}

export const replicationControllers = defineResource<ReplicationController>({
  group: '',
  version: 'v1',
  kind: 'ReplicationController',
  plural: 'replicationcontrollers',
  singular: 'replicationcontroller',
  shortNames: ['rc'],
  categories: ['all'],
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.core.v1.ReplicationController',
  validateName: nameOnlyCheck('dns-subdomain'),
  generation: 'spec',
  resetFields: ['status'],
  defaultPropagation: 'Orphan',
  selectableFields: {
    labels: ['status.replicas'],
    values: (controller) => ({ 'status.replicas': String(controller.status?.replicas ?? 0) }),
  },
  strategy: {
    applyDefaults,
    prepareForCreate,
    prepareForUpdate: keepStatus,
    validate: (controller) => checkSpec(controller, undefined),
    validateUpdate,
    warnings,
  },
  subresources: {
    status: statusSubresource<ReplicationController>({
      applyDefaults,
      validateUpdate: validateStatus,
    }),
    scale: {
      type: 'scale',
      specReplicasPath: 'spec.replicas',
      statusReplicasPath: 'status.replicas',
      selectorPath: 'spec.selector',
    },
  },
  columns: [
    nameColumn(),
    column({
      name: 'Desired',
      type: 'integer',
      description: ['core/v1', 'ReplicationControllerSpec', 'replicas'],
      cell: (controller) => controller.spec?.replicas ?? 0,
    }),
    column({
      name: 'Current',
      type: 'integer',
      description: ['core/v1', 'ReplicationControllerStatus', 'replicas'],
      cell: (controller) => controller.status?.replicas ?? 0,
    }),
    column({
      name: 'Ready',
      type: 'integer',
      description: ['core/v1', 'ReplicationControllerStatus', 'readyReplicas'],
      cell: (controller) => controller.status?.readyReplicas ?? 0,
    }),
    ageColumn(),
    containersColumn((controller) => controller.spec?.template?.spec),
    imagesColumn((controller) => controller.spec?.template?.spec),
    column({
      name: 'Selector',
      wide: true,
      description: ['core/v1', 'ReplicationControllerSpec', 'selector'],
      cell: (controller) => formatLabels(controller.spec?.selector),
    }),
  ],
});
