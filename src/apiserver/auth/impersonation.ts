// Impersonation headers: a user who may do so acts as another.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation
import { badRequest } from '../../machinery/errors.ts';
import type { UserInfo, WireRequest } from '../../machinery/http.ts';
import { AUTHENTICATED, UNAUTHENTICATED } from './authenticator.ts';
import { type Attributes, type Authorizer, refusal } from './authorizer.ts';

const EXTRA_PREFIX = 'impersonate-extra-';

function check(authorizer: Authorizer, user: UserInfo, what: Partial<Attributes>): void {
  const attributes: Attributes = {
    user,
    verb: 'impersonate',
    isResource: true,
    group: '',
    version: 'v1',
    resource: '',
    subresource: '',
    namespace: '',
    name: '',
    path: '',
    ...what,
  };
  const decision = authorizer.authorize(attributes);
  if (!decision.allowed) throw refusal(attributes, decision.reason);
}

function checkUser(authorizer: Authorizer, user: UserInfo, name: string): string[] {
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(name);
  if (account === null) {
    check(authorizer, user, { resource: 'users', name });
    return [];
  }
  check(authorizer, user, { resource: 'serviceaccounts', namespace: account[1] ?? '', name: account[2] ?? '' });
  return ['system:serviceaccounts', `system:serviceaccounts:${account[1] ?? ''}`];
}

function extrasOf(request: WireRequest, check1: (key: string, value: string) => void): Record<string, string[]> {
  const extra: Record<string, string[]> = {};
  for (const [header, value] of Object.entries(request.headers)) {
    if (!header.startsWith(EXTRA_PREFIX) || value === undefined) continue;
    const key = decodeURIComponent(header.slice(EXTRA_PREFIX.length));
    check1(key, value);
    extra[key] = [value];
  }
  return extra;
}

function splitGroups(header: string | undefined): string[] {
  return header === undefined
    ? []
    : header
        .split(',')
        .map((g) => g.trim())
        .filter((g) => g !== '');
}

export function impersonated(request: WireRequest, user: UserInfo, authorizer: Authorizer): UserInfo {
  const name = request.headers['impersonate-user'];
  const uid = request.headers['impersonate-uid'];
  const groupHeader = request.headers['impersonate-group'];
  if (name === undefined && uid === undefined && groupHeader === undefined) {
    const hasExtra = Object.keys(request.headers).some((header) => header.startsWith(EXTRA_PREFIX));
    if (!hasExtra) return user;
  }
  if (name === undefined || name === '') {
    throw badRequest('requested [] without impersonating a user');
  }
  const implied = checkUser(authorizer, user, name);
  const groups = splitGroups(groupHeader);
  for (const group of groups) check(authorizer, user, { resource: 'groups', name: group });
  const authentication = { group: 'authentication.k8s.io' };
  const extra = extrasOf(request, (key, value) =>
    check(authorizer, user, { ...authentication, resource: 'userextras', subresource: key, name: value }),
  );
  if (uid !== undefined) check(authorizer, user, { ...authentication, resource: 'uids', name: uid });
  const all = groups.length > 0 ? groups : implied;
  const anonymous = name === 'system:anonymous';
  const mark = anonymous ? UNAUTHENTICATED : AUTHENTICATED;
  return {
    username: name,
    ...(uid === undefined ? {} : { uid }),
    groups: all.includes(mark) ? all : [...all, mark],
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}
