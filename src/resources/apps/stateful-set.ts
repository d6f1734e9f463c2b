// StatefulSet. https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/
import { FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Label } from '../../machinery/names.ts';
import {
  ageColumn,
  checkAtMost100,
  checkCountOrPercent,
  column,
  countOf,
  ErrorList,
  inGo,
  isUnset,
  nameColumn,
  statusKept,
  statusSubresource,
} from '../checks/index.ts';
import {
  checkAnnotations,
  checkLabels,
  claimSpecWarnings,
  containersColumn,
  defaultClaimSpec,
  defaultPodTemplateSpec,
  imagesColumn,
  semanticEqual,
  validateClaimSpec,
  validatePodTemplateSpec,
} from '../common/index.ts';
import { ALL_VERBS, type Column, defineResource } from '../definition.ts';
import type { StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy } from '../generated/apps-v1.ts';
import type { PodTemplateSpec, Volume } from '../generated/core-v1.ts';
import {
  checkAlwaysRestarts,
  checkCollisions,
  checkSelector,
  checkTemplateLabels,
  EMPTY_TEMPLATE,
  isEmptySelector,
  isReadable,
  nameWarnings,
  selectorShown,
  templateWarnings,
} from './template.ts';

const SPEC = FieldPath.of('spec');
/** How Kubernetes shows a strategy that it does not know. */
const ROLLING = { Partition: 0, MaxUnavailable: null } as const;
const STRATEGY = { Type: '', RollingUpdate: ROLLING } as const;
const MAY_CHANGE = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
] as const;
const ONLY_THESE =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
const COUNTS = [
  'replicas',
  'readyReplicas',
  'currentReplicas',
  'updatedReplicas',
  'availableReplicas',
  'observedGeneration',
  'collisionCount',
] as const;

function defaultClaims(spec: StatefulSetSpec): void {
  for (const claim of spec.volumeClaimTemplates ?? []) {
    // Whatever was sent: Kubernetes sets them when it converts the template.
    claim.kind = 'PersistentVolumeClaim';
    claim.apiVersion = 'v1';
    claim.spec ??= {};
    defaultClaimSpec(claim.spec);
    claim.status ??= {};
    claim.status.phase ||= 'Pending';
  }
}

function applyDefaults(draft: StatefulSet): void {
  draft.spec ??= { selector: {}, template: { spec: { containers: [] } } };
  const { spec } = draft;
  spec.podManagementPolicy ||= 'OrderedReady';
  spec.updateStrategy ??= {};
  if ((spec.updateStrategy.type ?? '') === '') {
    spec.updateStrategy.type = 'RollingUpdate';
    spec.updateStrategy.rollingUpdate ??= {};
  }
  // Who names the type and no more gets no more.
  const { type, rollingUpdate } = spec.updateStrategy;
  if (type === 'RollingUpdate' && rollingUpdate !== undefined) rollingUpdate.partition ??= 0;
  spec.persistentVolumeClaimRetentionPolicy ??= {};
  spec.persistentVolumeClaimRetentionPolicy.whenDeleted ||= 'Retain';
  spec.persistentVolumeClaimRetentionPolicy.whenScaled ||= 'Retain';
  spec.replicas ??= 1;
  spec.revisionHistoryLimit ??= 10;
  defaultPodTemplateSpec(spec.template);
  defaultClaims(spec);
}

function checkUpdateStrategy(found: ErrorList, strategy: StatefulSetUpdateStrategy): void {
  const path = SPEC.child('updateStrategy');
  const rolling = path.child('rollingUpdate');
  const { type = '', rollingUpdate } = strategy;
  if (type === '') found.required(path);
  else if (type === 'OnDelete') {
    if (rollingUpdate !== undefined)
      found.invalid(rolling, inGo(rollingUpdate, ROLLING), "only allowed for updateStrategy 'RollingUpdate'");
  } else if (type !== 'RollingUpdate')
    found.invalid(path, inGo(strategy, STRATEGY), "must be 'RollingUpdate' or 'OnDelete'");
  else if (rollingUpdate !== undefined) {
    found.notNegative(rolling.child('partition'), rollingUpdate.partition);
    const { maxUnavailable } = rollingUpdate;
    if (maxUnavailable === undefined) return;
    const at = rolling.child('maxUnavailable');
    checkCountOrPercent(found, maxUnavailable, at, { atMost100: false });
    if (countOf(maxUnavailable) === 0) found.invalid(at, maxUnavailable, 'cannot be 0');
    checkAtMost100(found, maxUnavailable, at);
  }
}

