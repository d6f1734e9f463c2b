// Reads a watch: a stream of bytes becomes lines, lines become events, and a reader that is slow holds the server back.

import { ApiError, type Status } from '../machinery/errors.ts';
import { parseExact } from '../machinery/exact-json.ts';
import type { ByteSink, StreamBody } from '../machinery/http.ts';
import type { KubeObject, WatchEvent } from '../machinery/object.ts';
import { eventsBehind, tellEvents } from '../machinery/watch-events.ts';

/** What the server may have handed in before it is asked to wait. */
const HIGH_WATER = 1 << 20;
const NEWLINE = 10;

/** A sink whose chunks are taken one by one. */
export class ChunkReader implements ByteSink {
  private readonly chunks: Uint8Array[] = [];
  private readonly drains: (() => void)[] = [];
  private readonly closes: (() => void)[] = [];
  private wake: (() => void) | undefined;
  private ended = false;
  private closed = false;
  private held = false;
  private bytes = 0;

  get buffered(): number {
    return this.bytes;
  }

  write(chunk: Uint8Array): boolean {
    if (this.closed || this.ended) return false;
    this.chunks.push(chunk);
    this.bytes += chunk.length;
    this.wake?.();
    if (this.bytes > HIGH_WATER) this.held = true;
    return !this.held;
  }

  end(): void {
    this.ended = true;
    this.wake?.();
    this.close();
  }

  onDrain(callback: () => void): void {
    this.drains.push(callback);
  }

  onClose(callback: () => void): void {
    if (this.closed) callback();
    else this.closes.push(callback);
  }

  /** The reader wants no more. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.wake?.();
    for (const callback of this.closes.splice(0)) callback();
  }

  /** The next chunk; undefined at the end. What was written before the end is still given. */
  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = this.chunks.shift();
      if (chunk !== undefined) {
        this.bytes -= chunk.length;
        if (this.held && this.bytes < HIGH_WATER / 2) {
          this.held = false;
          for (const callback of this.drains.splice(0)) callback();
        }
        return chunk;
      }
      if (this.ended || this.closed) return undefined;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      this.wake = undefined;
    }
  }
}

/** Cuts chunks into lines; a line may come in several chunks, a chunk may hold several lines. */
export class LineCutter {
  private rest: Uint8Array[] = [];

  /** True when no piece of a line waits for its end. */
  get empty(): boolean {
    return this.rest.length === 0;
  }

  lines(chunk: Uint8Array): string[] {
    const last = chunk.lastIndexOf(NEWLINE);
    if (last < 0) {
      this.rest.push(chunk);
      return [];
    }
    const whole = Buffer.concat([...this.rest, chunk.subarray(0, last)]);
    this.rest = last + 1 < chunk.length ? [chunk.subarray(last + 1)] : [];
    return whole
      .toString('utf8')
      .split('\n')
      .filter((line) => line.length > 0);
  }
}

/** Whoever watches in the server's process is handed the server's own objects with the bytes. (Objects of watches must not be changed.) */
function eventsOf<T extends KubeObject>(chunk: Uint8Array, cutter: LineCutter): readonly WatchEvent<T>[] {
  const whole = cutter.empty && chunk[chunk.length - 1] === NEWLINE;
  const known = whole ? eventsBehind(chunk) : undefined;
  if (known !== undefined) return known as readonly WatchEvent<T>[];
  const events = cutter.lines(chunk).map((line) => parseExact(line) as WatchEvent<T>);
  if (whole) tellEvents(chunk, events);
  return events;
}

/** Events of a watch; ends when the server ends it or the signal comes. An ERROR event is thrown as its ApiError. */
export async function* readWatch<T extends KubeObject>(
  body: StreamBody,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<T>, void> {
  const reader = new ChunkReader();
  const cutter = new LineCutter();
  const stop = (): void => reader.close();
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (signal.aborted) return;
    body.start(reader);
    for (;;) {
      const chunk = await reader.next();
      if (chunk === undefined || signal.aborted) return;
      for (const event of eventsOf<T>(chunk, cutter)) {
        if (event.type === 'ERROR') {
          const status = event.object as unknown as Partial<Status>;
          throw ApiError.fromStatus(status, status.code ?? 500);
        }
        yield event;
        if (signal.aborted) return;
      }
    }
  } finally {
    signal.removeEventListener('abort', stop);
    reader.close();
  }
}
