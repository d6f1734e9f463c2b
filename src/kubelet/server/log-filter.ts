// What of a container's log a reader is sent: the text of its lines, of one stream, since a time, at most so many bytes.
import { parseTime } from '../../machinery/time.ts';

export interface LogQuery {
  readonly follow: boolean;
  readonly timestamps: boolean;
  readonly tailLines?: number;
  readonly limitBytes?: number;
  /** Milliseconds since 1970. */
  readonly since?: number;
  readonly stream?: 'stdout' | 'stderr';
}

export const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const PARTIAL = 0x50;
const STDERR_E = 0x65;
const PLUS = 0x2b;
const LETTER_Z = 0x5a;
/** Where the zone begins in a time with all nine digits of its nanoseconds, and how long `+00:00` and both streams' names are. */
const ZONE_AT = 29;
const OFFSET_LENGTH = 6;
const STREAM_LENGTH = 6;
const OUT = 256 * 1024;
const ZERO_OFFSET = Buffer.from('+00:00');
const Z_AND_SPACE = Buffer.from('Z ');

/** Where the time of a line ends, which is nearly always at one of two places. */
function timeEnd(data: Buffer, from: number, to: number): number {
  const zone = data[from + ZONE_AT];
  const likely = from + ZONE_AT + (zone === PLUS ? OFFSET_LENGTH : 1);
  if ((zone === PLUS || zone === LETTER_Z) && likely < to && data[likely] === SPACE) return likely;
  return spaceAfter(data, from, to);
}

function spaceAfter(data: Buffer, from: number, to: number): number {
  let at = from;
  while (at < to && data[at] !== SPACE) at++;
  return at;
}

/** Turns raw lines of the file into what the reader sees. */
export class LogFilter {
  /** Used again and again: memory that was just written is quick to write. */
  private out: Buffer = Buffer.alloc(0);
  private used = 0;
  private left: number;
  /** What is written while the last lines are sent is not one of them, unless they are followed. */
  private linesLeft: number;
  private since: number | undefined;
  private lineBegins = true;
  constructor(private readonly query: LogQuery) {
    this.left = query.limitBytes ?? Number.POSITIVE_INFINITY;
    this.linesLeft = query.follow ? Number.POSITIVE_INFINITY : (query.tailLines ?? Number.POSITIVE_INFINITY);
    this.since = query.since;
  }

  get full(): boolean {
    return this.left <= 0 || this.linesLeft <= 0;
  }

  /** What the reader sees of the whole lines in `data` before `end`, in memory of its own. */
  pass(data: Buffer, end: number): Buffer {
    // Never longer than the lines themselves: each loses its head.
    if (this.out.length < end) this.out = Buffer.allocUnsafe(Math.max(end, OUT));
    this.used = 0;
    for (let at = 0; at < end && !this.full; ) {
      const newline = data.indexOf(NEWLINE, at);
      this.line(data, at, newline);
      at = newline + 1;
    }
    return Buffer.from(this.out.subarray(0, this.used));
  }

  private put(data: Buffer, from: number, to: number): void {
    const length = Math.min(to - from, this.left);
    if (length <= 0) return;
    data.copy(this.out, this.used, from, from + length);
    this.used += length;
    this.left -= length;
  }

  /** Conmon writes `+00:00` where Kubernetes writes `Z`. */
  private putTime(data: Buffer, from: number, to: number): void {
    const utc = to - from > OFFSET_LENGTH && data.compare(ZERO_OFFSET, 0, OFFSET_LENGTH, to - OFFSET_LENGTH, to) === 0;
    this.put(data, from, utc ? to - OFFSET_LENGTH : to);
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

  /** One line, from `from` to before `to`, which is its newline. */
  private line(data: Buffer, from: number, to: number): void {
    const a = timeEnd(data, from, to);
    const named = a + 1 + STREAM_LENGTH;
    const b = named < to && data[named] === SPACE ? named : spaceAfter(data, a + 1, to);
    if (b >= to) return;
    this.linesLeft--;
    const c = spaceAfter(data, b + 1, to);
    const wanted = this.query.stream;
    if (wanted !== undefined && (data[a + 4] === STDERR_E ? 'stderr' : 'stdout') !== wanted) return;
    if (this.tooOld(data, from, a)) return;
    if (this.query.timestamps && this.lineBegins) this.putTime(data, from, a);
    const partial = data[b + 1] === PARTIAL;
    const text = Math.min(c + 1, to);
    if (!partial && to > text && data[to - 1] === RETURN) {
      // Terminals end their lines so; a log does not.
      this.put(data, text, to - 1);
      this.put(data, to, to + 1);
    } else this.put(data, text, partial ? to : to + 1);
    this.lineBegins = !partial;
  }
}
