// Namespaces: the name as a label, finalizers in the spec, and a phase that only deletion changes.
// Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/
import { type FieldError, FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import { ageColumn, column, keepMetadata, keepStatus, nameColumn, statusSubresource } from '../checks/index.ts';
import { checkKnownFinalizer, checkQualifiedName, type Findings, validateObjectMetaUpdate } from '../common/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { Namespace } from '../generated/core-v1.ts';

const NAME_LABEL = 'kubernetes.io/metadata.name';
const FINALIZERS = FieldPath.of('spec', 'finalizers');

/** The label that selectors find a namespace by. Source: KEP-2161. */
function labelWithName(namespace: Namespace): void {
  const name = namespace.metadata.name ?? '';
  if (name === '' || namespace.metadata.labels?.[NAME_LABEL] === name) return;
  namespace.metadata.labels = { ...namespace.metadata.labels, [NAME_LABEL]: name };
}

function applyDefaults(namespace: Namespace): void {
  labelWithName(namespace);
  namespace.status = { ...namespace.status };
  namespace.status.phase ||= 'Active';
  namespace.spec ??= {};
}

function prepareForCreate(namespace: Namespace): void {
  namespace.status = { phase: 'Active' };
  const finalizers = namespace.spec?.finalizers ?? [];
  if (!finalizers.includes('kubernetes'))
    namespace.spec = { ...namespace.spec, finalizers: [...finalizers, 'kubernetes'] };
}

function keepSpec(draft: Namespace, old: Namespace): void {
  const finalizers = old.spec?.finalizers;
  draft.spec = { ...draft.spec };
  if (finalizers === undefined) delete draft.spec.finalizers;
  else draft.spec.finalizers = finalizers;
}

function checkFinalizer(name: string, path: FieldPath, out: Findings): void {
  checkQualifiedName(name, path, out);
  checkKnownFinalizer(name, path, out);
}

function validate(namespace: Namespace): FieldError[] {
  const out: Findings = [];
  // No index in the path: so Kubernetes reports it.
  for (const name of namespace.spec?.finalizers ?? []) checkFinalizer(name, FINALIZERS, out);
  return out;
}

function validateStatus(namespace: Namespace, old: Namespace): FieldError[] {
  const out: Findings = validateObjectMetaUpdate(namespace.metadata, old.metadata);
  const expected = namespace.metadata.deletionTimestamp ? 'Terminating' : 'Active';
  const when = expected === 'Active' ? 'is empty' : 'is not empty';
  const phase = namespace.status?.phase ?? '';
  if (phase !== expected)
    out.push(
      fieldErrors.invalid(
        FieldPath.of('status', 'Phase'),
        phase,
        `may only be '${expected}' if \`deletionTimestamp\` ${when}`,
      ),
    );
  return out;
}

function validateFinalize(namespace: Namespace, old: Namespace): FieldError[] {
  const out: Findings = validateObjectMetaUpdate(namespace.metadata, old.metadata);
  for (const [i, name] of (namespace.spec?.finalizers ?? []).entries()) checkFinalizer(name, FINALIZERS.index(i), out);
  return out;
}

export const namespaces = defineResource<Namespace>({
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  singular: 'namespace',
  shortNames: ['ns'],
  namespaced: false,
  verbs: ALL_VERBS.filter((verb) => verb !== 'deletecollection'),
  schema: 'io.k8s.api.core.v1.Namespace',
  nameRule: 'dns-label',
  generation: 'none',
  resetFields: ['status'],
  deleteAnswersObject: true,
  selectableFields: {
    labels: ['status.phase'],
    values: (namespace) => ({ 'status.phase': namespace.status?.phase ?? '' }),
  },
  strategy: {
    applyDefaults,
    prepareForCreate,
    prepareForUpdate: (draft, old) => {
      keepSpec(draft, old);
      keepStatus(draft, old);
    },
    validate,
    validateUpdate: (namespace, old) => validateObjectMetaUpdate(namespace.metadata, old.metadata),
    canonicalize: labelWithName,
  },
  subresources: {
    status: statusSubresource<Namespace>({
      applyDefaults,
      validateUpdate: validateStatus,
      canonicalize: labelWithName,
    }),
    finalize: {
      type: 'object',
      verbs: ['update'],
      resetFields: ['status'],
      strategy: {
        applyDefaults,
        prepareForUpdate: (draft, old) => {
          keepStatus(draft, old);
          keepMetadata(draft, old);
        },
        validateUpdate: validateFinalize,
        canonicalize: labelWithName,
      },
    },
  },
  columns: [
    nameColumn(),
    column({
      name: 'Status',
      description: 'The status of the namespace',
      cell: (namespace) => namespace.status?.phase ?? '',
    }),
    ageColumn(),
  ],
});
