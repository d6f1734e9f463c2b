// MutatingAdmissionPolicy and its binding. https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/
import { DYN } from '../../machinery/cel/index.ts';
import type { FieldError, FieldPath } from '../../machinery/field-error.ts';
import { ageColumn, column, ErrorList, nameColumn, twinOf } from '../checks/index.ts';
import { ALL_VERBS, type AnyResource, defineResource } from '../definition.ts';
import type {
  MatchResources,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  Mutation,
} from '../generated/admissionregistration-v1.ts';
import type { Scope } from './environment.ts';
import { checkExpression, type Wanted } from './expressions.ts';
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

const GROUP = 'admissionregistration.k8s.io';
const PATCHES = { ApplyConfiguration: 'applyConfiguration', JSONPatch: 'jsonPatch' } as const;
/** What the expressions of the two come to. */
const RESULTS = { ApplyConfiguration: 'Object', JSONPatch: 'list(JSONPatch)' } as const;

function checkPatch(found: ErrorList, text: string, path: FieldPath, wanted: Wanted): void {
  const expression = text.trim();
  if (expression === '') found.required(path.child('expression'));
  else checkExpression(found, expression, path.child('expression'), wanted);
}

function checkMutation(found: ErrorList, mutation: Mutation, path: FieldPath, scope: Scope): void {
  const type = mutation.patchType ?? '';
  if (type === '') {
    found.required(path.child('patchType'));
    return;
  }
  if (type !== 'ApplyConfiguration' && type !== 'JSONPatch') {
    found.notSupported(path.child('patchType'), type, Object.keys(PATCHES));
    return;
  }
  const fields = Object.entries(PATCHES);
  for (const [name, field] of type === 'JSONPatch' ? fields.reverse() : fields) {
    const part = mutation[field];
    if (name === type && part === undefined)
      found.required(path.child(field), `must be specified when patchType is ${type}`);
    else if (name === type)
      checkPatch(found, part?.expression ?? '', path.child(field), {
        scope: { ...scope, patches: true },
        types: [RESULTS[type]],
      });
    else if (part !== undefined)
      found.invalid(path.child(field), `{${field}}`, `must not be specified when patchType is ${type}`);
  }
}

/** Deletions and connections cannot be mutated; Kubernetes reports each at the list of the rules. */
function checkOperations(found: ErrorList, match: MatchResources | undefined, field: string): void {
  for (const rule of match?.resourceRules ?? [])
    for (const operation of rule.operations ?? [])
      found.oneOf(SPEC.child(field, 'resourceRules', 'operations'), operation, ['*', 'CONNECT', 'CREATE', 'UPDATE']);
}

function validatePolicy(policy: MutatingAdmissionPolicy, old?: MutatingAdmissionPolicy): FieldError[] {
  const found = new ErrorList();
  const spec = policy.spec ?? {};
  checkFailurePolicy(found, spec.failurePolicy);
  checkParamKind(found, spec.paramKind);
  checkMatchConstraints(found, spec.matchConstraints);
  checkOperations(found, spec.matchConstraints, 'matchConstraints');
  const scope: Scope = spec.paramKind === undefined ? {} : { params: DYN };
  if (!keepsConditions(policy, old))
    checkMatchConditions(found, spec.matchConditions ?? [], SPEC.child('matchConditions'), scope);
  const variables = checkVariables(found, spec.variables ?? [], scope);
  const { mutations = [] } = spec;
  if (mutations.length === 0) found.required(SPEC.child('mutations'), 'mutations must contain at least one item');
  mutations.forEach((mutation, i) => {
    checkMutation(found, mutation, SPEC.child('mutations').index(i), { ...scope, variables });
  });
  const reinvocation = spec.reinvocationPolicy ?? '';
  if (reinvocation === '') found.required(SPEC.child('reinvocationPolicy'));
  else found.oneOf(SPEC.child('reinvocationPolicy'), reinvocation, ['IfNeeded', 'Never']);
  return found.errors;
}

function validateBinding(binding: MutatingAdmissionPolicyBinding): FieldError[] {
  const found = new ErrorList();
  checkPolicyName(found, binding.spec?.policyName ?? '');
  checkParamRef(found, binding.spec?.paramRef);
  checkMatchResources(found, binding.spec?.matchResources, SPEC.child('matchResources'));
  checkOperations(found, binding.spec?.matchResources, 'matchResources');
  return found.errors;
}

function policyRow(version: string): AnyResource {
  return defineResource<MutatingAdmissionPolicy>({
    group: GROUP,
    version,
    kind: 'MutatingAdmissionPolicy',
    plural: 'mutatingadmissionpolicies',
    singular: 'mutatingadmissionpolicy',
    categories: ['api-extensions'],
    namespaced: false,
    verbs: ALL_VERBS,
    schema: `io.k8s.api.admissionregistration.${version}.MutatingAdmissionPolicy`,
    anyFinalizer: true,
    unconditionalUpdate: false,
    strategy: {
      applyDefaults(draft) {
        draft.spec ??= {};
        draft.spec.failurePolicy ??= 'Fail';
        defaultMatchResources(draft.spec.matchConstraints);
      },
      validate: (policy) => validatePolicy(policy),
      validateUpdate: validatePolicy,
    },
    generation: 'spec',
    columns: [
      nameColumn(),
      column({
        name: 'Mutations',
        type: 'integer',
        description: 'Mutation indicates the number of mutations rules defined in this configuration',
        cell: (o) => o.spec?.mutations?.length ?? 0,
      }),
      column({
        name: 'ParamKind',
        description: 'ParamKind specifies the kind of resources used to parameterize this policy',
        cell: (o) => paramKindText(o.spec?.paramKind),
      }),
      ageColumn(),
    ],
    ...twin<MutatingAdmissionPolicy>('mutatingadmissionpolicies', version),
  });
}

function bindingRow(version: string): AnyResource {
  return defineResource<MutatingAdmissionPolicyBinding>({
    group: GROUP,
    version,
    kind: 'MutatingAdmissionPolicyBinding',
    plural: 'mutatingadmissionpolicybindings',
    singular: 'mutatingadmissionpolicybinding',
    categories: ['api-extensions'],
    namespaced: false,
    verbs: ALL_VERBS,
    schema: `io.k8s.api.admissionregistration.${version}.MutatingAdmissionPolicyBinding`,
    anyFinalizer: true,
    unconditionalUpdate: false,
    strategy: {
      applyDefaults(draft) {
        defaultMatchResources(draft.spec?.matchResources);
      },
      validate: validateBinding,
      validateUpdate: validateBinding,
    },
    generation: 'spec',
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
    ...twin<MutatingAdmissionPolicyBinding>('mutatingadmissionpolicybindings', version),
  });
}

/** All versions have one wire form, stored as v1. */
function twin<T extends MutatingAdmissionPolicy | MutatingAdmissionPolicyBinding>(plural: string, version: string) {
  return version === 'v1' ? {} : { storedAs: twinOf<T>(`${GROUP}/v1/${plural}`, `${GROUP}/${version}`) };
}

export const MUTATING_POLICY_ROWS: readonly AnyResource[] = ['v1', 'v1beta1', 'v1alpha1'].flatMap((version) => [
  policyRow(version),
  bindingRow(version),
]);
