// Service account tokens for projected volumes: asked for once, renewed before they end.
// https://kubernetes.io/docs/concepts/storage/projected-volumes/#serviceaccounttoken
import { nearest } from '../../machinery/int64.ts';
import type { Pod, ServiceAccountTokenProjection } from '../../resources/generated/core-v1.ts';
import { namesOf, specOf } from '../pod/identity.ts';

export interface TokenAnswer {
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

export interface TokenAsk {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  readonly pod: { readonly name: string; readonly uid: string };
}

export type TokenRequester = (ask: TokenAsk) => Promise<TokenAnswer>;

interface Held extends TokenAnswer {
  readonly renewAt: number;
}

const DAY = 24 * 3_600_000;

/** One pod's tokens. */
export class PodTokens {
  private readonly held = new Map<string, Held>();
  constructor(
    private readonly request: TokenRequester,
    private readonly now: () => number,
  ) {}

  /** The soonest time at which a token wants to be renewed. */
  get renewAt(): number | undefined {
    let soonest: number | undefined;
    for (const h of this.held.values()) if (soonest === undefined || h.renewAt < soonest) soonest = h.renewAt;
    return soonest;
  }

  async token(pod: Pod, source: ServiceAccountTokenProjection): Promise<string> {
    const audience = source.audience ?? '';
    const seconds = nearest(source.expirationSeconds ?? 3600);
    const key = `${audience}\0${seconds}`;
    const old = this.held.get(key);
    const now = this.now();
    if (old !== undefined && now < old.renewAt) return old.token;
    const { name, namespace, uid } = namesOf(pod);
    try {
      const answer = await this.request({
        namespace,
        serviceAccount: specOf(pod).serviceAccountName ?? 'default',
        audiences: audience === '' ? [] : [audience],
        expirationSeconds: seconds,
        pod: { name, uid },
      });
      // Renewed when 80 % of its life is over, or after a day.
      const renewAt = Math.min(now + (answer.expiresAt - now) * 0.8, now + DAY);
      this.held.set(key, { ...answer, renewAt });
      return answer.token;
    } catch (error) {
      // The old token is good while it lasts; the next round asks again.
      if (old === undefined || now >= old.expiresAt) throw error;
      this.held.set(key, { ...old, renewAt: now + 30_000 });
      return old.token;
    }
  }
}
