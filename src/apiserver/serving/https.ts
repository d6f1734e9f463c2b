// The thin server around the core: TLS, HTTP/2 or HTTP/1.1 with keep-alive as the client chooses, upgrades.
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
import type { Outgoing, OutgoingHeaders } from './answering.ts';
import { serve } from './exchange.ts';
import { HTTP2_TIMES, Http2Connections, type Http2Times } from './http2.ts';
import { type Head, IncomingRequest } from './incoming.ts';

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
  readonly http2?: Http2Times;
  /** How long a client may take nothing of an answer that has an end. Default: as long as Kubernetes gives a request. */
  readonly stalledMs?: number;
}

export interface Listening {
  readonly port: number;
  readonly address: string;
  close(): Promise<void>;
}

const STALLED_MS = 60_000;

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

function headOf({ method, url, headers }: IncomingMessage): Head {
  return { method: method ?? 'GET', url: url ?? '/', headers };
}

class ResponseOut implements Outgoing {
  constructor(
    readonly body: ServerResponse,
    private readonly stalledMs: number,
  ) {}

  get gone(): boolean {
    return this.body.destroyed;
  }

  get brokenOff(): boolean {
    return !this.body.writableFinished;
  }

  head(status: number, headers: OutgoingHeaders): void {
    this.body.writeHead(status, headers as Record<string, string | number | string[]>);
  }

  flush(): void {
    this.body.flushHeaders();
  }

  mustBeTaken(): void {
    this.body.setTimeout(this.stalledMs, () => this.abort());
  }

  abort(): void {
    this.body.destroy();
  }
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
  await upgrade(new IncomingRequest(headOf(message), userOfSocket(message.socket)), socket, head);
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
    ALPNProtocols: ['h2', 'http/1.1'],
  });
}

/**
 * Connections that were agreed on HTTP/2 go to `http2`, all others where they went before: the server of node:https serves them as
 * ever. (node:http2 can serve both, but HTTP/1.1 then without limits for headers and keep-alive.)
 */
function divide(server: HttpServer | HttpsServer, http2: Http2Connections): void {
  const http1 = server.listeners('secureConnection');
  server.removeAllListeners('secureConnection');
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol === 'h2') http2.take(socket, userOfSocket(socket));
    else for (const take of http1) take.call(server, socket);
  });
}

function serveHttp1(server: HttpServer | HttpsServer, options: ListenOptions): void {
  const report = options.onError ?? (() => undefined);
  const stalledMs = options.stalledMs ?? STALLED_MS;
  server.on('request', (message: IncomingMessage, response: ServerResponse) => {
    const out = new ResponseOut(response, stalledMs);
    const user = userOfSocket(message.socket);
    serve({ head: headOf(message), source: message, user, out }, options.handle).catch((error: unknown) => {
      report(error);
      out.abort();
    });
  });
  server.on('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    takeOver(message, socket, head, options.upgrade).catch((error: unknown) => {
      report(error);
      socket.destroy();
    });
  });
  server.on('clientError', (_error: Error, socket: Duplex) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n');
    else socket.destroy();
  });
}

export async function listen(options: ListenOptions): Promise<Listening> {
  const server = makeServer(options.tls);
  const connections = new Http2Connections({
    handle: options.handle,
    onError: options.onError ?? (() => undefined),
    stalledMs: options.stalledMs ?? STALLED_MS,
    times: options.http2 ?? HTTP2_TIMES,
  });
  const sockets = new Set<Duplex>();
  if (options.tls !== undefined) divide(server, connections);
  serveHttp1(server, options);
  server.on(options.tls === undefined ? 'connection' : 'secureConnection', (socket: Duplex) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
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
        connections.close();
        // HTTP/2 sends what was said last when the event loop comes round; nobody is waited for.
        setImmediate(() =>
          setImmediate(() => {
            for (const socket of sockets) socket.destroy();
          }),
        );
      }),
  };
}
