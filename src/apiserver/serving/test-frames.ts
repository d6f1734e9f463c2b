// For tests: HTTP/2 frame by frame, for what no well-behaved client sends.
// Source: https://www.rfc-editor.org/rfc/rfc9113#section-4.1
import type { TLSSocket } from 'node:tls';

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
export const FRAMES = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7, continuation: 9 } as const;
export const FLAGS = { ack: 1, endStream: 1, endHeaders: 4 } as const;
const HEAD_BYTES = 9;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

export function frame({
  type,
  flags = 0,
  id = 0,
  payload = Buffer.alloc(0),
}: Partial<Frame> & { readonly type: number }): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, payload]);
}

const GET = 0x82;
export const POST = 0x83;

/** A request for a short path, in HPACK by hand: fields of the static table, and the path as it is. */
export function requestHead(
  id: number,
  path: string,
  { flags = FLAGS.endHeaders | FLAGS.endStream, method = GET } = {},
): Buffer {
  const authority = Buffer.from([0x01, 1, 0x61]);
  const fields = Buffer.concat([Buffer.from([method, 0x87, 0x04, path.length]), Buffer.from(path), authority]);
  return frame({ type: FRAMES.headers, flags, id, payload: fields });
}

export class RawClient {
  readonly gone: Promise<void>;
  private bytes: Buffer = Buffer.alloc(0);
  private readonly frames: Frame[] = [];
  private wake: (() => void) | undefined;

  constructor(readonly socket: TLSSocket) {
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => this.take(chunk));
    this.gone = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  send(...parts: readonly Buffer[]): void {
    if (this.socket.writable) this.socket.write(Buffer.concat(parts));
  }

  private take(chunk: Buffer): void {
    let all = Buffer.concat([this.bytes, chunk]);
    for (;;) {
      const end = HEAD_BYTES + (all.length < HEAD_BYTES ? 0 : all.readUIntBE(0, 3));
      if (all.length < end) break;
      const payload = all.subarray(HEAD_BYTES, end);
      this.frames.push({ type: all.readUInt8(3), flags: all.readUInt8(4), id: all.readUInt32BE(5), payload });
      all = all.subarray(end);
    }
    this.bytes = all;
    this.wake?.();
  }

  /** The next frame of a type; those before it are thrown away. */
  async read(type: number): Promise<Frame> {
    for (;;) {
      const next = this.frames.shift();
      if (next?.type === type) return next;
      if (next !== undefined) continue;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }
}
