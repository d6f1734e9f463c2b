// HTTP/2 on connections that were agreed on it: streams become requests; limits and time-outs are those of kube-apiserver.
// Source: https://www.rfc-editor.org/rfc/rfc9113, https://github.com/kubernetes/kubernetes/blob/v1.36.0/staging/src/k8s.io/apiserver/pkg/server/secure_serving.go
import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Transport, UserInfo } from '../../machinery/http.ts';
import { serve } from './exchange.ts';
import { StreamOut } from './http2-stream.ts';

/** At once on one connection; Go's clients open another one for more. */
const MAX_STREAMS = 100;
/** What most writes fit into, so that they come in one frame and without waiting for a window. */
const UPLOAD = 256 * 1024;

const SESSION: ServerOptions = {
  settings: {
    maxFrameSize: UPLOAD,
    maxConcurrentStreams: MAX_STREAMS,
    maxHeaderListSize: 1_048_896,
    initialWindowSize: UPLOAD,
  },
  // Megabytes, counted with what slow readers have not taken yet; new streams are refused beyond.
  maxSessionMemory: 128,
  // As many header fields as over HTTP/1.1: whoever impersonates names each group in one.
  maxHeaderListPairs: 2000,
};

/** Streams that a client may take back at once, and how many more each second: a little below where nghttp2 stops to listen. */
const RESETS = 900;
const RESETS_PER_SECOND = 30;

/** What is said last needs a moment on its way. As Go's server has it. */
const LEAVE_MS = 1000;

export interface Http2Times {
  /** Within which a client has said what HTTP/2 begins with. */
  readonly prefaceMs: number;
  /** How long a connection without a stream is kept. */
  readonly idleMs: number;
  /** Within which the whole body of a request has come. */
  readonly bodyMs: number;
}

export const HTTP2_TIMES: Http2Times = { prefaceMs: 10_000, idleMs: 90_000, bodyMs: 120_000 };

export interface Http2Options {
  readonly handle: Transport;
  readonly onError: (error: unknown) => void;
  /** How long a client may take nothing of an answer that has an end. */
  readonly stalledMs: number;
  readonly times: Http2Times;
}

/** To begin what is taken back at once costs the client nothing (CVE-2023-44487): a little of it is life, much of it an attack. */
class Patience {
  private left = RESETS;
  private at = performance.now();

  /** False when it is at its end. */
  bears(): boolean {
    const now = performance.now();
    this.left = Math.min(RESETS, this.left + ((now - this.at) / 1000) * RESETS_PER_SECOND) - 1;
    this.at = now;
    return this.left >= 0;
  }
}

/** One client's connection: its requests, and how it ends. */
class Connection {
  private readonly session: ServerHttp2Session;
  private readonly patience = new Patience();
  private readonly streams = new Set<ServerHttp2Stream>();
  /** Ends who does not begin, then who has nothing to ask for long, at last who does not close. */
  private timer: NodeJS.Timeout;

  constructor(
    private readonly socket: TLSSocket,
    private readonly user: UserInfo | undefined,
    private readonly options: Http2Options,
  ) {
    const { prefaceMs, idleMs } = options.times;
    const session = performServerHandshake(socket, SESSION);
    this.session = session;
    session.setLocalWindowSize(UPLOAD * MAX_STREAMS);
    this.timer = setTimeout(() => this.cut(), prefaceMs);
    session.once('remoteSettings', () => {
      if (!session.closed && !session.destroyed) this.after(idleMs, () => this.idle());
    });
    session.on('stream', (stream, headers) => this.begin(stream, headers));
    session.on('goaway', () => this.leaveWhenDone());
    session.on('error', () => this.leave());
    session.once('close', () => clearTimeout(this.timer));
  }

  onClose(callback: () => void): void {
    this.session.once('close', callback);
  }

  private after(ms: number, then: () => void): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(then, ms);
  }

  private idle(): void {
    if (this.streams.size === 0) this.close();
  }

  private begin(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    this.streams.add(stream);
    // A client that takes a request back makes no mistake; who waits for the stream hears 'close'.
    stream.on('error', () => undefined);
    const out = new StreamOut(stream, this.options.stalledMs);
    stream.once('close', () => {
      this.streams.delete(stream);
      this.ended(out.brokenOff);
    });
    if (headers.expect === '100-continue' && !out.gone) stream.additionalHeaders({ ':status': 100 });
    const head = { method: headers[':method'] ?? '', url: headers[':path'] ?? '', headers };
    if (!stream.endAfterHeaders && head.method !== 'GET') this.awaitBody(stream, out);
    const exchange = { head, source: stream, user: this.user, out, last: () => this.close() };
    serve(exchange, this.options.handle).catch((error: unknown) => {
      this.options.onError(error);
      out.abort();
    });
  }

  private awaitBody(stream: ServerHttp2Stream, out: StreamOut): void {
    const late = setTimeout(() => out.abort(), this.options.times.bodyMs);
    const stop = (): void => clearTimeout(late);
    stream.once('end', stop);
    stream.once('close', stop);
  }

  private ended(brokenOff: boolean): void {
    if (this.session.closed || this.session.destroyed) this.leaveWhenDone();
    else if (brokenOff && !this.patience.bears()) this.cut(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    else if (this.streams.size === 0) this.timer.refresh();
  }

  /** Streams that are open are served to their end; new ones need a new connection. */
  private close(): void {
    this.session.close();
    this.leaveWhenDone();
  }

  /** As `close`, but what has no end of its own (a watch, a followed log) ends here. */
  goodbye(): void {
    this.close();
    for (const stream of this.streams) if (stream.headersSent) stream.end();
  }

  private leaveWhenDone(): void {
    if (this.streams.size === 0) this.leave();
  }

  /** A client that does not read, or does not close, is not waited for. */
  private leave(): void {
    if (!this.socket.destroyed) this.after(LEAVE_MS, () => this.socket.destroy());
  }

  /** Breaks every stream off. */
  private cut(code: number = constants.NGHTTP2_NO_ERROR): void {
    if (!this.session.destroyed) this.session.destroy(undefined, code);
    this.leave();
  }
}

/** The connections of one server. */
export class Http2Connections {
  private readonly open = new Set<Connection>();

  constructor(private readonly options: Http2Options) {}

  take(socket: TLSSocket, user: UserInfo | undefined): void {
    if (socket.destroyed) return;
    const connection = new Connection(socket, user, this.options);
    this.open.add(connection);
    connection.onClose(() => this.open.delete(connection));
  }

  /** Tells every client to connect anew. */
  close(): void {
    for (const connection of this.open) connection.goodbye();
  }
}
