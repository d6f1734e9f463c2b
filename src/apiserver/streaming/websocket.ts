// WebSockets as Kubernetes uses them: several channels in one connection, told apart by the first byte of each message.
// https://github.com/kubernetes/kubernetes/issues/25113 and KEP 4006 (v5.channel.k8s.io: closing of single channels)
import type { IncomingMessage } from 'node:http';
import { Readable, Writable } from 'node:stream';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { listHeader, negotiate, refuseProtocols, type UpgradedConnection } from './upgrade.ts';

const MAX_MESSAGE = 16 * 1024 * 1024;
const PING_MS = 30_000;
/** Bytes that may wait in the socket before a writer is made to wait. */
const MAX_UNSENT = 1024 * 1024;
const CHANNEL_BUFFER = 256 * 1024;
/** v5: the message names a channel that will carry no more. */
const CLOSE_CHANNEL = 255;

export interface AcceptedWebSocket {
  readonly socket: WebSocket;
  /** '' when the client named none. */
  readonly protocol: string;
}

const servers = new Map<string, WebSocketServer>();

function serverFor(protocol: string): WebSocketServer {
  let server = servers.get(protocol);
  if (server === undefined) {
    server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE,
    });
    if (protocol !== '') server.on('headers', (lines) => void lines.push(`Sec-WebSocket-Protocol: ${protocol}`));
    servers.set(protocol, server);
  }
  return server;
}

/** Completes the handshake; undefined when it was refused. `spoken` has '' when clients need not name a protocol. */
export async function acceptWebSocket(
  connection: UpgradedConnection,
  spoken: readonly string[],
): Promise<AcceptedWebSocket | undefined> {
  const { request, socket, head } = connection;
  const offered = listHeader(request, 'sec-websocket-protocol');
  const protocol = offered.length === 0 && spoken.includes('') ? '' : negotiate(offered, spoken);
  if (protocol === undefined) {
    refuseProtocols(socket, offered, spoken);
    return undefined;
  }
  // The name of the port-forward tunnel has a slash, which the library takes for a mistake: protocols are agreed on here.
  const { 'sec-websocket-protocol': _, ...headers } = request.headers;
  const message = { method: request.method, url: request.path, headers };
  const accepted = await new Promise<WebSocket | undefined>((resolve) => {
    // A handshake that is refused ends with the socket.
    socket.once('close', () => resolve(undefined));
    serverFor(protocol).handleUpgrade(message as IncomingMessage, socket, head, (webSocket) => {
      // Nothing may be read before somebody listens.
      webSocket.pause();
      resolve(webSocket);
    });
  });
  if (accepted === undefined) return undefined;
  keepAlive(accepted);
  return { socket: accepted, protocol };
}

/** Asks a quiet peer for a sign of life: when it is gone, the answer to that closes the connection. */
export function keepAlive(socket: WebSocket): void {
  const timer = setInterval(() => socket.ping(), PING_MS);
  timer.unref();
  socket.once('close', () => clearInterval(timer));
  socket.on('error', () => socket.terminate());
}

/** v5: this side will send no more on a channel. */
export function closeChannel(socket: WebSocket, channel: number): void {
  socket.send(Buffer.from([CLOSE_CHANNEL, channel]));
}

function bytesOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}

/** The same bytes, as the library sends them. */
export function bytesOfMessage(chunk: Uint8Array): Buffer {
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

export interface ChannelOptions {
  /** Messages are text: a digit and base64. */
  readonly base64: boolean;
  /** The peer may close single channels. */
  readonly canClose: boolean;
}

/** The channels of one connection. */
export class Channels {
  /** Aborted when the connection is gone. */
  readonly signal: AbortSignal;
  private readonly gone = new AbortController();
  private readonly readers = new Map<number, Readable>();
  private readonly full = new Set<number>();

  constructor(
    private readonly socket: WebSocket,
    private readonly options: ChannelOptions,
  ) {
    this.signal = this.gone.signal;
    socket.on('message', (data) => this.receive(bytesOf(data)));
    socket.once('close', () => this.closed());
  }

  /** Begins to read: call it when all readers are there. */
  start(): void {
    this.socket.resume();
  }

  private closed(): void {
    this.gone.abort();
    for (const reader of this.readers.values()) {
      if (!reader.readableEnded) reader.push(null);
    }
  }

  private receive(message: Buffer): void {
    const first = message[0];
    if (first === undefined) return;
    if (this.options.base64) {
      const channel = first - 0x30;
      this.deliver(channel, Buffer.from(message.toString('latin1', 1), 'base64'));
    } else if (first === CLOSE_CHANNEL && this.options.canClose) {
      const named = message[1];
      if (named !== undefined) this.readers.get(named)?.push(null);
    } else {
      this.deliver(first, message.subarray(1));
    }
  }

  private deliver(channel: number, payload: Buffer): void {
    const reader = this.readers.get(channel);
    if (reader === undefined || payload.length === 0 || reader.destroyed || reader.readableEnded) return;
    if (reader.push(payload)) return;
    this.full.add(channel);
    this.socket.pause();
  }

  /** What the peer sends on a channel. */
  reader(channel: number): Readable {
    const release = (): void => {
      if (this.full.delete(channel) && this.full.size === 0) this.socket.resume();
    };
    const reader = new Readable({
      highWaterMark: CHANNEL_BUFFER,
      read: release,
      destroy(error, callback) {
        release();
        callback(error);
      },
    });
    reader.on('error', () => undefined);
    this.readers.set(channel, reader);
    return reader;
  }

  /** Sends to the peer on a channel. */
  writer(channel: number): Writable {
    const writer = new Writable({
      highWaterMark: CHANNEL_BUFFER,
      write: (chunk: Buffer, _encoding, callback) => this.send(channel, chunk, callback),
    });
    writer.on('error', () => undefined);
    this.signal.addEventListener('abort', () => writer.destroy());
    return writer;
  }

  /** A message without content tells the client that the channel is there. */
  announce(channel: number): void {
    this.send(channel, Buffer.alloc(0), () => undefined);
  }

  private send(channel: number, payload: Buffer, done: (error?: Error | null) => void): void {
    const { socket } = this;
    const sent = this.options.base64 ? this.textOf(channel, payload) : Buffer.concat([Buffer.from([channel]), payload]);
    if (socket.bufferedAmount > MAX_UNSENT) {
      socket.send(sent, (error) => done(error ?? null));
    } else {
      socket.send(sent, () => undefined);
      done();
    }
  }

  private textOf(channel: number, payload: Buffer): string {
    return String.fromCharCode(0x30 + channel) + payload.toString('base64');
  }

  /** Ends the connection after all that was sent. */
  close(): void {
    this.socket.close(1000);
  }
}
