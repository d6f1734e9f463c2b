// The frames of SPDY/3.1: cut out of a stream of bytes, and written.
// https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/

export const FRAME = {
  SYN_STREAM: 1,
  SYN_REPLY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  HEADERS: 8,
  WINDOW_UPDATE: 9,
} as const;

export const FLAG_FIN = 1;

/** Why a stream was reset. */
export const RESET = { PROTOCOL_ERROR: 1, REFUSED_STREAM: 3, CANCEL: 5 } as const;

export interface DataFrame {
  readonly kind: 'data';
  readonly stream: number;
  readonly flags: number;
  readonly payload: Buffer;
}

export interface ControlFrame {
  readonly kind: 'control';
  readonly type: number;
  readonly flags: number;
  readonly payload: Buffer;
}

export type Frame = DataFrame | ControlFrame;

const HEAD = 8;
/** Larger frames are legal, but no client sends them. */
const MAX_FRAME = 4 * 1024 * 1024;
const VERSION = 3;

/** Cuts frames out of the bytes as they come. */
export class FrameReader {
  private parts: Buffer[] = [];
  private size = 0;

  *push(chunk: Buffer): Generator<Frame> {
    this.parts.push(chunk);
    this.size += chunk.length;
    for (let frame = this.next(); frame !== undefined; frame = this.next()) yield frame;
  }

  private next(): Frame | undefined {
    if (this.size < HEAD) return undefined;
    const head = this.peek(HEAD);
    const length = head.readUIntBE(5, 3);
    if (length > MAX_FRAME) throw new Error(`SPDY frame of ${length} bytes is too large`);
    if (this.size < HEAD + length) return undefined;
    const payload = this.take(HEAD + length).subarray(HEAD);
    const flags = head.readUInt8(4);
    const first = head.readUInt32BE(0);
    if (first < 0x80000000) return { kind: 'data', stream: first, flags, payload };
    const version = (first >>> 16) & 0x7fff;
    if (version !== VERSION) throw new Error(`SPDY version ${version} is not supported`);
    return { kind: 'control', type: first & 0xffff, flags, payload };
  }

  /** The first bytes in one piece; no more is copied than must be. */
  private peek(count: number): Buffer {
    const [first] = this.parts;
    if (first !== undefined && first.length >= count) return first;
    const all = Buffer.concat(this.parts);
    this.parts = [all];
    return all;
  }

  private take(count: number): Buffer {
    const all = this.peek(count);
    const rest = all.subarray(count);
    if (rest.length === 0) this.parts.shift();
    else this.parts[0] = rest;
    this.size -= count;
    return all.subarray(0, count);
  }
}

export function dataHead(stream: number, flags: number, length: number): Buffer {
  const head = Buffer.alloc(HEAD);
  head.writeUInt32BE(stream, 0);
  head.writeUInt32BE(length, 4);
  head.writeUInt8(flags, 4);
  return head;
}

export function controlFrame(type: number, flags: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(HEAD);
  head.writeUInt16BE(0x8000 | VERSION, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt32BE(payload.length, 4);
  head.writeUInt8(flags, 4);
  return Buffer.concat([head, payload]);
}

/** The payload of the many frames that consist of numbers. */
export function numbers(...values: number[]): Buffer {
  const payload = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) payload.writeUInt32BE(value >>> 0, 4 * i);
  return payload;
}
