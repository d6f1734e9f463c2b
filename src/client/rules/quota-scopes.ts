// Which pods and claims a ResourceQuota with scopes is about; other kinds are in no scope. Pure.
// Source: https://kubernetes.io/docs/concepts/policy/resource-quotas/#quota-scopes
import type {
  PersistentVolumeClaim,
  Pod,
  ResourceQuotaSpec,
  ScopedResourceSelectorRequirement,
} from '../../resources/generated/core-v1.ts';

/** Scopes and the expressions of the scope selector, in one form. */
function requirementsOf(spec: ResourceQuotaSpec | undefined): ScopedResourceSelectorRequirement[] {
  const scopes = (spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' }));
  return [...scopes, ...(spec?.scopeSelector?.matchExpressions ?? [])];
}

export function hasScopes(spec: ResourceQuotaSpec | undefined): boolean {
  return requirementsOf(spec).length > 0;
}

export function podInScope(pod: Pod, spec: ResourceQuotaSpec | undefined): boolean {
  return requirementsOf(spec).every((one) =>
    one.scopeName === 'PriorityClass'
      ? namesMatch(namesOf(pod.spec?.priorityClassName), one)
      : (POD_SCOPES[one.scopeName]?.(pod) ?? false),
  );
}

export function claimInScope(claim: PersistentVolumeClaim, spec: ResourceQuotaSpec | undefined): boolean {
  return requirementsOf(spec).every(
    (one) => one.scopeName === 'VolumeAttributesClass' && namesMatch(attributesClasses(claim), one),
  );
}

/** The classes that a claim wants, is being given, and has: during a change a claim counts for each. */
export function attributesClasses({ spec, status }: PersistentVolumeClaim): ReadonlySet<string> {
  return namesOf(
    spec?.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  );
}

function namesOf(...names: readonly (string | undefined)[]): ReadonlySet<string> {
  return new Set(names.filter((name) => name !== undefined && name !== '') as string[]);
}

/** One of the names is enough; where there is none, only an operator that wants none is content. */
function namesMatch(names: ReadonlySet<string>, { operator, values = [] }: ScopedResourceSelectorRequirement): boolean {
  if (operator === 'Exists') return names.size > 0;
  if (operator === 'DoesNotExist') return names.size === 0;
  const listed = (name: string): boolean => values.includes(name);
  if (operator === 'In') return [...names].some(listed);
  return names.size === 0 || [...names].some((name) => !listed(name));
}

export function isTerminating(pod: Pod): boolean {
  return pod.spec?.activeDeadlineSeconds !== undefined;
}

function isBestEffort(pod: Pod): boolean {
  const set = (list: object | undefined): boolean => Object.keys(list ?? {}).length > 0;
  return ![...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].some(
    ({ resources }) => set(resources?.requests) || set(resources?.limits),
  );
}

function usesCrossNamespaceAffinity(pod: Pod): boolean {
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
  const terms = [podAffinity, podAntiAffinity].flatMap((side) => [
    ...(side?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(side?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((one) => one.podAffinityTerm),
  ]);
  return terms.some((term) => (term.namespaces ?? []).length > 0 || term.namespaceSelector !== undefined);
}

const POD_SCOPES: Readonly<Record<string, (pod: Pod) => boolean>> = {
  BestEffort: isBestEffort,
  NotBestEffort: (pod) => !isBestEffort(pod),
  Terminating: isTerminating,
  NotTerminating: (pod) => !isTerminating(pod),
  CrossNamespacePodAffinity: usesCrossNamespaceAffinity,
};
