// Makes the default RBAC objects out of the table of roles.
import type { KubeObject } from '../../machinery/object.ts';
import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  Subject,
} from '../../resources/generated/rbac-v1.ts';
import { CLUSTER_ROLE_BINDINGS, ROLE_BINDINGS, ROLES } from './bootstrap-bindings.ts';
import { CLUSTER_ROLES } from './bootstrap-roles.ts';
import type { RoleRow, RuleRow } from './role-rows.ts';

const API = 'rbac.authorization.k8s.io/v1';
const RBAC_GROUP = 'rbac.authorization.k8s.io';
/** Marks what the server restores at every start. */
const ANNOTATIONS = { 'rbac.authorization.kubernetes.io/autoupdate': 'true' };
const LABELS = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };

const words = (text: string) => text.split(' ');

function ruleOf([groups, resources, verbs, names]: RuleRow): PolicyRule {
  const rule: PolicyRule = {
    apiGroups: words(groups).map((g) => (g === 'core' ? '' : g)),
    resources: words(resources),
    verbs: words(verbs),
  };
  if (names !== undefined) rule.resourceNames = words(names);
  return rule;
}

function subjectOf(text: string): Subject {
  const colon = text.indexOf(':');
  const kind = text.slice(0, colon);
  const name = text.slice(colon + 1);
  if (kind !== 'ServiceAccount') return { kind, apiGroup: RBAC_GROUP, name };
  const [namespace = '', account = ''] = name.split('/');
  return { kind, namespace, name: account };
}

const metadata = (name: string, namespace?: string, labels: Readonly<Record<string, string>> = {}) => ({
  name,
  ...(namespace === undefined ? {} : { namespace }),
  annotations: { ...ANNOTATIONS },
  labels: { ...LABELS, ...labels },
});

function clusterRole(row: RoleRow): ClusterRole {
  const rules: PolicyRule[] = row.rules.map(ruleOf);
  for (const [paths, verbs] of row.urls ?? []) rules.push({ nonResourceURLs: words(paths), verbs: words(verbs) });
  const role: ClusterRole = {
    apiVersion: API,
    kind: 'ClusterRole',
    metadata: metadata(row.name, undefined, row.labels),
    rules,
  };
  if (row.aggregates !== undefined) {
    role.aggregationRule = {
      clusterRoleSelectors: [{ matchLabels: { [`rbac.authorization.k8s.io/aggregate-to-${row.aggregates}`]: 'true' } }],
    };
  }
  return role;
}

/** The roles and bindings that every cluster begins with. */
export function bootstrapPolicy(): KubeObject[] {
  const clusterRoles = CLUSTER_ROLES.map(clusterRole);
  const clusterBindings = CLUSTER_ROLE_BINDINGS.map(
    ([name, role, subjects]): ClusterRoleBinding => ({
      apiVersion: API,
      kind: 'ClusterRoleBinding',
      metadata: metadata(name),
      subjects: subjects.map(subjectOf),
      roleRef: { apiGroup: RBAC_GROUP, kind: 'ClusterRole', name: role },
    }),
  );
  const roles = ROLES.map(
    ([namespace, name, rules]): Role => ({
      apiVersion: API,
      kind: 'Role',
      metadata: metadata(name, namespace),
      rules: rules.map(ruleOf),
    }),
  );
  const bindings = ROLE_BINDINGS.map(
    ([namespace, name, role, subjects]): RoleBinding => ({
      apiVersion: API,
      kind: 'RoleBinding',
      metadata: metadata(name, namespace),
      subjects: subjects.map(subjectOf),
      roleRef: { apiGroup: RBAC_GROUP, kind: 'Role', name: role },
    }),
  );
  return [...clusterRoles, ...clusterBindings, ...roles, ...bindings];
}
