// Who asks: the first authenticator that knows the request's credentials says so.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/
import type { UserInfo, WireRequest } from '../../machinery/http.ts';

/** What authentication has to say about a request besides who asks: warnings for the client, annotations for the audit log. */
export interface RequestNotes {
  readonly warn: (text: string) => void;
  readonly annotate: (key: string, value: string) => void;
}

export interface Authenticator {
  /** undefined: it does not know these credentials. Throws an ApiError (401) when they are known to be bad. */
  authenticate(request: WireRequest, notes?: RequestNotes): Promise<UserInfo | undefined>;
}

export const AUTHENTICATED = 'system:authenticated';
export const UNAUTHENTICATED = 'system:unauthenticated';

export const ANONYMOUS: UserInfo = { username: 'system:anonymous', groups: [UNAUTHENTICATED] };

export function withAuthenticated(user: UserInfo): UserInfo {
  if (user.groups.includes(AUTHENTICATED) || user.groups.includes(UNAUTHENTICATED)) return user;
  return { ...user, groups: [...user.groups, AUTHENTICATED] };
}

export function bearerToken(request: WireRequest): string | undefined {
  const header = request.headers.authorization;
  if (header !== undefined && /^bearer /i.test(header)) {
    const token = header.slice(7).trim();
    return token === '' ? undefined : token;
  }
  // Browsers cannot set headers on WebSockets: the token comes as a subprotocol.
  const protocols = request.headers['sec-websocket-protocol'];
  if (protocols === undefined) return undefined;
  const prefix = 'base64url.bearer.authorization.k8s.io.';
  const found = protocols
    .split(',')
    .map((p) => p.trim())
    .find((p) => p.startsWith(prefix));
  return found === undefined ? undefined : Buffer.from(found.slice(prefix.length), 'base64url').toString('utf8');
}

export function chainAuthenticators(authenticators: readonly Authenticator[]): Authenticator {
  return {
    async authenticate(request, notes) {
      for (const authenticator of authenticators) {
        const user = await authenticator.authenticate(request, notes);
        if (user !== undefined) return withAuthenticated(user);
      }
      return undefined;
    },
  };
}

/** Fixed tokens, for tests and small installations. */
export function staticTokens(tokens: ReadonlyMap<string, UserInfo>): Authenticator {
  return {
    authenticate(request) {
      const token = bearerToken(request);
      return Promise.resolve(token === undefined ? undefined : tokens.get(token));
    },
  };
}
