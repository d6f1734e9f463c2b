// Validation of the rules of a FlowSchema: whose requests, and which.
import type { FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Label, isDns1123Subdomain } from '../../machinery/names.ts';
import type { ErrorList } from '../checks/index.ts';
import type {
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '../generated/flowcontrol-v1.ts';

const ANY = '*';
const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch'];
const KINDS = ['Group', 'ServiceAccount', 'User'];
const FIELD_OF = { User: 'user', Group: 'group', ServiceAccount: 'serviceAccount' } as const;

function checkServiceAccount(found: ErrorList, subject: Subject, path: FieldPath): void {
  const account = subject.serviceAccount;
  if (account === undefined) return;
  const { namespace = '', name = '' } = account;
  if (namespace === '') found.required(path.child('namespace'), 'must specify namespace for service account');
  else if (namespace !== ANY) found.text(path.child('namespace'), namespace, isDns1123Label);
  if (name === '') found.required(path.child('name'), 'must specify service account name');
  else if (name !== ANY) found.text(path.child('name'), name, isDns1123Subdomain);
}

function checkSubject(found: ErrorList, subject: Subject, path: FieldPath): void {
  const kind = subject.kind ?? '';
  if (kind !== 'User' && kind !== 'Group' && kind !== 'ServiceAccount') {
    found.notSupported(path.child('kind'), kind, KINDS);
    return;
  }
  const own = FIELD_OF[kind];
  if (subject[own] === undefined) found.required(path.child(own), `${own} is required when subject kind is '${kind}'`);
  else if (own === 'serviceAccount') checkServiceAccount(found, subject, path.child(own));
  else if ((subject[own]?.name ?? '') === '') found.required(path.child(own, 'name'));
  for (const [other, field] of Object.entries(FIELD_OF))
    if (field !== own && subject[field] !== undefined)
      found.forbidden(path.child(field), `${field} is forbidden when subject kind is not '${other}'`);
}

interface ListRule {
  readonly empty: string;
  /** What `*` may not stand beside. */
  readonly others: string;
}

function checkList(found: ErrorList, list: readonly string[], rule: ListRule, path: FieldPath): void {
  if (list.length === 0) found.required(path, rule.empty);
  else if (list.length > 1 && list.includes(ANY))
    found.invalid(path, list, `if '*' is present, must not specify other ${rule.others}`);
}

function checkVerbs(found: ErrorList, verbs: readonly string[], path: FieldPath): void {
  checkList(found, verbs, { empty: 'verbs must contain at least one value', others: 'verbs' }, path);
  if (verbs.some((verb) => verb !== ANY && !VERBS.includes(verb))) found.notSupported(path, verbs, VERBS);
}

function checkResourceRule(found: ErrorList, rule: ResourcePolicyRule, path: FieldPath): void {
  const namespaces = rule.namespaces ?? [];
  checkVerbs(found, rule.verbs ?? [], path.child('verbs'));
  checkList(
    found,
    rule.apiGroups ?? [],
    { empty: 'resource rules must supply at least one api group', others: 'api groups' },
    path.child('apiGroups'),
  );
  checkList(
    found,
    rule.resources ?? [],
    { empty: 'resource rules must supply at least one resource', others: 'resources' },
    path.child('resources'),
  );
  const at = path.child('namespaces');
  if (namespaces.length === 0 && rule.clusterScope !== true)
    found.required(at, 'resource rules that are not cluster scoped must supply at least one namespace');
  else if (namespaces.length > 1 && namespaces.includes(ANY))
    found.invalid(at, namespaces, "if '*' is present, must not specify other namespaces");
  namespaces.forEach((namespace, i) => {
    if (namespace !== ANY) found.text(at.index(i), namespace, isDns1123Label);
  });
}

function checkUrl(found: ErrorList, url: string, path: FieldPath): void {
  if (url === ANY) return;
  if (!url.startsWith('/')) found.invalid(path, url, 'must start with slash');
  if (url.includes(' ')) found.invalid(path, url, 'must not contain white-space');
  if (url.includes('//')) found.invalid(path, url, 'must not contain double slash');
  const star = url.indexOf(ANY);
  if (star >= 0 && (star !== url.length - 1 || !url.endsWith('/*')))
    found.invalid(path, url, 'wildcard can only do suffix matching');
}

function checkNonResourceRule(found: ErrorList, rule: NonResourcePolicyRule, path: FieldPath): void {
  const nonResourceURLs = rule.nonResourceURLs ?? [];
  checkVerbs(found, rule.verbs ?? [], path.child('verbs'));
  checkList(
    found,
    nonResourceURLs,
    { empty: 'nonResourceURLs must contain at least one value', others: 'non-resource URLs' },
    path.child('nonResourceURLs'),
  );
  nonResourceURLs.forEach((url, i) => {
    checkUrl(found, url, path.child('nonResourceURLs').index(i));
  });
}

export function checkRule(found: ErrorList, rule: PolicyRulesWithSubjects, path: FieldPath): void {
  const subjects = rule.subjects ?? [];
  const resourceRules = rule.resourceRules ?? [];
  const nonResourceRules = rule.nonResourceRules ?? [];
  if (subjects.length === 0) found.required(path.child('subjects'), 'subjects must contain at least one value');
  subjects.forEach((subject, i) => {
    checkSubject(found, subject, path.child('subjects').index(i));
  });
  if (resourceRules.length + nonResourceRules.length === 0)
    found.required(path, 'at least one of resourceRules and nonResourceRules has to be non-empty');
  resourceRules.forEach((one, i) => {
    checkResourceRule(found, one, path.child('resourceRules').index(i));
  });
  nonResourceRules.forEach((one, i) => {
    checkNonResourceRule(found, one, path.child('nonResourceRules').index(i));
  });
}
