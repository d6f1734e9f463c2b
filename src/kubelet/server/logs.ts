// Streams a container's log: filtered, followed across rotations, as fast as the reader takes it.
import { type FSWatcher, readSync, watch } from 'node:fs';
import { type FileHandle, stat } from 'node:fs/promises';
import path from 'node:path';
import type { ByteSink, StreamBody } from '../../machinery/http.ts';
import { parseTime } from '../../machinery/time.ts';
import { openLog } from './log-file.ts';
import { tailOffset } from './log-format.ts';

export interface LogQuery {
  readonly follow: boolean;
  readonly timestamps: boolean;
  readonly tailLines?: number;
  readonly limitBytes?: number;
  /** Milliseconds since 1970. */
  readonly since?: number;
  readonly stream?: 'stdout' | 'stderr';
}

export interface LogSource {
  readonly file: string;
  /** True when the container writes no more. */
  readonly ended: () => boolean;
  /** Calls back when `ended` may have changed. */
  readonly onChange: (callback: () => void) => () => void;
  readonly signal?: AbortSignal;
}

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const PARTIAL = 0x50;
const STDERR_E = 0x65;
const CHUNK = 256 * 1024;
const ZERO_OFFSET = Buffer.from('+00:00');
const Z_AND_SPACE = Buffer.from('Z ');
/** A reader this far behind is waited for. */
const MAX_BUFFERED = 1024 * 1024;

/** Turns raw lines of the file into what the reader sees. */
export class LogFilter {
  private readonly out = Buffer.allocUnsafe(CHUNK * 2);
  private used = 0;
  private left: number;
  private since: number | undefined;
  private lineBegins = true;
  constructor(private readonly query: LogQuery) {
    this.left = query.limitBytes ?? Number.POSITIVE_INFINITY;
    this.since = query.since;
  }

  get full(): boolean {
    return this.left <= 0;
  }

  private put(data: Buffer, from: number, to: number): void {
    const length = Math.min(to - from, this.left, this.out.length - this.used);
    if (length <= 0) return;
    data.copy(this.out, this.used, from, from + length);
    this.used += length;
    this.left -= length;
  }

  /** Conmon writes `+00:00` where Kubernetes writes `Z`. */
  private putTime(data: Buffer, from: number, to: number): void {
    const utc = to - from > ZERO_OFFSET.length && data.compare(ZERO_OFFSET, 0, ZERO_OFFSET.length, to - 6, to) === 0;
    this.put(data, from, utc ? to - 6 : to);
    const tail = utc ? Z_AND_SPACE : Z_AND_SPACE.subarray(1);
    this.put(tail, 0, tail.length);
  }

  private tooOld(data: Buffer, from: number, to: number): boolean {
    if (this.since === undefined) return false;
    const time = parseTime(data.toString('latin1', from, to));
    if (time !== undefined && time < this.since) return true;
    // Lines are in order: after the first that counts none has to be looked at.
    this.since = undefined;
    return false;
  }

  /** One line, from `from` to before `to`; `to` is its newline. Returns false when the output is full and must be taken first. */
  line(data: Buffer, from: number, to: number): boolean {
    if (this.out.length - this.used < to - from + 64 && this.used > 0) return false;
    let a = from;
    while (a < to && data[a] !== SPACE) a++;
    let b = a + 1;
    while (b < to && data[b] !== SPACE) b++;
    if (b >= to) return true;
    let c = b + 1;
    while (c < to && data[c] !== SPACE) c++;
    const wanted = this.query.stream;
    if (wanted !== undefined && (data[a + 4] === STDERR_E ? 'stderr' : 'stdout') !== wanted) return true;
    if (this.tooOld(data, from, a)) return true;
    if (this.query.timestamps && this.lineBegins) this.putTime(data, from, a);
    const partial = data[b + 1] === PARTIAL;
    const text = Math.min(c + 1, to);
    if (!partial && to > text && data[to - 1] === RETURN) {
      // Terminals end their lines so; a log does not.
      this.put(data, text, to - 1);
      this.put(data, to, to + 1);
    } else this.put(data, text, partial ? to : to + 1);
    this.lineBegins = !partial;
    return true;
  }

  take(): Buffer {
    const out = Buffer.from(this.out.subarray(0, this.used));
    this.used = 0;
    return out;
  }
}

class LogPump {
  private handle: FileHandle | undefined;
  private inode = 0;
  private position = 0;
  private rest: Buffer = Buffer.alloc(0);
  private closed = false;
  private wake: (() => void) | undefined;
  private woken = false;
  /** The end was reached, so that what comes next was written a moment ago and is in memory. */
  private caughtUp = false;
  private watcher: FSWatcher | undefined;
  private readonly filter: LogFilter;
  private readonly chunk = Buffer.allocUnsafe(CHUNK);

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
    return true;
  }

  /** True when the file was rotated away and a new one has begun. */
  private async rotated(): Promise<boolean> {
    const now = await stat(this.source.file).catch(() => undefined);
    if (now === undefined || (now.ino === this.inode && now.size >= this.position)) return false;
    return this.openFile();
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
    try {
      this.watcher = watch(path.dirname(this.source.file), { persistent: false }, () => this.stir());
      this.watcher.on('error', () => this.watcher?.close());
    } catch {
      // Without a watch the end of the container still wakes us.
    }
  }

  private async pump(): Promise<void> {
    while (!this.closed && !this.filter.full) {
      const ended = this.source.ended();
      const more = await this.readSome();
      if (more) continue;
      if (await this.rotated()) continue;
      if (this.handle === undefined && (await this.openFile())) continue;
      if (!this.query.follow || ended) return;
      await this.pause();
    }
  }

  private async readSome(): Promise<boolean> {
    if (this.handle === undefined) return false;
    const bytesRead = await this.readInto(this.handle);
    if (bytesRead === 0) {
      this.caughtUp = true;
      return false;
    }
    this.position += bytesRead;
    const fresh = this.chunk.subarray(0, bytesRead);
    await this.lines(this.rest.length === 0 ? fresh : Buffer.concat([this.rest, fresh]));
    return true;
  }

  /** In this thread where nothing can wait for a disk: to ask another thread costs more than the reading. */
  private async readInto(handle: FileHandle): Promise<number> {
    if (this.caughtUp) return readSync(handle.fd, this.chunk, 0, CHUNK, this.position);
    return (await handle.read(this.chunk, 0, CHUNK, this.position)).bytesRead;
  }

  private async lines(data: Buffer): Promise<void> {
    let at = 0;
    while (!this.filter.full && !this.closed) {
      const end = data.indexOf(NEWLINE, at);
      if (end < 0) break;
      if (!this.filter.line(data, at, end)) {
        await this.flush();
        continue;
      }
      at = end + 1;
    }
    this.rest = Buffer.from(data.subarray(at));
    await this.flush();
  }

  private async flush(): Promise<void> {
    const out = this.filter.take();
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