function checkPolicies(found: ErrorList, spec: StatefulSetSpec): void {
  const policy = spec.podManagementPolicy ?? '';
  const path = SPEC.child('podManagementPolicy');
  if (policy === '') found.required(path);
  else if (policy !== 'OrderedReady' && policy !== 'Parallel')
    found.invalid(path, policy, "must be 'OrderedReady' or 'Parallel'");
  checkUpdateStrategy(found, spec.updateStrategy ?? {});
  const retention = spec.persistentVolumeClaimRetentionPolicy;
  if (retention === undefined) return;
  for (const field of ['whenDeleted', 'whenScaled'] as const)
    found.oneOf(SPEC.child('persistentVolumeClaimRetentionPolicy', field), retention[field] ?? '', [
      'Retain',
      'Delete',
    ]);
}

/** The template as pods get it: with host names of their own, and with the claims as volumes of the same names, before the template's own. */
function asPods(template: PodTemplateSpec, spec: StatefulSetSpec): PodTemplateSpec {
  const { hostname: _, subdomain: __, ...pod } = template.spec ?? { containers: [] };
  const names = new Set((spec.volumeClaimTemplates ?? []).map((claim) => claim.metadata?.name ?? ''));
  if (names.size === 0) return { ...template, spec: pod };
  const claims = [...names].map((name): Volume => ({ name, persistentVolumeClaim: { claimName: name } }));
  const others = (pod.volumes ?? []).filter((volume) => !names.has(volume.name));
  return { ...template, spec: { ...pod, volumes: [...claims, ...others] } };
}

interface Leniency {
  readonly old?: StatefulSetSpec | undefined;
  /** What was stored before these were looked at may stay as it is. */
  readonly template: boolean;
  readonly claims: boolean;
  readonly serviceName: boolean;
}

const STRICT: Leniency = { template: false, claims: false, serviceName: false };
const STORED: Leniency = { template: false, claims: true, serviceName: true };

function checkTemplate(found: ErrorList, spec: StatefulSetSpec, lenient: Leniency): void {
  const template = spec.template ?? EMPTY_TEMPLATE;
  const { selector } = spec;
  const path = SPEC.child('template');
  if (!isReadable(selector)) found.invalid(SPEC.child('selector'), selectorShown(selector), '');
  else {
    if (isUnset(selector) || !isEmptySelector(selector)) checkTemplateLabels(found, selector, template, path);
    if (!lenient.template)
      found.add(validatePodTemplateSpec(asPods(template, spec), path, { old: lenient.old?.template }));
    checkLabels(template.metadata?.labels, path.child('labels'), found.errors);
    checkAnnotations(template.metadata?.annotations, path.child('annotations'), found.errors);
  }
  checkAlwaysRestarts(found, template, 'StatefulSet');
}

function checkClaims(found: ErrorList, spec: StatefulSetSpec): void {
  spec.volumeClaimTemplates?.forEach((claim, i) => {
    found.add(validateClaimSpec(claim.spec ?? {}, SPEC.child('volumeClaimTemplates').index(i).child('spec')));
  });
}

function validate(set: StatefulSet, lenient = STRICT): ErrorList {
  const found = new ErrorList();
  const spec = set.spec ?? { selector: {}, template: EMPTY_TEMPLATE };
  checkPolicies(found, spec);
  if (!lenient.claims) checkClaims(found, spec);
  found.notNegative(SPEC.child('replicas'), spec.replicas);
  found.notNegative(SPEC.child('minReadySeconds'), spec.minReadySeconds);
  found.notNegative(SPEC.child('ordinals.start'), spec.ordinals?.start);
  if (!lenient.serviceName && spec.serviceName) found.text(SPEC.child('serviceName'), spec.serviceName, isDns1123Label);
  checkSelector(found, spec.selector, 'statefulset');
  checkTemplate(found, spec, lenient);
  return found;
}

