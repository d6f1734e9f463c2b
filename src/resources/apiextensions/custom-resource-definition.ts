// CustomResourceDefinition: the row that makes other rows. https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { CustomResourceDefinition } from '../generated/apiextensions-v1.ts';
import { formatWarnings } from './format-warnings.ts';
import {
  validateDefinition,
  validateDefinitionName,
  validateDefinitionStatus,
  validateDefinitionUpdate,
} from './validate.ts';

const WEBHOOK_PORT = 443;

function applyDefaults(draft: CustomResourceDefinition): void {
  const { spec } = draft;
  const names = spec.names;
  if ((names.singular ?? '') === '') names.singular = (names.kind ?? '').toLowerCase();
  if ((names.listKind ?? '') === '' && (names.kind ?? '') !== '') names.listKind = `${names.kind}List`;
  spec.conversion ??= { strategy: 'None' };
  const service = spec.conversion.webhook?.clientConfig?.service;
  if (service !== undefined) service.port ??= WEBHOOK_PORT;
  if ((draft.status?.storedVersions?.length ?? 0) === 0) noteStorageVersion(draft);
}

/** The storage version joins the versions in which objects may be stored. */
function noteStorageVersion(draft: CustomResourceDefinition): void {
  const storage = (draft.spec.versions ?? []).find((v) => v.storage === true)?.name;
  if (storage === undefined || draft.status === undefined) return;
  const stored = draft.status.storedVersions ?? [];
  if (!stored.includes(storage)) draft.status.storedVersions = [...stored, storage];
}

export const customResourceDefinitions = defineResource<CustomResourceDefinition>({
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  singular: 'customresourcedefinition',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
  anyFinalizer: true,
  validateName: validateDefinitionName,
  strategy: {
    applyDefaults,
    prepareForCreate(draft) {
      draft.status = { conditions: null, acceptedNames: { plural: '', kind: '' }, storedVersions: null } as never;
      noteStorageVersion(draft);
    },
    prepareForUpdate(draft, old) {
      if (old.status === undefined) delete draft.status;
      else draft.status = { ...old.status };
      noteStorageVersion(draft);
    },
    validate: (crd) => validateDefinition(crd),
    validateUpdate: (crd, old) => validateDefinitionUpdate(crd, old),
    warnings: formatWarnings,
  },
  generation: 'spec',
  resetFields: ['status'],
  unconditionalUpdate: false,
  deleteAnswersObject: true,
  subresources: {
    status: {
      type: 'object',
      verbs: ['get', 'patch', 'update'],
      resetFields: ['spec'],
      strategy: {
        applyDefaults,
        // Labels and annotations may change through this door too: https://github.com/kubernetes/kubernetes/issues/137681
        prepareForUpdate(draft, old) {
          draft.spec = old.spec;
        },
        validateUpdate: (crd) => validateDefinitionStatus(crd),
      },
    },
  },
  columns: [],
});
