// The running server's own door for `minke status` and `minke image`: HTTP over a unix socket that only its owner may open.
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { ImageInfo } from '../cri/index.ts';

export interface StatusReport {
  readonly name: string;
  readonly version: string;
  readonly kubernetes: string;
  readonly server: string;
  readonly startedAt: number;
  readonly pid: number;
  readonly memoryBytes: number;
  readonly database: { readonly bytes: number; readonly keys: number; readonly revision: number };
  readonly nodes: readonly {
    readonly name: string;
    readonly ready: boolean;
    readonly pods: number;
    readonly podCidr: string;
  }[];
  readonly images: number;
  /** Absent where pods reach none of it. */
  readonly dns?: { readonly service: string; readonly listens: string; readonly forward: string };
}

/** What the door opens on. */
export interface ControlTarget {
  status(): Promise<StatusReport>;
  listImages(): Promise<readonly ImageInfo[]>;
  pullImage(name: string, onProgress: (done: number, total: number) => void): Promise<string>;
  /** Returns the names that the archive brought. */
  importImages(path: string, name: string | undefined): Promise<readonly string[]>;
  removeImage(name: string): Promise<void>;
}

/** A line of an answer; the last one is `result` or `error`. */
export type ControlLine =
  | { readonly progress: { readonly done: number; readonly total: number } }
  | { readonly result: unknown }
  | { readonly error: string };

type Handler = (target: ControlTarget, query: URLSearchParams, say: (line: ControlLine) => void) => Promise<unknown>;

const need = (query: URLSearchParams, key: string): string => {
  const value = query.get(key);
  if (value === null || value === '') throw new Error(`${key} is missing`);
  return value;
};

const ROUTES: Readonly<Record<string, Handler>> = {
  'GET /status': (target) => target.status(),
  'GET /images': (target) => target.listImages(),
  'POST /images/pull': (target, query, say) =>
    target.pullImage(need(query, 'name'), (done, total) => say({ progress: { done, total } })),
  'POST /images/import': (target, query) => target.importImages(need(query, 'path'), query.get('name') ?? undefined),
  'POST /images/remove': async (target, query) => {
    await target.removeImage(need(query, 'name'));
    return {};
  },
};

async function answer(target: ControlTarget, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const url = new URL(req.url ?? '/', 'http://control');
  const say = (line: ControlLine) => void res.write(`${JSON.stringify(line)}\n`);
  const handler = ROUTES[`${req.method ?? 'GET'} ${url.pathname}`];
  try {
    if (handler === undefined) throw new Error(`no such call: ${req.method} ${url.pathname}`);
    say({ result: await handler(target, url.searchParams, say) });
  } catch (error) {
    say({ error: error instanceof Error ? error.message : String(error) });
  }
  res.end();
}

/** Opens the door; the returned function closes it. */
export async function serveControl(socket: string, target: ControlTarget): Promise<() => Promise<void>> {
  rmSync(socket, { force: true });
  const server = createServer(
    (req, res) => void answer(target, req, res).catch((error: unknown) => res.destroy(error as Error)),
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socket, resolve);
  });
  chmodSync(socket, 0o600);
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
}

export interface ControlCall {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly onProgress?: (done: number, total: number) => void;
  /** Without it the call may take as long as it likes. */
  readonly timeoutMs?: number;
}

/** Asks the running server. Rejects with what it said, or with ECONNREFUSED/ENOENT when none runs. */
export function callControl(socketPath: string, call: ControlCall): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const query = new URLSearchParams(call.query ?? {}).toString();
    const req = request(
      {
        socketPath,
        method: call.method,
        path: query === '' ? call.path : `${call.path}?${query}`,
        ...(call.timeoutMs === undefined ? {} : { timeout: call.timeoutMs }),
      },
      (res) => {
        let rest = '';
        res.setEncoding('utf8');
        res.on('data', (chunk: string) => {
          const parts = (rest + chunk).split('\n');
          rest = parts.pop() ?? '';
          for (const part of parts) {
            const line: ControlLine = JSON.parse(part);
            if ('progress' in line) call.onProgress?.(line.progress.done, line.progress.total);
            else if ('error' in line) reject(new Error(line.error));
            else resolve(line.result);
          }
        });
        res.on('end', () => reject(new Error('the server ended the call without an answer')));
        res.on('error', reject);
      },
    );
    req.on('error', reject);
    // Node's agent has a timeout of its own, which is not meant.
    if (call.timeoutMs !== undefined) req.on('timeout', () => req.destroy(new Error('no answer')));
    req.end();
  });
}
