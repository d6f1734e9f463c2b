// Which policies a request meets: through which bindings, with which parameters. Shared by validating and mutating policies.
import { ApiError } from '../../../machinery/errors.ts';
import { selectorFromObject } from '../../../machinery/label-selector.ts';
import type { JsonObject, KubeObject } from '../../../machinery/object.ts';
import type {
  MatchCondition,
  MatchResources,
  ParamKind,
  ParamRef,
  Variable,
} from '../../../resources/generated/admissionregistration-v1.ts';
import type { Authorizer } from '../../auth/authorizer.ts';
import type { CatalogEntry } from '../../registry/catalog.ts';
import { evaluateConditions, type Verdict } from '../dynamic/conditions.ts';
import type { Peers } from '../dynamic/equivalent.ts';
import { authorizerValues } from '../dynamic/judge.ts';
import { isExempt, type Matcher, type Ways, wantedIn } from '../dynamic/match.ts';
import { requestDocument } from '../dynamic/request.ts';
import type { AdmissionRequest } from '../plugin.ts';
import { Scope } from './scope.ts';

export interface PolicySpec {
  readonly failurePolicy?: string;
  readonly matchConditions?: readonly MatchCondition[];
  readonly matchConstraints?: MatchResources;
  readonly paramKind?: ParamKind;
  readonly variables?: readonly Variable[];
}

export interface BindingSpec {
  readonly matchResources?: MatchResources;
  readonly paramRef?: ParamRef;
  readonly policyName?: string;
}

export type Policy<S extends PolicySpec> = KubeObject & { readonly spec?: S };
export type Binding<S extends BindingSpec> = KubeObject & { readonly spec?: S };

/** Finds parameters. */
export interface ParamSource {
  /** Undefined when no such kind is served. */
  kind(apiVersion: string, kind: string): { readonly namespaced: boolean } | undefined;
  get(param: ParamKind, namespace: string, name: string): Promise<KubeObject | undefined>;
  /** '' for all namespaces. */
  list(param: ParamKind, namespace: string): Promise<readonly KubeObject[]>;
}

export interface PolicyParts {
  readonly params: ParamSource;
  readonly authorizer: Authorizer;
  readonly namespaceOf: (name: string) => KubeObject | undefined;
  readonly newUid: () => string;
  readonly peers: Peers;
}

/** A configuration that cannot be carried out; the policy says whether that refuses the request. */
export class ConfigurationError extends Error {}

/** The same for what is wrong with the policy itself, whatever its bindings. */
export class PolicyError extends ConfigurationError {}

const byName = (a: KubeObject, b: KubeObject): number => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1);

function asMatcher(match: MatchResources | undefined): Matcher {
  const { resourceRules, excludeResourceRules, ...rest } = match ?? {};
  return {
    ...rest,
    ...(resourceRules === undefined ? {} : { rules: resourceRules }),
    ...(excludeResourceRules === undefined ? {} : { excludeRules: excludeResourceRules }),
  };
}

/** A binding without rules of its own takes what the policy takes. */
function bindingTakes(match: MatchResources | undefined, request: AdmissionRequest, ways: Ways): boolean {
  if (match === undefined) return true;
  const matcher = asMatcher(match);
  const everything = [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] }];
  const rules = matcher.rules === undefined || matcher.rules.length === 0 ? everything : matcher.rules;
  return wantedIn({ ...matcher, rules }, request, ways) !== undefined;
}

export interface Bound<P, B> {
  readonly policy: P;
  readonly binding: B;
  /** The version that the policy's rules name. */
  readonly entry: CatalogEntry;
}

/** The bindings that a request meets, in the order of the policies' and the bindings' names. */
export function boundPolicies<P extends Policy<PolicySpec>, B extends Binding<BindingSpec>>(
  lists: { readonly policies: Iterable<P>; readonly bindings: Iterable<B> },
  request: AdmissionRequest,
  parts: PolicyParts,
): Bound<P, B>[] {
  const bindings = [...lists.bindings];
  if (bindings.length === 0 || isExempt(request)) return [];
  const ways: Ways = { labelsOf: (name) => parts.namespaceOf(name)?.metadata.labels, peers: parts.peers };
  bindings.sort(byName);
  const found: Bound<P, B>[] = [];
  for (const policy of [...lists.policies].sort(byName)) {
    const entry = wantedIn(asMatcher(policy.spec?.matchConstraints), request, ways);
    if (entry === undefined) continue;
    for (const binding of bindings) {
      if (binding.spec?.policyName !== policy.metadata.name) continue;
      if (bindingTakes(binding.spec?.matchResources, request, ways)) found.push({ policy, binding, entry });
    }
  }
  return found;
}

