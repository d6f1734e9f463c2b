// Sends an answer over HTTP: bytes, long bodies in portions, streams with back pressure, gzip where the client takes it.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Writable } from 'node:stream';
import { promisify } from 'node:util';
import { createGzip, gzip } from 'node:zlib';
import type { ByteSink, StreamBody, WireResponse } from '../../machinery/http.ts';

const gzipAsync = promisify(gzip);
/** As in kube-apiserver: smaller answers cost more to compress than to send. */
const GZIP_FROM = 128 * 1024;
const WRITE_AT_ONCE = 512 * 1024;

/** Takes what is for the client, on its way through `target` (the response itself, or what compresses for it). */
export class ResponseSink implements ByteSink {
  constructor(
    private readonly response: ServerResponse,
    private readonly target: Writable = response,
  ) {}

  write(chunk: Uint8Array): boolean {
    if (this.target.writableEnded || this.target.destroyed || this.response.destroyed) return true;
    return this.target.write(chunk);
  }

  get buffered(): number {
    return this.target.writableLength;
  }

  end(): void {
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
    this.response.once('close', once);
    this.response.once('finish', once);
  }
}

export function isStream(body: Uint8Array | StreamBody): body is StreamBody {
  return !(body instanceof Uint8Array);
}

/** Encrypting a long list in one go would hold up everybody else. */
async function writeInPortions(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length && !response.destroyed; at += WRITE_AT_ONCE) {
    const more = response.write(bytes.subarray(at, at + WRITE_AT_ONCE));
    if (!more) await drained(response);
    else await new Promise((resolve) => setImmediate(resolve));
  }
  response.end();
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.once('drain', done);
    response.once('close', done);
  });
}

const GZIPPED = { 'content-encoding': 'gzip', vary: 'Accept-Encoding' };
const GZIP = { level: 1 };

/** What a cluster says is stale in a moment; answers that may be kept say so themselves. */
const UNSAID = { 'cache-control': 'no-cache, private' };

function takesGzip(message: IncomingMessage): boolean {
  return (message.headers['accept-encoding'] ?? '').toString().includes('gzip');
}

/** A stream whose length is known is a long answer that is all there: it may be compressed on the way. */
function sendStream(message: IncomingMessage, response: ServerResponse, answer: WireResponse, body: StreamBody): void {
  const { status } = answer;
  const headers = { ...UNSAID, ...answer.headers } as Record<string, string | string[]>;
  const { whole } = body;
  if (whole === undefined) {
    response.writeHead(status, headers);
    response.flushHeaders();
    body.start(new ResponseSink(response));
  } else if (message.method === 'HEAD') {
    response.writeHead(status, { ...headers, 'content-length': whole.length });
    response.end();
  } else if (takesGzip(message)) {
    response.writeHead(status, { ...headers, ...GZIPPED });
    const compressor = createGzip(GZIP);
    compressor.pipe(response);
    compressor.on('error', () => response.destroy());
    response.once('close', () => compressor.destroy());
    body.start(new ResponseSink(response, compressor));
  } else {
    response.writeHead(status, { ...headers, 'content-length': whole.length });
    body.start(new ResponseSink(response));
  }
}

export async function send(message: IncomingMessage, response: ServerResponse, answer: WireResponse): Promise<void> {
  const { status, headers, body } = answer;
  if (isStream(body)) {
    sendStream(message, response, answer, body);
    return;
  }
  let bytes = body;
  const out: Record<string, string | number | readonly string[]> = { ...UNSAID, ...headers };
  if (bytes.length > GZIP_FROM && takesGzip(message)) {
    bytes = await gzipAsync(bytes, GZIP);
    Object.assign(out, GZIPPED);
  }
  out['content-length'] = bytes.length;
  response.writeHead(status, out as Record<string, string | number | string[]>);
  if (message.method === 'HEAD') response.end();
  else if (bytes.length <= WRITE_AT_ONCE) response.end(bytes);
  else await writeInPortions(response, bytes);
}
