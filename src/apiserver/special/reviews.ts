// Reviews: who a token is, what a user may do. Nothing is stored.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
import { badRequest } from '../../machinery/errors.ts';
import { type FieldError, invalid } from '../../machinery/field-error.ts';
import type { UserInfo, WireResponse } from '../../machinery/http.ts';
import type { JsonObject, KubeObject } from '../../machinery/object.ts';
import { isJsonObject } from '../../machinery/object.ts';
import { rfc3339 } from '../../machinery/time.ts';
import type { TokenReview } from '../../resources/generated/authentication-v1.ts';
import type { SelfSubjectRulesReview, SubjectAccessReview } from '../../resources/generated/authorization-v1.ts';
import { withAuthenticated } from '../auth/authenticator.ts';
import type { Attributes, Authorizer } from '../auth/authorizer.ts';
import { nodeOf } from '../auth/node-authorizer.ts';
import type { RbacAuthorizer } from '../auth/rbac.ts';
import type { ServiceAccountTokens } from '../auth/service-account-tokens.ts';
import { dedupeOwners } from '../registry/before.ts';
import type { RequestContext, Target } from '../registry/context.ts';
import { trackOwnership } from '../registry/managed.ts';
import { objectAnswer, outputOfObject } from '../verbs/answer.ts';
import { checkNamespace, wipeSystemFields } from '../verbs/body.ts';
import {
  type AccessSpec,
  checkLocal,
  checkMetadata,
  checkSpec,
  evaluationError,
  selectedFields,
} from './access-review.ts';
import { readPosted } from './kinds.ts';

type Handler = (context: RequestContext, target: Target) => Promise<WireResponse>;

interface Review<T> {
  readonly object: T & KubeObject;
  /** The answer: what was sent with this status, or a fresh object with only what is given. */
  readonly answer: (status: JsonObject, fresh?: JsonObject) => WireResponse;
}

function begin<T>(context: RequestContext, target: Target): Review<T> {
  const output = outputOfObject(context, { entry: target.entry, tables: false });
  const { object, options } = readPosted<T>(context, target.entry);
  checkNamespace(target, object);
  wipeSystemFields(object);
  if (target.entry.row.namespaced) object.metadata.namespace = target.namespace;
  else delete object.metadata.namespace;
  dedupeOwners(context, object, 'sent');
  trackOwnership(context, target, { old: undefined, next: object, manager: options.fieldManager });
  const answer = (status: JsonObject, fresh?: JsonObject): WireResponse => {
    const { apiVersion, kind } = object;
    const body = fresh === undefined ? { ...object, status } : { kind, apiVersion, metadata: {}, ...fresh, status };
    return objectAnswer(context, target, { status: 201, object: body, output });
  };
  return { object, answer };
}

function userStatus(user: UserInfo): JsonObject {
  return {
    username: user.username,
    ...(user.uid === undefined ? {} : { uid: user.uid }),
    groups: [...user.groups],
    ...(user.extra === undefined ? {} : { extra: user.extra }),
  };
}

export function tokenReview(tokens: ServiceAccountTokens): Handler {
  return async (context, target) => {
    const { object, answer } = begin<TokenReview>(context, target);
    const token = object.spec?.token ?? '';
    if (token === '') throw badRequest('token is required for TokenReview in authentication');
    const { authenticated: _, ...sent } = object.status ?? {};
    try {
      const found = await tokens.review(token, object.spec?.audiences ?? [], {
        warn: (text) => void context.warnings.push(text),
        annotate: (key, value) => context.annotate?.(key, value),
      });
      return answer({
        ...sent,
        authenticated: true,
        user: userStatus(withAuthenticated(found.user)),
        audiences: [...found.audiences],
      });
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      const refusal = tokens.isOurs(token) ? `[invalid bearer token, ${text}]` : 'invalid bearer token';
      return answer({ user: {}, ...sent, error: refusal });
    }
  };
}