function fixedPart(spec: StatefulSetSpec | undefined): Record<string, unknown> {
  const fixed: Record<string, unknown> = { ...spec };
  for (const field of MAY_CHANGE) delete fixed[field];
  return fixed;
}

function validateUpdate(set: StatefulSet, old: StatefulSet): ErrorList {
  const found = validate(set, { ...STORED, old: old.spec, template: validate(old, STORED).errors.length > 0 });
  if (!semanticEqual(fixedPart(set.spec), fixedPart(old.spec))) found.forbidden(SPEC, ONLY_THESE);
  return found;
}

function validateStatus(set: StatefulSet, old: StatefulSet): ErrorList {
  const found = new ErrorList();
  const path = FieldPath.of('status');
  const status = set.status ?? { replicas: 0 };
  for (const field of COUNTS) found.notNegative(path.child(field), status[field]);
  const { replicas = 0, readyReplicas = 0, availableReplicas = 0 } = status;
  for (const field of ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'] as const)
    if ((status[field] ?? 0) > replicas)
      found.invalid(path.child(field), status[field] ?? 0, 'cannot be greater than status.replicas');
  if (availableReplicas > readyReplicas)
    found.invalid(path.child('availableReplicas'), availableReplicas, 'cannot be greater than status.readyReplicas');
  checkCollisions(found, set.status, old.status);
  return found;
}

/** On update Kubernetes names the field by its name in Go. */
function claimWarnings(set: StatefulSet, old: StatefulSet | undefined): string[] {
  const path = SPEC.child('volumeClaimTemplates');
  return (set.spec?.volumeClaimTemplates ?? []).flatMap((claim, i) => {
    const at = path.index(i);
    return claimSpecWarnings(claim.spec ?? {}, old === undefined ? at : at.child('Spec'));
  });
}

const keepStatus = statusKept<StatefulSet>();

/** How many pods may be away at once is behind a gate that is off in 1.36: whoever asks for it gets none (KEP-961). */
function dropMaxUnavailable(draft: StatefulSet, old?: StatefulSet): void {
  if (old?.spec?.updateStrategy?.rollingUpdate?.maxUnavailable !== undefined) return;
  delete draft.spec?.updateStrategy?.rollingUpdate?.maxUnavailable;
}

const COLUMNS: readonly Column<StatefulSet>[] = [
  nameColumn(),
  column({
    name: 'Ready',
    description: 'Number of the pod with ready state',
    cell: (o) => `${o.status?.readyReplicas ?? 0}/${o.spec?.replicas ?? 0}`,
  }),
  ageColumn(),
  containersColumn((o) => o.spec?.template?.spec),
  imagesColumn((o) => o.spec?.template?.spec),
];

export const statefulSets = defineResource<StatefulSet>({
  group: 'apps',
  version: 'v1',
  kind: 'StatefulSet',
  plural: 'statefulsets',
  singular: 'statefulset',
  shortNames: ['sts'],
  categories: ['all'],
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.apps.v1.StatefulSet',
  // Pods are named after it: a label, not a subdomain.
  nameRule: 'dns-label',
  resetFields: ['status'],
  strategy: {
    applyDefaults,
    prepareForCreate(draft, context) {
      keepStatus.prepareForCreate(draft, context);
      dropMaxUnavailable(draft);
    },
    prepareForUpdate(draft, old, context) {
      keepStatus.prepareForUpdate(draft, old, context);
      dropMaxUnavailable(draft, old);
    },
    validate: (set) => validate(set).errors,
    validateUpdate: (set, old) => validateUpdate(set, old).errors,
    warnings: (set, old) => [
      ...(old === undefined ? nameWarnings(set.metadata.name) : []),
      ...templateWarnings(set, old),
      ...claimWarnings(set, old),
      ...((set.spec?.revisionHistoryLimit ?? 0) < 0
        ? ['spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended']
        : []),
    ],
  },
  generation: 'spec',
  subresources: {
    status: statusSubresource<StatefulSet>({
      applyDefaults,
      validateUpdate: (set, old) => validateStatus(set, old).errors,
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
