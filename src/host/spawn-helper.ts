// Starts programs from a process that lies in a cgroup of its own, and so does all that it starts.
import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ProgramError, type RunOptions, type RunResult, runProgram } from './programs.ts';
import type { Answer, Order, Ways } from './spawn-server.ts';
import { type Perform, performHere } from './tasks.ts';

/** Runs a program to its end; `runProgram` itself or a helper's `run`. */
export type RunProgram = (name: string, args: readonly string[], options?: RunOptions) => Promise<RunResult>;

/** It holds no more than one program's output at a time, and waits most of it. */
const FLAGS = ['--max-old-space-size=256', '--max-semi-space-size=1', '--v8-pool-size=0', '--no-warnings'];

/** The program as it was built beside this file, or as it is written there. */
function serverProgram(): string[] {
  const written = import.meta.url.endsWith('.ts');
  const file = fileURLToPath(new URL(written ? './spawn-server.ts' : './spawn-server.mjs', import.meta.url));
  if (!written) return [file];
  return ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href, file];
}

interface Waiting {
  readonly program: string;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

const lost = (program: string) =>
  new ProgramError('the process that starts programs ended', program, undefined, '', 'failed');

export class SpawnHelper {
  #child: ChildProcess | undefined;
  #serial = 0;
  readonly #waiting = new Map<number, Waiting>();
  readonly #onStart: (pid: number) => Promise<void>;
  #starting: Promise<ChildProcess> | undefined;
  #closed = false;

  /** `onStart` is called with the PID of each helper process before it starts anything, e.g. to move it into a cgroup. */
  constructor(onStart: (pid: number) => Promise<void>) {
    this.#onStart = onStart;
  }

  /** Starts the process; it is started again when it dies. */
  async start(): Promise<void> {
    await this.#ready();
  }

  #ready(): Promise<ChildProcess> {
    if (this.#closed) return Promise.reject(lost('node'));
    if (this.#child !== undefined) return Promise.resolve(this.#child);
    this.#starting ??= this.#spawn().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  async #spawn(): Promise<ChildProcess> {
    // Of a session of its own, so that a Ctrl-C for the parent does not end it first.
    const child = spawn(process.execPath, [...FLAGS, ...serverProgram()], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
      detached: true,
    });
    child.on('message', (answer: Answer) => this.#heard(answer));
    const failed = new Promise<never>((_resolve, reject) => {
      child.once('error', reject);
      child.once('exit', () => reject(lost('node')));
    });
    failed.catch(() => this.#ended(child));
    if (child.pid !== undefined) await Promise.race([this.#onStart(child.pid), failed]);
    else await failed;
    child.unref();
    child.channel?.unref();
    if (this.#closed) child.disconnect();
    else this.#child = child;
    return child;
  }

  #ended(child: ChildProcess): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    for (const [id, { program, reject }] of this.#waiting) {
      this.#waiting.delete(id);
      reject(lost(program));
    }
    if (!this.#closed) this.start().catch(() => undefined); // who needs it tries again, and is told
  }

  #heard(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#child?.channel?.unref();
    if (waiting === undefined) return;
    if ('result' in answer) {
      waiting.resolve(answer.result);
      return;
    }
    const { message, program, exitCode, stderr, reason } = answer.refused;
    waiting.reject(new ProgramError(message, program, exitCode, stderr, reason));
  }

  /** Hands an order on, and waits for its answer. `order` is told its number. */
  async #ask<R>(what: string, order: (id: number) => Order, signal?: AbortSignal): Promise<R> {
    const child = await this.#ready();
    this.#serial += 1;
    const id = this.#serial;
    const send = (message: Order) => child.send(message, () => undefined); // that it has died is told by its end
    const abort = () => send({ id, abort: true });
    try {
      return await new Promise<R>((resolve, reject) => {
        // The answer to this order.
        const told = (result: unknown) => resolve(result as R);
        this.#waiting.set(id, { program: what, resolve: told, reject });
        child.channel?.ref();
        send(order(id));
        signal?.addEventListener('abort', abort, { once: true });
        if (signal?.aborted) abort();
      });
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  #command<W extends keyof Ways>(way: W, command: readonly [string, readonly string[], RunOptions]): Promise<Ways[W]> {
    const [name, args, { signal, ...options }] = command;
    return this.#ask<Ways[W]>(name, (id) => ({ id, way, name, args, options }), signal);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** As runProgram; which it is once the helper is closed. */
  readonly run: RunProgram = (name, args, options = {}) =>
    this.#closed ? runProgram(name, args, options) : this.#command('collect', [name, args, options]);

  /** As runQuiet. */
  runQuiet(name: string, args: readonly string[], options: RunOptions = {}): Promise<number> {
    return this.#command('quiet', [name, args, options]);
  }

  /** As runForLine. */
  runForLine(name: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
    return this.#command('line', [name, args, options]);
  }

  /** Lets the helper do a task; which this process does once the helper is closed. */
  readonly perform: Perform = (task, input) =>
    this.#closed ? performHere(task, input) : this.#ask(task, (id) => ({ id, task, input }) as Order);

  close(): void {
    this.#closed = true;
    const child = this.#child;
    this.#child = undefined;
    if (child?.connected === true) child.disconnect();
  }
}
