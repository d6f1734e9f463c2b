// Passes a request on to another server and its answer back, streaming.
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import { ApiError } from '../../machinery/errors.ts';
import type { ByteSink, WireRequest, WireResponse } from '../../machinery/http.ts';

/** For the beginning of an answer. */
export const FORWARD_TIMEOUT_MS = 30_000;

/** Between this server and its client only. Source: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1 */
const HOP_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'authorization',
  'host',
  'content-length',
]);

export interface ForwardTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
  readonly rejectUnauthorized: boolean;
}

export interface ForwardedAnswer {
  readonly headers: WireResponse['headers'];
  readonly body: Readable;
}

export interface ForwardTarget {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  /** Still percent-encoded, without the query. */
  readonly path: string;
  /** A list is sent as a header for each of its values. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly tls: ForwardTls;
  /** What becomes of the answer on its way back. */
  readonly adapt?: (answer: ForwardedAnswer) => Promise<ForwardedAnswer>;
}

const TOKEN_PROTOCOL = 'base64url.bearer.authorization.k8s.io.';

/** The protocols that a WebSocket client offers, without the one that is its token. */
function protocolsWithoutToken(offered: string): string | undefined {
  const kept = offered.split(',').filter((one) => !one.trim().startsWith(TOKEN_PROTOCOL));
  return kept.length === 0 ? undefined : kept.join(',').trim();
}

/** The client's headers without its credentials and what belongs to the connection. */
export function passedHeaders(headers: WireRequest['headers']): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [name, sent] of Object.entries(headers)) {
    const value = name === 'sec-websocket-protocol' && sent !== undefined ? protocolsWithoutToken(sent) : sent;
    if (value === undefined || HOP_HEADERS.has(name)) continue;
    if (!name.startsWith('impersonate-') && !name.startsWith('x-remote-')) out[name] = value;
  }
  return out;
}

function pipe(message: Readable, sink: ByteSink): void {
  message.on('data', (chunk: Buffer | string) => {
    if (sink.write(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)) return;
    message.pause();
    sink.onDrain(() => message.resume());
  });
  message.on('end', () => sink.end());
  message.on('error', () => sink.end());
  sink.onClose(() => message.destroy());
}

async function answerOf(message: IncomingMessage, { adapt }: ForwardTarget): Promise<WireResponse> {
  const headers: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(message.headers)) {
    if (value !== undefined && (name === 'content-length' || !HOP_HEADERS.has(name))) headers[name] = value;
  }
  const plain = { headers, body: message };
  const answer = adapt === undefined ? plain : await adapt(plain);
  return {
    status: message.statusCode ?? 502,
    headers: answer.headers,
    body: { start: (sink) => pipe(answer.body, sink) },
  };
}

export function forwardRequest(request: WireRequest, target: ForwardTarget): Promise<WireResponse> {
  const query = request.query.size === 0 ? '' : `?${request.query.toString()}`;
  return new Promise((resolve, reject) => {
    const send = target.scheme === 'https' ? httpsRequest : httpRequest;
    const length = request.body === undefined ? {} : { 'content-length': request.body.length };
    const outgoing = send(
      {
        host: target.host,
        port: target.port,
        method: request.method,
        path: target.path + query,
        headers: { ...target.headers, ...length },
        ...target.tls,
      },
      (message) => {
        // Only the beginning of an answer is waited for; a watch may be silent for long.
        outgoing.setTimeout(0);
        answerOf(message, target).then(resolve, reject);
      },
    );
    outgoing.setTimeout(FORWARD_TIMEOUT_MS, () => outgoing.destroy(new Error('i/o timeout')));
    outgoing.on('error', (error) => {
      const message = `error trying to reach service: ${error.message}`;
      reject(new ApiError({ reason: 'ServiceUnavailable', message, cause: error }));
    });
    if (request.body !== undefined) outgoing.write(request.body);
    outgoing.end();
  });
}
