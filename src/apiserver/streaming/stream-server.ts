// Serves what streams over HTTP (logs, watches) over a WebSocket, for clients such as browsers that cannot read a stream otherwise.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
import type { WebSocket } from 'ws';
import type { ByteSink, StreamBody } from '../../machinery/http.ts';
import type { UpgradedConnection } from './upgrade.ts';
import { acceptWebSocket, bytesOfMessage } from './websocket.ts';

const BASE64 = 'base64.binary.k8s.io';
const BYTE_PROTOCOLS = ['binary.k8s.io', BASE64, ''];
const MAX_UNSENT = 1024 * 1024;
const NEWLINE = 10;

/** `bytes`: messages as they come; `events`: one text message for each line. */
export type StreamShape = 'bytes' | 'events';

class SocketSink implements ByteSink {
  private readonly drains: (() => void)[] = [];
  private rest: Buffer = Buffer.alloc(0);
  private held = false;

  constructor(
    private readonly socket: WebSocket,
    private readonly shape: StreamShape,
    private readonly base64: boolean,
  ) {}

  get buffered(): number {
    return this.socket.bufferedAmount;
  }

  write(chunk: Uint8Array): boolean {
    const bytes = bytesOfMessage(chunk);
    if (this.shape === 'bytes') this.send(this.base64 ? bytes.toString('base64') : bytes);
    else this.lines(bytes);
    this.held = this.buffered > MAX_UNSENT;
    return !this.held;
  }

  private lines(bytes: Buffer): void {
    let all = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]);
    for (let end = all.indexOf(NEWLINE); end >= 0; end = all.indexOf(NEWLINE)) {
      this.send(all.toString('utf8', 0, end + 1));
      all = all.subarray(end + 1);
    }
    this.rest = all;
  }

  private send(message: string | Buffer): void {
    this.socket.send(message, () => {
      if (!this.held || this.buffered > MAX_UNSENT) return;
      this.held = false;
      for (const drained of this.drains.splice(0)) drained();
    });
  }

  end(): void {
    this.socket.close(1000);
  }

  onDrain(callback: () => void): void {
    this.drains.push(callback);
  }

  onClose(callback: () => void): void {
    this.socket.once('close', callback);
  }
}

/** Sends a body over the connection until it ends or the client goes. What the client says is not heard. */
export async function serveStream(
  connection: UpgradedConnection,
  body: Uint8Array | StreamBody,
  shape: StreamShape,
): Promise<void> {
  const accepted = await acceptWebSocket(connection, shape === 'bytes' ? BYTE_PROTOCOLS : ['']);
  if (accepted === undefined) return;
  const { socket, protocol } = accepted;
  const base64 = protocol === BASE64;
  const sink = new SocketSink(socket, shape, base64);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.resume();
  // A message without content tells the client that the stream has begun.
  if (shape === 'bytes') socket.send(base64 ? '' : Buffer.alloc(0));
  if (body instanceof Uint8Array) {
    if (body.length > 0) sink.write(body);
    sink.end();
  } else body.start(sink);
  await closed;
}
