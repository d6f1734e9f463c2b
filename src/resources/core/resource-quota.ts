// ResourceQuotas: how much a namespace may hold, and of which pods it counts.
// Source: https://kubernetes.io/docs/concepts/policy/resource-quotas/
import { type FieldError, FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import { ageColumn, column, nameColumn, statusSubresource } from '../checks/index.ts';
import {
  checkResourceAmount,
  checkResourceName,
  compareQuantities,
  type Findings,
  isStandardQuotaResource,
  quantityText,
  type ResourceList,
  roundUpToMilli,
  sortedKeys,
  validateObjectMetaUpdate,
} from '../common/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { ResourceQuota, ResourceQuotaSpec } from '../generated/core-v1.ts';

const SPEC = FieldPath.of('spec');
const STATUS = FieldPath.of('status');

const POD_SCOPES = new Set([
  'BestEffort',
  'NotBestEffort',
  'Terminating',
  'NotTerminating',
  'CrossNamespacePodAffinity',
]);
const SCOPES = new Set([...POD_SCOPES, 'PriorityClass', 'VolumeAttributesClass']);
const CONFLICTS: readonly (readonly [string, string])[] = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
];

/** Resources of pods that scopes can be about. */
const COMPUTE = new Set([
  'cpu',
  'memory',
  'ephemeral-storage',
  'requests.cpu',
  'requests.memory',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
  'pods',
]);

function scopeFits(scope: string, resource: string): boolean {
  if (scope === 'BestEffort') return resource === 'pods';
  if (scope === 'VolumeAttributesClass')
    return resource === 'persistentvolumeclaims' || resource === 'requests.storage';
  if (SCOPES.has(scope)) return COMPUTE.has(resource) || /^(requests\.)?hugepages-/.test(resource);
  return true;
}

function checkQuotaName(name: string, path: FieldPath, out: Findings): void {
  checkResourceName(name, path, out);
  if (!name.includes('/') && !isStandardQuotaResource(name))
    out.push(fieldErrors.invalid(path, name, 'must be a standard resource for quota'));
}

function checkAmounts(list: ResourceList | undefined, path: FieldPath, out: Findings): void {
  for (const name of sortedKeys(list)) {
    checkQuotaName(name, path.key(name), out);
    checkResourceAmount({ name, amount: String(list?.[name]) }, path.key(name), out);
  }
}

function checkScopes(spec: ResourceQuotaSpec, out: Findings): void {
  const scopes = spec.scopes ?? [];
  const path = SPEC.child('scopes');
  for (const scope of scopes) {
    if (!SCOPES.has(scope)) out.push(fieldErrors.invalid(path, scopes, 'unsupported scope'));
    for (const resource of sortedKeys(spec.hard))
      if (isStandardQuotaResource(resource) && !scopeFits(scope, resource))
        out.push(fieldErrors.invalid(path, scopes, 'unsupported scope applied to resource'));
  }
  checkConflicts(new Set(scopes), scopes, path, out);
}

function checkConflicts(found: ReadonlySet<string>, shown: readonly string[], path: FieldPath, out: Findings): void {
  for (const pair of CONFLICTS)
    if (pair.every((scope) => found.has(scope))) out.push(fieldErrors.invalid(path, shown, 'conflicting scopes'));
}

/** Kubernetes prints its internal form. */
function shownSelector(spec: ResourceQuotaSpec): object {
  const requirements = spec.scopeSelector?.matchExpressions ?? [];
  return {
    MatchExpressions: requirements.map(({ scopeName, operator, values }) => ({
      ScopeName: scopeName ?? '',
      Operator: operator ?? '',
      Values: values ?? null,
    })),
  };
}

function checkScopeSelector(spec: ResourceQuotaSpec, out: Findings): void {
  const path = SPEC.child('scopeSelector', 'matchExpressions');
  const requirements = spec.scopeSelector?.matchExpressions ?? [];
  for (const requirement of requirements) {
    const scope = requirement.scopeName ?? '';
    if (!SCOPES.has(scope)) out.push(fieldErrors.invalid(path.child('scopeName'), scope, 'unsupported scope'));
    for (const resource of sortedKeys(spec.hard))
      if (isStandardQuotaResource(resource) && !scopeFits(scope, resource))
        out.push(fieldErrors.invalid(path, shownSelector(spec), 'unsupported scope applied to resource'));
    checkScopeOperator({ scope, operator: requirement.operator ?? '', values: requirement.values ?? [] }, path, out);
  }
  checkConflicts(new Set(requirements.map((r) => r.scopeName)), spec.scopes ?? [], path, out);
}

