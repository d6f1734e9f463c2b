// Validation of Workloads and PodGroups, which is declared with their types.
// Source: https://github.com/kubernetes/api/blob/v0.36.3/scheduling/v1alpha2/types.go
import { type FieldError, FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Label, isDns1123Subdomain, isPathSegmentName, isQualifiedName } from '../../machinery/names.ts';
import { ErrorList, IMMUTABLE, isUnset, type TextRule } from '../checks/index.ts';
import { semanticEqual } from '../common/index.ts';
import type {
  PodGroup,
  PodGroupResourceClaim,
  PodGroupSchedulingConstraints,
  PodGroupSchedulingPolicy,
  PodGroupTemplate,
  PodGroupTemplateReference,
  Workload,
} from '../generated/scheduling-v1alpha2.ts';

const SPEC = FieldPath.of('spec');
const MAX_TEMPLATES = 8;
const MAX_CLAIMS = 4;
const MAX_TOPOLOGY = 1;
const MAX_PRIORITY = 1_000_000_000;

function checkRequired(found: ErrorList, path: FieldPath, given: { text: string | undefined; rule: TextRule }): void {
  if ((given.text ?? '') === '') found.required(path);
  else found.text(path, given.text ?? '', given.rule);
}

/** Of these fields, one is set. */
function checkUnion(found: ErrorList, object: object, where: { path: FieldPath; fields: readonly string[] }): void {
  const set = where.fields.filter((field) => !isUnset((object as Record<string, unknown>)[field]));
  const all = where.fields.map((field) => `\`${field}\``).join(', ');
  if (set.length === 0) found.invalid(where.path, '', `must specify one of: ${all}`);
  if (set.length > 1) found.invalid(where.path, `{${set.join(', ')}}`, `must specify exactly one of: ${all}`);
}

function checkNamesOnce(found: ErrorList, items: readonly { name?: string }[], path: FieldPath): void {
  const names = new Set<string>();
  items.forEach((item, i) => {
    const name = item.name ?? '';
    if (names.has(name)) found.duplicate(path.index(i), item);
    names.add(name);
  });
}

function checkPolicy(found: ErrorList, policy: PodGroupSchedulingPolicy | undefined, path: FieldPath): void {
  checkUnion(found, policy ?? {}, { path, fields: ['basic', 'gang'] });
  const { gang } = policy ?? {};
  if (gang === undefined) return;
  const { minCount = 0 } = gang;
  const at = path.child('gang', 'minCount');
  if (minCount === 0) found.required(at);
  else if (minCount < 1) found.invalid(at, minCount, 'must be greater than or equal to 1');
}

function checkConstraints(
  found: ErrorList,
  constraints: PodGroupSchedulingConstraints | undefined,
  path: FieldPath,
): void {
  const topology = constraints?.topology ?? [];
  if (topology.length > MAX_TOPOLOGY) {
    found.tooMany(path.child('topology'), topology.length, MAX_TOPOLOGY);
    return;
  }
  topology.forEach(({ key }, i) => {
    checkRequired(found, path.child('topology').index(i).child('key'), { text: key, rule: isQualifiedName });
  });
}

const CLAIM_SOURCES = ['resourceClaimName', 'resourceClaimTemplateName'] as const;

function checkClaims(found: ErrorList, claims: readonly PodGroupResourceClaim[], path: FieldPath): void {
  if (claims.length > MAX_CLAIMS) {
    found.tooMany(path, claims.length, MAX_CLAIMS);
    return;
  }
  checkNamesOnce(found, claims, path);
  claims.forEach((claim, i) => {
    const at = path.index(i);
    checkUnion(found, claim, { path: at, fields: CLAIM_SOURCES });
    checkRequired(found, at.child('name'), { text: claim.name, rule: isDns1123Label });
    for (const field of CLAIM_SOURCES)
      if (claim[field] !== undefined) found.text(at.child(field), claim[field], isDns1123Subdomain);
  });
}

interface GroupShape {
  schedulingPolicy?: PodGroupSchedulingPolicy;
  schedulingConstraints?: PodGroupSchedulingConstraints;
  resourceClaims?: PodGroupResourceClaim[];
  disruptionMode?: string;
  priorityClassName?: string;
  priority?: number;
}

