// Which requests a webhook or policy is for: operations, resources, scope, selectors. Pure.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-rules
import { selectorFromObject } from '../../../machinery/label-selector.ts';
import type { KubeObject } from '../../../machinery/object.ts';
import type { AnyResource } from '../../../resources/definition.ts';
import type { LabelSelector } from '../../../resources/generated/meta-v1.ts';
import type { CatalogEntry } from '../../registry/catalog.ts';
import type { AdmissionRequest } from '../plugin.ts';
import type { Peers } from './equivalent.ts';

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

function resourceMatches(list: readonly string[] | undefined, row: AnyResource, request: AdmissionRequest): boolean {
  const { plural } = row;
  const { subresource } = request;
  return (list ?? []).some((one) => {
    if (subresource === '') return one === '*' || one === '*/*' || one === plural;
    return one === '*/*' || one === `${plural}/${subresource}` || one === `${plural}/*` || one === `*/${subresource}`;
  });
}

function ruleMatches(rule: MatchRule, row: AnyResource, request: AdmissionRequest): boolean {
  if (!has(rule.operations, request.operation) || !has(rule.apiGroups, row.group)) return false;
  if (!has(rule.apiVersions, row.version)) return false;
  if (!resourceMatches(rule.resources, row, request)) return false;
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

/** What is known of namespaces and of other versions. */
export interface Ways {
  readonly labelsOf: NamespaceLabels;
  readonly peers: Peers;
}

/** In which version the one that matches wants the request; undefined when it does not want it at all. A rule that names the request's own
 *  version comes before those that name others of the same resource. */
export function wantedIn(
  matcher: Matcher,
  request: AdmissionRequest,
  { labelsOf, peers }: Ways,
): CatalogEntry | undefined {
  const rules = matcher.rules ?? [];
  const named = (list: readonly MatchRule[]) => (entry: CatalogEntry) =>
    list.some((rule) => ruleMatches(rule, entry.row, request));
  const others = (): readonly CatalogEntry[] => (matcher.matchPolicy === 'Exact' ? [] : peers(request.entry));
  const equivalent = (): CatalogEntry | undefined => {
    for (const one of rules) {
      const other = others().find(named([one]));
      if (other !== undefined) return other;
    }
    return undefined;
  };
  const found = named(rules)(request.entry) ? request.entry : equivalent();
  if (found === undefined) return undefined;
  const excluded = matcher.excludeRules ?? [];
  if (excluded.length > 0 && [request.entry, ...others()].some(named(excluded))) return undefined;
  const selected =
    namespaceMatches(matcher.namespaceSelector, request, labelsOf) && objectMatches(matcher.objectSelector, request);
  return selected ? found : undefined;
}

/** Configurations of admission itself are never sent to webhooks or policies: one could lock everybody out. */
export function isExempt(request: AdmissionRequest): boolean {
  const { group, plural } = request.entry.row;
  if (group === 'admissionregistration.k8s.io') return true;
  return (group === 'authentication.k8s.io' || group === 'authorization.k8s.io') && plural.endsWith('reviews');
}
