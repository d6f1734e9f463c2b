// Pull secrets as credentials for a registry. https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/
import type { RegistryAuth } from '../../cri/port.ts';
import { isJsonObject } from '../../machinery/object.ts';
import type { Secret } from '../../resources/generated/core-v1.ts';
import { fullName } from './names.ts';

export interface RegistryEntry {
  readonly host: string;
  readonly path: string;
  readonly auth: RegistryAuth;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function authOf(value: unknown, server: string): RegistryAuth | undefined {
  if (!isJsonObject(value)) return undefined;
  let username = text(value.username);
  let password = text(value.password);
  const encoded = text(value.auth);
  if (encoded !== undefined && username === undefined) {
    const plain = Buffer.from(encoded, 'base64').toString('utf8');
    const at = plain.indexOf(':');
    if (at > 0) [username, password] = [plain.slice(0, at), plain.slice(at + 1)];
  }
  const identityToken = text(value.identitytoken);
  const registryToken = text(value.registrytoken);
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(identityToken === undefined ? {} : { identityToken }),
    ...(registryToken === undefined ? {} : { registryToken }),
    serverAddress: server,
  };
}

/** `https://index.docker.io/v1/` and the like stand for Docker Hub. */
export function place(server: string): { host: string; path: string } {
  const bare = server
    .replace(/^https?:\/\//, '')
    .replace(/\/(v1|v2)\/?$/, '')
    .replace(/\/+$/, '');
  const slash = bare.indexOf('/');
  const host = slash < 0 ? bare : bare.slice(0, slash);
  const path = slash < 0 ? '' : bare.slice(slash + 1);
  return { host: host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host, path };
}

/** What is under `auths` of a docker configuration. */
export function registryEntries(auths: unknown): RegistryEntry[] {
  if (!isJsonObject(auths)) return [];
  return Object.entries(auths).flatMap(([server, value]) => {
    const auth = authOf(value, server);
    return auth === undefined ? [] : [{ ...place(server), auth }];
  });
}

function entriesOf(secret: Secret): RegistryEntry[] {
  const modern = secret.data?.['.dockerconfigjson'];
  const old = secret.data?.['.dockercfg'];
  const encoded = modern ?? old;
  if (encoded === undefined) return [];
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8'));
  } catch {
    return [];
  }
  return registryEntries(modern === undefined ? parsed : isJsonObject(parsed) ? parsed.auths : undefined);
}

/** `*.example.com` stands for one label. */
function hostMatches(pattern: string, host: string): boolean {
  const [patternName, patternPort] = pattern.split(':');
  const [name, port] = host.split(':');
  if ((patternPort ?? '') !== (port ?? '')) return false;
  const wanted = (patternName ?? '').split('.');
  const given = (name ?? '').split('.');
  if (wanted.length !== given.length) return false;
  return wanted.every((part, i) => part === '*' || part === given[i] || globMatches(part, given[i] ?? ''));
}

function globMatches(pattern: string, value: string): boolean {
  const star = pattern.indexOf('*');
  if (star < 0 || pattern.indexOf('*', star + 1) >= 0) return false;
  const [head, tail] = [pattern.slice(0, star), pattern.slice(star + 1)];
  return value.length >= head.length + tail.length && value.startsWith(head) && value.endsWith(tail);
}

/** Whether a place as `*.example.com/team` covers an image's full name. */
export function placeMatches(pattern: { host: string; path: string }, image: string): boolean {
  const full = fullName(image);
  const slash = full.indexOf('/');
  const rest = full.slice(slash + 1);
  const { host, path } = pattern;
  return hostMatches(host, full.slice(0, slash)) && (path === '' || rest === path || rest.startsWith(`${path}/`));
}

/** The credentials of the entries that cover an image, the most specific path first. */
export function matchingAuths(image: string, entries: readonly RegistryEntry[]): RegistryAuth[] {
  return entries
    .filter((e) => placeMatches(e, image))
    .sort((a, b) => b.path.length - a.path.length)
    .map((e) => e.auth);
}

export function secretAuths(image: string, secrets: readonly Secret[]): RegistryAuth[] {
  return matchingAuths(image, secrets.flatMap(entriesOf));
}
