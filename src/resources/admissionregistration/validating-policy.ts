// ValidatingAdmissionPolicy and its binding. https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/

import { DYN } from '../../machinery/cel/index.ts';
import { type FieldError, FieldPath } from '../../machinery/field-error.ts';
import { isQualifiedName } from '../../machinery/names.ts';
import {
  ageColumn,
  checkConditions,
  column,
  ErrorList,
  nameColumn,
  statusKept,
  statusSubresource,
} from '../checks/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type {
  AuditAnnotation,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  Validation,
} from '../generated/admissionregistration-v1.ts';
import type { Scope } from './environment.ts';
import { checkExpression } from './expressions.ts';
import {
  checkFailurePolicy,
  checkMatchConstraints,
  checkMatchResources,
  checkParamKind,
  checkParamRef,
  checkPolicyName,
  checkVariables,
  defaultMatchResources,
  keepsConditions,
  paramKindText,
  paramRefText,
  SPEC,
} from './policy-parts.ts';
import { checkMatchConditions } from './rules.ts';

const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge'];
const AT_LEAST_ONE = 'validations or auditAnnotations must contain at least one item';
const MAX_ANNOTATIONS = 20;
const MAX_ANNOTATION_EXPRESSION = 5 * 1024;

function checkValidation(found: ErrorList, validation: Validation, path: FieldPath, scope: Scope): void {
  const { expression = '', message = '', messageExpression = '', reason } = validation;
  if (expression.trim() === '') found.required(path.child('expression'), 'expression is not specified');
  else checkExpression(found, expression, path.child('expression'), { scope, types: ['bool'] });
  if (messageExpression !== '' && messageExpression.trim() === '')
    found.invalid(path.child('messageExpression'), messageExpression, 'must be non-empty if specified');
  else if (messageExpression !== '')
    checkExpression(found, messageExpression, path.child('messageExpression'), {
      scope: { ...scope, authorizer: false },
      types: ['string'],
    });
  const text = message.trim();
  if (message !== '' && text === '') found.invalid(path.child('message'), message, 'must be non-empty if specified');
  else if (/[\r\n]/.test(text)) found.invalid(path.child('message'), message, 'must not contain line breaks');
  if (reason !== undefined) found.oneOf(path.child('reason'), reason, REASONS);
}

/** As Kubernetes shows one in errors: with the names of its own fields. */
const asGo = ({ key, valueExpression }: AuditAnnotation) => ({ Key: key, ValueExpression: valueExpression });

function checkAnnotations(
  found: ErrorList,
  annotations: readonly AuditAnnotation[],
  { policy, scope }: { readonly policy: string; readonly scope: Scope },
): void {
  const path = SPEC.child('auditAnnotations');
  if (annotations.length > MAX_ANNOTATIONS)
    found.invalid(path, annotations.map(asGo), `must not have more than ${MAX_ANNOTATIONS} auditAnnotations`);
  const keys = new Set<string>();
  annotations.forEach((annotation, i) => {
    const { key = '', valueExpression = '' } = annotation;
    const at = path.index(i);
    if (policy === '') found.invalid(at.child('key'), key, 'requires metadata.name be non-empty');
    else found.text(at.child('key'), `${policy}/${key}`, isQualifiedName);
    const trimmed = valueExpression.trim();
    const place = at.child('valueExpression');
    if (trimmed === '') found.required(place, 'valueExpression is not specified');
    else if (Buffer.byteLength(trimmed) > MAX_ANNOTATION_EXPRESSION)
      found.required(place, `must not exceed ${MAX_ANNOTATION_EXPRESSION} bytes in length`);
    else checkExpression(found, trimmed, place, { scope, types: ['string', 'null_type'], shown: valueExpression });
    if (keys.has(key)) found.duplicate(at.child('key'), key);
    keys.add(key);
  });
}

