// Asks credential providers, programs of the host, for an image's credentials, and keeps their answers for as long as they say.
// https://kubernetes.io/docs/reference/config-api/kubelet-credentialprovider.v1/
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { RegistryAuth } from '../../cri/port.ts';
import type { Clock } from '../../host/clock.ts';
import type { RunProgram } from '../../host/spawn-helper.ts';
import { isJsonObject } from '../../machinery/object.ts';
import { parseGoDuration } from '../../machinery/time.ts';
import { matchingAuths, place, placeMatches, type RegistryEntry, registryEntries } from './credentials.ts';
import { fullName } from './names.ts';
import type { ProviderConfig, TokenAttributes } from './provider-config.ts';

const TIMEOUT_MS = 60_000;

/** The account that a pod runs as, for providers that want to know. */
export interface PodAccount {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly annotations: Readonly<Record<string, string>>;
  token(audience: string): Promise<string>;
}

export interface ProvidersOptions {
  readonly providers: readonly ProviderConfig[];
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly run: RunProgram;
  readonly log: (message: string) => void;
}

interface Answer {
  readonly keyType: string;
  readonly cacheMs: number | undefined;
  readonly entries: readonly RegistryEntry[];
}

/** What goes with the question about an image: nothing, or whose pod wants it. */
interface Identity {
  readonly key: string;
  readonly request: Record<string, unknown>;
}

const NOBODY: Identity = { key: '', request: {} };

function parseAnswer(text: string, config: ProviderConfig): Answer {
  const value: unknown = JSON.parse(text);
  if (!isJsonObject(value) || value.kind !== 'CredentialProviderResponse')
    throw new Error('it answered with something else than a CredentialProviderResponse');
  if (value.apiVersion !== config.apiVersion)
    throw new Error(
      `apiVersion from credential plugin response did not match expected apiVersion:${config.apiVersion}, actual apiVersion:${String(value.apiVersion)}`,
    );
  const keyType = String(value.cacheKeyType ?? '');
  if (!['Image', 'Registry', 'Global'].includes(keyType))
    throw new Error(`credential provider plugin did not return a valid cacheKeyType: ${JSON.stringify(keyType)}`);
  const said = value.cacheDuration;
  const cacheMs = typeof said === 'string' ? parseGoDuration(said) : undefined;
  return { keyType, cacheMs, entries: registryEntries(value.auth) };
}

function registryOf(image: string): string {
  return fullName(image).split('/')[0] ?? '';
}

function cacheKey(type: string, image: string, identity: Identity): string {
  const about = type === 'Image' ? fullName(image) : type === 'Registry' ? registryOf(image) : '';
  return JSON.stringify([type, about, identity.key]);
}

class Provider {
  readonly #config: ProviderConfig;
  readonly #options: ProvidersOptions;
  readonly #cache = new Map<string, { until: number; entries: readonly RegistryEntry[] }>();
  readonly #asking = new Map<string, Promise<readonly RegistryEntry[]>>();

  constructor(config: ProviderConfig, options: ProvidersOptions) {
    this.#config = config;
    this.#options = options;
  }

  matches(image: string): boolean {
    return this.#config.matchImages.some((pattern) => placeMatches(place(pattern), image));
  }

  async entries(image: string, account: PodAccount | undefined): Promise<readonly RegistryEntry[]> {
    const { token } = this.#config;
    const identity = token === undefined ? NOBODY : await this.#identity(token, account);
    if (identity === undefined) return [];
    const now = this.#options.clock.now();
    for (const type of ['Image', 'Registry', 'Global']) {
      const key = cacheKey(type, image, identity);
      const held = this.#cache.get(key);
      if (held !== undefined && held.until > now) return held.entries;
      this.#cache.delete(key);
    }
    const key = cacheKey('Image', image, identity);
    const asking = this.#asking.get(key) ?? this.#ask(image, identity).finally(() => this.#asking.delete(key));
    this.#asking.set(key, asking);
    return asking;
  }

  /** undefined: this provider has nothing to say about such a pod. */
  async #identity(token: TokenAttributes, account: PodAccount | undefined): Promise<Identity | undefined> {
    if (account === undefined) return token.required ? undefined : NOBODY;
    const given = (key: string) => (Object.hasOwn(account.annotations, key) ? account.annotations[key] : undefined);
    for (const key of token.requiredKeys)
      if (given(key) === undefined)
        throw new Error(
          `required annotation ${key} not found on the service account ${account.namespace}/${account.name}`,
        );
    const keys = [...token.requiredKeys, ...token.optionalKeys].filter((key) => given(key) !== undefined).sort();
    const annotations = Object.fromEntries(keys.map((key) => [key, given(key)]));
    const secret = await account.token(token.audience);
    const hash = token.cacheType === 'Token' ? createHash('sha256').update(secret).digest('hex') : '';
    return {
      key: JSON.stringify([account.namespace, account.name, account.uid, annotations, hash]),
      request: {
        serviceAccountToken: secret,
        ...(keys.length === 0 ? {} : { serviceAccountAnnotations: annotations }),
      },
    };
  }

  async #ask(image: string, identity: Identity): Promise<readonly RegistryEntry[]> {
    const { apiVersion, name, args, env, defaultCacheMs } = this.#config;
    const { directory, environment, run, clock } = this.#options;
    const request = { apiVersion, kind: 'CredentialProviderRequest', image: fullName(image), ...identity.request };
    const ran = await run(join(directory, name), args, {
      stdin: JSON.stringify(request),
      env: { ...environment, ...env },
      timeoutMs: TIMEOUT_MS,
    });
    const answer = parseAnswer(ran.stdout.toString(), this.#config);
    const cacheMs = answer.cacheMs ?? defaultCacheMs;
    if (cacheMs > 0)
      this.#cache.set(cacheKey(answer.keyType, image, identity), {
        until: clock.now() + cacheMs,
        entries: answer.entries,
      });
    return answer.entries;
  }
}

export class CredentialProviders {
  readonly #providers: readonly { readonly name: string; readonly provider: Provider }[];
  readonly #options: ProvidersOptions;

  constructor(options: ProvidersOptions) {
    this.#options = options;
    this.#providers = options.providers.map((p) => ({ name: p.name, provider: new Provider(p, options) }));
  }

  /** What all providers know; one that fails is noted and passed over, as the pull may do without. */
  async auths(image: string, account: () => Promise<PodAccount | undefined>): Promise<RegistryAuth[]> {
    const found: RegistryAuth[] = [];
    for (const { name, provider } of this.#providers) {
      if (!provider.matches(image)) continue;
      try {
        found.push(...matchingAuths(image, await provider.entries(image, await account())));
      } catch (error) {
        this.#options.log(`credential provider ${name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    return found;
  }
}
