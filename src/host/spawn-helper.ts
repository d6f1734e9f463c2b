// Starts host programs from a small process of its own. To fork a large process is dear (its page tables are copied: 5 ms at 150 MB,
// 25 ms at 500 MB, and the event loop stands still meanwhile); to fork a small one is not.
import { type ChildProcess, spawn } from 'node:child_process';
import { findProgram, ProgramError, type RunOptions, type RunResult, runProgram } from './programs.ts';

/** Runs a program to its end; `runProgram` itself or a helper's `run`. */
export type RunProgram = (name: string, args: readonly string[], options?: RunOptions) => Promise<RunResult>;

/** What the helper process runs: plain JavaScript, handed over on its command line, so that no file must be found. */
const SOURCE = `
const { spawn } = require('node:child_process');
const running = new Map();
process.title = 'minke-spawn';
process.on('disconnect', () => process.exit(0));
function collect(stream, cap, state) {
  const chunks = []; let left = cap;
  if (stream) stream.on('data', (c) => { state.last = performance.now(); if (left > 0) { chunks.push(c.length > left ? c.subarray(0, left) : c); left -= c.length; } });
  return () => Buffer.concat(chunks).toString('base64');
}
function answer(message) { if (process.connected) process.send(message, () => undefined); }
function run(m) {
  const stdio = m.mode === 'collect' ? [m.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe']
    : m.mode === 'sync' ? ['ignore', 'ignore', 'ignore', 'pipe'] : 'ignore';
  const child = spawn(m.file, m.args, { stdio, env: m.env, cwd: m.cwd, detached: m.mode !== 'collect' });
  let killed; let done = false;
  const finish = (message) => { if (done) return; done = true; clearTimeout(timer); running.delete(m.id); answer({ id: m.id, ...message }); };
  const kill = (why) => { killed = why; child.kill('SIGKILL'); for (const s of child.stdio) if (s) s.destroy(); };
  const timer = m.timeoutMs > 0 ? setTimeout(kill, m.timeoutMs, 'timeout') : undefined;
  running.set(m.id, kill);
  child.once('error', (e) => finish({ error: e.message }));
  if (m.mode === 'sync') {
    let text = '';
    child.stdio[3].on('data', (c) => { text += c; if (text.includes('\\n')) { finish({ code: 0, line: text }); child.stdio[3].destroy(); } });
    child.stdio[3].on('error', () => undefined);
    child.stdio[3].on('close', () => finish({ code: 0, line: text, killed }));
    return;
  }
  const state = { last: 0 };
  const out = collect(child.stdout, m.cap, state), err = collect(child.stderr, m.cap, state);
  const drain = () => {
    const silent = performance.now() - state.last;
    if (silent < m.drainMs) setTimeout(drain, m.drainMs - silent); else for (const s of [child.stdout, child.stderr]) if (s) s.destroy();
  };
  if (m.drainMs > 0) child.once('exit', () => { state.last = performance.now(); drain(); });
  child.once(m.mode === 'quiet' ? 'exit' : 'close', (code, signal) => finish({ code, signal, out: out(), err: err(), killed }));
  if (m.stdin !== undefined) { child.stdin.on('error', () => undefined); child.stdin.end(Buffer.from(m.stdin, 'base64')); }
}
process.on('message', (m) => { if (m.kill !== undefined) { const kill = running.get(m.kill); if (kill) kill('aborted'); } else run(m); });
`;

interface Answer {
  readonly id: number;
  readonly code?: number | null;
  readonly signal?: NodeJS.Signals | null;
  readonly out?: string;
  readonly err?: string;
  readonly line?: string;
  readonly killed?: 'timeout' | 'aborted';
  readonly error?: string;
}

interface Request {
  readonly name: string;
  readonly args: readonly string[];
  readonly mode: 'collect' | 'quiet' | 'sync';
  readonly options: RunOptions;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_OUTPUT_CAP = 16 * 1024 * 1024;

function isAnswer(message: unknown): message is Answer {
  return typeof message === 'object' && message !== null && 'id' in message && typeof message.id === 'number';
}

export class SpawnHelper {
  #child: ChildProcess | undefined;
  #serial = 0;
  readonly #waiting = new Map<number, { resolve: (a: Answer) => void; reject: (e: Error) => void }>();
  readonly #onStart: (pid: number) => Promise<void>;
  #starting: Promise<void> | undefined;
  #closed = false;

  /** `onStart` is called with the PID of each helper process before it starts anything, e.g. to move it into a cgroup. */
  constructor(onStart: (pid: number) => Promise<void>) {
    this.#onStart = onStart;
  }

