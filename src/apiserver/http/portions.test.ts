// Long bodies: portion by portion, a turn for others between them, no more than the reader takes.
import { describe, expect, it } from 'vitest';
import type { ByteSink, StreamBody } from '../../machinery/http.ts';
import { bodyOfPieces } from './portions.ts';

const PIECE = Buffer.alloc(1000, 'x');
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function bodyOf(count: number): Uint8Array | StreamBody {
  return bodyOfPieces({
    count,
    sizeOf: () => PIECE.length,
    write(_i, target, at) {
      target.set(PIECE, at);
      return at + PIECE.length;
    },
  });
}

class Reader implements ByteSink {
  readonly sizes: number[] = [];
  readonly buffered = 0;
  takes = true;
  ended = false;
  drained: (() => void) | undefined;
  leave = (): void => undefined;

  write(chunk: Uint8Array): boolean {
    this.sizes.push(chunk.length);
    return this.takes;
  }
  end(): void {
    this.ended = true;
  }
  onDrain(callback: () => void): void {
    this.drained = callback;
  }
  onClose(callback: () => void): void {
    this.leave = callback;
  }
  get total(): number {
    return this.sizes.reduce((sum, size) => sum + size, 0);
  }
}

function longBody(count: number): StreamBody {
  const body = bodyOf(count);
  if (body instanceof Uint8Array) throw new Error('not long');
  return body;
}

describe('a body of pieces', () => {
  it('is one piece of memory when it is short', () => {
    expect(bodyOf(100)).toEqual(Buffer.alloc(100_000, 'x'));
  });

  it('gives others a turn after each portion', async () => {
    const reader = new Reader();
    const body = longBody(1000);
    body.start(reader);
    const before = reader.sizes.length;
    expect(before).toBe(1);
    for (let turns = 0; turns < 10; turns++) await nextTurn();
    expect(reader.sizes.length).toBeGreaterThan(2);
    expect(Math.max(...reader.sizes)).toBeLessThan(300_000);
    expect([reader.total, reader.ended]).toEqual([body.whole?.length, true]);
  });

  it('waits for a reader that is behind', async () => {
    const reader = new Reader();
    reader.takes = false;
    longBody(1000).start(reader);
    await nextTurn();
    expect(reader.sizes.length).toBe(1);
    reader.takes = true;
    reader.drained?.();
    for (let turns = 0; turns < 10; turns++) await nextTurn();
    expect([reader.total, reader.ended]).toEqual([1_000_000, true]);
  });

  it('stops when the reader leaves', async () => {
    const reader = new Reader();
    longBody(1000).start(reader);
    reader.leave();
    for (let turns = 0; turns < 10; turns++) await nextTurn();
    expect([reader.sizes.length, reader.ended]).toEqual([1, false]);
  });
});
