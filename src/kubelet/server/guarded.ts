// A node's own API as the network sees it: only for who is known and may, and with exec, attach and port-forward as paths.
import type { NodeApi } from '../../client/index.ts';
import { ApiError } from '../../machinery/errors.ts';
import type { WireRequest, WireResponse } from '../../machinery/http.ts';
import { messageOf } from '../container/errors.ts';
import type { NodeAccess } from './access.ts';
import { text } from './answers.ts';

/** What a connection that is to be taken over is for. */
export type NodeStream =
  | {
      readonly kind: 'exec' | 'attach';
      readonly target: {
        readonly namespace: string;
        readonly pod: string;
        readonly uid?: string;
        readonly container: string;
      };
      readonly command: readonly string[];
      readonly stdin: boolean;
      readonly stdout: boolean;
      readonly stderr: boolean;
      readonly tty: boolean;
    }
  | {
      readonly kind: 'portForward';
      readonly target: { readonly namespace: string; readonly pod: string; readonly uid?: string };
      readonly ports: readonly number[];
    };

export interface GuardedNodeApi {
  request(request: WireRequest): Promise<WireResponse>;
  /** What to do with a connection, or the refusal. */
  stream(request: WireRequest): Promise<NodeStream | WireResponse>;
}

function parts(path: string): string[] {
  return path
    .split('/')
    .filter((p) => p !== '')
    .map(decodeURIComponent);
}

function isOn(query: URLSearchParams, name: string): boolean {
  return ['1', 'true'].includes(query.get(name) ?? '');
}

/** `/exec/{namespace}/{pod}[/{uid}]/{container}`, the same for attach; `/portForward/{namespace}/{pod}[/{uid}]`. */
export function streamOf(request: Pick<WireRequest, 'path' | 'query'>): NodeStream | undefined {
  const [kind, namespace, pod, ...rest] = parts(request.path);
  const { query } = request;
  if (namespace === undefined || pod === undefined) return undefined;
  if (kind === 'portForward' && rest.length <= 1) {
    const ports = query
      .getAll('port')
      .flatMap((p) => p.split(','))
      .map(Number)
      .filter((p) => p > 0 && p < 65_536);
    return { kind, target: { namespace, pod, ...(rest[0] === undefined ? {} : { uid: rest[0] }) }, ports };
  }
  const container = rest.at(-1);
  if ((kind !== 'exec' && kind !== 'attach') || container === undefined || rest.length > 2) return undefined;
  const uid = rest.length === 2 ? rest[0] : undefined;
  return {
    kind,
    target: { namespace, pod, container, ...(uid === undefined ? {} : { uid }) },
    command: query.getAll('command'),
    stdin: isOn(query, 'input'),
    stdout: isOn(query, 'output'),
    stderr: isOn(query, 'error'),
    tty: isOn(query, 'tty'),
  };
}

async function refused(access: NodeAccess, request: WireRequest): Promise<WireResponse | undefined> {
  const user = await access.user(request);
  if (user === undefined) return text(401, 'Unauthorized');
  const refusal = await access.refusal(user, request);
  return refusal === undefined ? undefined : text(403, refusal);
}

function failure(error: unknown): WireResponse {
  return text(error instanceof ApiError ? error.code : 500, `${messageOf(error)}\n`);
}

export function guardNodeApi(api: Pick<NodeApi, 'request'>, access: NodeAccess): GuardedNodeApi {
  return {
    async request(request) {
      try {
        return (await refused(access, request)) ?? (await api.request(request));
      } catch (error) {
        return failure(error);
      }
    },
    async stream(request) {
      try {
        return (await refused(access, request)) ?? streamOf(request) ?? text(404, '404 page not found\n');
      } catch (error) {
        return failure(error);
      }
    },
  };
}
