// Who may use a node's own API: asked of the API server, and remembered for a while.
// https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/
import { createHash } from 'node:crypto';
import { type Client, SUBJECT_ACCESS_REVIEWS, TOKEN_REVIEWS } from '../../client/index.ts';
import type { Clock } from '../../host/clock.ts';
import type { UserInfo, WireRequest } from '../../machinery/http.ts';

/** The kubelet's own times: webhook.cacheTTL, cacheAuthorizedTTL and cacheUnauthorizedTTL. */
const TOKEN_MS = 2 * 60_000;
const ALLOWED_MS = 5 * 60_000;
const DENIED_MS = 30_000;
const MOST_KEPT = 1000;

const VERBS: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

const OWN: readonly (readonly [string, readonly string[]])[] = [
  ['/stats', ['stats']],
  ['/metrics', ['metrics']],
  ['/logs', ['log']],
  ['/checkpoint', ['checkpoint']],
  // Since KubeletFineGrainedAuthz these have a subresource of their own, and the one that covers all still does.
  ['/pods', ['pods', 'proxy']],
  ['/runningpods', ['pods', 'proxy']],
  ['/healthz', ['healthz', 'proxy']],
  ['/configz', ['configz', 'proxy']],
];

/** Which subresources of the node a path belongs to; one of them is enough. */
export function subresourcesOf(path: string): readonly string[] {
  const lower = path.toLowerCase();
  return OWN.find(([prefix]) => lower === prefix || lower.startsWith(`${prefix}/`))?.[1] ?? ['proxy'];
}

class Remembered<T> {
  readonly #kept = new Map<string, { until: number; value: T }>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async of(key: string, ask: () => Promise<{ value: T; ms: number }>): Promise<T> {
    const held = this.#kept.get(key);
    if (held !== undefined && held.until > this.#clock.now()) return held.value;
    const { value, ms } = await ask();
    if (this.#kept.size >= MOST_KEPT) this.#kept.clear();
    this.#kept.set(key, { value, until: this.#clock.now() + ms });
    return value;
  }
}

export interface NodeAccessOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly nodeName: string;
}

export class NodeAccess {
  readonly #options: NodeAccessOptions;
  readonly #tokens: Remembered<UserInfo | undefined>;
  readonly #verdicts: Remembered<boolean>;

  constructor(options: NodeAccessOptions) {
    this.#options = options;
    this.#tokens = new Remembered(options.clock);
    this.#verdicts = new Remembered(options.clock);
  }

  /** By client certificate, else by token; undefined: nobody that is known. */
  async user(request: WireRequest): Promise<UserInfo | undefined> {
    if (request.user !== undefined) return request.user;
    const token = /^bearer\s+(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined) return undefined;
    const key = createHash('sha256').update(token).digest('hex');
    return this.#tokens.of(key, async () => {
      const value = await this.#review(token);
      return { value, ms: value === undefined ? 0 : TOKEN_MS };
    });
  }

  async #review(token: string): Promise<UserInfo | undefined> {
    const { status } = await this.#options.client.resource(TOKEN_REVIEWS).create('', {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      metadata: {},
      spec: { token },
    });
    const { username, uid, groups } = status?.user ?? {};
    if (status?.authenticated !== true || username === undefined) return undefined;
    return { username, groups: groups ?? [], ...(uid === undefined ? {} : { uid }) };
  }

  /** Why the user may not, or undefined when it may. */
  async refusal(user: UserInfo, request: Pick<WireRequest, 'method' | 'path'>): Promise<string | undefined> {
    const verb = VERBS[request.method] ?? '';
    const subresources = subresourcesOf(request.path);
    for (const subresource of subresources) if (await this.#allowed(user, verb, subresource)) return undefined;
    return `Forbidden (user=${user.username}, verb=${verb}, resource=nodes, subresource(s)=[${subresources.join(' ')}])`;
  }

  #allowed(user: UserInfo, verb: string, subresource: string): Promise<boolean> {
    const key = JSON.stringify([user.username, user.uid, user.groups, verb, subresource]);
    return this.#verdicts.of(key, async () => {
      const { status } = await this.#options.client.resource(SUBJECT_ACCESS_REVIEWS).create('', {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        metadata: {},
        spec: {
          user: user.username,
          groups: [...user.groups],
          ...(user.uid === undefined ? {} : { uid: user.uid }),
          resourceAttributes: { verb, version: 'v1', resource: 'nodes', subresource, name: this.#options.nodeName },
        },
      });
      const value = status?.allowed === true;
      return { value, ms: value ? ALLOWED_MS : DENIED_MS };
    });
  }
}
