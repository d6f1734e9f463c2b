// Brings together what belongs to service account tokens: those that are asked for, those that lie in Secrets, and the noting of their use.
import type { Clock } from '../host/clock.ts';
import type { KubeObject } from '../machinery/object.ts';
import type { Secret } from '../resources/generated/core-v1.ts';
import type { Store } from '../store/index.ts';
import { LAST_USED, LegacyTokens } from './auth/legacy-tokens.ts';
import { ServiceAccountTokens } from './auth/service-account-tokens.ts';
import type { TokenIssuer } from './auth/tokens.ts';
import { type Catalog, storageKey } from './registry/catalog.ts';
import { LiveCache } from './registry/live-cache.ts';
import { readObject } from './registry/objects.ts';
import { Keeper, type KeeperParts, planTokenSecrets, TOKEN_SECRET, type Write } from './upkeep/index.ts';

export interface TokenSecretsParts {
  readonly store: Store;
  readonly catalog: Catalog;
  readonly issuer: TokenIssuer;
  readonly clock: Clock;
}

export class TokenSecrets {
  readonly tokens: ServiceAccountTokens;
  private readonly secrets: LiveCache<KubeObject & Secret>;
  private readonly noted = new Map<string, Write>();
  private notes: Keeper | undefined;
  private stops: (() => void)[] = [];

  constructor(private readonly parts: TokenSecretsParts) {
    const { store, catalog, issuer, clock } = parts;
    const now = (): number => clock.now();
    this.secrets = new LiveCache(
      store,
      catalog.find('', 'v1', 'secrets'),
      (object) => (object as Secret).type === TOKEN_SECRET,
    );
    const note = (secret: KubeObject, day: string): void => this.note(secret, day);
    this.tokens = new ServiceAccountTokens(
      issuer,
      this.lookup,
      now,
      new LegacyTokens({ issuer, lookup: this.lookup, now, note }),
    );
  }

  private readonly lookup = async (
    resource: string,
    namespace: string,
    name: string,
  ): Promise<KubeObject | undefined> => {
    const { catalog, store } = this.parts;
    const entry = catalog.find('', 'v1', resource);
    const value = entry === undefined ? undefined : await store.get(storageKey(entry, namespace, name));
    return entry === undefined || value === undefined ? undefined : readObject(entry, value);
  };

  /** Several uses before it is written are one. */
  private note({ metadata: { namespace = '', name = '', uid } }: KubeObject, day: string): void {
    const path = `/api/v1/namespaces/${namespace}/secrets/${name}`;
    const body = { metadata: { uid, labels: { [LAST_USED]: day } } };
    this.noted.set(path, { method: 'PATCH', path, type: 'application/merge-patch+json', body });
    this.notes?.look();
  }

  async start(parts: KeeperParts, rootCa: string): Promise<void> {
    await this.secrets.start();
    const filler = new Keeper(parts, () =>
      planTokenSecrets({
        secrets: () => this.secrets.list(),
        account: (namespace, name) => this.lookup('serviceaccounts', namespace, name),
        rootCa,
        sign: (what) => this.parts.issuer.issueLegacy(what),
      }),
    );
    this.notes = new Keeper(parts, () => {
      const writes = [...this.noted.values()];
      this.noted.clear();
      return writes;
    });
    const { notes } = this;
    this.stops = [this.secrets.onChange(filler.look), () => filler.close(), () => notes.close()];
    filler.look();
  }

  close(): void {
    for (const stop of this.stops) stop();
    this.secrets.close();
  }
}
