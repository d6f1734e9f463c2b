// The one door to host programs: argument arrays, time-outs, output caps, and errors that say which program failed and why.
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

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

/** Keeps the first bytes of a stream up to a cap. */
class Capped {
  readonly #chunks: Buffer[] = [];
  #left: number;
  constructor(cap: number) {
    this.#left = cap;
  }
  push(chunk: Buffer): void {
    if (this.#left <= 0) return;
    const part = chunk.length > this.#left ? chunk.subarray(0, this.#left) : chunk;
    this.#left -= part.length;
    this.#chunks.push(part);
  }
  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

function describe(name: string, args: readonly string[], how: string, stderr: Buffer): string {
  const said = stderr.toString('utf8').trim();
  const what = [name, ...args.slice(0, 4)].join(' ');
  return `${what}${args.length > 4 ? ' …' : ''}: ${how}${said === '' ? '' : `: ${said.slice(0, 2000)}`}`;
}

/** Runs a program to its end. Rejects with a ProgramError when it cannot be started, takes too long or fails. */
export function runProgram(name: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const path = programPath(name);
    const cap = options.outputCap ?? DEFAULT_OUTPUT_CAP;
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const child = spawn(path, [...args], {
      stdio: [options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      ...(options.env === undefined ? {} : { env: { ...options.env } }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    const stdout = new Capped(cap);
    const stderr = new Capped(cap);
    let last = 0;
    const keep = (into: Capped) => (chunk: Buffer) => {
      last = performance.now();
      into.push(chunk);
    };
    child.stdout?.on('data', keep(stdout));
    child.stderr?.on('data', keep(stderr));
    const { drainMs = 0 } = options;
    const drain = () => {
      const silent = performance.now() - last;
      if (silent < drainMs) setTimeout(drain, drainMs - silent);
      else for (const stream of [child.stdout, child.stderr]) stream?.destroy();
    };
    if (drainMs > 0)
      child.once('exit', () => {
        last = performance.now();
        drain();
      });
    let killed: 'timeout' | 'aborted' | undefined;
    const kill = (why: 'timeout' | 'aborted') => {
      killed = why;
      child.kill('SIGKILL');
      // A grandchild may hold the pipes open: do not wait for it.
      child.stdout?.destroy();
      child.stderr?.destroy();
    };
    const timer = timeoutMs > 0 ? setTimeout(() => kill('timeout'), timeoutMs) : undefined;
    const onAbort = () => kill('aborted');
    options.signal?.addEventListener('abort', onAbort, { once: true });
    if (options.signal?.aborted) onAbort();
    const settle = () => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
    };
    child.on('error', (error) => {
      settle();
      reject(
        new ProgramError(
          describe(name, args, error.message, Buffer.alloc(0)),
          name,
          undefined,
          error.message,
          'failed',
        ),
      );
    });
    child.on('close', (code, signal) => {
      settle();
      const result: RunResult = {
        exitCode: code ?? 128,
        ...(signal === null ? {} : { signal }),
        stdout: stdout.bytes(),
        stderr: stderr.bytes(),
      };
      const said = result.stderr.toString('utf8');
      if (killed !== undefined) {
        const how = killed === 'timeout' ? `took longer than ${timeoutMs} ms` : 'was called off';
        reject(new ProgramError(describe(name, args, how, result.stderr), name, undefined, said, killed));
      } else if (result.exitCode !== 0 && options.allowFailure !== true) {
        const how = signal === null ? `exit code ${result.exitCode}` : `killed by ${signal}`;
        reject(new ProgramError(describe(name, args, how, result.stderr), name, result.exitCode, said, 'failed'));
      } else resolve(result);
    });
    if (options.stdin !== undefined && child.stdin !== null) {
      child.stdin.on('error', () => undefined); // It ended before it had read all: its exit code tells.
      child.stdin.end(options.stdin);
    }
  });
}

export interface StartOptions {
  readonly stdio: StdioOptions;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** In a session of its own, so that it outlives this process. */
  readonly detached?: boolean;
}

/** Starts a long-lived program; the caller holds its streams and waits for its end. */
export function startProgram(name: string, args: readonly string[], options: StartOptions): ChildProcess {
  return spawn(programPath(name), [...args], {
    stdio: options.stdio,
    detached: options.detached ?? false,
    ...(options.env === undefined ? {} : { env: { ...options.env } }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
}