export const selfSubjectReview: Handler = (context, target) => {
  const { answer } = begin(context, target);
  const metadata = { creationTimestamp: rfc3339(context.kernel.clock.now()) };
  return Promise.resolve(answer({ userInfo: userStatus(context.user) }, { metadata }));
};

/** Go's error here names a kind without a name. */
function refuse(errors: readonly FieldError[]): Error {
  return invalid('', 'authorization.k8s.io', '', errors);
}

function attributesOf(user: UserInfo, spec: AccessSpec): Attributes {
  const resource = spec.resourceAttributes;
  const plain = spec.nonResourceAttributes;
  const fieldSelector = selectedFields(resource);
  return {
    user,
    verb: resource?.verb ?? plain?.verb ?? '',
    isResource: resource !== undefined,
    group: resource?.group ?? '',
    version: resource?.version ?? '*',
    resource: resource?.resource ?? '',
    subresource: resource?.subresource ?? '',
    namespace: resource?.namespace ?? '',
    name: resource?.name ?? '',
    path: plain?.path ?? '',
    ...(fieldSelector === '' ? {} : { fieldSelector }),
  };
}

function accessStatus(authorizer: Authorizer, spec: AccessSpec, user: UserInfo): JsonObject {
  const { allowed, reason } = authorizer.authorize(attributesOf(user, spec));
  const problem = evaluationError(spec.resourceAttributes);
  return {
    allowed,
    ...(reason === '' ? {} : { reason }),
    ...(problem === '' ? {} : { evaluationError: problem }),
  };
}

export function selfSubjectAccessReview(authorizer: Authorizer): Handler {
  return (context, target) => {
    const { object, answer } = begin<SubjectAccessReview>(context, target);
    const spec = object.spec ?? {};
    const errors = [...checkSpec(spec, false), ...checkMetadata(object, '')];
    if (errors.length > 0) throw refuse(errors);
    return Promise.resolve(answer(accessStatus(authorizer, spec, context.user)));
  };
}

function userOf(spec: AccessSpec): UserInfo {
  return {
    username: spec.user ?? '',
    groups: spec.groups ?? [],
    ...(spec.uid === undefined ? {} : { uid: spec.uid }),
    ...(spec.extra === undefined ? {} : { extra: spec.extra as Record<string, string[]> }),
  };
}

export function subjectAccessReview(authorizer: Authorizer, local: boolean): Handler {
  return (context, target) => {
    const { object, answer } = begin<SubjectAccessReview>(context, target);
    const spec = object.spec ?? {};
    const errors = [...checkSpec(spec, true), ...checkMetadata(object, local ? target.namespace : '')];
    if (local) errors.push(...checkLocal(spec, target.namespace));
    if (errors.length > 0) throw refuse(errors);
    return Promise.resolve(answer(accessStatus(authorizer, spec, userOf(spec))));
  };
}

export function selfSubjectRulesReview(rbac: RbacAuthorizer): Handler {
  return (context, target) => {
    const { object, answer } = begin<SelfSubjectRulesReview>(context, target);
    const namespace = object.spec?.namespace ?? '';
    if (namespace === '') throw badRequest('no namespace on request');
    const resourceRules: JsonObject[] = [];
    const nonResourceRules: JsonObject[] = [];
    for (const { rule } of rbac.rulesFor(context.user, namespace)) {
      const { nonResourceURLs, ...rest } = rule;
      if ((nonResourceURLs ?? []).length > 0) nonResourceRules.push({ verbs: rule.verbs, nonResourceURLs });
      else if (isJsonObject(rest)) resourceRules.push(rest);
    }
    // What a node may do depends on its pods: it cannot be told as rules.
    const incomplete = nodeOf(context.user) !== undefined;
    const problem = incomplete ? { evaluationError: 'node authorizer does not support user rule resolution' } : {};
    return Promise.resolve(answer({ resourceRules, nonResourceRules, incomplete, ...problem }, { spec: {} }));
  };
}
