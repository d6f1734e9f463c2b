// A long body made of many pieces: put together and sent portion by portion, so that nobody else waits for the whole of it.
import type { ByteSink, StreamBody } from '../../machinery/http.ts';

export interface Pieces {
  readonly count: number;
  sizeOf(index: number): number;
  /** Puts a piece where it belongs; returns where the next one does. */
  write(index: number, target: Uint8Array, at: number): number;
}

/** What is put together, encrypted and handed to the kernel in one go: well below a millisecond. */
const PORTION = 256 * 1024;

export function bodyOfPieces(pieces: Pieces): Uint8Array | StreamBody {
  let length = 0;
  for (let i = 0; i < pieces.count; i++) length += pieces.sizeOf(i);
  return length <= PORTION ? putTogether(pieces, 0, pieces.count) : new PortionedBody(pieces, length);
}

function putTogether(pieces: Pieces, from: number, to: number): Uint8Array {
  let size = 0;
  for (let i = from; i < to; i++) size += pieces.sizeOf(i);
  const out = Buffer.allocUnsafe(size);
  let at = 0;
  for (let i = from; i < to; i++) at = pieces.write(i, out, at);
  return out;
}

class PortionedBody implements StreamBody {
  readonly whole: { readonly length: number; bytes(): Uint8Array };

  constructor(
    private readonly pieces: Pieces,
    length: number,
  ) {
    this.whole = { length, bytes: () => putTogether(pieces, 0, pieces.count) };
  }

  start(sink: ByteSink): void {
    let next = 0;
    let gone = false;
    sink.onClose(() => {
      gone = true;
    });
    const send = (): void => {
      if (gone) return;
      if (next === this.pieces.count) {
        sink.end();
        return;
      }
      const from = next;
      next = this.endOfPortion(from);
      const more = sink.write(putTogether(this.pieces, from, next));
      if (more) setImmediate(send);
      else sink.onDrain(send);
    };
    send();
  }

  private endOfPortion(from: number): number {
    let size = 0;
    let end = from;
    while (end < this.pieces.count && size < PORTION) size += this.pieces.sizeOf(end++);
    return end;
  }
}
