// Deployment. https://kubernetes.io/docs/concepts/workloads/controllers/deployment/
import { FieldPath } from '../../machinery/field-error.ts';
import {
  ageColumn,
  checkAtMost100,
  checkCountOrPercent,
  column,
  countOf,
  ErrorList,
  inGo,
  nameColumn,
  statusKept,
  statusSubresource,
} from '../checks/index.ts';
import { defaultPodTemplateSpec, semanticEqual } from '../common/index.ts';
import { ALL_VERBS, type Column, defineResource } from '../definition.ts';
import type { Deployment, DeploymentStrategy, RollingUpdateDeployment } from '../generated/apps-v1.ts';
import {
  checkCollisions,
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
/** How Kubernetes shows a strategy that it does not know. */
const STRATEGY = { Type: '', RollingUpdate: { MaxUnavailable: 0, MaxSurge: 0 } } as const;

function applyDefaults(draft: Deployment): void {
  draft.spec ??= { selector: {}, template: { spec: { containers: [] } } };
  const { spec } = draft;
  spec.replicas ??= 1;
  spec.strategy ??= {};
  spec.strategy.type ||= 'RollingUpdate';
  if (spec.strategy.type === 'RollingUpdate') {
    spec.strategy.rollingUpdate ??= {};
    spec.strategy.rollingUpdate.maxUnavailable ??= '25%';
    spec.strategy.rollingUpdate.maxSurge ??= '25%';
  }
  spec.revisionHistoryLimit ??= 10;
  spec.progressDeadlineSeconds ??= 600;
  defaultPodTemplateSpec(spec.template);
}

function checkRollingUpdate(found: ErrorList, rolling: RollingUpdateDeployment, path: FieldPath): void {
  const unavailable = path.child('maxUnavailable');
  checkCountOrPercent(found, rolling.maxUnavailable, unavailable, { atMost100: false });
  checkCountOrPercent(found, rolling.maxSurge, path.child('maxSurge'), { atMost100: false });
  if (countOf(rolling.maxUnavailable) === 0 && countOf(rolling.maxSurge) === 0)
    found.invalid(unavailable, rolling.maxUnavailable, 'may not be 0 when `maxSurge` is 0');
  checkAtMost100(found, rolling.maxUnavailable, unavailable);
}

function checkStrategy(found: ErrorList, strategy: DeploymentStrategy): void {
  const path = SPEC.child('strategy');
  const { type, rollingUpdate } = strategy;
  if (type === 'Recreate') {
    if (rollingUpdate !== undefined)
      found.forbidden(path.child('rollingUpdate'), "may not be specified when strategy `type` is 'Recreate'");
  } else if (type !== 'RollingUpdate')
    found.notSupported(path, inGo(strategy, STRATEGY), ['Recreate', 'RollingUpdate']);
  else if (rollingUpdate === undefined)
    found.required(path.child('rollingUpdate'), 'this should be defaulted and never be nil');
  else checkRollingUpdate(found, rollingUpdate, path.child('rollingUpdate'));
}

function validate(deployment: Deployment, old?: Deployment): ErrorList {
  const found = new ErrorList();
  const { spec } = deployment;
  const selector = spec?.selector;
  const replicas = spec?.replicas ?? 0;
  found.notNegative(SPEC.child('replicas'), replicas);
  checkSelector(found, selector, 'deployment');
  if (!isReadable(selector)) found.invalid(SPEC.child('selector'), selectorShown(selector), 'invalid label selector');
  else {
    const template = spec?.template ?? EMPTY_TEMPLATE;
    checkReplicatedTemplate(found, { template, selector, old: old?.spec?.template });
  }
  checkStrategy(found, spec?.strategy ?? {});
  const minReady = spec?.minReadySeconds ?? 0;
  found.notNegative(SPEC.child('minReadySeconds'), minReady);
  found.notNegative(SPEC.child('revisionHistoryLimit'), spec?.revisionHistoryLimit);
  const deadline = spec?.progressDeadlineSeconds;
  const path = SPEC.child('progressDeadlineSeconds');
  found.notNegative(path, deadline);
  if (deadline !== undefined && deadline <= minReady)
    found.invalid(path, deadline, 'must be greater than minReadySeconds');
  return found;
}

function validateUpdate(deployment: Deployment, old: Deployment): ErrorList {
  const found = validate(deployment, old);
  checkSelectorKept(found, deployment.spec?.selector, old.spec?.selector);
  return found;
}

const COUNTS = [
  'observedGeneration',
  'replicas',
  'updatedReplicas',
  'readyReplicas',
  'availableReplicas',
  'unavailableReplicas',
  'terminatingReplicas',
  'collisionCount',
] as const;

function validateStatusUpdate(deployment: Deployment, old: Deployment): ErrorList {
  const found = new ErrorList();
  const path = FieldPath.of('status');
  const status = deployment.status ?? {};
  for (const field of COUNTS) found.notNegative(path.child(field), status[field]);
  const { replicas = 0, readyReplicas = 0, availableReplicas = 0 } = status;
  for (const field of ['updatedReplicas', 'readyReplicas', 'availableReplicas'] as const)
    if ((status[field] ?? 0) > replicas)
      found.invalid(path.child(field), status[field] ?? 0, 'cannot be greater than status.replicas');
  if (availableReplicas > readyReplicas)
    found.invalid(path.child('availableReplicas'), availableReplicas, 'cannot be greater than readyReplicas');
  checkCollisions(found, status, old.status);
  return found;
}

const STATUS = ['apps/v1', 'DeploymentStatus'] as const;
const COLUMNS: readonly Column<Deployment>[] = [
  nameColumn(),
  column({
    name: 'Ready',
    description: 'Number of the pod with ready state',
    cell: (o) => `${o.status?.readyReplicas ?? 0}/${o.spec?.replicas ?? 0}`,
  }),
  column({
    name: 'Up-to-date',
    description: [...STATUS, 'updatedReplicas'],
    cell: (o) => o.status?.updatedReplicas ?? 0,
  }),
  column({
    name: 'Available',
    description: [...STATUS, 'availableReplicas'],
    cell: (o) => o.status?.availableReplicas ?? 0,
  }),
  ageColumn(),
  ...templateColumns<Deployment>((o) => o.spec, ['apps/v1', 'DeploymentSpec']),
];

export const deployments = defineResource<Deployment>({
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  singular: 'deployment',
  shortNames: ['deploy'],
  categories: ['all'],
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.apps.v1.Deployment',
  resetFields: ['status'],
  strategy: {
    applyDefaults,
    ...statusKept<Deployment>(),
    validate: (deployment) => validate(deployment).errors,
    validateUpdate: (deployment, old) => validateUpdate(deployment, old).errors,
    warnings: (deployment, old) => [
      ...(old === undefined ? nameWarnings(deployment.metadata.name) : []),
      ...templateWarnings(deployment, old),
    ],
  },
  // Annotations are copied to ReplicaSets: they count as well.
  generation: {
    changed: (deployment, old) =>
      !semanticEqual(deployment.spec, old.spec) ||
      !semanticEqual(deployment.metadata.annotations ?? {}, old.metadata.annotations ?? {}),
  },
  subresources: {
    status: statusSubresource<Deployment>({
      applyDefaults,
      keep: 'labels',
      validateUpdate: (deployment, old) => validateStatusUpdate(deployment, old).errors,
    }),
    scale: {
      type: 'scale',
      specReplicasPath: 'spec.replicas',
      statusReplicasPath: 'status.replicas',
      selectorPath: 'spec.selector',
    },
  },
  columns: COLUMNS,
});
