// A request as it came over HTTP/1.1 or HTTP/2, made into the one form that the core knows; bodies with a limit.
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { UserInfo, WireRequest } from '../../machinery/http.ts';
import { MAX_BODY_BYTES } from '../verbs/body.ts';

const NO_QUERY = new URLSearchParams();
const COLON = 58;

/** What stands before a body. */
export interface Head {
  readonly method: string;
  /** Path and query as sent. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

/** HTTP/2's own fields begin with a colon and are no headers; what it calls the authority is HTTP/1.1's host. */
function headersOf(headers: IncomingHttpHeaders): Record<string, string | undefined> {
  const out: Record<string, string | undefined> = {};
  for (const key in headers) {
    if (key.charCodeAt(0) === COLON) continue;
    const value = headers[key];
    out[key] = Array.isArray(value) ? value.join(', ') : value;
  }
  const authority = headers[':authority'];
  if (authority !== undefined) out.host ??= authority.toString();
  return out;
}

export class IncomingRequest implements WireRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body?: Uint8Array;
  readonly user?: UserInfo;
  private abort: AbortController | undefined;
  private gone = false;

  constructor({ method, url, headers }: Head, user: UserInfo | undefined, body?: Uint8Array) {
    const at = url.indexOf('?');
    this.method = method;
    this.path = at < 0 ? url : url.slice(0, at);
    this.query = at < 0 ? NO_QUERY : new URLSearchParams(url.slice(at + 1));
    this.headers = headersOf(headers);
    if (body !== undefined) this.body = body;
    if (user !== undefined) this.user = user;
  }

  /** Made when someone asks: few requests care whether their client is still there. */
  get signal(): AbortSignal {
    this.abort ??= new AbortController();
    if (this.gone) this.abort.abort();
    return this.abort.signal;
  }

  clientGone(): void {
    this.gone = true;
    this.abort?.abort();
  }
}

/** Reads at most one byte more than is allowed: the verb then refuses in Kubernetes' words. The rest is thrown away. */
export function readBody(method: string, source: Readable): Promise<Uint8Array | undefined> {
  if (method === 'GET' || method === 'HEAD') {
    source.resume();
    return Promise.resolve(undefined);
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    source.on('data', (chunk: Buffer) => {
      if (size > MAX_BODY_BYTES) return;
      chunks.push(chunk);
      size += chunk.length;
    });
    source.on('end', () => {
      const [first] = chunks;
      if (chunks.length <= 1) resolve(first);
      else resolve(Buffer.concat(chunks));
    });
    source.on('error', reject);
    source.on('aborted', () => reject(new Error('the client went away')));
  });
}
