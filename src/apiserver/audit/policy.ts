// The audit policy: how much of which request is written down.
// Source: https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/#audit-policy
import { parse } from 'yaml';
import { isJsonObject } from '../../machinery/object.ts';
import type { Attributes } from '../auth/authorizer.ts';

export const LEVELS = ['None', 'Metadata', 'Request', 'RequestResponse'] as const;
export type Level = (typeof LEVELS)[number];

export const STAGES = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const;
export type Stage = (typeof STAGES)[number];

interface ResourceRule {
  readonly group?: string;
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
}

export interface AuditRule {
  readonly level: Level;
  readonly users?: readonly string[];
  readonly userGroups?: readonly string[];
  readonly verbs?: readonly string[];
  readonly resources?: readonly ResourceRule[];
  readonly namespaces?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly omitStages?: readonly Stage[];
  readonly omitManagedFields?: boolean;
}

export interface AuditPolicy {
  readonly rules: readonly AuditRule[];
  readonly omitStages: readonly Stage[];
  readonly omitManagedFields: boolean;
}

/** What is to be done with one request. */
export interface AuditDecision {
  readonly level: Level;
  readonly omitStages: readonly Stage[];
  readonly omitManagedFields: boolean;
}

/** Reads `audit.k8s.io/v1` Policy. Throws with what is wrong. */
export function parsePolicy(text: string): AuditPolicy {
  const doc: unknown = parse(text, { maxAliasCount: 50 });
  if (!isJsonObject(doc)) throw new Error('the audit policy is not an object');
  if (doc.apiVersion !== 'audit.k8s.io/v1' || doc.kind !== 'Policy')
    throw new Error('the audit policy is not a Policy of audit.k8s.io/v1');
  const rules = Array.isArray(doc.rules) ? doc.rules : [];
  if (rules.length === 0) throw new Error('the audit policy has no rules');
  return {
    rules: rules.map(checkRule),
    omitStages: stages(doc.omitStages, 'omitStages'),
    omitManagedFields: doc.omitManagedFields === true,
  };
}

function checkRule(rule: unknown, i: number): AuditRule {
  if (!isJsonObject(rule) || !LEVELS.some((l) => l === rule.level)) {
    throw new Error(`rules[${i}].level: Unsupported value: supported values: ${LEVELS.join(', ')}`);
  }
  if (Array.isArray(rule.nonResourceURLs) && (Array.isArray(rule.resources) || Array.isArray(rule.namespaces))) {
    throw new Error(`rules[${i}].nonResourceURLs: rules cannot apply to both regular resources and non-resource URLs`);
  }
  stages(rule.omitStages, `rules[${i}].omitStages`);
  return rule as unknown as AuditRule;
}

function stages(value: unknown, where: string): readonly Stage[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every((s) => STAGES.some((known) => known === s))) {
    throw new Error(`${where}: Unsupported value: supported values: ${STAGES.join(', ')}`);
  }
  return value as Stage[];
}

const empty = (list: readonly string[] | undefined) => list === undefined || list.length === 0;

function resourceMatches(rule: ResourceRule, a: Attributes): boolean {
  if ((rule.group ?? '') !== a.group) return false;
  const names = rule.resourceNames ?? [];
  if (names.length > 0 && !names.includes(a.name)) return false;
  const combined = a.subresource === '' ? a.resource : `${a.resource}/${a.subresource}`;
  return (
    empty(rule.resources) ||
    (rule.resources ?? []).some(
      (r) =>
        r === combined || r === '*' || r === `${a.resource}/*` || (a.subresource !== '' && r === `*/${a.subresource}`),
    )
  );
}

function pathMatches(pattern: string, path: string): boolean {
  return pattern === '*' || pattern === path || (pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1)));
}

function ruleMatches(rule: AuditRule, a: Attributes): boolean {
  if (!empty(rule.users) && !rule.users?.includes(a.user.username)) return false;
  if (!empty(rule.userGroups) && !a.user.groups.some((g) => rule.userGroups?.includes(g))) return false;
  if (!empty(rule.verbs) && !rule.verbs?.includes(a.verb)) return false;
  if (!a.isResource)
    return empty(rule.namespaces) && (rule.resources ?? []).length === 0
      ? empty(rule.nonResourceURLs) || (rule.nonResourceURLs ?? []).some((p) => pathMatches(p, a.path))
      : false;
  if (!empty(rule.nonResourceURLs)) return false;
  if (!empty(rule.namespaces) && !rule.namespaces?.includes(a.namespace)) return false;
  return (rule.resources ?? []).length === 0 || (rule.resources ?? []).some((r) => resourceMatches(r, a));
}

/** The first rule that matches decides; without one, nothing is written. */
export function decide(policy: AuditPolicy, attributes: Attributes): AuditDecision {
  const rule = policy.rules.find((r) => ruleMatches(r, attributes));
  return {
    level: rule?.level ?? 'None',
    omitStages: [...policy.omitStages, ...(rule?.omitStages ?? [])],
    omitManagedFields: rule?.omitManagedFields ?? policy.omitManagedFields,
  };
}
