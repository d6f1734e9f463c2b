// Which programs give credentials for which images: the kubelet's CredentialProviderConfig.
// https://kubernetes.io/docs/tasks/administer-cluster/kubelet-credential-provider/
import { parse } from 'yaml';
import { isJsonObject } from '../../machinery/object.ts';
import { parseGoDuration } from '../../machinery/time.ts';

const CONFIG_VERSIONS = ['kubelet.config.k8s.io/v1', 'kubelet.config.k8s.io/v1beta1', 'kubelet.config.k8s.io/v1alpha1'];
const REQUEST_VERSION = 'credentialprovider.kubelet.k8s.io/v1';
const REQUEST_VERSIONS = [REQUEST_VERSION, `${REQUEST_VERSION}beta1`, `${REQUEST_VERSION}alpha1`];

export interface TokenAttributes {
  readonly audience: string;
  /** What an answer belongs to: the account, or the very token. */
  readonly cacheType: 'ServiceAccount' | 'Token';
  /** Whether pods without an account are passed over, or asked for without a token. */
  readonly required: boolean;
  readonly requiredKeys: readonly string[];
  readonly optionalKeys: readonly string[];
}

export interface ProviderConfig {
  readonly name: string;
  readonly apiVersion: string;
  readonly matchImages: readonly string[];
  readonly defaultCacheMs: number;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly token?: TokenAttributes;
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((v): v is string => typeof v === 'string') : [];
}

function isMissing(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

class Reader {
  readonly problems: string[] = [];

  refuse(path: string, why: string): void {
    this.problems.push(`${path}: ${why}`);
  }

  provider(value: unknown, path: string): ProviderConfig {
    const p = isJsonObject(value) ? value : {};
    const name = String(p.name ?? '');
    if (name === '') this.refuse(`${path}.name`, 'Required value: name is required');
    else if (/[/\s]/.test(name) || name === '.' || name === '..')
      this.refuse(
        `${path}.name`,
        `Invalid value: ${JSON.stringify(name)}: name must be that of a program, without a path`,
      );
    const apiVersion = String(p.apiVersion ?? '');
    if (apiVersion === '') this.refuse(`${path}.apiVersion`, 'Required value: apiVersion is required');
    else if (!REQUEST_VERSIONS.includes(apiVersion))
      this.refuse(
        `${path}.apiVersion`,
        `Unsupported value: ${JSON.stringify(apiVersion)}: supported values: ${REQUEST_VERSIONS.map((v) => JSON.stringify(v)).join(', ')}`,
      );
    const matchImages = strings(p.matchImages);
    if (matchImages.length === 0)
      this.refuse(`${path}.matchImages`, 'Required value: at least 1 item in matchImages is required');
    const cache = isMissing(p.defaultCacheDuration) ? undefined : parseGoDuration(String(p.defaultCacheDuration));
    if (cache === undefined)
      this.refuse(`${path}.defaultCacheDuration`, 'Required value: defaultCacheDuration is required');
    else if (cache < 0)
      this.refuse(`${path}.defaultCacheDuration`, 'Invalid value: must be greater than or equal to 0');
    const token = isMissing(p.tokenAttributes)
      ? undefined
      : this.token(p.tokenAttributes, `${path}.tokenAttributes`, apiVersion);
    const env = Array.isArray(p.env) ? p.env.filter(isJsonObject) : [];
    return {
      name,
      apiVersion,
      matchImages,
      defaultCacheMs: cache ?? 0,
      args: strings(p.args),
      env: Object.fromEntries(env.map((e) => [String(e.name), String(e.value ?? '')])),
      ...(token === undefined ? {} : { token }),
    };
  }

  private token(value: unknown, path: string, apiVersion: string): TokenAttributes {
    const t = isJsonObject(value) ? value : {};
    if (apiVersion !== REQUEST_VERSION)
      this.refuse(path, `Forbidden: tokenAttributes is only supported for ${REQUEST_VERSION}`);
    if (isMissing(t.serviceAccountTokenAudience)) this.refuse(`${path}.serviceAccountTokenAudience`, 'Required value');
    if (typeof t.requireServiceAccount !== 'boolean') this.refuse(`${path}.requireServiceAccount`, 'Required value');
    if (t.cacheType !== 'ServiceAccount' && t.cacheType !== 'Token')
      this.refuse(`${path}.cacheType`, 'Unsupported value: supported values: "ServiceAccount", "Token"');
    const requiredKeys = strings(t.requiredServiceAccountAnnotationKeys);
    const optionalKeys = strings(t.optionalServiceAccountAnnotationKeys);
    for (const key of requiredKeys)
      if (optionalKeys.includes(key)) this.refuse(path, `Invalid value: ${key} is both required and optional`);
    if (t.requireServiceAccount === false && requiredKeys.length > 0)
      this.refuse(`${path}.requiredServiceAccountAnnotationKeys`, 'Forbidden: requireServiceAccount is false');
    return {
      audience: String(t.serviceAccountTokenAudience ?? ''),
      cacheType: t.cacheType === 'Token' ? 'Token' : 'ServiceAccount',
      required: t.requireServiceAccount === true,
      requiredKeys,
      optionalKeys,
    };
  }
}

/** Throws what is wrong with it, all at once. */
export function parseProviderConfig(text: string): ProviderConfig[] {
  const value: unknown = parse(text);
  const config = isJsonObject(value) ? value : {};
  if (config.kind !== 'CredentialProviderConfig' || !CONFIG_VERSIONS.includes(String(config.apiVersion)))
    throw new Error(`not a CredentialProviderConfig of ${CONFIG_VERSIONS[0]}`);
  const reader = new Reader();
  const list = Array.isArray(config.providers) ? config.providers : [];
  if (list.length === 0) reader.refuse('providers', 'Required value: at least 1 item in plugins is required');
  const providers = list.map((p, i) => reader.provider(p, `providers[${i}]`));
  const names = providers.map((p) => p.name);
  for (const [i, name] of names.entries())
    if (names.indexOf(name) !== i) reader.refuse(`providers[${i}].name`, `Duplicate value: ${JSON.stringify(name)}`);
  if (reader.problems.length > 0) throw new Error(reader.problems.join('; '));
  return providers;
}
