// Parts that validating and mutating admission policies share. https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
import type { CelType } from '../../machinery/cel/index.ts';
import { FieldPath } from '../../machinery/field-error.ts';
import { setOwn } from '../../machinery/json.ts';
import { isDns1035Label, isDns1123Subdomain, isPathSegmentName } from '../../machinery/names.ts';
import type { ErrorList } from '../checks/index.ts';
import { checkLabelSelector, semanticEqual } from '../common/index.ts';
import type {
  MatchCondition,
  MatchResources,
  ParamKind,
  ParamRef,
  Variable,
} from '../generated/admissionregistration-v1.ts';
import { type Scope, variableType } from './environment.ts';
import { checkExpression, isIdentifier } from './expressions.ts';
import { checkNamedRule, defaultRule } from './rules.ts';

export const SPEC = FieldPath.of('spec');

interface Conditioned {
  readonly spec?: { readonly paramKind?: ParamKind; readonly matchConditions?: MatchCondition[] };
}

/** Match conditions that were taken once, and that nothing has changed for, are not looked at again. */
export function keepsConditions({ spec }: Conditioned, old: Conditioned | undefined): boolean {
  if (old === undefined) return false;
  return (
    semanticEqual(spec?.paramKind, old.spec?.paramKind) &&
    semanticEqual(spec?.matchConditions ?? [], old.spec?.matchConditions ?? [])
  );
}

export function defaultMatchResources(match: MatchResources | undefined): void {
  if (match === undefined) return;
  match.matchPolicy ??= 'Equivalent';
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  for (const rule of [...(match.resourceRules ?? []), ...(match.excludeResourceRules ?? [])]) defaultRule(rule);
}

export function checkFailurePolicy(found: ErrorList, policy: string | undefined): void {
  const path = SPEC.child('failurePolicy');
  if (policy === undefined) found.required(path);
  else found.oneOf(path, policy, ['Fail', 'Ignore']);
}

function checkParamVersion(found: ErrorList, apiVersion: string, path: FieldPath): void {
  const parts = apiVersion.split('/');
  if (apiVersion === '') found.required(path);
  else if (parts.length > 2) found.invalid(path, apiVersion, `unexpected GroupVersion string: ${apiVersion}`);
  else {
    const group = parts.length === 2 ? (parts[0] ?? '') : '';
    const version = parts.at(-1) ?? '';
    const groupProblems = group === '' ? [] : isDns1123Subdomain(group);
    if (groupProblems.length > 0) found.invalid(path, group, groupProblems.join(','));
    const versionProblems = isDns1035Label(version);
    if (version === '') found.invalid(path, apiVersion, 'version must be specified');
    else if (versionProblems.length > 0) found.invalid(path, version, versionProblems.join(','));
  }
}

export function checkParamKind(found: ErrorList, param: ParamKind | undefined): void {
  if (param === undefined) return;
  const path = SPEC.child('paramKind');
  checkParamVersion(found, param.apiVersion ?? '', path.child('apiVersion'));
  const kind = param.kind ?? '';
  if (kind === '') found.required(path.child('kind'));
  else {
    const problems = isDns1035Label(kind.toLowerCase());
    if (problems.length > 0)
      found.invalid(path.child('kind'), kind, `may have mixed case, but should otherwise match: ${problems.join(',')}`);
  }
}

export function checkMatchResources(found: ErrorList, match: MatchResources | undefined, path: FieldPath): void {
  if (match === undefined) return;
  const { matchPolicy, namespaceSelector, objectSelector } = match;
  if (matchPolicy === undefined) found.required(path.child('matchPolicy'));
  else found.oneOf(path.child('matchPolicy'), matchPolicy, ['Equivalent', 'Exact']);
  if (namespaceSelector === undefined) found.required(path.child('namespaceSelector'));
  else checkLabelSelector(namespaceSelector, path.child('namespaceSelector'), {}, found.errors);
  if (objectSelector === undefined) found.required(path.child('objectSelector'));
  else checkLabelSelector(objectSelector, path.child('objectSelector'), {}, found.errors);
  for (const field of ['resourceRules', 'excludeResourceRules'] as const)
    match[field]?.forEach((rule, i) => {
      checkNamedRule(found, rule, path.child(field).index(i));
    });
}

/** A policy, unlike a binding, must say which resources it is about. */
export function checkMatchConstraints(found: ErrorList, match: MatchResources | undefined): void {
  const path = SPEC.child('matchConstraints');
  if (match === undefined) {
    found.required(path);
    return;
  }
  checkMatchResources(found, match, path);
  if ((match.resourceRules ?? []).length === 0) found.required(path.child('resourceRules'));
}

/** A variable knows those before it. Answers with what is known of all of them. */
export function checkVariables(
  found: ErrorList,
  variables: readonly Variable[],
  scope: Scope,
): Readonly<Record<string, CelType>> {
  const known: Record<string, CelType> = {};
  variables.forEach((variable, i) => {
    const path = SPEC.child('variables').index(i);
    const { name = '', expression = '' } = variable;
    if (name.trim() === '') found.required(path.child('name'), 'name is not specified');
    else if (!isIdentifier(name)) found.invalid(path.child('name'), name, 'must be a valid CEL identifier');
    if (expression.trim() === '') found.required(path.child('expression'), 'expression is not specified');
    else {
      const type = checkExpression(found, expression, path.child('expression'), {
        scope: { ...scope, variables: { ...known } },
      });
      setOwn(known, name, variableType(type));
    }
  });
  return known;
}

export function checkParamRef(found: ErrorList, reference: ParamRef | undefined): void {
  if (reference === undefined) return;
  const path = SPEC.child('paramRef');
  const { name = '', selector, parameterNotFoundAction: action = '' } = reference;
  const exclusive = 'name and selector are mutually exclusive';
  if (name !== '') {
    found.text(path.child('name'), name, isPathSegmentName);
    if (selector !== undefined) found.forbidden(path.child('name'), exclusive);
  }
  if (selector !== undefined) {
    checkLabelSelector(selector, path.child('selector'), {}, found.errors);
    if (name !== '') found.forbidden(path.child('selector'), exclusive);
  } else if (name === '') found.required(path, 'one of name or selector must be specified');
  if (action === '') found.required(path.child('parameterNotFoundAction'));
  else found.oneOf(path.child('parameterNotFoundAction'), action, ['Deny', 'Allow']);
}

export function checkPolicyName(found: ErrorList, name: string): void {
  const path = SPEC.child('policyName');
  if (name === '') found.required(path);
  else found.text(path, name, isDns1123Subdomain);
}

export function paramKindText(param: ParamKind | undefined): string {
  return param === undefined ? '<unset>' : `${param.apiVersion ?? ''}/${param.kind ?? ''}`;
}

/** As Go's own `String` writes a selector. */
function goText({ matchLabels = {}, matchExpressions = [] }: NonNullable<ParamRef['selector']>): string {
  const labels = Object.entries(matchLabels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}: ${value},`);
  const expressions = matchExpressions.map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  );
  return `&LabelSelector{MatchLabels:map[string]string{${labels.join('')}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join('')}},}`;
}

export function paramRefText(reference: ParamRef | undefined): string {
  const { name = '', namespace = '', selector } = reference ?? {};
  if (name !== '') return namespace === '' ? name : `${namespace}/${name}`;
  return selector === undefined ? '<unset>' : goText(selector);
}
