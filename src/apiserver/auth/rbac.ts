// The RBAC authorizer: roles, bindings and rules, evaluated over live copies.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/
import type { UserInfo } from '../../machinery/http.ts';
import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  Subject,
} from '../../resources/generated/rbac-v1.ts';
import type { LiveCache } from '../registry/live-cache.ts';
import type { Attributes, Authorizer, Decision } from './authorizer.ts';

export interface RbacCaches {
  readonly roles: LiveCache<Role>;
  readonly roleBindings: LiveCache<RoleBinding>;
  readonly clusterRoles: LiveCache<ClusterRole>;
  readonly clusterRoleBindings: LiveCache<ClusterRoleBinding>;
}

const ALL = '*';

function includes(list: readonly string[] | undefined, value: string): boolean {
  return list !== undefined && (list.includes(ALL) || list.includes(value));
}

function resourceMatches(rule: PolicyRule, resource: string, subresource: string): boolean {
  const wanted = subresource === '' ? resource : `${resource}/${subresource}`;
  for (const one of rule.resources ?? []) {
    if (one === ALL || one === wanted) return true;
    // `*/scale` is a subresource of anything.
    if (subresource !== '' && one === `*/${subresource}`) return true;
  }
  return false;
}

function pathMatches(rule: PolicyRule, path: string): boolean {
  for (const one of rule.nonResourceURLs ?? []) {
    if (one === ALL || one === path) return true;
    if (one.endsWith('*') && path.startsWith(one.slice(0, -1))) return true;
  }
  return false;
}

export function ruleAllows(rule: PolicyRule, a: Attributes): boolean {
  if (!includes(rule.verbs, a.verb)) return false;
  if (!a.isResource) return pathMatches(rule, a.path);
  if (!includes(rule.apiGroups, a.group)) return false;
  if (!resourceMatches(rule, a.resource, a.subresource)) return false;
  const names = rule.resourceNames ?? [];
  return names.length === 0 || names.includes(a.name);
}

export function subjectIs(subject: Subject, user: UserInfo, bindingNamespace: string): boolean {
  switch (subject.kind) {
    case 'User':
      return subject.name === user.username;
    case 'Group':
      return user.groups.includes(subject.name);
    case 'ServiceAccount': {
      const namespace =
        subject.namespace === undefined || subject.namespace === '' ? bindingNamespace : subject.namespace;
      return namespace !== '' && user.username === `system:serviceaccount:${namespace}:${subject.name}`;
    }
    default:
      return false;
  }
}

function appliesTo(binding: { subjects?: Subject[] | null }, user: UserInfo, namespace: string): Subject | undefined {
  return (binding.subjects ?? []).find((subject) => subjectIs(subject, user, namespace));
}

function describeSubject(subject: Subject): string {
  if (subject.kind === 'ServiceAccount') return `ServiceAccount "${subject.name}/${subject.namespace ?? ''}"`;
  return `${subject.kind} ${JSON.stringify(subject.name)}`;
}

export interface BoundRule {
  readonly rule: PolicyRule;
  readonly source: string;
}

interface Known {
  readonly generation: number;
  readonly rules: readonly BoundRule[];
}

export class RbacAuthorizer implements Authorizer {
  /** By the very object: the parts of this process ask over and over as the same one. */
  private readonly everywhere = new WeakMap<UserInfo, Known>();

  constructor(private readonly caches: RbacCaches) {}

  authorize(a: Attributes): Decision {
    for (const { rule, source } of this.rulesFor(a.user, a.isResource ? a.namespace : '')) {
      if (ruleAllows(rule, a)) return { allowed: true, reason: source };
    }
    return { allowed: false, reason: '' };
  }

  /** All rules that a user has, cluster-wide and in one namespace ('' for none). */
  *rulesFor(user: UserInfo, namespace: string): Generator<BoundRule> {
    const { roleBindings, clusterRoles, roles } = this.caches;
    yield* this.clusterRules(user);
    if (namespace === '') return;
    for (const binding of roleBindings.inNamespace(namespace)) {
      const subject = appliesTo(binding, user, namespace);
      if (subject === undefined) continue;
      const { kind, name } = binding.roleRef;
      const role = kind === 'ClusterRole' ? clusterRoles.get(name) : roles.get(`${namespace}/${name}`);
      const source = `RBAC: allowed by RoleBinding ${JSON.stringify(`${binding.metadata?.name ?? ''}/${namespace}`)} of ${kind} ${JSON.stringify(name)} to ${describeSubject(subject)}`;
      for (const rule of role?.rules ?? []) yield { rule, source };
    }
  }

  private clusterRules(user: UserInfo): readonly BoundRule[] {
    const { clusterRoleBindings, clusterRoles } = this.caches;
    // Both only grow.
    const generation = clusterRoleBindings.generation + clusterRoles.generation;
    const known = this.everywhere.get(user);
    if (known?.generation === generation) return known.rules;
    const rules: BoundRule[] = [];
    for (const binding of clusterRoleBindings.list()) {
      const subject = appliesTo(binding, user, '');
      if (subject === undefined) continue;
      const role = clusterRoles.get(binding.roleRef.name);
      const source = `RBAC: allowed by ClusterRoleBinding ${JSON.stringify(binding.metadata?.name ?? '')} of ClusterRole ${JSON.stringify(binding.roleRef.name)} to ${describeSubject(subject)}`;
      for (const rule of role?.rules ?? []) rules.push({ rule, source });
    }
    this.everywhere.set(user, { generation, rules });
    return rules;
  }
}