function validatePolicy(policy: ValidatingAdmissionPolicy, old?: ValidatingAdmissionPolicy): FieldError[] {
  const found = new ErrorList();
  const spec = policy.spec ?? {};
  const { validations = [], auditAnnotations = [] } = spec;
  checkFailurePolicy(found, spec.failurePolicy);
  checkParamKind(found, spec.paramKind);
  checkMatchConstraints(found, spec.matchConstraints);
  const given: Scope = spec.paramKind === undefined ? {} : { params: DYN };
  if (!keepsConditions(policy, old))
    checkMatchConditions(found, spec.matchConditions ?? [], SPEC.child('matchConditions'), given);
  const variables = checkVariables(found, spec.variables ?? [], given);
  const scope = (spec.variables ?? []).length === 0 ? given : { ...given, variables };
  if (validations.length + auditAnnotations.length === 0) {
    found.required(SPEC.child('validations'), AT_LEAST_ONE);
    found.required(SPEC.child('auditAnnotations'), AT_LEAST_ONE);
  }
  validations.forEach((validation, i) => {
    checkValidation(found, validation, SPEC.child('validations').index(i), scope);
  });
  checkAnnotations(found, auditAnnotations, { policy: policy.metadata.name ?? '', scope });
  return found.errors;
}

const FACTS = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  categories: ['api-extensions'],
  namespaced: false,
  verbs: ALL_VERBS,
  unconditionalUpdate: false,
  generation: 'spec',
} as const;

function applyDefaults(draft: ValidatingAdmissionPolicy): void {
  draft.spec ??= {};
  draft.spec.failurePolicy ??= 'Fail';
  defaultMatchResources(draft.spec.matchConstraints);
}

export const validatingAdmissionPolicies = defineResource<ValidatingAdmissionPolicy>({
  ...FACTS,
  kind: 'ValidatingAdmissionPolicy',
  plural: 'validatingadmissionpolicies',
  singular: 'validatingadmissionpolicy',
  schema: 'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicy',
  anyFinalizer: true,
  resetFields: ['status'],
  strategy: {
    applyDefaults,
    ...statusKept<ValidatingAdmissionPolicy>(),
    validate: (policy) => validatePolicy(policy),
    validateUpdate: validatePolicy,
  },
  subresources: {
    status: statusSubresource<ValidatingAdmissionPolicy>({
      applyDefaults,
      keep: 'metadata',
      validateUpdate: (policy) =>
        checkConditions(policy.status?.conditions, FieldPath.of('status', 'conditions')).errors,
    }),
  },
  columns: [
    nameColumn(),
    column({
      name: 'Validations',
      type: 'integer',
      description: 'Validations indicates the number of validation rules defined in this configuration',
      cell: (o) => o.spec?.validations?.length ?? 0,
    }),
    column({
      name: 'ParamKind',
      description: 'ParamKind specifies the kind of resources used to parameterize this policy',
      cell: (o) => paramKindText(o.spec?.paramKind),
    }),
    ageColumn(),
  ],
});

function checkActions(found: ErrorList, actions: readonly string[]): void {
  const path = SPEC.child('validationActions');
  const seen = new Set<string>();
  actions.forEach((action, i) => {
    if (seen.has(action)) found.duplicate(path.index(i), action);
    seen.add(action);
    found.oneOf(path.index(i), action, ['Audit', 'Deny', 'Warn']);
  });
  if (seen.has('Deny') && seen.has('Warn'))
    found.invalid(
      path,
      actions,
      'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
    );
  if (seen.size === 0) found.required(path, 'at least one validation action is required');
}

function validateBinding(binding: ValidatingAdmissionPolicyBinding): FieldError[] {
  const found = new ErrorList();
  const { spec } = binding;
  checkPolicyName(found, spec?.policyName ?? '');
  checkParamRef(found, spec?.paramRef);
  // Kubernetes misspells this path.
  checkMatchResources(found, spec?.matchResources, SPEC.child('matchResources'));
  checkActions(found, spec?.validationActions ?? []);
  return found.errors;
}

export const validatingAdmissionPolicyBindings = defineResource<ValidatingAdmissionPolicyBinding>({
  ...FACTS,
  kind: 'ValidatingAdmissionPolicyBinding',
  plural: 'validatingadmissionpolicybindings',
  singular: 'validatingadmissionpolicybinding',
  schema: 'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyBinding',
  anyFinalizer: true,
  strategy: {
    applyDefaults(draft) {
      defaultMatchResources(draft.spec?.matchResources);
    },
    validate: validateBinding,
    validateUpdate: validateBinding,
  },
  columns: [
    nameColumn(),
    column({
      name: 'PolicyName',
      description: 'PolicyName indicates the policy definition which the policy binding binded to',
      cell: (o) => o.spec?.policyName ?? '',
    }),
    column({
      name: 'ParamRef',
      description: 'ParamRef indicates the param resource which sets the configuration param',
      cell: (o) => paramRefText(o.spec?.paramRef),
    }),
    ageColumn(),
  ],
});