function namespaceForParams(reference: ParamRef, namespaced: boolean, request: AdmissionRequest): string {
  const named = reference.namespace ?? '';
  if (!namespaced) {
    if (named !== '')
      throw new ConfigurationError('paramRef.namespace must not be provided for a cluster-scoped `paramKind`');
    return '';
  }
  if (named !== '') return named;
  if (request.entry.row.namespaced) return request.namespace;
  throw new ConfigurationError(
    'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources',
  );
}

/** Every set of parameters that a binding selects; null stands for none where none is wanted. Throws ConfigurationError. */
export async function paramsOf(
  bound: Bound<Policy<PolicySpec>, Binding<BindingSpec>>,
  request: AdmissionRequest,
  parts: PolicyParts,
): Promise<readonly (KubeObject | null)[]> {
  const kind = bound.policy.spec?.paramKind;
  const reference = bound.binding.spec?.paramRef;
  if (kind === undefined) return [null];
  const known = parts.params.kind(kind.apiVersion ?? '', kind.kind ?? '');
  if (known === undefined) {
    const shown = `'${kind.apiVersion ?? ''}, Kind=${kind.kind ?? ''}'`;
    throw new PolicyError(`failed to find resource referenced by paramKind: ${shown}`);
  }
  if (reference === undefined) return [null];
  const namespace = namespaceForParams(reference, known.namespaced, request);
  const found = await selectParams(kind, reference, namespace, parts.params);
  if (found.length > 0 || reference.parameterNotFoundAction === 'Allow') return found;
  throw new ConfigurationError('no params found for policy binding with `Deny` parameterNotFoundAction');
}

async function selectParams(
  kind: ParamKind,
  reference: ParamRef,
  namespace: string,
  source: ParamSource,
): Promise<readonly KubeObject[]> {
  const name = reference.name ?? '';
  if (name !== '') {
    const one = await source.get(kind, namespace, name);
    return one === undefined ? [] : [one];
  }
  const selector = selectorFromObject(reference.selector ?? {});
  const all = await source.list(kind, namespace);
  return all.filter((param) => selector.matches(param.metadata.labels ?? {}));
}

/** What one policy sees, for one binding and one set of parameters. */
export interface Sight {
  /** In the version that the policy's rules name. */
  readonly request: AdmissionRequest;
  /** As the client made it. */
  readonly original: AdmissionRequest;
  readonly spec: PolicySpec;
  readonly params: KubeObject | null;
}

export function scopeOf({ request, original, spec, params }: Sight, parts: PolicyParts): Scope {
  const { row } = request.entry;
  const namespace = row.namespaced ? parts.namespaceOf(request.namespace) : undefined;
  return new Scope(
    {
      document: requestDocument(request, parts.newUid(), original),
      params: params as unknown as JsonObject | null,
      namespaceObject: (namespace ?? null) as unknown as JsonObject | null,
      authorizer: authorizerValues(parts.authorizer, request),
    },
    spec.variables ?? [],
  );
}

export function conditionsOf({ request, original, spec, params }: Sight, parts: PolicyParts): Verdict {
  return evaluateConditions(spec.matchConditions ?? [], {
    document: requestDocument(request, parts.newUid(), original),
    params: params as unknown as JsonObject | null,
    authorizer: authorizerValues(parts.authorizer, request),
  });
}

export const POLICY_TROUBLE = 'failed to configure policy: ';

/** What the policy's name and the binding's make of a refusal. */
export function refusalText(what: string, bound: Bound<KubeObject, KubeObject>, message: string): string {
  const { policy, binding } = bound;
  if (message.startsWith(POLICY_TROUBLE)) return `${what} '${policy.metadata.name ?? ''}' denied request: ${message}`;
  return `${what} '${policy.metadata.name ?? ''}' with binding '${binding.metadata.name ?? ''}' denied request: ${message}`;
}

const CODES: Readonly<Record<string, number>> = {
  Unauthorized: 401,
  Forbidden: 403,
  Invalid: 422,
  RequestEntityTooLarge: 413,
};

export function denial(request: AdmissionRequest, text: string, reason = 'Invalid'): ApiError {
  const { row } = request.entry;
  const resource = row.group === '' ? row.plural : `${row.plural}.${row.group}`;
  const known = Object.hasOwn(CODES, reason) ? (reason as 'Invalid') : 'Invalid';
  const subject = request.name === '' ? resource : `${resource} ${JSON.stringify(request.name)}`;
  return new ApiError({
    reason: known,
    code: CODES[known] ?? 422,
    message: `${subject} is forbidden: ${text}`,
    details: {
      ...(request.name === '' ? {} : { name: request.name }),
      ...(row.group === '' ? {} : { group: row.group }),
      kind: row.plural,
      causes: [{ message: text }],
    },
  });
}