  /** Starts the process; it is started again when it dies. */
  start(): Promise<void> {
    if (this.#closed || this.#child !== undefined) return Promise.resolve();
    this.#starting ??= this.#spawn().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  async #spawn(): Promise<void> {
    const flags = ['--max-old-space-size=256', '--max-semi-space-size=1', '--v8-pool-size=0', '--no-warnings'];
    // Of a session of its own, so that a Ctrl-C for the parent does not end it first.
    const child = spawn(process.execPath, [...flags, '-e', SOURCE], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      detached: true,
    });
    child.on('message', (message) => {
      if (!isAnswer(message)) return;
      this.#waiting.get(message.id)?.resolve(message);
      this.#waiting.delete(message.id);
    });
    const lost = () => {
      if (this.#child === child) this.#child = undefined;
      for (const [id, { reject }] of this.#waiting) {
        this.#waiting.delete(id);
        reject(new ProgramError('the process that starts programs ended', 'node', undefined, '', 'failed'));
      }
      if (!this.#closed) this.start().catch(() => undefined); // without it programs are started directly
    };
    child.once('exit', lost);
    child.once('error', lost);
    if (child.pid === undefined) return;
    await this.#onStart(child.pid);
    child.unref();
    child.channel?.unref();
    if (this.#closed) child.disconnect();
    else this.#child = child;
  }

  #ask(child: ChildProcess, request: Request): Promise<Answer> {
    const { name, args, mode, options } = request;
    const file = findProgram(name);
    if (file === undefined)
      return Promise.reject(
        new ProgramError(`${name}: program not found on this host`, name, undefined, '', 'missing'),
      );
    this.#serial += 1;
    const id = this.#serial;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      child.channel?.ref();
      const stdin = options.stdin === undefined ? undefined : Buffer.from(options.stdin).toString('base64');
      const { env, cwd, drainMs } = options;
      const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
      child.send({
        id,
        file,
        args,
        mode,
        stdin,
        env,
        cwd,
        drainMs,
        timeoutMs,
        cap: options.outputCap ?? DEFAULT_OUTPUT_CAP,
      });
      options.signal?.addEventListener('abort', () => child.send({ kill: id }), { once: true });
    }).then((value) => {
      if (this.#waiting.size === 0) child.channel?.unref();
      return value as Answer;
    });
  }

  async #run(request: Request): Promise<Answer> {
    const child = this.#child;
    if (child === undefined) throw new ProgramError('no helper', request.name, undefined, '', 'failed');
    const answer = await this.#ask(child, request);
    const { name, args, options } = request;
    const what = `${[name, ...args.slice(0, 4)].join(' ')}${args.length > 4 ? ' …' : ''}`;
    if (answer.error !== undefined) throw new ProgramError(`${what}: ${answer.error}`, name, undefined, '', 'failed');
    const said = Buffer.from(answer.err ?? '', 'base64').toString('utf8');
    const suffix = said.trim() === '' ? '' : `: ${said.trim().slice(0, 2000)}`;
    if (answer.killed !== undefined) {
      const how = answer.killed === 'timeout' ? 'took too long' : 'was called off';
      throw new ProgramError(`${what}: ${how}${suffix}`, name, undefined, said, answer.killed);
    }
    if (answer.code !== 0 && options.allowFailure !== true) {
      const how = answer.signal == null ? `exit code ${answer.code}` : `killed by ${answer.signal}`;
      throw new ProgramError(`${what}: ${how}${suffix}`, name, answer.code ?? undefined, said, 'failed');
    }
    return answer;
  }

  get ready(): boolean {
    return this.#child !== undefined;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** As runProgram; without a helper process it is runProgram. */
  readonly run: RunProgram = async (name, args, options = {}) => {
    if (this.#child === undefined || options.signal?.aborted) return runProgram(name, args, options);
    const answer = await this.#run({ name, args, mode: 'collect', options });
    return {
      exitCode: answer.code ?? 128,
      ...(answer.signal == null ? {} : { signal: answer.signal }),
      stdout: Buffer.from(answer.out ?? '', 'base64'),
      stderr: Buffer.from(answer.err ?? '', 'base64'),
    };
  };

  /** Runs a program that hands its streams on to processes which outlive it: none of them is connected. Answers its exit code. */
  async runQuiet(name: string, args: readonly string[], options: RunOptions): Promise<number> {
    const answer = await this.#run({ name, args, mode: 'quiet', options: { ...options, allowFailure: true } });
    return answer.code ?? 137;
  }

  /** Starts a program that says one line on descriptor 3 and then lives on by itself. */
  async runForLine(name: string, args: readonly string[], options: RunOptions): Promise<string> {
    const answer = await this.#run({ name, args, mode: 'sync', options: { ...options, allowFailure: true } });
    return answer.line ?? '';
  }

  close(): void {
    this.#closed = true;
    const child = this.#child;
    this.#child = undefined;
    if (child?.connected === true) child.disconnect();
  }
}
