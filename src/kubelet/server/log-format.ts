// The CRI log format: `<time> <stdout|stderr> <P|F> <text>` a line.
// https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
import { openLog } from './log-file.ts';

export interface LogLine {
  /** RFC 3339 with nanoseconds, as written. */
  readonly time: string;
  readonly stream: 'stdout' | 'stderr';
  /** With the newline that a full line ends in; a partial one (P) has none. */
  readonly data: Uint8Array;
}

const SPACE = 0x20;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const PARTIAL = 0x50;

/** One line without its newline; undefined when it is not in the format. */
export function parseLine(line: Buffer): LogLine | undefined {
  const a = line.indexOf(SPACE);
  const b = a < 0 ? -1 : line.indexOf(SPACE, a + 1);
  if (b < 0) return undefined;
  let c = line.indexOf(SPACE, b + 1);
  if (c < 0) c = line.length;
  const stream = line.toString('latin1', a + 1, b);
  if (stream !== 'stdout' && stream !== 'stderr') return undefined;
  const text = line.subarray(Math.min(c + 1, line.length));
  const full = text.at(-1) === RETURN ? text.subarray(0, -1) : text;
  const data = line[b + 1] === PARTIAL ? text : Buffer.concat([full, Buffer.of(NEWLINE)]);
  return { time: line.toString('latin1', 0, a), stream, data };
}

export interface TailLimits {
  /** Lines of the file, as the kubelet counts them. */
  readonly lines: number;
  readonly maxBytes: number;
}

/** Where the last `lines` lines begin. */
export async function tailOffset(file: string, limits: TailLimits): Promise<number> {
  const handle = await openLog(file);
  try {
    const { size } = await handle.stat();
    if (limits.lines <= 0) return size;
    const chunk = Buffer.alloc(64 * 1024);
    let end = size;
    let seen = 0;
    const floor = Math.max(0, size - limits.maxBytes);
    while (end > floor) {
      const start = Math.max(floor, end - chunk.length);
      const { bytesRead } = await handle.read(chunk, 0, end - start, start);
      for (let i = bytesRead - 1; i >= 0; i--) {
        if (chunk[i] !== NEWLINE || start + i === size - 1) continue;
        if (++seen >= limits.lines) return start + i + 1;
      }
      end = start;
    }
    return floor;
  } finally {
    await handle.close();
  }
}

export async function readTail(file: string, limits: TailLimits): Promise<LogLine[]> {
  const from = await tailOffset(file, limits);
  const handle = await openLog(file);
  try {
    const { size } = await handle.stat();
    const buffer = Buffer.alloc(Math.min(size - from, limits.maxBytes));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, from);
    const out: LogLine[] = [];
    let at = 0;
    while (at < bytesRead) {
      let end = buffer.indexOf(NEWLINE, at);
      if (end < 0 || end > bytesRead) end = bytesRead;
      const line = parseLine(buffer.subarray(at, end));
      if (line !== undefined) out.push(line);
      at = end + 1;
    }
    return out;
  } finally {
    await handle.close();
  }
}
