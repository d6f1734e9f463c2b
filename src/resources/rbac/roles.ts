// Role and ClusterRole: named lists of what may be done. https://kubernetes.io/docs/reference/access-authn-authz/rbac/
import { FieldPath } from '../../machinery/field-error.ts';
import type { ErrorList } from '../checks/index.ts';
import { validateLabelSelector } from '../common/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { ClusterRole, Role } from '../generated/rbac-v1.ts';
import { GROUP, validateRules } from './rules.ts';

export const roles = defineResource<Role>({
  group: GROUP,
  version: 'v1',
  kind: 'Role',
  plural: 'roles',
  singular: 'role',
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.rbac.v1.Role',
  nameRule: 'path-segment',
  createOnUpdate: true,
  strategy: {
    validate: (role) => validateRules(role.rules, true).errors,
    validateUpdate: (role) => validateRules(role.rules, true).errors,
  },
  generation: 'none',
  columns: [],
});

function validateClusterRole(role: ClusterRole): ErrorList {
  const found = validateRules(role.rules, false);
  if (role.aggregationRule === undefined) return found;
  const path = FieldPath.of('aggregationRule', 'clusterRoleSelectors');
  const selectors = role.aggregationRule.clusterRoleSelectors ?? [];
  if (selectors.length === 0)
    found.required(path, 'at least one clusterRoleSelector required if aggregationRule is non-nil');
  selectors.forEach((selector, i) => {
    const problems = validateLabelSelector(selector, path.index(i));
    found.add(problems);
    if (problems.length > 0) found.invalid(path.index(i), null, 'invalid label selector.');
  });
  return found;
}

export const clusterRoles = defineResource<ClusterRole>({
  group: GROUP,
  version: 'v1',
  kind: 'ClusterRole',
  plural: 'clusterroles',
  singular: 'clusterrole',
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.rbac.v1.ClusterRole',
  nameRule: 'path-segment',
  createOnUpdate: true,
  strategy: {
    validate: (role) => validateClusterRole(role).errors,
    validateUpdate: (role) => validateClusterRole(role).errors,
  },
  generation: 'none',
  columns: [],
});
