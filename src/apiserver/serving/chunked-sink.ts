// The sink of a stream without a known length: HTTP/1.1 chunks, framed once for all who are sent the same bytes, straight to the connection.
// Source: https://www.rfc-editor.org/rfc/rfc9112#name-chunked-transfer-coding
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ByteSink } from '../../machinery/http.ts';

const END = '\r\n';

const chunks = new WeakMap<Uint8Array, Buffer>();

/** `5\r\nhello\r\n`: one buffer, where Node's own response would hand three to the connection, for each reader anew. */
export function chunkOf(bytes: Uint8Array): Buffer {
  let chunk = chunks.get(bytes);
  if (chunk === undefined) {
    const head = `${bytes.length.toString(16)}${END}`;
    chunk = Buffer.allocUnsafeSlow(head.length + bytes.length + END.length);
    chunk.write(head, 'latin1');
    chunk.set(bytes, head.length);
    chunk.write(END, head.length + bytes.length, 'latin1');
    chunks.set(bytes, chunk);
  }
  return chunk;
}

/** For a response whose headers are on their way and say that chunks follow; it still ends by the response itself. */
export class ChunkedSink implements ByteSink {
  constructor(
    private readonly response: ServerResponse,
    private readonly socket: Socket,
  ) {}

  /** Undefined where the response has no connection of its own yet, or is not sent in chunks. */
  static of(response: ServerResponse): ChunkedSink | undefined {
    const { socket } = response;
    return socket !== null && response.headersSent && response.chunkedEncoding && response.req.method !== 'HEAD'
      ? new ChunkedSink(response, socket)
      : undefined;
  }

  write(bytes: Uint8Array): boolean {
    // An empty chunk would be the end.
    if (bytes.length === 0 || this.response.writableEnded || this.response.destroyed || this.socket.destroyed)
      return true;
    return this.socket.write(chunkOf(bytes));
  }

  get buffered(): number {
    return this.socket.writableLength;
  }

  end(): void {
    this.response.end();
  }

  onDrain(callback: () => void): void {
    this.socket.once('drain', callback);
  }

  onClose(callback: () => void): void {
    closing(this.response, callback);
  }
}

/** Calls back once, when the response has been sent whole or its connection is gone. */
export function closing(response: ServerResponse, callback: () => void): void {
  let called = false;
  const once = (): void => {
    if (called) return;
    called = true;
    callback();
  };
  response.once('close', once);
  response.once('finish', once);
}
