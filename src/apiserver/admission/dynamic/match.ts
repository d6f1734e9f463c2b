// Which requests a webhook or policy is for: operations, resources, scope, selectors. Pure.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-rules
import { selectorFromObject } from '../../../machinery/label-selector.ts';
import type { KubeObject } from '../../../machinery/object.ts';
import type { LabelSelector } from '../../../resources/generated/meta-v1.ts';
import type { AdmissionRequest } from '../plugin.ts';

export interface MatchRule {
  readonly operations?: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly apiVersions?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly scope?: string;
}

export interface Matcher {
  readonly rules?: readonly MatchRule[];
  readonly excludeRules?: readonly MatchRule[];
  readonly namespaceSelector?: LabelSelector;
  readonly objectSelector?: LabelSelector;
  /** `Equivalent` (the default) also takes other versions of the same resource. */
  readonly matchPolicy?: string;
}

/** Labels of a namespace; undefined when it is not there. */
export type NamespaceLabels = (name: string) => Readonly<Record<string, string>> | undefined;

const has = (list: readonly string[] | undefined, value: string): boolean =>
  list !== undefined && (list.includes('*') || list.includes(value));

function resourceMatches(list: readonly string[] | undefined, request: AdmissionRequest): boolean {
  const { plural } = request.entry.row;
  const { subresource } = request;
  return (list ?? []).some((one) => {
    if (subresource === '') return one === '*' || one === '*/*' || one === plural;
    return one === '*/*' || one === `${plural}/${subresource}` || one === `${plural}/*` || one === `*/${subresource}`;
  });
}

function ruleMatches(rule: MatchRule, request: AdmissionRequest, anyVersion: boolean): boolean {
  const { row } = request.entry;
  if (!has(rule.operations, request.operation) || !has(rule.apiGroups, row.group)) return false;
  if (!anyVersion && !has(rule.apiVersions, row.version)) return false;
  if (!resourceMatches(rule.resources, request)) return false;
  if (rule.resourceNames !== undefined && rule.resourceNames.length > 0 && !rule.resourceNames.includes(request.name))
    return false;
  if (rule.scope === 'Namespaced') return row.namespaced;
  // A Namespace is cluster-scoped, although its requests name a namespace.
  return rule.scope !== 'Cluster' || !row.namespaced;
}

function isNamespace(request: AdmissionRequest): boolean {
  return request.entry.row.group === '' && request.entry.row.plural === 'namespaces';
}

function namespaceMatches(
  selector: LabelSelector | undefined,
  request: AdmissionRequest,
  labelsOf: NamespaceLabels,
): boolean {
  if (selector === undefined) return true;
  if (isNamespace(request)) {
    const labels = (request.object ?? request.old)?.metadata.labels ?? {};
    return selectorFromObject(selector).matches(labels);
  }
  if (!request.entry.row.namespaced) return true;
  return selectorFromObject(selector).matches(labelsOf(request.namespace) ?? {});
}

function objectMatches(selector: LabelSelector | undefined, request: AdmissionRequest): boolean {
  if (selector === undefined) return true;
  const parsed = selectorFromObject(selector);
  const fits = (object: KubeObject | undefined) => object !== undefined && parsed.matches(object.metadata.labels ?? {});
  return fits(request.object) || fits(request.old);
}

export function matches(matcher: Matcher, request: AdmissionRequest, labelsOf: NamespaceLabels): boolean {
  const anyVersion = matcher.matchPolicy !== 'Exact';
  if (!(matcher.rules ?? []).some((r) => ruleMatches(r, request, anyVersion))) return false;
  if ((matcher.excludeRules ?? []).some((r) => ruleMatches(r, request, anyVersion))) return false;
  return (
    namespaceMatches(matcher.namespaceSelector, request, labelsOf) && objectMatches(matcher.objectSelector, request)
  );
}

/** Configurations of admission itself are never sent to webhooks or policies: one could lock everybody out. */
export function isExempt(request: AdmissionRequest): boolean {
  const { group, plural } = request.entry.row;
  if (group === 'admissionregistration.k8s.io') return true;
  return (group === 'authentication.k8s.io' || group === 'authorization.k8s.io') && plural.endsWith('reviews');
}
