// The thin server around the core: TLS, HTTP/1.1 with keep-alive, bodies with a limit, streams with back pressure, upgrades.
import {
  createServer as createPlainServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Transport, UserInfo, WireRequest } from '../../machinery/http.ts';
import { certificateUser } from '../auth/x509.ts';
import { MAX_BODY_BYTES } from '../verbs/body.ts';
import { isStream, ResponseSink, send } from './answering.ts';

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** Client certificates are trusted when they are signed by one of these. */
  readonly clientCa: string;
}

/** Takes a connection over after the request was authenticated; it answers on the socket itself. */
export type UpgradeHandler = (request: WireRequest, socket: Duplex, head: Buffer) => Promise<void>;

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsFiles;
  readonly handle: Transport;
  readonly upgrade?: UpgradeHandler;
  readonly onError?: (error: unknown) => void;
}

export interface Listening {
  readonly port: number;
  readonly address: string;
  close(): Promise<void>;
}

const NO_QUERY = new URLSearchParams();

const users = new WeakMap<Socket, UserInfo | null>();

/** The user of a connection's client certificate, looked up once per connection. */
function userOfSocket(socket: Socket): UserInfo | undefined {
  const known = users.get(socket);
  if (known !== undefined) return known ?? undefined;
  const user =
    socket instanceof TLSSocket && socket.authorized ? certificateUser(socket.getPeerCertificate()) : undefined;
  users.set(socket, user ?? null);
  return user;
}

function headersOf(message: IncomingMessage): Record<string, string | undefined> {
  const out: Record<string, string | undefined> = {};
  for (const key in message.headers) {
    const value = message.headers[key];
    out[key] = Array.isArray(value) ? value.join(', ') : value;
  }
  return out;
}

class IncomingRequest implements WireRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body?: Uint8Array;
  readonly user?: UserInfo;
  private abort: AbortController | undefined;
  private gone = false;

  constructor(message: IncomingMessage, body: Uint8Array | undefined) {
    const url = message.url ?? '/';
    const at = url.indexOf('?');
    this.method = message.method ?? 'GET';
    this.path = at < 0 ? url : url.slice(0, at);
    this.query = at < 0 ? NO_QUERY : new URLSearchParams(url.slice(at + 1));
    this.headers = headersOf(message);
    if (body !== undefined) this.body = body;
    const user = userOfSocket(message.socket);
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
function readBody(message: IncomingMessage): Promise<Uint8Array | undefined> {
  const { method } = message;
  if (method === 'GET' || method === 'HEAD') {
    message.resume();
    return Promise.resolve(undefined);
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    message.on('data', (chunk: Buffer) => {
      if (size > MAX_BODY_BYTES) return;
      chunks.push(chunk);
      size += chunk.length;
    });
    message.on('end', () => {
      const [first] = chunks;
      if (chunks.length <= 1) resolve(first);
      else resolve(Buffer.concat(chunks));
    });
    message.on('error', reject);
    message.on('aborted', () => reject(new Error('the client went away')));
  });
}

async function serve(message: IncomingMessage, response: ServerResponse, handle: Transport): Promise<void> {
  const body = await readBody(message);
  const request = new IncomingRequest(message, body);
  response.once('close', () => {
    if (!response.writableFinished) request.clientGone();
  });
  const answer = await handle(request);
  if (response.destroyed) {
    // Whoever streams must hear that nobody reads.
    if (isStream(answer.body)) answer.body.start(new ResponseSink(response));
    return;
  }
  await send(message, response, answer);
}

async function takeOver(
  message: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  upgrade: UpgradeHandler | undefined,
): Promise<void> {
  if (upgrade === undefined) {
    socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n');
    return;
  }
  await upgrade(new IncomingRequest(message, undefined), socket, head);
}

function makeServer(tls: TlsFiles | undefined): HttpServer | HttpsServer {
  const common = {
    keepAliveTimeout: 120_000,
    headersTimeout: 60_000,
    requestTimeout: 120_000,
    maxHeaderSize: 64 * 1024,
    noDelay: true,
  };
  if (tls === undefined) return createPlainServer(common);
  return createServer({
    ...common,
    cert: tls.cert,
    key: tls.key,
    ca: tls.clientCa,
    requestCert: true,
    // A client without a certificate may have a token; the authenticator decides.
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['http/1.1'],
  });
}

export async function listen(options: ListenOptions): Promise<Listening> {
  const server = makeServer(options.tls);
  const report = options.onError ?? (() => undefined);
  const sockets = new Set<Duplex>();
  server.on('request', (message: IncomingMessage, response: ServerResponse) => {
    serve(message, response, options.handle).catch((error: unknown) => {
      report(error);
      response.destroy();
    });
  });
  server.on('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    takeOver(message, socket, head, options.upgrade).catch((error: unknown) => {
      report(error);
      socket.destroy();
    });
  });
  server.on(options.tls === undefined ? 'connection' : 'secureConnection', (socket: Duplex) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('clientError', (_error: Error, socket: Duplex) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n');
    else socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => resolve());
  });
  const { port, address } = server.address() as AddressInfo;
  return {
    port,
    address,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
