// Streams a container's log: filtered, followed across rotations, as fast as the reader takes it.
import { type FSWatcher, readSync, statSync, watch } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../../host/clock.ts';
import type { ByteSink, StreamBody } from '../../machinery/http.ts';
import { openLog } from './log-file.ts';
import { LogFilter, type LogQuery, NEWLINE } from './log-filter.ts';
import { tailOffset } from './log-format.ts';

export interface LogSource {
  readonly file: string;
  /** True when the container writes no more. */
  readonly ended: () => boolean;
  /** Calls back when `ended` may have changed. */
  readonly onChange: (callback: () => void) => () => void;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

const CHUNK = 256 * 1024;
/** A reader this far behind is waited for. */
const MAX_BUFFERED = 1024 * 1024;
/** So much between two ends of the file is a flow: what comes next is looked for after this time, until so many looks found little. */
const FLOW_BYTES = 8 * 1024;
const FLOW_MS = 8;
const FLOW_LOOKS = 5;

class LogPump {
  private handle: FileHandle | undefined;
  private inode = 0;
  private position = 0;
  private closed = false;
  private wake: (() => void) | undefined;
  private woken = false;
  /** The end was reached, so that what comes next was written a moment ago and is in memory. */
  private caughtUp = false;
  private watcher: FSWatcher | undefined;
  private watching = false;
  /** Read since the end of the file was last reached. */
  private sinceEnd = 0;
  private sinceTurn = 0;
  /** How often the end will still be looked at without being woken. */
  private looks = 0;
  private readonly filter: LogFilter;
  private chunk = Buffer.allocUnsafe(CHUNK);
  /** The begin of a line at the begin of the chunk. */
  private held = 0;

  constructor(
    private readonly source: LogSource,
    private readonly query: LogQuery,
    private readonly sink: ByteSink,
  ) {
    this.filter = new LogFilter(query);
    sink.onClose(() => this.stop());
    source.signal?.addEventListener('abort', () => this.stop(), { once: true });
  }

  private stop(): void {
    this.closed = true;
    this.stir();
  }

  private stir(): void {
    this.woken = true;
    this.wake?.();
  }

  private async pause(): Promise<void> {
    if (!this.woken && !this.closed) await new Promise<void>((resolve) => (this.wake = resolve));
    this.wake = undefined;
    this.woken = false;
  }

  private async openFile(): Promise<boolean> {
    const handle = await openLog(this.source.file).catch(() => undefined);
    if (handle === undefined) return false;
    await this.handle?.close();
    this.handle = handle;
    this.inode = (await handle.stat()).ino;
    this.position = 0;
    this.held = 0;
    return true;
  }

  /** True when the file was rotated away and a new one has begun. */
  private async rotated(): Promise<boolean> {
    const now = this.look();
    if (now === undefined || (now.ino === this.inode && now.size >= this.position)) return false;
    // Nothing comes to the old one any more, but something may have after its end was seen.
    if (now.ino !== this.inode && (await this.readSome())) return true;
    return this.openFile();
  }

  private look(): { readonly ino: number; readonly size: number } | undefined {
    try {
      return statSync(this.source.file, { throwIfNoEntry: false });
    } catch {
      return undefined;
    }
  }

  async run(): Promise<void> {
    const stopListening = this.source.onChange(() => this.stir());
    try {
      if (this.query.follow) this.watch();
      if (await this.openFile()) {
        const { tailLines } = this.query;
        if (tailLines !== undefined) {
          this.position = await tailOffset(this.source.file, { lines: tailLines, maxBytes: Number.MAX_SAFE_INTEGER });
        }
      }
      await this.pump();
    } finally {
      stopListening();
      this.watcher?.close();
      await this.handle?.close();
      if (!this.closed) this.sink.end();
    }
  }

  private watch(): void {
    this.watching = true;
    try {
      this.watcher = watch(path.dirname(this.source.file), { persistent: false }, () => this.stir());
      this.watcher.on('error', () => this.watcher?.close());
    } catch {
      // Without a watch the end of the container still wakes us.
    }
  }

  private unwatch(): void {
    this.watcher?.close();
    this.watcher = undefined;
    this.watching = false;
  }

  private async pump(): Promise<void> {
    while (!this.closed && !this.filter.full) {
      const ended = this.source.ended();
      if (await this.readSome()) continue;
      if (this.query.follow && !ended && (await this.flows())) continue;
      if (await this.rotated()) continue;
      if (this.handle === undefined && (await this.openFile())) continue;
      if (!this.query.follow || ended) return;
      await this.pause();
    }
  }

  /**
   * At the end of the file: true when it has to be read again. To be woken for each write would cost more than all the rest, so while
   * much is written nothing is watched, and the file is read every few milliseconds; a line that comes alone is still told at once.
   */
  private async flows(): Promise<boolean> {
    this.looks = this.sinceEnd >= FLOW_BYTES ? FLOW_LOOKS : this.looks - 1;
    this.sinceEnd = 0;
    if (this.looks <= 0) {
      if (this.watching) return false;
      // What was written before the watch began is told by nobody.
      this.watch();
      return true;
    }
    if (this.watching) this.unwatch();
    this.woken = false;
    const timer = this.source.clock.setTimer(FLOW_MS, () => this.stir());
    await this.pause();
    timer.cancel();
    return true;
  }

  private async readSome(): Promise<boolean> {
    if (this.handle === undefined) return false;
    const bytesRead = await this.readInto(this.handle);
    if (bytesRead === 0) {
      this.caughtUp = true;
      return false;
    }
    this.position += bytesRead;
    this.sinceEnd += bytesRead;
    this.sinceTurn += bytesRead;
    if (this.sinceTurn > MAX_BUFFERED) await this.giveTurn();
    await this.lines(this.held + bytesRead);
    return true;
  }

  /** What is read in this thread holds everybody else up. */
  private async giveTurn(): Promise<void> {
    this.sinceTurn = 0;
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** In this thread where nothing can wait for a disk: to ask another thread costs more than the reading. */
  private async readInto(handle: FileHandle): Promise<number> {
    const room = this.chunk.length - this.held;
    if (this.caughtUp) return readSync(handle.fd, this.chunk, this.held, room, this.position);
    return (await handle.read(this.chunk, this.held, room, this.position)).bytesRead;
  }

  /** Sends the whole lines among the first `length` bytes of the chunk, and keeps what follows them. */
  private async lines(length: number): Promise<void> {
    const end = this.chunk.lastIndexOf(NEWLINE, length - 1) + 1;
    const out = this.filter.pass(this.chunk, end);
    this.chunk.copyWithin(0, end, length);
    this.held = length - end;
    if (this.held === this.chunk.length) this.chunk = Buffer.concat([this.chunk], this.held * 2);
    await this.flush(out);
  }

  private async flush(out: Buffer): Promise<void> {
    if (out.length === 0 || this.closed) return;
    if (this.sink.write(out) || this.sink.buffered <= MAX_BUFFERED) return;
    let drained = false;
    this.caughtUp = false;
    this.sink.onDrain(() => {
      drained = true;
      this.stir();
    });
    while (!drained && !this.closed) await this.pause();
  }
}

export function logStream(source: LogSource, query: LogQuery, onError: (error: unknown) => void): StreamBody {
  return {
    start(sink) {
      new LogPump(source, query, sink).run().catch(onError);
    },
  };
}
