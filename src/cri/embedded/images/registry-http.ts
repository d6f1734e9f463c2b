// HTTP to a registry: redirects within a limit, credentials never sent to another host, retries for what may pass.
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Clock } from '../../../host/clock.ts';
import { RuntimeError } from '../../port.ts';
import type { RegistryTls } from './registries.ts';

export interface HttpCall {
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls?: RegistryTls;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: IncomingMessage;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
}

export interface Patience {
  readonly clock: Clock;
  /** A connection that says nothing for so long is given up. */
  readonly idleMs: number;
}

const MAX_REDIRECTS = 5;
const MAX_TRIES = 5;
const MAX_RETRY_AFTER_MS = 20_000;

function once(call: HttpCall, idleMs: number): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const secure = call.url.protocol === 'https:';
    const { tls } = call;
    const agent = secure
      ? new HttpsAgent({
          rejectUnauthorized: tls?.insecure !== true,
          ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
          ...(tls?.cert === undefined ? {} : { cert: tls.cert }),
          ...(tls?.key === undefined ? {} : { key: tls.key }),
        })
      : undefined;
    const req = (secure ? httpsRequest : httpRequest)(
      call.url,
      {
        method: call.method,
        headers: call.headers,
        ...(agent === undefined ? {} : { agent }),
        ...(call.signal === undefined ? {} : { signal: call.signal }),
      },
      (res) => resolve({ status: res.statusCode ?? 0, headers: res.headers, body: res, url: call.url }),
    );
    req.setTimeout(idleMs, () => req.destroy(new Error(`${call.url.host} did not answer for ${idleMs / 1000} s`)));
    req.on('error', reject);
    req.end(call.body);
  });
}

async function followed(call: HttpCall, idleMs: number): Promise<HttpAnswer> {
  let current = call;
  for (let hops = 0; ; hops++) {
    const answer = await once(current, idleMs);
    const { location } = answer.headers;
    if (answer.status < 300 || answer.status >= 400 || location === undefined) return answer;
    answer.body.resume();
    if (hops >= MAX_REDIRECTS)
      throw new RuntimeError('registry-unavailable', `stopped after ${MAX_REDIRECTS} redirects`);
    const url = new URL(location, current.url);
    if (url.protocol !== 'https:' && url.protocol !== 'http:')
      throw new RuntimeError('registry-unavailable', `redirected to ${url.protocol}`);
    const { authorization: _, ...open } = current.headers;
    current = { ...current, url, headers: url.host === current.url.host ? current.headers : open };
  }
}

/** What a failed connection is called, as Docker's tools print it. */
function connectionFailed(call: HttpCall, cause: unknown): RuntimeError {
  if (cause instanceof RuntimeError) return cause;
  const verb = call.method.charAt(0) + call.method.slice(1).toLowerCase();
  const code = (cause as NodeJS.ErrnoException).code;
  const host = call.url.hostname;
  const port = call.url.port === '' ? (call.url.protocol === 'https:' ? '443' : '80') : call.url.port;
  const why =
    code === 'ENOTFOUND' || code === 'EAI_AGAIN'
      ? `dial tcp: lookup ${host}: no such host`
      : code === 'ECONNREFUSED'
        ? `dial tcp ${host}:${port}: connect: connection refused`
        : cause instanceof Error
          ? cause.message
          : String(cause);
  return new RuntimeError('registry-unavailable', `failed to do request: ${verb} "${call.url.href}": ${why}`, cause);
}

function retryAfterMs(headers: IncomingHttpHeaders, now: number): number | undefined {
  const text = headers['retry-after'];
  if (text === undefined) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isFinite(ms) ? Math.max(0, Math.min(ms, MAX_RETRY_AFTER_MS)) : undefined;
}

const FINAL_CODES = new Set([
  'ENOTFOUND',
  'ECONNREFUSED',
  'ABORT_ERR',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'CERT_HAS_EXPIRED',
]);

/** Sends a request; 429 and 5xx and broken connections are tried again a few times, with growing pauses. */
export async function send(call: HttpCall, { clock, idleMs }: Patience): Promise<HttpAnswer> {
  for (let attempt = 1; ; attempt++) {
    let pause = 200 * 2 ** attempt;
    try {
      const answer = await followed(call, idleMs);
      if ((answer.status !== 429 && answer.status < 500) || attempt >= MAX_TRIES) return answer;
      answer.body.resume();
      pause = retryAfterMs(answer.headers, clock.now()) ?? pause;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? '';
      if (error instanceof RuntimeError || FINAL_CODES.has(code) || attempt >= MAX_TRIES)
        throw connectionFailed(call, error);
    }
    await clock.sleep(pause, call.signal);
    if (call.signal?.aborted === true) throw connectionFailed(call, call.signal.reason);
  }
}

/** Reads a small body; throws when it is larger than `limit`. */
export async function readAll(body: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += (chunk as Buffer).length;
    if (size > limit) throw new RuntimeError('registry-unavailable', `the answer is larger than ${limit} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
