// Checks that webhooks and admission policies share: which requests they want to see.
import type { FieldPath } from '../../machinery/field-error.ts';
import { isPathSegmentName, isQualifiedName } from '../../machinery/names.ts';
import type { ErrorList } from '../checks/index.ts';
import type {
  MatchCondition,
  NamedRuleWithOperations,
  RuleWithOperations,
} from '../generated/admissionregistration-v1.ts';
import type { Scope } from './environment.ts';
import { checkExpression } from './expressions.ts';

const ANY = '*';
const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const SCOPES = ['*', 'Cluster', 'Namespaced'];
const MAX_CONDITIONS = 64;

function checkList(
  found: ErrorList,
  list: readonly string[],
  where: { readonly path: FieldPath; readonly others: string },
): void {
  if (list.length === 0) found.required(where.path);
  if (list.length > 1 && list.includes(ANY))
    found.invalid(where.path, list, `if '*' is present, must not specify other ${where.others}`);
}

/** Remembers `x/*` and `*` + `/x`, which make later, narrower entries pointless. */
class Wildcards {
  private readonly resources = new Set<string>();
  private readonly subresources = new Set<string>();

  check(found: ErrorList, text: string, path: FieldPath): void {
    const slash = text.indexOf('/');
    const resource = text.slice(0, slash);
    const sub = text.slice(slash + 1);
    if (this.resources.has(resource))
      found.invalid(path, text, `if '${resource}/*' is present, must not specify ${text}`);
    if (this.subresources.has(sub)) found.invalid(path, text, `if '*/${sub}' is present, must not specify ${text}`);
    if (sub === ANY) this.resources.add(resource);
    if (resource === ANY) this.subresources.add(sub);
  }
}

function checkResources(found: ErrorList, resources: readonly string[], path: FieldPath): void {
  if (resources.length === 0) found.required(path);
  const wildcards = new Wildcards();
  let plain = false;
  resources.forEach((text, i) => {
    if (text === '') found.required(path.index(i));
    else if (text.includes('/')) wildcards.check(found, text, path.index(i));
    else plain = text !== ANY;
  });
  if (resources.length > 1 && resources.includes('*/*'))
    found.invalid(path, resources, "if '*/*' is present, must not specify other resources");
  if (resources.includes(ANY) && plain)
    found.invalid(path, resources, "if '*' is present, must not specify other resources without subresources");
}

export function checkRule(found: ErrorList, rule: RuleWithOperations, path: FieldPath): void {
  const { operations = [], apiGroups = [], apiVersions = [], resources = [], scope } = rule;
  checkList(found, operations, { path: path.child('operations'), others: 'operations' });
  operations.forEach((operation, i) => {
    found.oneOf(path.child('operations').index(i), operation, OPERATIONS);
  });
  checkList(found, apiGroups, { path: path.child('apiGroups'), others: 'API groups' });
  checkList(found, apiVersions, { path: path.child('apiVersions'), others: 'API versions' });
  apiVersions.forEach((version, i) => {
    if (version === '') found.required(path.child('apiVersions').index(i));
  });
  checkResources(found, resources, path.child('resources'));
  if (scope !== undefined) found.oneOf(path.child('scope'), scope, SCOPES);
}

export function checkNamedRule(found: ErrorList, rule: NamedRuleWithOperations, path: FieldPath): void {
  checkRule(found, rule, path);
  const seen = new Set<string>();
  rule.resourceNames?.forEach((name, i) => {
    const at = path.child('resourceNames').index(i);
    found.text(at, name, isPathSegmentName);
    if (seen.has(name)) found.duplicate(at, name);
    seen.add(name);
  });
}

export function checkMatchConditions(
  found: ErrorList,
  conditions: readonly MatchCondition[],
  path: FieldPath,
  scope: Scope = {},
): void {
  if (conditions.length > MAX_CONDITIONS) found.tooMany(path, conditions.length, MAX_CONDITIONS);
  const names = new Set<string>();
  conditions.forEach((condition, i) => {
    const at = path.index(i);
    const { name = '', expression = '' } = condition;
    if (expression.trim() === '') found.required(at.child('expression'));
    else checkExpression(found, expression.trim(), at.child('expression'), { scope, types: ['bool'] });
    if (name === '') found.required(at.child('name'));
    else {
      found.text(at.child('name'), name, isQualifiedName);
      if (names.has(name)) found.duplicate(at.child('name'), name);
      names.add(name);
    }
  });
}

export function defaultRule(rule: RuleWithOperations): void {
  rule.scope ??= '*';
}
