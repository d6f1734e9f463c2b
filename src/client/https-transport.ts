// The transport over HTTPS: kept-alive connections, client certificates or a bearer token, streamed bodies for watches and logs.
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { ApiError } from '../machinery/errors.ts';
import type { ByteSink, StreamBody, Transport, WireRequest, WireResponse } from '../machinery/http.ts';

export interface HttpsTransportOptions {
  /** `https://host:port`. */
  readonly server: string;
  /** PEM; the system's authorities when absent. */
  readonly ca?: string | Uint8Array;
  readonly cert?: string | Uint8Array;
  readonly key?: string | Uint8Array;
  /** A bearer token, or a function that reads the current one (tokens rotate). */
  readonly token?: string | (() => string | Promise<string>);
  /** The name on the server's certificate when it is not the host's. */
  readonly serverName?: string;
  /** How long to wait for the first byte of an answer. Default one minute. */
  readonly timeoutMs?: number;
  readonly maxSockets?: number;
}

export type HttpsTransport = Transport & {
  /** Ends its connections. */
  close(): void;
};

export function httpsTransport(options: HttpsTransportOptions): HttpsTransport {
  const url = new URL(options.server);
  const agent = new Agent({
    keepAlive: true,
    maxSockets: options.maxSockets ?? Number.POSITIVE_INFINITY,
    ...(options.ca === undefined ? {} : { ca: Buffer.from(options.ca) }),
    ...(options.cert === undefined ? {} : { cert: Buffer.from(options.cert) }),
    ...(options.key === undefined ? {} : { key: Buffer.from(options.key) }),
    ...(options.serverName === undefined ? {} : { servername: options.serverName }),
  });
  const base = url.pathname.replace(/\/$/, '');
  const timeoutMs = options.timeoutMs ?? 60_000;
  const transport: Transport = async (request) => {
    const token = typeof options.token === 'function' ? await options.token() : options.token;
    const headers: Record<string, string | number> = {};
    for (const [name, value] of Object.entries(request.headers)) if (value !== undefined) headers[name] = value;
    if (token !== undefined) headers.authorization = `Bearer ${token}`;
    if (request.body !== undefined) headers['content-length'] = request.body.length;
    const query = request.query.toString();
    const path = `${base}${request.path}${query === '' ? '' : `?${query}`}`;
    const target = { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? 443 : Number(url.port) };
    const call = httpsRequest({ ...target, method: request.method, path, headers, agent });
    return exchange(call, request, timeoutMs);
  };
  return Object.assign(transport, { close: () => agent.destroy() });
}

/** True for the answers that come bit by bit and may never end. */
function streams(request: WireRequest): boolean {
  const { query, path } = request;
  return query.get('watch') === 'true' || query.get('watch') === '1' || query.has('follow') || path.includes('/watch/');
}

function exchange(call: ClientRequest, request: WireRequest, timeoutMs: number): Promise<WireResponse> {
  return new Promise((resolve, reject) => {
    let response: IncomingMessage | undefined;
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      call.destroy();
    }, timeoutMs);
    const abort = (): void => {
      call.destroy();
      response?.destroy();
    };
    request.signal?.addEventListener('abort', abort, { once: true });
    const done = (): void => {
      clearTimeout(timer);
      request.signal?.removeEventListener('abort', abort);
    };
    call.once('error', (error) => {
      done();
      reject(unreachable(timedOut ? new Error(`no answer within ${timeoutMs} ms`) : error));
    });
    call.once('response', (incoming) => {
      response = incoming;
      incoming.once('close', done);
      const head = { status: incoming.statusCode ?? 0, headers: headersOf(incoming) };
      if (streams(request) && head.status === 200) {
        clearTimeout(timer);
        resolve({ ...head, body: streamOf(incoming) });
        return;
      }
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.once('end', () => resolve({ ...head, body: Buffer.concat(chunks) }));
      // After a whole answer this settles nothing any more.
      incoming.once('close', () => reject(unreachable(new Error('the connection broke in the middle of an answer'))));
    });
    if (request.signal?.aborted) abort();
    call.end(request.body);
  });
}

function headersOf(incoming: IncomingMessage): Record<string, string | readonly string[]> {
  const headers: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(incoming.headers)) if (value !== undefined) headers[name] = value;
  return headers;
}

function streamOf(incoming: IncomingMessage): StreamBody {
  // A stream that breaks ends the watch; whoever reads it resumes where it stopped.
  incoming.on('error', () => undefined);
  return {
    start(sink: ByteSink) {
      incoming.on('data', (chunk: Buffer) => {
        if (sink.write(chunk)) return;
        incoming.pause();
        sink.onDrain(() => incoming.resume());
      });
      incoming.once('close', () => sink.end());
      sink.onClose(() => incoming.destroy());
    },
  };
}

function unreachable(cause: Error): ApiError {
  return new ApiError({
    reason: 'ServiceUnavailable',
    message: `cannot reach the API server: ${cause.message}`,
    cause,
  });
}
