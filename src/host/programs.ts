// The one door to host programs: argument arrays, time-outs, output caps, and errors that say which program failed and why.
import { accessSync, constants } from 'node:fs';
import type { Socket } from 'node:net';
import { delimiter, join } from 'node:path';
import { systemClock, type Timer } from './clock.ts';
import { type Spawned, type Stdio, spawnProcess } from './spawn.ts';

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_OUTPUT_CAP = 16 * 1024 * 1024;
const ADMIN_DIRECTORIES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

export interface RunOptions {
  readonly stdin?: string | Uint8Array;
  /** 0: no limit. */
  readonly timeoutMs?: number;
  /** Bytes kept of each of stdout and stderr; the rest is read and dropped. */
  readonly outputCap?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  /** Once it has ended: how long children of it that hold its output open may be silent before they are no longer heard. 0: for ever. */
  readonly drainMs?: number;
  /** Resolve with the exit code instead of rejecting when it is not 0. */
  readonly allowFailure?: boolean;
}

export interface RunResult {
  readonly exitCode: number;
  readonly signal?: NodeJS.Signals;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** A host program that is missing, was killed by its time-out, or ended with an error. */
export class ProgramError extends Error {
  constructor(
    message: string,
    readonly program: string,
    readonly exitCode: number | undefined,
    readonly stderr: string,
    readonly reason: 'missing' | 'timeout' | 'aborted' | 'failed',
  ) {
    super(message);
    this.name = 'ProgramError';
  }
}

const found = new Map<string, string>();

/** The absolute path of a program, also where PATH lacks the administrators' directories; undefined when the host has none. */
export function findProgram(name: string): string | undefined {
  const known = found.get(name);
  if (known !== undefined) return known;
  const directories = [...(process.env.PATH ?? '').split(delimiter).filter((d) => d !== ''), ...ADMIN_DIRECTORIES];
  const candidates = name.includes('/') ? [name] : directories.map((d) => join(d, name));
  for (const path of candidates) {
    try {
      accessSync(path, constants.X_OK);
      found.set(name, path);
      return path;
    } catch {}
  }
  return undefined;
}

function programPath(name: string): string {
  const path = findProgram(name);
  if (path === undefined)
    throw new ProgramError(`${name}: program not found on this host`, name, undefined, '', 'missing');
  return path;
}

/** The first bytes of a stream up to a cap, and when it last said something. */
class Output {
  readonly #chunks: Buffer[] = [];
  #left: number;
  last = 0;
  readonly ended: Promise<void>;

