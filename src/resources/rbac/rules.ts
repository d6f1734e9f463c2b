// Validation that the RBAC kinds share: policy rules, role references, subjects.
import { FieldPath } from '../../machinery/field-error.ts';
import { isDns1123Subdomain, isPathSegmentName } from '../../machinery/names.ts';
import { ErrorList } from '../checks/index.ts';
import type { PolicyRule, RoleRef, Subject } from '../generated/rbac-v1.ts';

export const GROUP = 'rbac.authorization.k8s.io';

export function validateRules(rules: readonly PolicyRule[] | undefined, namespaced: boolean): ErrorList {
  const found = new ErrorList();
  rules?.forEach((rule, i) => {
    validateRule(found, rule, { namespaced, path: FieldPath.of('rules').index(i) });
  });
  return found;
}

function validateRule(found: ErrorList, rule: PolicyRule, where: { namespaced: boolean; path: FieldPath }): void {
  const { namespaced, path } = where;
  const count = (list: readonly string[] | undefined): number => list?.length ?? 0;
  if (count(rule.verbs) === 0) found.required(path.child('verbs'), 'verbs must contain at least one value');
  if (count(rule.nonResourceURLs) > 0) {
    const urls = path.child('nonResourceURLs');
    if (namespaced) found.invalid(urls, rule.nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs');
    if (count(rule.apiGroups) + count(rule.resources) + count(rule.resourceNames) > 0)
      found.invalid(urls, rule.nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs');
    return;
  }
  if (count(rule.apiGroups) === 0)
    found.required(path.child('apiGroups'), 'resource rules must supply at least one api group');
  if (count(rule.resources) === 0)
    found.required(path.child('resources'), 'resource rules must supply at least one resource');
}

export interface Binding {
  roleRef?: RoleRef;
  subjects?: Subject[];
}

export function validateBinding(binding: Binding, namespaced: boolean): ErrorList {
  const found = new ErrorList();
  const path = FieldPath.of('roleRef');
  const { apiGroup = '', kind = '', name = '' } = binding.roleRef ?? { kind: '', name: '' };
  found.oneOf(path.child('apiGroup'), apiGroup, [GROUP]);
  found.oneOf(path.child('kind'), kind, namespaced ? ['Role', 'ClusterRole'] : ['ClusterRole']);
  if (name === '') found.required(path.child('name'));
  else found.text(path.child('name'), name, isPathSegmentName);
  binding.subjects?.forEach((subject, i) => {
    validateSubject(found, subject, { namespaced, path: FieldPath.of('subjects').index(i) });
  });
  return found;
}

function validateSubject(found: ErrorList, subject: Subject, where: { namespaced: boolean; path: FieldPath }): void {
  const { namespaced, path } = where;
  const { apiGroup = '', kind = '', name = '', namespace = '' } = subject;
  if (name === '') found.required(path.child('name'));
  if (kind === 'ServiceAccount') {
    if (name !== '') found.text(path.child('name'), name, isDns1123Subdomain);
    if (apiGroup !== '') found.notSupported(path.child('apiGroup'), apiGroup, ['']);
    if (!namespaced && namespace === '') found.required(path.child('namespace'));
  } else if (kind === 'User' || kind === 'Group') {
    found.oneOf(path.child('apiGroup'), apiGroup, [GROUP]);
  } else {
    found.notSupported(path.child('kind'), kind, ['ServiceAccount', 'User', 'Group']);
  }
}

export function validateBindingUpdate(binding: Binding, old: Binding, namespaced: boolean): ErrorList {
  const found = new ErrorList().add(validateBinding(binding, namespaced).errors);
  const same = (['apiGroup', 'kind', 'name'] as const).every(
    (key) => (binding.roleRef?.[key] ?? '') === (old.roleRef?.[key] ?? ''),
  );
  const { apiGroup = '', kind = '', name = '' } = binding.roleRef ?? {};
  // In Go's own form, which messages show.
  if (!same)
    found.invalid(FieldPath.of('roleRef'), { APIGroup: apiGroup, Kind: kind, Name: name }, 'cannot change roleRef');
  return found;
}

export function defaultBinding(draft: Binding): void {
  draft.roleRef ??= { apiGroup: GROUP, kind: '', name: '' };
  if ((draft.roleRef.apiGroup ?? '') === '') draft.roleRef.apiGroup = GROUP;
  for (const subject of draft.subjects ?? [])
    if ((subject.apiGroup ?? '') === '' && (subject.kind === 'User' || subject.kind === 'Group'))
      subject.apiGroup = GROUP;
}
