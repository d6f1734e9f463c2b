// Service account tokens: signed JWTs with Kubernetes' claims.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens
import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { exportJWK, type JWK, jwtVerify, SignJWT } from 'jose';
import type { Clock, Random } from '../../host/clock.ts';

export interface BoundObject {
  readonly name: string;
  readonly uid: string;
}

export interface TokenRequestInput {
  readonly namespace: string;
  readonly serviceAccount: BoundObject;
  readonly pod?: BoundObject;
  readonly secret?: BoundObject;
  readonly node?: BoundObject;
  /** Empty: the API server itself. */
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  /** When the client should ask for a new one, for tokens that are let live longer than asked. */
  readonly warnAfterSeconds?: number;
}

/** The private claim `kubernetes.io`. */
export interface KubernetesClaim {
  readonly namespace: string;
  readonly serviceaccount: BoundObject;
  readonly pod?: BoundObject;
  readonly secret?: BoundObject;
  readonly node?: BoundObject;
  readonly warnafter?: number;
}

export interface VerifiedToken {
  readonly claim: KubernetesClaim;
  readonly audiences: readonly string[];
  readonly id: string;
}

export interface TokenIssuerOptions {
  /** PEM of an EC P-256 or RSA private key. */
  readonly privateKey: string;
  /** `https://kubernetes.default.svc.cluster.local` */
  readonly issuer: string;
  readonly clock: Clock;
  readonly random: Random;
}

const SKEW_SECONDS = 10;
export const LEGACY_ISSUER = 'kubernetes/serviceaccount';
const LEGACY_CLAIM = 'kubernetes.io/serviceaccount';

/** What a token in a Secret says of itself. */
export interface LegacyClaim {
  readonly namespace: string;
  readonly secret: string;
  readonly serviceAccount: BoundObject;
}

export class TokenIssuer {
  readonly issuer: string;
  private readonly signingKey: KeyObject;
  private readonly publicKey: KeyObject;
  private readonly algorithm: 'ES256' | 'RS256';
  private readonly keyId: string;

  constructor(private readonly options: TokenIssuerOptions) {
    this.issuer = options.issuer;
    this.signingKey = createPrivateKey(options.privateKey);
    this.publicKey = createPublicKey(this.signingKey);
    this.algorithm = this.signingKey.asymmetricKeyType === 'ec' ? 'ES256' : 'RS256';
    const der = this.publicKey.export({ type: 'spki', format: 'der' });
    this.keyId = createHash('sha256').update(der).digest('base64url');
  }

  async issue(input: TokenRequestInput): Promise<{ token: string; expires: Date; id: string }> {
    const now = Math.floor(this.options.clock.now() / 1000);
    const exp = now + input.expirationSeconds;
    const claim: Record<string, unknown> = { namespace: input.namespace };
    for (const key of ['node', 'pod', 'secret'] as const) if (input[key] !== undefined) claim[key] = input[key];
    claim.serviceaccount = input.serviceAccount;
    if (input.warnAfterSeconds !== undefined) claim.warnafter = now + input.warnAfterSeconds;
    const id = this.options.random.uuid();
    const token = await new SignJWT({ 'kubernetes.io': claim })
      .setProtectedHeader({ alg: this.algorithm, kid: this.keyId })
      .setIssuer(this.issuer)
      .setSubject(`system:serviceaccount:${input.namespace}:${input.serviceAccount.name}`)
      .setAudience(input.audiences.length === 0 ? [this.issuer] : [...input.audiences])
      .setIssuedAt(now)
      .setNotBefore(now)
      .setExpirationTime(exp)
      .setJti(id)
      .sign(this.signingKey);
    return { token, expires: new Date(exp * 1000), id };
  }

  /** Rejects what is not ours, not for one of `audiences`, or out of its time. */
  async verify(token: string, audiences: readonly string[] = [this.issuer]): Promise<VerifiedToken> {
    const { payload } = await jwtVerify(token, this.publicKey, {
      issuer: this.issuer,
      audience: [...audiences],
      algorithms: [this.algorithm],
      currentDate: new Date(this.options.clock.now()),
      clockTolerance: SKEW_SECONDS,
    });
    const claim = payload['kubernetes.io'] as KubernetesClaim | undefined;
    if (claim?.serviceaccount === undefined) throw new Error('the token carries no service account');
    const aud = payload.aud === undefined ? [] : [payload.aud].flat();
    return { claim, audiences: aud.filter((a) => audiences.includes(a)), id: payload.jti ?? '' };
  }

  /** A token without an end, for the Secret that is to hold it. */
  issueLegacy({ namespace, secret, serviceAccount }: LegacyClaim): Promise<string> {
    const claims = {
      [`${LEGACY_CLAIM}/namespace`]: namespace,
      [`${LEGACY_CLAIM}/secret.name`]: secret,
      [`${LEGACY_CLAIM}/service-account.name`]: serviceAccount.name,
      [`${LEGACY_CLAIM}/service-account.uid`]: serviceAccount.uid,
    };
    return new SignJWT(claims)
      .setProtectedHeader({ alg: this.algorithm, kid: this.keyId })
      .setIssuer(LEGACY_ISSUER)
      .setSubject(`system:serviceaccount:${namespace}:${serviceAccount.name}`)
      .sign(this.signingKey);
  }

  async verifyLegacy(token: string): Promise<LegacyClaim> {
    const { payload } = await jwtVerify(token, this.publicKey, {
      issuer: LEGACY_ISSUER,
      algorithms: [this.algorithm],
      currentDate: new Date(this.options.clock.now()),
    });
    const claim = (name: string): string => {
      const value = payload[`${LEGACY_CLAIM}/${name}`];
      if (typeof value !== 'string' || value === '') throw new Error(`the token carries no ${name}`);
      return value;
    };
    const namespace = claim('namespace');
    const serviceAccount = { name: claim('service-account.name'), uid: claim('service-account.uid') };
    if (payload.sub !== `system:serviceaccount:${namespace}:${serviceAccount.name}`)
      throw new Error('sub claim is invalid');
    return { namespace, secret: claim('secret.name'), serviceAccount };
  }

  /** The public keys, as `/openid/v1/jwks` shows them. */
  async keySet(): Promise<{ keys: JWK[] }> {
    const jwk = await exportJWK(this.publicKey);
    return { keys: [{ use: 'sig', ...jwk, kid: this.keyId, alg: this.algorithm }] };
  }

  /** `/.well-known/openid-configuration`. */
  discovery(jwksUri: string): Record<string, unknown> {
    return {
      issuer: this.issuer,
      jwks_uri: jwksUri,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [this.algorithm],
    };
  }
}
