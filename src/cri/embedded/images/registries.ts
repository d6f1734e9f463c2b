// registries.yaml: mirrors, credentials and TLS of registries, in the form that k3s documents.
// Source: https://docs.k3s.io/installation/private-registry
import { existsSync, readFileSync } from 'node:fs';
import { RE2JS } from 're2js';
import { parse } from 'yaml';
import { isJsonObject } from '../../../machinery/object.ts';
import type { RegistryAuth } from '../../port.ts';

export interface RegistryTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly insecure: boolean;
}

/** One address to ask for an image. */
export interface RegistryEndpoint {
  /** `https://registry-1.docker.io`, without a slash at the end; a path prefix is kept. */
  readonly url: string;
  readonly repository: string;
  readonly auth: RegistryAuth | undefined;
  readonly tls: RegistryTls | undefined;
  /** A mirror: its failure sends the pull on to the next endpoint. */
  readonly mirror: boolean;
}

interface Mirror {
  readonly endpoint?: readonly string[];
  readonly rewrite?: Readonly<Record<string, string>>;
}

interface RegistriesFile {
  readonly mirrors?: Readonly<Record<string, Mirror>>;
  readonly configs?: Readonly<
    Record<string, { readonly auth?: Record<string, string>; readonly tls?: Record<string, unknown> }>
  >;
}

/** Reads the file each time it is asked, so that an edit counts from the next pull on. */
export function readRegistries(path: string | undefined): RegistriesFile {
  if (path === undefined || !existsSync(path)) return {};
  const doc = parseFile(path);
  if (doc === null) return {};
  if (!isJsonObject(doc)) throw new Error(`${path}: not a mapping`);
  const odd = Object.keys(doc).find((key) => !KNOWN_KEYS.includes(key));
  if (odd !== undefined)
    throw new Error(`${path}: unknown key ${JSON.stringify(odd)} (there are ${KNOWN_KEYS.join(', ')})`);
  return doc as RegistriesFile;
}

const KNOWN_KEYS = ['mirrors', 'configs', 'auths'];

function parseFile(path: string): unknown {
  try {
    return parse(readFileSync(path, 'utf8'), { maxAliasCount: 50 });
  } catch (error) {
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '').replace(/:$/, '') : String(error);
    throw new Error(`${path}: ${why}`);
  }
}

const isLoopback = (host: string) => /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host);

function defaultUrl(registry: string): string {
  if (registry === 'docker.io') return 'https://registry-1.docker.io';
  return `${isLoopback(registry) ? 'http' : 'https'}://${registry}`;
}

function tlsOf(config: Record<string, unknown> | undefined): RegistryTls | undefined {
  if (config === undefined) return undefined;
  const file = (key: string) => (typeof config[key] === 'string' ? readFileSync(config[key], 'utf8') : undefined);
  const ca = file('ca_file');
  const cert = file('cert_file');
  const key = file('key_file');
  return {
    insecure: config.insecure_skip_verify === true,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

function authOf(auth: Record<string, string> | undefined): RegistryAuth | undefined {
  if (auth === undefined) return undefined;
  return {
    ...(auth.username === undefined ? {} : { username: auth.username }),
    ...(auth.password === undefined ? {} : { password: auth.password }),
    ...(auth.auth === undefined ? {} : { auth: auth.auth }),
    ...(auth.identity_token === undefined ? {} : { identityToken: auth.identity_token }),
  };
}

/** `rewrite` maps an RE2 pattern to a replacement with `$1`; the first that matches is used. */
function rewritten(repository: string, rules: Readonly<Record<string, string>> | undefined): string {
  for (const [pattern, replacement] of Object.entries(rules ?? {})) {
    const matcher = RE2JS.compile(pattern).matcher(repository);
    if (matcher.find()) return matcher.replaceFirst(replacement);
  }
  return repository;
}

/** Where to ask for a repository, in order: the mirrors, then the registry itself (but for a registry with mirrors when `onlyMirrors` is set). */
export interface EndpointRequest {
  readonly registry: string;
  readonly repository: string;
  readonly auth: RegistryAuth | undefined;
  /** k3s' `--disable-default-registry-endpoint`. */
  readonly onlyMirrors: boolean;
}

export function endpointsFor(file: RegistriesFile, request: EndpointRequest): RegistryEndpoint[] {
  const { registry, repository, auth } = request;
  const mirror = file.mirrors?.[registry] ?? file.mirrors?.['*'];
  const make = (url: string, name: string, isMirror: boolean): RegistryEndpoint => {
    const clean = url.replace(/\/+$/, '').replace(/\/v2$/, '');
    const withScheme = /^https?:\/\//.test(clean) ? clean : `https://${clean}`;
    const host = new URL(withScheme).host;
    const config = file.configs?.[host] ?? (isMirror ? undefined : file.configs?.[registry]);
    return {
      url: withScheme,
      repository: name,
      auth: authOf(config?.auth) ?? (isMirror ? undefined : auth),
      tls: tlsOf(config?.tls),
      mirror: isMirror,
    };
  };
  const mirrors = (mirror?.endpoint ?? []).map((url) => make(url, rewritten(repository, mirror?.rewrite), true));
  return mirrors.length > 0 && request.onlyMirrors
    ? mirrors
    : [...mirrors, make(defaultUrl(registry), repository, false)];
}
