// Reads a request's path: which resource, name and subresource it means, and which verb that makes.
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
import { badRequest } from '../../machinery/errors.ts';
import type { WireRequest } from '../../machinery/http.ts';

export interface RequestInfo {
  readonly isResource: boolean;
  readonly verb: string;
  /** `api` or `apis`. */
  readonly prefix: string;
  readonly group: string;
  readonly version: string;
  /** '' for cluster-scoped paths and lists over all namespaces. */
  readonly namespace: string;
  readonly resource: string;
  readonly name: string;
  readonly subresource: string;
  /** What follows the subresource (proxy paths), decoded, with a leading slash when present. */
  readonly rest: string;
  readonly path: string;
}

const NON_RESOURCE = {
  prefix: '',
  group: '',
  version: '',
  namespace: '',
  resource: '',
  name: '',
  subresource: '',
  rest: '',
};
const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize']);

function decodeSegment(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    throw badRequest(`invalid URL escape in path segment "${segment}"`);
  }
}

function nonResource(request: WireRequest): RequestInfo {
  return { ...NON_RESOURCE, isResource: false, verb: request.method.toLowerCase(), path: request.path };
}

export function isWatchQuery(query: URLSearchParams): boolean {
  const value = query.get('watch');
  return value !== null && value !== '0' && value.toLowerCase() !== 'false';
}

function verbOf(method: string, hasName: boolean, query: URLSearchParams): string {
  switch (method) {
    case 'GET':
    case 'HEAD':
      if (hasName) return 'get';
      return isWatchQuery(query) ? 'watch' : 'list';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return hasName ? 'delete' : 'deletecollection';
    default:
      return '';
  }
}

/** Splits off `/api/v1` or `/apis/GROUP/VERSION`; undefined when the path is not below one of them. */
function splitRoot(
  parts: readonly string[],
): { prefix: string; group: string; version: string; rest: string[] } | undefined {
  const [prefix, second, third] = parts;
  if (prefix === 'api' && parts.length >= 3) return { prefix, group: '', version: second ?? '', rest: parts.slice(2) };
  if (prefix === 'apis' && parts.length >= 4) {
    return { prefix, group: second ?? '', version: third ?? '', rest: parts.slice(3) };
  }
  return undefined;
}

export function parseRequestInfo(request: WireRequest): RequestInfo {
  const raw = request.path;
  const trimmed = raw.length > 1 && raw.endsWith('/') ? raw.slice(1, -1) : raw.slice(1);
  if (!trimmed.startsWith('api')) return nonResource(request);
  const root = splitRoot(trimmed.split('/'));
  if (root === undefined) return nonResource(request);
  let parts = root.rest;
  let watchPath = false;
  if (parts[0] === 'watch' && parts.length > 1) {
    watchPath = true;
    parts = parts.slice(1);
  }
  parts = parts.map(decodeSegment);
  let namespace = '';
  if (parts[0] === 'namespaces') {
    if (parts.length > 1) namespace = parts[1] ?? '';
    if (parts.length > 2 && !NAMESPACE_SUBRESOURCES.has(parts[2] ?? '')) parts = parts.slice(2);
    else if (root.group === '') namespace = '';
  }
  const resource = parts[0] ?? '';
  const name = parts[1] ?? '';
  const rest = parts.length > 3 ? `/${parts.slice(3).join('/')}` : '';
  const verb = watchPath && request.method === 'GET' ? 'watch' : verbOf(request.method, name !== '', request.query);
  return {
    isResource: true,
    verb,
    prefix: root.prefix,
    group: root.group,
    version: root.version,
    namespace,
    resource,
    name,
    subresource: parts[2] ?? '',
    rest: rest === '' && raw.endsWith('/') && parts.length >= 3 ? '/' : rest,
    path: raw,
  };
}
