// Workload and PodGroup: pods that are scheduled together (KEP-4671, alpha).
import { type FieldError, FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Label, isDns1123Subdomain, isPathSegmentName, isQualifiedName } from '../../machinery/names.ts';
import { checkConditions, ErrorList, nameAndAge, statusKept, statusSubresource } from '../checks/index.ts';
import { semanticEqual } from '../common/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type {
  PodGroup,
  PodGroupResourceClaim,
  PodGroupSchedulingConstraints,
  PodGroupSchedulingPolicy,
  PodGroupTemplate,
  Workload,
} from '../generated/scheduling-v1alpha2.ts';

const GROUP = 'scheduling.k8s.io';
const VERSION = 'v1alpha2';
const MAX_TEMPLATES = 8;
const SPEC = FieldPath.of('spec');

function checkPolicy(found: ErrorList, policy: PodGroupSchedulingPolicy | undefined, path: FieldPath): void {
  const { basic, gang } = policy ?? {};
  if (basic === undefined && gang === undefined) found.invalid(path, '', 'must specify one of: `basic`, `gang`');
  if (basic !== undefined && gang !== undefined)
    found.invalid(path, '{basic, gang}', 'must specify exactly one of: `basic`, `gang`');
  if (gang !== undefined && (gang.minCount ?? 0) < 1)
    found.invalid(path.child('gang', 'minCount'), gang.minCount ?? 0, 'must be greater than or equal to 1');
}

function checkConstraints(
  found: ErrorList,
  constraints: PodGroupSchedulingConstraints | undefined,
  path: FieldPath,
): void {
  constraints?.topology?.forEach((constraint, i) => {
    found.text(path.child('topology').index(i).child('key'), constraint.key ?? '', isQualifiedName);
  });
}

function checkClaims(found: ErrorList, claims: readonly PodGroupResourceClaim[], path: FieldPath): void {
  const names = new Set<string>();
  claims.forEach((claim, i) => {
    const at = path.index(i);
    const name = claim.name ?? '';
    if (names.has(name)) found.duplicate(at.child('name'), name);
    names.add(name);
    found.text(at.child('name'), name, isDns1123Label);
    const { resourceClaimName, resourceClaimTemplateName } = claim;
    if ((resourceClaimName === undefined) === (resourceClaimTemplateName === undefined))
      found.invalid(at, claim, 'must specify exactly one of: `resourceClaimName`, `resourceClaimTemplateName`');
  });
}

interface GroupShape {
  schedulingPolicy?: PodGroupSchedulingPolicy;
  schedulingConstraints?: PodGroupSchedulingConstraints;
  resourceClaims?: PodGroupResourceClaim[];
  disruptionMode?: string;
  priorityClassName?: string;
}

function checkGroup(found: ErrorList, group: GroupShape, path: FieldPath): void {
  checkPolicy(found, group.schedulingPolicy, path.child('schedulingPolicy'));
  checkConstraints(found, group.schedulingConstraints, path.child('schedulingConstraints'));
  checkClaims(found, group.resourceClaims ?? [], path.child('resourceClaims'));
  if (group.disruptionMode !== undefined)
    found.oneOf(path.child('disruptionMode'), group.disruptionMode, ['Pod', 'PodGroup']);
  const priorityClass = group.priorityClassName ?? '';
  if (priorityClass !== '') found.text(path.child('priorityClassName'), priorityClass, isDns1123Subdomain);
}

function checkTemplates(found: ErrorList, templates: readonly PodGroupTemplate[]): void {
  const path = SPEC.child('podGroupTemplates');
  if (templates.length === 0) found.required(path);
  if (templates.length > MAX_TEMPLATES) found.tooMany(path, templates.length, MAX_TEMPLATES);
  const names = new Set<string>();
  templates.forEach((template, i) => {
    const at = path.index(i);
    const name = template.name ?? '';
    found.text(at.child('name'), name, isDns1123Label);
    if (names.has(name)) found.duplicate(at, name);
    names.add(name);
    checkGroup(found, template, at);
  });
}

function validateWorkload(workload: Workload): FieldError[] {
  const found = new ErrorList();
  const controller = workload.spec?.controllerRef;
  if (controller !== undefined) {
    const path = SPEC.child('controllerRef');
    if ((controller.apiGroup ?? '') !== '')
      found.text(path.child('apiGroup'), controller.apiGroup ?? '', isDns1123Subdomain);
    for (const field of ['kind', 'name'] as const) {
      const value = controller[field] ?? '';
      if (value === '') found.required(path.child(field));
      else found.text(path.child(field), value, isPathSegmentName);
    }
  }
  checkTemplates(found, workload.spec?.podGroupTemplates ?? []);
  return found.errors;
}

function validateWorkloadUpdate(workload: Workload, old: Workload): FieldError[] {
  const found = new ErrorList().add(validateWorkload(workload));
  if (old.spec?.controllerRef !== undefined)
    found.unchanged(SPEC.child('controllerRef'), workload.spec?.controllerRef, old.spec.controllerRef);
  found.unchanged(SPEC.child('podGroupTemplates'), workload.spec?.podGroupTemplates, old.spec?.podGroupTemplates);
  return found.errors;
}

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

function validatePodGroup(group: PodGroup): FieldError[] {
  const found = new ErrorList();
  checkGroup(found, group.spec ?? {}, SPEC);
  return found.errors;
}

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
    validateUpdate(group, old) {
      const found = new ErrorList().add(validatePodGroup(group));
      if (!semanticEqual(group.spec, old.spec)) found.invalid(SPEC, group.spec, 'field is immutable');
      return found.errors;
    },
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
