// Reviews: who a token is, what a user may do. Nothing is stored.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
import { badRequest } from '../../machinery/errors.ts';
import { type FieldError, FieldPath, fieldErrors, invalid } from '../../machinery/field-error.ts';
import type { UserInfo, WireResponse } from '../../machinery/http.ts';
import { deepEqual } from '../../machinery/json.ts';
import type { JsonObject, KubeObject } from '../../machinery/object.ts';
import { isJsonObject } from '../../machinery/object.ts';
import { rfc3339 } from '../../machinery/time.ts';
import type { TokenReview } from '../../resources/generated/authentication-v1.ts';
import type { SelfSubjectRulesReview, SubjectAccessReview } from '../../resources/generated/authorization-v1.ts';
import { withAuthenticated } from '../auth/authenticator.ts';
import type { Attributes, Authorizer } from '../auth/authorizer.ts';
import type { RbacAuthorizer } from '../auth/rbac.ts';
import type { ServiceAccountTokens } from '../auth/service-account-tokens.ts';
import type { RequestContext, Target } from '../registry/context.ts';
import { trackOwnership } from '../registry/managed.ts';
import { objectAnswer, outputOfObject } from '../verbs/answer.ts';
import { readPosted } from './kinds.ts';

type Handler = (context: RequestContext, target: Target) => Promise<WireResponse>;

interface Review<T> {
  readonly object: T & KubeObject;
  readonly answer: (status: JsonObject, spec?: JsonObject) => WireResponse;
}

function begin<T>(context: RequestContext, target: Target): Review<T> {
  const output = outputOfObject(context, { entry: target.entry, tables: false });
  const { object, options } = readPosted<T>(context, target.entry);
  trackOwnership(context, target, { old: undefined, next: object, manager: options.fieldManager });
  const answer = (status: JsonObject, spec?: JsonObject): WireResponse => {
    const metadata = { ...object.metadata, creationTimestamp: rfc3339(context.kernel.clock.now()) };
    const body = { ...object, metadata, ...(spec === undefined ? {} : { spec }), status };
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
    try {
      const found = await tokens.review(token, object.spec?.audiences ?? []);
      return answer({
        authenticated: true,
        user: userStatus(withAuthenticated(found.user)),
        audiences: [...found.audiences],
      });
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      return answer({ user: {}, error: `[invalid bearer token, ${text}]` });
    }
  };
}

export const selfSubjectReview: Handler = (context, target) => {
  const { answer } = begin(context, target);
  return Promise.resolve(answer({ userInfo: userStatus(context.user) }));
};

/** Go's error here names a kind without a name. */
function refuse(errors: readonly FieldError[]): Error {
  return invalid('', 'authorization.k8s.io', '', errors);
}

type AccessSpec = NonNullable<SubjectAccessReview['spec']>;

function checkMetadata(object: KubeObject, namespace: string): FieldError[] {
  const { managedFields: _, creationTimestamp: _c, ...metadata } = object.metadata;
  const allowed = namespace === '' ? {} : { namespace };
  if (Object.keys(metadata).length === 0 || deepEqual(metadata, allowed)) return [];
  const detail = namespace === '' ? 'must be empty' : 'must be empty except for namespace';
  return [fieldErrors.invalid(FieldPath.of('metadata'), metadata, detail)];
}

function checkSpec(spec: AccessSpec, needsUser: boolean): FieldError[] {
  const out: FieldError[] = [];
  const path = FieldPath.of('spec');
  const { resourceAttributes: resource, nonResourceAttributes: plain } = spec;
  if (resource !== undefined && plain !== undefined) {
    out.push(
      fieldErrors.invalid(
        path.child('nonResourceAttributes'),
        plain,
        'cannot be specified in combination with resourceAttributes',
      ),
    );
  }
  if (resource === undefined && plain === undefined) {
    out.push(
      fieldErrors.invalid(
        path.child('resourceAttributes'),
        null,
        'exactly one of nonResourceAttributes or resourceAttributes must be specified',
      ),
    );
  }
  if (needsUser && (spec.user ?? '') === '' && (spec.groups ?? []).length === 0) {
    out.push(
      fieldErrors.invalid(path.child('user'), spec.user ?? '', 'at least one of user or group must be specified'),
    );
  }
  return out;
}

function attributesOf(user: UserInfo, spec: AccessSpec): Attributes {
  const resource = spec.resourceAttributes;
  const plain = spec.nonResourceAttributes;
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
  };
}

function accessStatus(authorizer: Authorizer, attributes: Attributes): JsonObject {
  const { allowed, reason } = authorizer.authorize(attributes);
  return { allowed, ...(reason === '' ? {} : { reason }) };
}

export function selfSubjectAccessReview(authorizer: Authorizer): Handler {
  return (context, target) => {
    const { object, answer } = begin<SubjectAccessReview>(context, target);
    const spec = object.spec ?? {};
    const errors = [...checkSpec(spec, false), ...checkMetadata(object, '')];
    if (errors.length > 0) throw refuse(errors);
    return Promise.resolve(answer(accessStatus(authorizer, attributesOf(context.user, spec))));
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
    return Promise.resolve(answer(accessStatus(authorizer, attributesOf(userOf(spec), spec))));
  };
}

function checkLocal(spec: AccessSpec, namespace: string): FieldError[] {
  const path = FieldPath.of('spec', 'resourceAttributes', 'namespace');
  const out: FieldError[] = [];
  const sent = spec.resourceAttributes?.namespace ?? '';
  if (spec.resourceAttributes !== undefined && sent !== namespace) {
    out.push(fieldErrors.invalid(path, sent, 'must match metadata.namespace'));
  }
  if (spec.nonResourceAttributes !== undefined) {
    out.push(
      fieldErrors.invalid(
        FieldPath.of('spec', 'nonResourceAttributes'),
        spec.nonResourceAttributes,
        'disallowed on this kind of request',
      ),
    );
  }
  return out;
}

export function selfSubjectRulesReview(rbac: RbacAuthorizer): Handler {
  return (context, target) => {
    const { object, answer } = begin<SelfSubjectRulesReview>(context, target);
    const namespace = object.spec?.namespace ?? '';
    if (namespace === '') throw badRequest('no namespace on request');
    const resourceRules: JsonObject[] = [];
    const nonResourceRules: JsonObject[] = [];
    if (context.user.groups.includes('system:masters')) {
      resourceRules.push({ verbs: ['*'], apiGroups: ['*'], resources: ['*'] });
      nonResourceRules.push({ verbs: ['*'], nonResourceURLs: ['*'] });
    }
    for (const { rule } of rbac.rulesFor(context.user, namespace)) {
      const { nonResourceURLs, ...rest } = rule;
      if ((nonResourceURLs ?? []).length > 0) nonResourceRules.push({ verbs: rule.verbs, nonResourceURLs });
      else if (isJsonObject(rest)) resourceRules.push(rest);
    }
    return Promise.resolve(answer({ resourceRules, nonResourceRules, incomplete: false }, {}));
  };
}
