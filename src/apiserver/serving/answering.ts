// Sends an answer over HTTP/1.1 or HTTP/2: bytes, long bodies in portions, streams with back pressure, gzip where the client takes it.
import type { Writable } from 'node:stream';
import { promisify } from 'node:util';
import { createGzip, gzip } from 'node:zlib';
import type { ByteSink, StreamBody, WireResponse } from '../../machinery/http.ts';
import type { Head } from './incoming.ts';

const gzipAsync = promisify(gzip);
/** As in kube-apiserver: smaller answers cost more to compress than to send. */
const GZIP_FROM = 128 * 1024;
const WRITE_AT_ONCE = 512 * 1024;
/** What fits the sockets' buffers is not worth a timer. */
const LONG = 64 * 1024;

export type OutgoingHeaders = Record<string, string | number | readonly string[]>;

/** The way to the client: Node's response of HTTP/1.1, or a stream of HTTP/2. */
export interface Outgoing {
  readonly body: Writable;
  readonly gone: boolean;
  /** True of an answer that has closed before all of it was sent. */
  readonly brokenOff: boolean;
  head(status: number, headers: OutgoingHeaders): void;
  /** Has the head sent before there is a body. */
  flush(): void;
  /** From here on a client that takes nothing for long is left: nobody keeps what it does not read. */
  mustBeTaken(): void;
  /** Breaks off so that the client sees that this was not all. */
  abort(): void;
}

/** Takes what is for the client, on its way through `target` (the body itself, or what compresses for it). */
export class ResponseSink implements ByteSink {
  constructor(
    private readonly out: Outgoing,
    private readonly target: Writable = out.body,
  ) {}

  write(chunk: Uint8Array): boolean {
    if (this.target.writableEnded || this.target.destroyed || this.out.gone) return true;
    return this.target.write(chunk);
  }

  get buffered(): number {
    return this.target.writableLength;
  }

  end(): void {
    this.out.mustBeTaken();
    this.target.end();
  }

  onDrain(callback: () => void): void {
    this.target.once('drain', callback);
  }

  onClose(callback: () => void): void {
    let called = false;
    const once = (): void => {
      if (called) return;
      called = true;
      callback();
    };
    this.out.body.once('close', once);
    this.out.body.once('finish', once);
    // It may have closed before anybody listened.
    if (this.out.gone) setImmediate(once);
  }
}

export function isStream(body: Uint8Array | StreamBody): body is StreamBody {
  return !(body instanceof Uint8Array);
}

/** Encrypting a long list in one go would hold up everybody else. */
async function writeInPortions({ body }: Outgoing, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length && !body.destroyed; at += WRITE_AT_ONCE) {
    const more = body.write(bytes.subarray(at, at + WRITE_AT_ONCE));
    if (!more) await drained(body);
    else await new Promise((resolve) => setImmediate(resolve));
  }
  body.end();
}

function drained(body: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      body.off('drain', done);
      body.off('close', done);
      resolve();
    };
    body.once('drain', done);
    body.once('close', done);
  });
}

const GZIPPED = { 'content-encoding': 'gzip', vary: 'Accept-Encoding' };
const GZIP = { level: 1 };

/** What a cluster says is stale in a moment; answers that may be kept say so themselves. */
const UNSAID = { 'cache-control': 'no-cache, private' };

function takesGzip({ headers }: Head): boolean {
  return (headers['accept-encoding'] ?? '').toString().includes('gzip');
}

/** A stream whose length is known is a long answer that is all there: it may be compressed on the way. */
function sendStream(asked: Head, out: Outgoing, answer: WireResponse & { readonly body: StreamBody }): void {
  const { status, body } = answer;
  const headers: OutgoingHeaders = { ...UNSAID, ...answer.headers };
  const { whole } = body;
  if (whole === undefined) {
    out.head(status, headers);
    out.flush();
    body.start(new ResponseSink(out));
  } else if (asked.method === 'HEAD') {
    out.head(status, { ...headers, 'content-length': whole.length });
    out.body.end();
  } else if (takesGzip(asked)) {
    out.head(status, { ...headers, ...GZIPPED });
    out.mustBeTaken();
    const compressor = createGzip(GZIP);
    compressor.pipe(out.body);
    compressor.on('error', () => out.abort());
    out.body.once('close', () => compressor.destroy());
    body.start(new ResponseSink(out, compressor));
  } else {
    out.head(status, { ...headers, 'content-length': whole.length });
    out.mustBeTaken();
    body.start(new ResponseSink(out));
  }
}

function streams(answer: WireResponse): answer is WireResponse & { readonly body: StreamBody } {
  return isStream(answer.body);
}

export async function send(asked: Head, out: Outgoing, answer: WireResponse): Promise<void> {
  if (streams(answer)) {
    sendStream(asked, out, answer);
    return;
  }
  const { status, headers, body } = answer;
  let bytes = body as Uint8Array;
  const sent: OutgoingHeaders = { ...UNSAID, ...headers };
  if (bytes.length > GZIP_FROM && takesGzip(asked)) {
    bytes = await gzipAsync(bytes, GZIP);
    Object.assign(sent, GZIPPED);
    // Compressing takes its time.
    if (out.gone) return;
  }
  sent['content-length'] = bytes.length;
  out.head(status, sent);
  if (asked.method === 'HEAD') {
    out.body.end();
    return;
  }
  if (bytes.length > LONG) out.mustBeTaken();
  if (bytes.length <= WRITE_AT_ONCE) out.body.end(bytes);
  else await writeInPortions(out, bytes);
}
