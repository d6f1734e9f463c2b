// Which FlowSchema a request falls under, and which flow of it: pure.
// Source: https://kubernetes.io/docs/concepts/cluster-administration/flow-control/#flowschema
import type { UserInfo } from '../../machinery/http.ts';
import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '../../resources/generated/flowcontrol-v1.ts';

/** What a request is, as far as flows are concerned. */
export interface FlowAttributes {
  readonly user: UserInfo;
  readonly verb: string;
  readonly isResource: boolean;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly path: string;
}

const ALL = '*';
const has = (list: readonly string[] | undefined, value: string): boolean =>
  list !== undefined && (list.includes(ALL) || list.includes(value));

function subjectMatches(subject: Subject, user: UserInfo): boolean {
  switch (subject.kind) {
    case 'User':
      return subject.user?.name === ALL || subject.user?.name === user.username;
    case 'Group':
      return subject.group?.name === ALL || user.groups.includes(subject.group?.name ?? '');
    case 'ServiceAccount': {
      const { namespace, name } = subject.serviceAccount ?? {};
      const prefix = `system:serviceaccount:${namespace ?? ''}:`;
      return name === ALL ? user.username.startsWith(prefix) : user.username === prefix + (name ?? '');
    }
    default:
      return false;
  }
}

function resourceRuleMatches(rule: ResourcePolicyRule, a: FlowAttributes): boolean {
  if (!has(rule.verbs, a.verb) || !has(rule.apiGroups, a.group)) return false;
  const resource = a.subresource === '' ? a.resource : `${a.resource}/${a.subresource}`;
  if (!has(rule.resources, resource)) return false;
  return a.namespace === '' ? rule.clusterScope === true : has(rule.namespaces, a.namespace);
}

function pathMatches(pattern: string, path: string): boolean {
  if (pattern === ALL || pattern === path) return true;
  return pattern.endsWith('/*') && path.startsWith(pattern.slice(0, -1));
}

function pathRuleMatches(rule: NonResourcePolicyRule, a: FlowAttributes): boolean {
  return has(rule.verbs, a.verb) && rule.nonResourceURLs.some((p) => pathMatches(p, a.path));
}

function ruleMatches(rule: PolicyRulesWithSubjects, a: FlowAttributes): boolean {
  if (!rule.subjects.some((s) => subjectMatches(s, a.user))) return false;
  return a.isResource
    ? (rule.resourceRules ?? []).some((r) => resourceRuleMatches(r, a))
    : (rule.nonResourceRules ?? []).some((r) => pathRuleMatches(r, a));
}

/** Schemas in the order in which they are asked: by precedence, then by name. */
export function inPrecedence(schemas: Iterable<FlowSchema>): FlowSchema[] {
  return [...schemas].sort(
    (a, b) =>
      (a.spec?.matchingPrecedence ?? 1000) - (b.spec?.matchingPrecedence ?? 1000) ||
      ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1),
  );
}

export function findSchema(ordered: readonly FlowSchema[], a: FlowAttributes): FlowSchema | undefined {
  return ordered.find((schema) => (schema.spec?.rules ?? []).some((rule) => ruleMatches(rule, a)));
}

/** Tells the flows of a schema apart: by user, by namespace, or not at all. */
export function flowKey(schema: FlowSchema, a: FlowAttributes): string {
  const name = schema.metadata.name ?? '';
  switch (schema.spec?.distinguisherMethod?.type) {
    case 'ByUser':
      return `${name}\u0000${a.user.username}`;
    case 'ByNamespace':
      return `${name}\u0000${a.namespace}`;
    default:
      return name;
  }
}
