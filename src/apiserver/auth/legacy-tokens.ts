// Tokens that lie in Secrets and have no end: they hold as long as the Secret holds the very token, and the day of their last use is noted there.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#manual-secret-management-for-serviceaccounts
import { timingSafeEqual } from 'node:crypto';
import type { UserInfo } from '../../machinery/http.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { Secret } from '../../resources/generated/core-v1.ts';
import type { LegacyClaim, TokenIssuer } from './tokens.ts';

export const INVALID_SINCE = 'kubernetes.io/legacy-token-invalid-since';
export const LAST_USED = 'kubernetes.io/legacy-token-last-used';
const DAY_MS = 24 * 60 * 60 * 1000;

export interface LegacyTokenParts {
  readonly issuer: TokenIssuer;
  readonly lookup: (resource: string, namespace: string, name: string) => Promise<KubeObject | undefined>;
  readonly now: () => number;
  /** Notes the day at the Secret; nobody waits for it. */
  readonly note: (secret: KubeObject, day: string) => void;
}

export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function isSame(stored: string, sent: string): boolean {
  const a = Buffer.from(stored, 'base64');
  const b = Buffer.from(sent);
  return a.length === b.length && timingSafeEqual(a, b);
}

export class LegacyTokens {
  constructor(private readonly parts: LegacyTokenParts) {}

  async verify(token: string): Promise<UserInfo> {
    const claim = await this.parts.issuer.verifyLegacy(token);
    const { namespace, serviceAccount } = claim;
    const secret = await this.secretOf(claim, token);
    const account = await this.parts.lookup('serviceaccounts', namespace, serviceAccount.name);
    if (account === undefined || account.metadata.deletionTimestamp !== undefined)
      throw new Error(`ServiceAccount ${namespace}/${serviceAccount.name} has been deleted`);
    if (account.metadata.uid !== serviceAccount.uid)
      throw new Error(
        `ServiceAccount UID (${account.metadata.uid ?? ''}) does not match claim (${serviceAccount.uid})`,
      );
    this.used(secret);
    if ((secret.metadata.labels?.[INVALID_SINCE] ?? '') !== '')
      throw new Error(
        `the token in secret ${namespace}/${claim.secret} for service account ${namespace}/${serviceAccount.name} has been marked invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove the '${INVALID_SINCE}' label from the secret to temporarily allow use of this token`,
      );
    return {
      username: `system:serviceaccount:${namespace}:${serviceAccount.name}`,
      uid: serviceAccount.uid,
      groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
    };
  }

  private async secretOf({ namespace, secret: name }: LegacyClaim, token: string): Promise<KubeObject> {
    const secret = (await this.parts.lookup('secrets', namespace, name)) as (KubeObject & Secret) | undefined;
    if (secret === undefined || secret.metadata.deletionTimestamp !== undefined)
      throw new Error('Token has been invalidated');
    if (!isSame(secret.data?.token ?? '', token)) throw new Error("Token does not match server's copy");
    return secret;
  }

  /** Clocks of several servers may differ by a day. */
  private used(secret: KubeObject): void {
    const now = this.parts.now();
    const known = secret.metadata.labels?.[LAST_USED];
    if (known !== dayOf(now) && known !== dayOf(now + DAY_MS)) this.parts.note(secret, dayOf(now));
  }
}
