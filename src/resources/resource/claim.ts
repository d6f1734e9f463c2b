// ResourceClaim and ResourceClaimTemplate. https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
import type { FieldError } from '../../machinery/field-error.ts';
import {
  ageColumn,
  column,
  ErrorList,
  nameAndAge,
  nameColumn,
  statusKept,
  statusSubresource,
} from '../checks/index.ts';
import { checkTemplateMetadata } from '../common/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { ResourceClaim, ResourceClaimTemplate } from '../generated/resource-v1.ts';
import { checkClaimSpec, defaultAllocation, defaultClaim, SPEC } from './claim-rules.ts';
import { validateClaimStatus } from './claim-status.ts';

function applyDefaults(draft: ResourceClaim): void {
  defaultClaim(draft.spec);
  defaultAllocation(draft.status);
}

function validateClaim(claim: ResourceClaim): FieldError[] {
  const found = new ErrorList();
  checkClaimSpec(found, claim.spec, SPEC);
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
    applyDefaults,
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
      applyDefaults,
      keep: 'metadata',
      validateUpdate: validateClaimStatus,
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
      const found = new ErrorList().add(validateTemplate(template));
      found.unchanged(SPEC, template.spec, old.spec);
      return found.errors;
    },
  },
  generation: 'none',
  columns: nameAndAge<ResourceClaimTemplate>(),
});
