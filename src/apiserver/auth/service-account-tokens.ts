// Service account tokens as credentials: the signature, and whether the account, pod, secret or node it is bound to still exists.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#verifying-service-account-tokens
import { decodeJwt } from 'jose';
import { ApiError } from '../../machinery/errors.ts';
import type { UserInfo } from '../../machinery/http.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { type Authenticator, bearerToken, type RequestNotes } from './authenticator.ts';
import type { LegacyTokens } from './legacy-tokens.ts';
import { LEGACY_ISSUER, type TokenIssuer, type VerifiedToken } from './tokens.ts';

/** Finds the live object that a token is bound to. */
export type ObjectLookup = (resource: string, namespace: string, name: string) => Promise<KubeObject | undefined>;

const MAX_REMEMBERED = 10_000;
const REMEMBER_MS = 10_000;

async function checkBound(claim: VerifiedToken['claim'], lookup: ObjectLookup): Promise<void> {
  const bound = [
    ['serviceaccounts', claim.namespace, claim.serviceaccount],
    ['pods', claim.namespace, claim.pod],
    ['secrets', claim.namespace, claim.secret],
  ] as const;
  for (const [resource, namespace, ref] of bound) {
    if (ref === undefined) continue;
    const object = await lookup(resource, namespace, ref.name);
    if (object === undefined || object.metadata.uid !== ref.uid) {
      throw new Error(`the token is bound to ${resource} ${namespace}/${ref.name}, which is gone`);
    }
  }
}

function userOf(verified: VerifiedToken): UserInfo {
  const { claim } = verified;
  const { namespace, serviceaccount, pod, node } = claim;
  const extra: Record<string, string[]> = { 'authentication.kubernetes.io/credential-id': [`JTI=${verified.id}`] };
  if (node !== undefined) {
    extra['authentication.kubernetes.io/node-name'] = [node.name];
    extra['authentication.kubernetes.io/node-uid'] = [node.uid];
  }
  if (pod !== undefined) {
    extra['authentication.kubernetes.io/pod-name'] = [pod.name];
    extra['authentication.kubernetes.io/pod-uid'] = [pod.uid];
  }
  return {
    username: `system:serviceaccount:${namespace}:${serviceaccount.name}`,
    uid: serviceaccount.uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
    extra,
  };
}

function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

export interface ReviewedToken {
  readonly user: UserInfo;
  readonly audiences: readonly string[];
}

export class ServiceAccountTokens implements Authenticator {
  private readonly known = new Map<string, { verified: VerifiedToken; until: number }>();

  constructor(
    private readonly issuer: TokenIssuer,
    private readonly lookup: ObjectLookup,
    private readonly now: () => number,
    private readonly legacy: LegacyTokens,
  ) {}

  async authenticate(...[request, notes]: Parameters<Authenticator['authenticate']>): Promise<UserInfo | undefined> {
    const token = bearerToken(request);
    if (token === undefined || token.split('.').length !== 3) return undefined;
    try {
      if (issuerOf(token) === LEGACY_ISSUER) return await this.legacy.verify(token, notes);
      const verified = this.remembered(token) ?? (await this.verify(token));
      await checkBound(verified.claim, this.lookup);
      this.tellStale(verified, notes);
      return userOf(verified);
    } catch (error) {
      throw new ApiError({ reason: 'Unauthorized', message: 'Unauthorized', cause: error });
    }
  }

  /** For TokenReview: rejects with what is wrong. */
  async review(token: string, audiences: readonly string[], notes?: RequestNotes): Promise<ReviewedToken> {
    if (issuerOf(token) === LEGACY_ISSUER) {
      // They are for this server, whatever they say.
      if (audiences.length > 0 && !audiences.includes(this.issuer.issuer))
        throw new Error('token audiences are invalid');
      return { user: await this.legacy.verify(token, notes), audiences: [this.issuer.issuer] };
    }
    const verified = await this.issuer.verify(token, audiences.length === 0 ? [this.issuer.issuer] : audiences);
    await checkBound(verified.claim, this.lookup);
    this.tellStale(verified, notes);
    return { user: userOf(verified), audiences: verified.audiences };
  }

  /** Tokens of pods live for a year, for clients that do not read them anew; who uses one after its hour is told of. */
  private tellStale({ claim }: VerifiedToken, notes: RequestNotes | undefined): void {
    const late = Math.floor(this.now() / 1000) - (claim.warnafter ?? Number.POSITIVE_INFINITY);
    if (late <= 0) return;
    const subject = `system:serviceaccount:${claim.namespace}:${claim.serviceaccount.name}`;
    const text = `subject: ${subject}, seconds after warning threshold: ${late}`;
    notes?.annotate('authentication.k8s.io/stale-token', text);
  }

  /** Whether a token says that it was made here: of others it is only known that they are no good. */
  isOurs(token: string): boolean {
    const issuer = issuerOf(token);
    return issuer === this.issuer.issuer || issuer === LEGACY_ISSUER;
  }

  /** Signatures are checked once in a while, what they are bound to each time. */
  private remembered(token: string): VerifiedToken | undefined {
    const known = this.known.get(token);
    return known !== undefined && known.until > this.now() ? known.verified : undefined;
  }

  private async verify(token: string): Promise<VerifiedToken> {
    const verified = await this.issuer.verify(token);
    if (this.known.size >= MAX_REMEMBERED) this.known.clear();
    this.known.set(token, { verified, until: this.now() + REMEMBER_MS });
    return verified;
  }
}