  constructor(
    readonly stream: Socket | undefined,
    cap: number,
  ) {
    this.#left = cap;
    this.ended = new Promise((resolve) => {
      if (stream === undefined) return resolve();
      stream.on('data', (chunk: Buffer) => this.#push(chunk));
      stream.on('error', () => undefined); // what it said is kept; how the program ended is told by itself
      stream.once('close', () => resolve());
    });
  }

  #push(chunk: Buffer): void {
    this.last = performance.now();
    if (this.#left <= 0) return;
    const part = chunk.length > this.#left ? chunk.subarray(0, this.#left) : chunk;
    this.#left -= part.length;
    this.#chunks.push(part);
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

/**
 * Hears what a program's children still say after its end, until they have been silent for so long. Silence counts from the end: what the
 * program said last may lie in the pipe yet.
 */
function drain(outputs: readonly Output[], silenceMs: number, ended = performance.now()): void {
  const silent = performance.now() - Math.max(ended, ...outputs.map((o) => o.last));
  if (silent < silenceMs) setTimeout(() => drain(outputs, silenceMs, ended), silenceMs - silent);
  else for (const { stream } of outputs) stream?.destroy();
}

/** A program that runs, and its name in errors. */
class Running {
  readonly #child: Spawned;
  readonly #what: string;
  readonly #timer: Timer | undefined;
  readonly #options: RunOptions;
  #killed: 'timeout' | 'aborted' | undefined;
  readonly #abort = () => this.#kill('aborted');

  constructor(
    readonly name: string,
    readonly args: readonly string[],
    started: { readonly child: Spawned; readonly options: RunOptions },
  ) {
    this.#child = started.child;
    this.#options = started.options;
    this.#what = titleOf(name, args);
    const { signal, timeoutMs = DEFAULT_TIMEOUT_MS } = started.options;
    this.#timer = timeoutMs > 0 ? systemClock.setTimer(timeoutMs, () => this.#kill('timeout')) : undefined;
    signal?.addEventListener('abort', this.#abort, { once: true });
    if (signal?.aborted) this.#abort();
  }

  get stdio(): readonly (Socket | undefined)[] {
    return this.#child.stdio;
  }

  #kill(why: 'timeout' | 'aborted'): void {
    this.#killed = why;
    this.#child.kill('SIGKILL');
    // A grandchild may hold the pipes open: do not wait for it.
    for (const stream of this.#child.stdio) stream?.destroy();
  }

  /** Waits for what is wanted of it. Throws when it was killed instead, with what it said until then. */
  async until<T>(wanted: (child: Spawned) => Promise<T>, said: () => string = () => ''): Promise<T> {
    const result = await wanted(this.#child);
    this.#timer?.cancel();
    this.#options.signal?.removeEventListener('abort', this.#abort);
    if (this.#killed === undefined) return result;
    const how = this.#killed === 'timeout' ? `took longer than ${this.#options.timeoutMs} ms` : 'was called off';
    throw this.error(how, { stderr: said(), reason: this.#killed });
  }

  error(how: string, more: { readonly stderr: string; readonly reason: ProgramError['reason']; exitCode?: number }) {
    const text = more.stderr.trim() === '' ? how : `${how}: ${more.stderr.trim().slice(0, 2000)}`;
    return new ProgramError(`${this.#what}: ${text}`, this.name, more.exitCode, more.stderr, more.reason);
  }
}

function titleOf(name: string, args: readonly string[]): string {
  return `${[name, ...args.slice(0, 4)].join(' ')}${args.length > 4 ? ' …' : ''}`;
}

export interface StartOptions {
  readonly stdio: readonly Stdio[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** In a session of its own, so that it outlives this process. */
  readonly detached?: boolean;
}

/** Starts a program; the caller holds its streams and waits for its end. Rejects with a ProgramError when it cannot be started. */
export async function startProgram(name: string, args: readonly string[], options: StartOptions): Promise<Spawned> {
  const file = programPath(name);
  try {
    return await spawnProcess({ ...options, file, args });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ProgramError(`${titleOf(name, args)}: ${why}`, name, undefined, why, 'failed');
  }
}

type Streams = Pick<StartOptions, 'stdio' | 'detached'>;

async function start(name: string, args: readonly string[], how: Streams & { options: RunOptions }): Promise<Running> {
  const { options, ...streams } = how;
  const { env, cwd } = options;
  const place = { ...(env === undefined ? {} : { env }), ...(cwd === undefined ? {} : { cwd }) };
  const child = await startProgram(name, args, { ...streams, ...place });
  return new Running(name, args, { child, options: { timeoutMs: DEFAULT_TIMEOUT_MS, ...options } });
}

function feed(stdin: Socket | undefined, input: string | Uint8Array | undefined): void {
  if (stdin === undefined || input === undefined) return;
  stdin.on('error', () => undefined); // it ended before it had read all: its exit code tells
  stdin.end(input);
}

/** Runs a program to its end. Rejects with a ProgramError when it cannot be started, takes too long or fails. */
export async function runProgram(name: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { drainMs = 0, outputCap = DEFAULT_OUTPUT_CAP } = options;
  const stdio = [options.stdin === undefined ? 'ignore' : 'read', 'write', 'write'] as const;
  const running = await start(name, args, { stdio, options });
  const outputs = [new Output(running.stdio[1], outputCap), new Output(running.stdio[2], outputCap)] as const;
  feed(running.stdio[0], options.stdin);
  const said = () => outputs[1].bytes().toString('utf8');
  const { code, signal } = await running.until(async (child) => {
    const exit = await child.exited;
    if (drainMs > 0) drain(outputs, drainMs);
    await Promise.all(outputs.map((o) => o.ended));
    return exit;
  }, said);
  running.stdio[0]?.destroy();
  const exitCode = code ?? 128;
  if (exitCode !== 0 && options.allowFailure !== true) {
    const how = signal === undefined ? `exit code ${exitCode}` : `killed by ${signal}`;
    throw running.error(how, { stderr: said(), reason: 'failed', exitCode });
  }
  const [stdout, stderr] = outputs.map((o) => o.bytes()) as [Buffer, Buffer];
  return { exitCode, ...(signal === undefined ? {} : { signal }), stdout, stderr };
}

/**
 * Runs a program that hands its streams on to processes which outlive it: none of them is connected, and its end is all that is waited
 * for. Answers its exit code, 137 when it was killed.
 */
export async function runQuiet(name: string, args: readonly string[], options: RunOptions = {}): Promise<number> {
  const running = await start(name, args, { stdio: ['ignore', 'ignore', 'ignore'], detached: true, options });
  const exit = await running.until((child) => child.exited);
  return exit.code ?? 137;
}

function firstLine(stream: Socket | undefined): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const done = () => resolve(text);
    if (stream === undefined) return done();
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
      if (text.includes('\n')) stream.destroy();
    });
    stream.on('error', () => undefined); // as if it had ended
    stream.once('close', done);
  });
}

/**
 * Starts a program that leaves a child behind, in a session of its own, which says one line on descriptor 3 and lives on. Waits for the
 * line, and for the end of the program itself, which has done all that it does then. Answers what was said, which is nothing when the
 * child ended without a word.
 */
export async function runForLine(name: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const running = await start(name, args, { stdio: ['ignore', 'ignore', 'ignore', 'write'], detached: true, options });
  const [line] = await running.until((child) => Promise.all([firstLine(running.stdio[3]), child.exited]));
  return line;
}
