// What authorizers decide on, and how a refusal is worded.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/authorization/
import { ApiError } from '../../machinery/errors.ts';
import type { UserInfo, WireRequest } from '../../machinery/http.ts';
import type { RequestInfo } from '../http/request-info.ts';

export interface Attributes {
  readonly user: UserInfo;
  readonly verb: string;
  readonly isResource: boolean;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly path: string;
  readonly fieldSelector?: string;
}

export interface Decision {
  readonly allowed: boolean;
  /** Why not (or why), for access reviews and refusals. */
  readonly reason: string;
}

export interface Authorizer {
  authorize(attributes: Attributes): Decision;
}

/** A watch or list narrowed to one name counts as a request for that name. */
function selectedName(request: WireRequest): string {
  const selector = request.query.size === 0 ? null : request.query.get('fieldSelector');
  return selector === null ? '' : (/(?:^|,)metadata\.name==?([^,=]+)(?:,|$)/.exec(selector)?.[1] ?? '');
}

export function attributesOf(info: RequestInfo, user: UserInfo, request: WireRequest): Attributes {
  const narrowed =
    info.isResource &&
    info.name === '' &&
    (info.verb === 'list' || info.verb === 'watch' || info.verb === 'deletecollection');
  const name = narrowed ? selectedName(request) : info.name;
  const fieldSelector = request.query.size === 0 ? null : request.query.get('fieldSelector');
  return {
    user,
    verb: info.verb,
    isResource: info.isResource,
    group: info.group,
    version: info.version,
    resource: info.resource,
    subresource: info.subresource,
    // A namespace is itself in its namespace, as far as rules go.
    namespace: info.resource === 'namespaces' && info.group === '' ? info.name : info.namespace,
    name,
    path: info.path,
    ...(fieldSelector === null ? {} : { fieldSelector }),
  };
}

function resourceText(a: Attributes): string {
  const resource = a.subresource === '' ? a.resource : `${a.resource}/${a.subresource}`;
  const scope = a.namespace === '' ? ' at the cluster scope' : ` in the namespace ${JSON.stringify(a.namespace)}`;
  return `cannot ${a.verb} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(a.group)}${scope}`;
}

export function refusal(a: Attributes, reason: string): ApiError {
  const who = `User ${JSON.stringify(a.user.username)}`;
  const what = a.isResource ? resourceText(a) : `cannot ${a.verb} path ${JSON.stringify(a.path)}`;
  const because = reason === '' ? '' : `: ${reason}`;
  if (!a.isResource) {
    return new ApiError({ reason: 'Forbidden', message: `forbidden: ${who} ${what}${because}`, details: {} });
  }
  const resource = a.group === '' ? a.resource : `${a.resource}.${a.group}`;
  const subject = a.name === '' ? resource : `${resource} ${JSON.stringify(a.name)}`;
  return new ApiError({
    reason: 'Forbidden',
    message: `${subject} is forbidden: ${who} ${what}${because}`,
    details: {
      ...(a.name === '' ? {} : { name: a.name }),
      ...(a.group === '' ? {} : { group: a.group }),
      kind: a.resource,
    },
  });
}

const MASTERS = 'system:masters';

/** Members of system:masters may do all; the others are asked in turn, and the first that allows decides. */
export function chainAuthorizers(authorizers: readonly Authorizer[]): Authorizer {
  return {
    authorize(attributes) {
      if (attributes.user.groups.includes(MASTERS)) return { allowed: true, reason: '' };
      let reason = '';
      for (const authorizer of authorizers) {
        const decision = authorizer.authorize(attributes);
        if (decision.allowed) return decision;
        if (decision.reason !== '') reason = decision.reason;
      }
      return { allowed: false, reason };
    },
  };
}