function checkScopeOperator(
  requirement: { scope: string; operator: string; values: readonly string[] },
  path: FieldPath,
  out: Findings,
): void {
  const { scope, operator, values } = requirement;
  if (POD_SCOPES.has(scope) && operator !== 'Exists')
    out.push(
      fieldErrors.invalid(
        path.child('operator'),
        operator,
        "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity",
      ),
    );
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0)
      out.push(
        fieldErrors.required(
          path.child('values'),
          "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
        ),
      );
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length > 0)
      out.push(
        fieldErrors.invalid(
          path.child('values'),
          values,
          "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
        ),
      );
  } else out.push(fieldErrors.invalid(path.child('operator'), operator, 'not a valid selector operator'));
}

function checkSpec(quota: ResourceQuota, out: Findings): void {
  const spec = quota.spec ?? {};
  checkAmounts(spec.hard, SPEC.child('hard'), out);
  checkScopes(spec, out);
  if (spec.scopeSelector) checkScopeSelector(spec, out);
}

function checkStatus(quota: ResourceQuota, out: Findings): void {
  checkAmounts(quota.status?.hard, STATUS.child('hard'), out);
  checkAmounts(quota.status?.used, STATUS.child('used'), out);
}

function validate(quota: ResourceQuota): FieldError[] {
  const out: Findings = [];
  checkSpec(quota, out);
  checkStatus(quota, out);
  return out;
}

function validateUpdate(quota: ResourceQuota, old: ResourceQuota): FieldError[] {
  const out: Findings = validateObjectMetaUpdate(quota.metadata, old.metadata);
  checkSpec(quota, out);
  const scopes = new Set(quota.spec?.scopes ?? []);
  const before = new Set(old.spec?.scopes ?? []);
  if (scopes.size !== before.size || [...scopes].some((scope) => !before.has(scope)))
    out.push(fieldErrors.invalid(SPEC.child('scopes'), quota.spec?.scopes ?? [], 'field is immutable'));
  return out;
}

function validateStatus(quota: ResourceQuota, old: ResourceQuota): FieldError[] {
  const out: Findings = validateObjectMetaUpdate(quota.metadata, old.metadata);
  checkStatus(quota, out);
  return out;
}

function warnings(quota: ResourceQuota, old: ResourceQuota | undefined): string[] {
  const hard = quota.spec?.hard ?? {};
  const found: string[] = [];
  if (old !== undefined) return found;
  for (const resource of ['cpu', 'memory', 'storage', 'ephemeral-storage']) {
    const bare = !resource.endsWith('storage') && hard[`requests.${resource}`] === undefined;
    const requested = bare ? resource : `requests.${resource}`;
    const request = hard[requested];
    const limit = hard[`limits.${resource}`];
    if (request !== undefined && limit !== undefined && compareQuantities(request, limit) > 0)
      found.push(
        `ResourceQuota ${requested} (${quantityText(request)}) should be less than limits.${resource} (${quantityText(limit)})`,
      );
  }
  return found;
}

function applyDefaults(quota: ResourceQuota): void {
  roundUpToMilli(quota.spec?.hard);
  roundUpToMilli(quota.status?.hard);
  roundUpToMilli(quota.status?.used);
}

/** `used/hard` of each resource: limits in one column, all else in the other. */
function usage(quota: ResourceQuota, ofLimits: boolean): string {
  return sortedKeys(quota.status?.hard)
    .filter((name) => name.startsWith('limits.') === ofLimits)
    .map((name) => `${name}: ${quota.status?.used?.[name] ?? '0'}/${quota.status?.hard?.[name]}`)
    .join(', ');
}

export const resourceQuotas = defineResource<ResourceQuota>({
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  singular: 'resourcequota',
  shortNames: ['quota'],
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.core.v1.ResourceQuota',
  generation: 'none',
  resetFields: ['status'],
  deleteAnswersObject: true,
  strategy: {
    applyDefaults,
    prepareForCreate: (quota) => {
      quota.status = {};
    },
    prepareForUpdate: (draft, old) => {
      draft.status = old.status ?? {};
    },
    validate,
    validateUpdate,
    warnings,
  },
  subresources: {
    status: statusSubresource<ResourceQuota>({
      applyDefaults,
      validateUpdate: validateStatus,
    }),
  },
  columns: [
    nameColumn(),
    ageColumn(),
    column({
      name: 'Request',
      description: 'Request represents a minimum amount of cpu/memory that a container may consume.',
      cell: (quota) => usage(quota, false),
    }),
    column({
      name: 'Limit',
      description:
        'Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.',
      cell: (quota) => usage(quota, true),
    }),
  ],
});
