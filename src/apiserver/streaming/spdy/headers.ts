// The header blocks of SPDY/3: name and value pairs, in one compressed stream for each direction of a connection.
import { createInflate, type Inflate } from 'node:zlib';
import { DICTIONARY } from './dictionary.ts';

/** Lower-case names. Several values of a name are joined by NUL on the wire; the first one is kept. */
export type Headers = ReadonlyMap<string, string>;

/** Nobody needs more; a block that inflates beyond is an attack. */
const MAX_BLOCK = 64 * 1024;

/** Undoes the compression of a connection's incoming header blocks, which must come in order and one at a time. */
export class HeaderReader {
  private readonly inflate: Inflate;
  private chunks: Buffer[] = [];
  private size = 0;
  private failure: Error | undefined;
  private settle: (() => void) | undefined;

  constructor() {
    this.inflate = createInflate({ dictionary: DICTIONARY });
    this.inflate.on('data', (chunk: Buffer) => {
      this.size += chunk.length;
      if (this.size > MAX_BLOCK) this.fail(new Error('SPDY header block is too large'));
      else this.chunks.push(chunk);
    });
    this.inflate.on('error', (error: Error) => this.fail(error));
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.settle?.();
  }

  async read(block: Uint8Array): Promise<Headers> {
    this.chunks = [];
    this.size = 0;
    if (this.failure === undefined) {
      await new Promise<void>((resolve) => {
        this.settle = resolve;
        this.inflate.write(block, () => resolve());
      });
    }
    if (this.failure !== undefined) throw this.failure;
    return parseBlock(Buffer.concat(this.chunks));
  }

  close(): void {
    this.failure ??= new Error('the connection is closed');
    this.inflate.close();
  }
}

export function parseBlock(block: Buffer): Headers {
  const headers = new Map<string, string>();
  let at = 0;
  const text = (): string => {
    const length = block.readUInt32BE(at);
    const start = at + 4;
    if (start + length > block.length) throw new Error('SPDY header block is cut off');
    at = start + length;
    return block.toString('utf8', start, at);
  };
  const count = block.readUInt32BE(0);
  at = 4;
  for (let i = 0; i < count; i++) {
    const name = text().toLowerCase();
    const [value = ''] = text().split('\0');
    headers.set(name, value);
  }
  return headers;
}

export function buildBlock(headers: Iterable<readonly [string, string]>): Buffer {
  const parts: Buffer[] = [];
  let count = 0;
  for (const [name, value] of headers) {
    for (const text of [name.toLowerCase(), value]) {
      const bytes = Buffer.from(text);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      parts.push(length, bytes);
    }
    count++;
  }
  const head = Buffer.alloc(4);
  head.writeUInt32BE(count);
  return Buffer.concat([head, ...parts]);
}

/** zlib header that says: deflate, 32K window, with the preset dictionary, whose checksum follows. */
function zlibHeader(): Buffer {
  let a = 1;
  let b = 0;
  for (const byte of DICTIONARY) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  const header = Buffer.from([0x78, 0x20, 0, 0, 0, 0]);
  header[1] = 0x20 + (31 - ((0x78 * 256 + 0x20) % 31));
  header.writeUInt32BE(((b << 16) | a) >>> 0, 2);
  return header;
}

/** An empty stored block: readers give out what they have when they meet it. */
const FLUSH = Buffer.from([0, 0, 0, 0xff, 0xff]);

/** Writes a connection's outgoing header blocks, stored rather than compressed: they are few and short, and this needs no state. */
export class HeaderWriter {
  private started = false;

  write(headers: Iterable<readonly [string, string]>): Buffer {
    const block = buildBlock(headers);
    const stored = Buffer.alloc(5);
    stored.writeUInt16LE(block.length, 1);
    stored.writeUInt16LE(~block.length & 0xffff, 3);
    const parts = this.started ? [stored, block, FLUSH] : [zlibHeader(), stored, block, FLUSH];
    this.started = true;
    return Buffer.concat(parts);
  }
}
