// Attach: the container's input through conmon's socket, its output by following its log from now on.
import { type FileHandle, open, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Writable } from 'node:stream';
import { openMessageSocket } from '../../host/message-socket.ts';
import { watchDirectory } from '../../host/watch.ts';
import type { ExecResult, ExecStreams } from '../../machinery/streams.ts';
import type { Containers } from './containers.ts';
import type { RuntimeContext } from './context.ts';
import type { ContainerRecord } from './records.ts';

const CHUNK = 64 * 1024;
/** conmon reads no more of a message. */
const MESSAGE = 8192;

/** `<time> stdout|stderr P|F <text>`: a partial line has no newline of its own. */
export function parseLogLine(line: Buffer): { stream: 'stdout' | 'stderr'; text: Buffer } | undefined {
  const first = line.indexOf(0x20);
  const second = line.indexOf(0x20, first + 1);
  const third = line.indexOf(0x20, second + 1);
  if (first < 0 || second < 0 || third < 0) return undefined;
  const stream = line.toString('latin1', first + 1, second);
  if (stream !== 'stdout' && stream !== 'stderr') return undefined;
  const body = line.subarray(third + 1);
  const whole = line.toString('latin1', second + 1, third).startsWith('F');
  return { stream, text: whole ? Buffer.concat([body, Buffer.from('\n')]) : body };
}

async function writeAll(stream: Writable | undefined, data: Buffer, signal: AbortSignal): Promise<void> {
  if (stream === undefined || stream.destroyed || stream.write(data)) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      stream.off('drain', done);
      stream.off('close', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    stream.once('drain', done);
    stream.once('close', done);
    signal.addEventListener('abort', done, { once: true });
  });
}

interface FollowedStreams extends ExecStreams {
  /** Whoever is attached has said all and leaves. */
  readonly inputEnded: Promise<void>;
}

interface Input {
  readonly ended: Promise<void>;
  readonly stop: () => void;
}

/** Follows a log from a position; knows when the file was replaced. */
class LogFollower {
  #handle: FileHandle | undefined;
  #position: number;
  #rest = Buffer.alloc(0);
  readonly #path: string;

  constructor(path: string, position: number) {
    this.#path = path;
    this.#position = position;
  }

  async pump(streams: ExecStreams): Promise<void> {
    this.#handle ??= await open(this.#path, 'r');
    for (;;) {
      const buffer = Buffer.alloc(CHUNK);
      const { bytesRead } = await this.#handle.read(buffer, 0, CHUNK, this.#position);
      if (bytesRead === 0) break;
      this.#position += bytesRead;
      await this.#lines(Buffer.concat([this.#rest, buffer.subarray(0, bytesRead)]), streams);
    }
    const [mine, now] = await Promise.all([this.#handle.stat(), stat(this.#path).catch(() => undefined)]);
    if (now === undefined || now.ino === mine.ino) return;
    await this.#handle.close();
    this.#handle = undefined;
    this.#position = 0;
    await this.pump(streams);
  }

  async #lines(data: Buffer, streams: ExecStreams): Promise<void> {
    let begin = 0;
    for (let at = data.indexOf(0x0a); at >= 0; at = data.indexOf(0x0a, begin)) {
      const line = parseLogLine(data.subarray(begin, at));
      begin = at + 1;
      if (line === undefined) continue;
      await writeAll(
        line.stream === 'stdout' || streams.tty ? streams.stdout : streams.stderr,
        line.text,
        streams.signal,
      );
    }
    this.#rest = Buffer.from(data.subarray(begin));
  }

  async close(): Promise<void> {
    await this.#handle?.close();
  }
}

export class Attaches {
  readonly #context: RuntimeContext;
  readonly #containers: Containers;

  constructor(context: RuntimeContext, containers: Containers) {
    this.#context = context;
    this.#containers = containers;
  }

  /** Ends when the container does, or when the caller goes. */
  async attach(id: string, streams: ExecStreams): Promise<ExecResult> {
    const record = this.#containers.needRunning(id);
    const bundle = this.#containers.bundle(record);
    const size = await stat(record.logPath).then(
      (s) => s.size,
      () => 0,
    );
    const follower = new LogFollower(record.logPath, size);
    const stopResize = streams.onResize(({ width, height }) => {
      if (!record.config.tty || width <= 0 || height <= 0) return;
      this.#context.conmon
        .resize(bundle, width, height)
        .catch((e: unknown) => this.#context.log(`attach: ${String(e)}`));
    });
    let input: Input | undefined;
    try {
      input = this.#input(record, bundle, streams);
      await this.#follow(record, follower, { ...streams, inputEnded: input.ended });
    } finally {
      stopResize();
      input?.stop();
      await follower.close();
    }
    return { exitCode: this.#containers.records.get(id)?.exitCode ?? 0 };
  }

  async #follow(record: ContainerRecord, follower: LogFollower, streams: FollowedStreams): Promise<void> {
    let wake: () => void = () => undefined;
    let changed = false;
    const notify = () => {
      changed = true;
      wake();
    };
    const name = basename(record.logPath);
    const stop = watchDirectory(dirname(record.logPath), this.#context.clock, (n) => {
      if (n === undefined || n === name) notify();
    });
    let ended = false;
    const last = () => {
      ended = true;
      notify();
    };
    void this.#containers.waitExit(record.id, 2 ** 31 - 1).then(last);
    void streams.inputEnded.then(last);
    streams.signal.addEventListener('abort', notify);
    try {
      while (!streams.signal.aborted) {
        changed = false;
        const over = ended;
        await follower.pump(streams);
        if (over) break;
        if (!changed)
          await new Promise<void>((resolve) => {
            wake = resolve;
            if (changed) resolve();
          });
      }
    } finally {
      stop();
      streams.signal.removeEventListener('abort', notify);
    }
  }

  #input(record: ContainerRecord, bundle: string, streams: ExecStreams): Input {
    const { stdin } = streams;
    const never = new Promise<void>(() => undefined);
    if (stdin === undefined) return { ended: never, stop: () => undefined };
    if (!record.config.stdin) {
      stdin.resume();
      return { ended: never, stop: () => undefined };
    }
    const typed = openMessageSocket(join(bundle, 'attach'), MESSAGE);
    typed.on('error', () => stdin.resume()); // the container reads no more
    stdin.pipe(typed);
    // As with containerd: only whose input ends with the first one who types stays to hear the container out.
    const stays = record.config.stdinOnce && !record.config.tty;
    const delivered = new Promise<void>((resolve) => typed.once('finish', resolve));
    return {
      ended: stays ? never : delivered,
      stop: () => {
        stdin.unpipe(typed);
        typed.destroy();
      },
    };
  }
}
