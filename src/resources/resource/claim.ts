// ResourceClaim and ResourceClaimTemplate. https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
import { type FieldError, FieldPath } from '../../machinery/field-error.ts';
import {
  ageColumn,
  column,
  ErrorList,
  nameAndAge,
  nameColumn,
  statusKept,
  statusSubresource,
} from '../checks/index.ts';
import { checkTemplateMetadata, semanticEqual } from '../common/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { ResourceClaim, ResourceClaimTemplate } from '../generated/resource-v1.ts';
import { checkClaimSpec, defaultClaim, SPEC } from './claim-rules.ts';
import { checkCount } from './device-rules.ts';

const MAX_CONSUMERS = 256;
const STATUS = FieldPath.of('status');

function validateClaim(claim: ResourceClaim): FieldError[] {
  const found = new ErrorList();
  checkClaimSpec(found, claim.spec, SPEC);
  return found.errors;
}

/** What was allocated stays so until it is given back. */
function validateStatusUpdate(claim: ResourceClaim, old: ResourceClaim): FieldError[] {
  const found = new ErrorList();
  const { allocation, reservedFor } = claim.status ?? {};
  const path = STATUS.child('reservedFor');
  checkCount(found, reservedFor, path, MAX_CONSUMERS);
  const uids = new Set<string>();
  reservedFor?.forEach((consumer, i) => {
    const at = path.index(i);
    for (const field of ['resource', 'name', 'uid'] as const)
      if ((consumer[field] ?? '') === '') found.required(at.child(field));
    if (uids.has(consumer.uid)) found.duplicate(at.child('uid'), consumer.uid);
    uids.add(consumer.uid);
  });
  if ((reservedFor ?? []).length > 0 && allocation === undefined)
    found.forbidden(path, 'may not be specified when `allocated` is not set');
  const before = old.status?.allocation;
  if (before !== undefined && allocation !== undefined && !semanticEqual(before, allocation))
    found.invalid(STATUS.child('allocation'), allocation, 'field is immutable');
  return found.errors;
}

function stateText(claim: ResourceClaim): string {
  const deleted = claim.metadata.deletionTimestamp !== undefined;
  const states = deleted ? ['deleted'] : [];
  if (claim.status?.allocation !== undefined) states.push('allocated');
  else if (!deleted) states.push('pending');
  if ((claim.status?.reservedFor ?? []).length > 0) states.push('reserved');
  return states.join(',');
}

export const resourceClaims = defineResource<ResourceClaim>({
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceClaim',
  plural: 'resourceclaims',
  singular: 'resourceclaim',
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.resource.v1.ResourceClaim',
  resetFields: ['status'],
  deleteAnswersObject: true,
  strategy: {
    applyDefaults: (draft) => defaultClaim(draft.spec),
    ...statusKept<ResourceClaim>(),
    validate: validateClaim,
    validateUpdate(claim, old) {
      const found = new ErrorList();
      found.unchanged(SPEC, claim.spec, old.spec);
      return found.errors;
    },
  },
  generation: 'none',
  subresources: {
    status: statusSubresource<ResourceClaim>({
      applyDefaults: (draft) => defaultClaim(draft.spec),
      keep: 'metadata',
      validateUpdate: validateStatusUpdate,
    }),
  },
  columns: [
    nameColumn(),
    column({
      name: 'State',
      description: 'A summary of the current state (allocated, pending, reserved, etc.).',
      cell: stateText,
    }),
    ageColumn(),
  ],
});

function validateTemplate(template: ResourceClaimTemplate): FieldError[] {
  const found = new ErrorList();
  checkTemplateMetadata(template.spec?.metadata ?? {}, SPEC.child('metadata'), found.errors);
  checkClaimSpec(found, template.spec?.spec, SPEC.child('spec'));
  return found.errors;
}

export const resourceClaimTemplates = defineResource<ResourceClaimTemplate>({
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceClaimTemplate',
  plural: 'resourceclaimtemplates',
  singular: 'resourceclaimtemplate',
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.resource.v1.ResourceClaimTemplate',
  deleteAnswersObject: true,
  strategy: {
    applyDefaults: (draft) => defaultClaim(draft.spec?.spec),
    validate: validateTemplate,
    validateUpdate(template, old) {
      const found = new ErrorList();
      found.unchanged(SPEC, template.spec, old.spec);
      return found.errors;
    },
  },
  generation: 'none',
  columns: nameAndAge<ResourceClaimTemplate>(),
});