function checkGroup(found: ErrorList, group: GroupShape, path: FieldPath): void {
  checkPolicy(found, group.schedulingPolicy, path.child('schedulingPolicy'));
  checkConstraints(found, group.schedulingConstraints, path.child('schedulingConstraints'));
  checkClaims(found, group.resourceClaims ?? [], path.child('resourceClaims'));
  if (group.disruptionMode !== undefined)
    found.oneOf(path.child('disruptionMode'), group.disruptionMode, ['Pod', 'PodGroup']);
  const { priorityClassName = '', priority = 0 } = group;
  if (priorityClassName !== '') found.text(path.child('priorityClassName'), priorityClassName, isDns1123Subdomain);
  if (priority > MAX_PRIORITY)
    found.invalid(path.child('priority'), priority, `must be less than or equal to ${MAX_PRIORITY}`);
}

function checkTemplates(found: ErrorList, templates: readonly PodGroupTemplate[]): void {
  const path = SPEC.child('podGroupTemplates');
  if (templates.length === 0) found.required(path);
  if (templates.length > MAX_TEMPLATES) {
    found.tooMany(path, templates.length, MAX_TEMPLATES);
    return;
  }
  checkNamesOnce(found, templates, path);
  templates.forEach((template, i) => {
    checkRequired(found, path.index(i).child('name'), { text: template.name, rule: isDns1123Label });
    checkGroup(found, template, path.index(i));
  });
}

/** Only what is there already is kept; declared rules do not show the value. */
function checkUnchanged<T extends object>(
  found: ErrorList,
  specs: { now: T | undefined; old: T | undefined },
  fields: readonly (keyof T & string)[],
): void {
  for (const field of fields)
    if (!semanticEqual(specs.now?.[field], specs.old?.[field])) found.invalid(SPEC.child(field), null, IMMUTABLE);
}

export function validateWorkload(workload: Workload): FieldError[] {
  const found = new ErrorList();
  const controller = workload.spec?.controllerRef;
  if (controller !== undefined) {
    const path = SPEC.child('controllerRef');
    if ((controller.apiGroup ?? '') !== '')
      found.text(path.child('apiGroup'), controller.apiGroup ?? '', isDns1123Subdomain);
    for (const field of ['kind', 'name'] as const)
      checkRequired(found, path.child(field), { text: controller[field], rule: isPathSegmentName });
  }
  checkTemplates(found, workload.spec?.podGroupTemplates ?? []);
  return found.errors;
}

export function validateWorkloadUpdate(workload: Workload, old: Workload): FieldError[] {
  const found = new ErrorList().add(validateWorkload(workload));
  const specs = { now: workload.spec, old: old.spec };
  checkUnchanged(found, specs, [
    ...(old.spec?.controllerRef === undefined ? [] : (['controllerRef'] as const)),
    'podGroupTemplates',
  ]);
  return found.errors;
}

function checkTemplateRef(found: ErrorList, reference: PodGroupTemplateReference | undefined): void {
  if (isUnset(reference)) return;
  const path = SPEC.child('podGroupTemplateRef');
  checkUnion(found, reference, { path, fields: ['workload'] });
  const { workload } = reference;
  if (isUnset(workload)) return;
  const at = path.child('workload');
  checkRequired(found, at.child('workloadName'), { text: workload.workloadName, rule: isDns1123Subdomain });
  checkRequired(found, at.child('podGroupTemplateName'), { text: workload.podGroupTemplateName, rule: isDns1123Label });
}

export function validatePodGroup(group: PodGroup): FieldError[] {
  const found = new ErrorList();
  checkTemplateRef(found, group.spec?.podGroupTemplateRef);
  checkGroup(found, group.spec ?? {}, SPEC);
  return found.errors;
}

export function validatePodGroupUpdate(group: PodGroup, old: PodGroup): FieldError[] {
  const found = new ErrorList().add(validatePodGroup(group));
  checkUnchanged(found, { now: group.spec, old: old.spec }, [
    'podGroupTemplateRef',
    'schedulingPolicy',
    'schedulingConstraints',
    'resourceClaims',
    'disruptionMode',
    'priorityClassName',
    'priority',
  ]);
  return found.errors;
}
