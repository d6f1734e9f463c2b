// Commands run inside containers: to their end with collected output, or with the caller's streams, with or without a terminal.
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readFile, rm, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { spawn as spawnPty } from '@lydell/node-pty';
import { startProgram } from '../../host/programs.ts';
import type { Stdio } from '../../host/spawn.ts';
import type { ExecResult, ExecStreams, TerminalSize } from '../../machinery/streams.ts';
import { type ExecSyncResult, RuntimeError } from '../port.ts';
import type { Containers } from './containers.ts';
import type { RuntimeContext } from './context.ts';
import { execFailure } from './errors.ts';
import { processTree, signalProcess } from './processes.ts';
import type { ContainerRecord } from './records.ts';

/** As containerd's. */
const OUTPUT_CAP = 16 * 1024 * 1024;
/** How long output may still come from children that keep the pipes open after the command has ended. */
const DRAIN_IDLE_MS = 100;
/** How long after its time-out a killed command may take to be gone. */
const KILL_MARGIN_MS = 2000;

interface Session {
  readonly log: string;
  readonly pidFile: string;
  readonly processFile: string;
  readonly args: string[];
}

let serial = 0;

const heard = (to: Writable | undefined): Stdio => (to === undefined ? 'ignore' : 'write');

/** Hands on what a command says. Resolves when it says no more. */
function carry(from: Socket | undefined, to: Writable | undefined, said: () => void): Promise<void> {
  if (from === undefined || to === undefined) return Promise.resolve();
  from.on('data', said);
  to.on('error', () => from.resume());
  from.pipe(to, { end: false });
  return new Promise((resolve) => {
    from.on('error', () => undefined); // as if it had ended
    from.once('close', () => resolve());
  });
}

export class Execs {
  readonly #context: RuntimeContext;
  readonly #containers: Containers;

  constructor(context: RuntimeContext, containers: Containers) {
    this.#context = context;
    this.#containers = containers;
  }

  async #session(id: string, command: readonly string[], tty: boolean): Promise<Session> {
    const record = this.#containers.needRunning(id);
    if (command.length === 0) throw new RuntimeError('internal', 'no command given');
    this.#context.expectProcess();
    serial += 1;
    const base = join(this.#context.runDirectory, 'exec', `${process.pid}.${serial}`);
    const files = { log: `${base}.log`, pidFile: `${base}.pid`, processFile: `${base}.json` };
    // As the container's own process: without it crun takes root for the user.
    const spec = { ...(await this.#process(record)), args: command, terminal: tty };
    await writeFile(files.processFile, JSON.stringify(spec), { mode: 0o600 });
    return { ...files, args: this.#context.oci.execArgs(record.id, files) };
  }

  /** The `process` of the container's bundle. */
  async #process(record: ContainerRecord): Promise<object> {
    const bundle: unknown = JSON.parse(await readFile(join(this.#containers.bundle(record), 'config.json'), 'utf8'));
    if (typeof bundle === 'object' && bundle !== null && 'process' in bundle && typeof bundle.process === 'object')
      return bundle.process ?? {};
    throw new RuntimeError('internal', `container ${record.id} has no process in its bundle`);
  }

  async #end(session: Session): Promise<void> {
    await Promise.all([session.log, session.pidFile, session.processFile].map((path) => rm(path, { force: true })));
  }

  /** Throws when the runtime, not the command, failed: its own words are in its log and nowhere else. */
  async #check(session: Session, exitCode: number): Promise<void> {
    if (exitCode === 0) return;
    const message = await this.#context.oci.logMessage(session.log);
    if (message !== undefined)
      throw new RuntimeError('internal', execFailure(randomBytes(32).toString('hex'), message));
  }

  /**
   * Kills the command and all it started. The runtime's own process reaps the command and ends by itself: killed too, it would leave a
   * zombie to whoever is the machine's first process, and a container with a zombie in it does not end.
   */
  async #kill(session: Session, runtimePid: number | undefined): Promise<void> {
    const pid = Number(await readFile(session.pidFile, 'utf8').catch(() => '0'));
    if (pid > 1) for (const one of processTree(pid)) signalProcess(one, 'SIGKILL');
    else if (runtimePid !== undefined) signalProcess(runtimePid, 'SIGKILL');
  }

  async sync(id: string, command: readonly string[], timeoutMs: number): Promise<ExecSyncResult> {
    const session = await this.#session(id, command, false);
    try {
      const result = await this.#collect(session, timeoutMs, command);
      await this.#check(session, result.exitCode);
      return result;
    } finally {
      await this.#end(session);
    }
  }

  async #collect(session: Session, timeoutMs: number, command: readonly string[]): Promise<ExecSyncResult> {
    const { helper, oci, clock } = this.#context;
    let late = false;
    const timer =
      timeoutMs > 0
        ? clock.setTimer(timeoutMs, () => {
            late = true;
            this.#kill(session, undefined).catch((error: unknown) => this.#context.log(`exec: ${String(error)}`));
          })
        : undefined;
    const limits = {
      timeoutMs: timeoutMs > 0 ? timeoutMs + KILL_MARGIN_MS : 0,
      outputCap: OUTPUT_CAP,
      drainMs: DRAIN_IDLE_MS,
    };
    try {
      const result = await helper.run(oci.path, session.args, { ...limits, env: oci.env, allowFailure: true });
      if (!late) return result;
    } catch (error) {
      if (!late) throw error;
    } finally {
      timer?.cancel();
    }
    const text = `command ${JSON.stringify(command.join(' '))} timed out`;
    throw new RuntimeError('deadline', `failed to exec in container: timeout ${timeoutMs / 1000}s exceeded: ${text}`);
  }

  async stream(id: string, command: readonly string[], streams: ExecStreams): Promise<ExecResult> {
    const session = await this.#session(id, command, streams.tty);
    try {
      const exitCode = await (streams.tty ? this.#terminal(session, streams) : this.#pipes(session, streams));
      await this.#check(session, exitCode);
      return { exitCode };
    } finally {
      await this.#end(session);
    }
  }

  async #pipes(session: Session, streams: ExecStreams): Promise<number> {
    const { stdin, stdout, stderr, signal } = streams;
    const { oci, clock } = this.#context;
    const child = await startProgram(oci.path, session.args, {
      env: oci.env,
      stdio: [stdin === undefined ? 'ignore' : 'read', ...[stdout, stderr].map(heard)],
    });
    const [input, ...outputs] = child.stdio;
    if (stdin !== undefined && input !== undefined) {
      input.on('error', () => undefined); // the command reads no more
      stdin.pipe(input);
    }
    let last = 0;
    const ended = outputs.map((from, i) =>
      carry(from, [stdout, stderr][i], () => {
        last = clock.now();
      }),
    );
    const abort = () => {
      void this.#kill(session, child.pid);
    };
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    const { code } = await child.exited;
    last = clock.now();
    if (input !== undefined) stdin?.unpipe(input);
    input?.destroy();
    const blocked = () => stdout?.writableNeedDrain === true || stderr?.writableNeedDrain === true;
    const drain = () => {
      if (signal.aborted || (!blocked() && clock.now() - last >= DRAIN_IDLE_MS))
        for (const from of outputs) from?.destroy();
      else clock.setTimer(DRAIN_IDLE_MS, drain);
    };
    const timer = clock.setTimer(DRAIN_IDLE_MS, drain);
    await Promise.all(ended);
    timer.cancel();
    signal.removeEventListener('abort', abort);
    return code ?? 137;
  }

  /** crun hands a change of its own terminal's size on as a signal only; the inner terminal gets its size here. */
  async #resize(session: Session, size: TerminalSize): Promise<void> {
    for (let attempt = 0; attempt < 50; attempt += 1) {
      const pid = Number(await readFile(session.pidFile, 'utf8').catch(() => '0'));
      const terminal =
        pid > 1
          ? await open(`/proc/${pid}/fd/0`, constants.O_RDWR | constants.O_NOCTTY).catch(() => undefined)
          : undefined;
      if (terminal === undefined) {
        await this.#context.clock.sleep(10);
        continue;
      }
      try {
        const args = ['rows', String(size.height), 'cols', String(size.width)];
        const child = await startProgram('stty', args, { stdio: [terminal.fd, 'ignore', 'ignore'] });
        await child.exited;
        return;
      } finally {
        await terminal.close();
      }
    }
  }

  #terminal(session: Session, streams: ExecStreams): Promise<number> {
    return new Promise((resolve) => {
      const { stdin, stdout, signal } = streams;
      const { oci } = this.#context;
      const pty = spawnPty(oci.path, session.args, { encoding: null, cols: 80, rows: 24, env: { ...oci.env } });
      let size = { width: 80, height: 24 };
      let resizing: Promise<void> = Promise.resolve();
      const stopResize = streams.onResize(({ width, height }) => {
        if (width <= 0 || height <= 0) return;
        pty.resize(width, height);
        size = { width, height };
        resizing = resizing
          .then(() => this.#resize(session, size))
          .catch((e: unknown) => this.#context.log(`exec: ${String(e)}`));
      });
      const decoder = new StringDecoder('utf8');
      const onInput = (chunk: Buffer) => pty.write(decoder.write(chunk));
      stdin?.on('data', onInput);
      // In a terminal the end of the input is a character.
      const onInputEnd = () => pty.write('\u0004');
      stdin?.once('end', onInputEnd);
      const onDrain = () => pty.resume();
      stdout?.on('drain', onDrain);
      stdout?.on('error', () => undefined); // the caller has gone: `signal` tells
      pty.onData((data: string | Uint8Array) => {
        if (stdout?.write(data) === false) pty.pause();
      });
      const abort = () => {
        void this.#kill(session, pty.pid);
      };
      signal.addEventListener('abort', abort, { once: true });
      pty.onExit(({ exitCode }) => {
        signal.removeEventListener('abort', abort);
        stopResize();
        stdin?.off('data', onInput);
        stdin?.off('end', onInputEnd);
        stdout?.off('drain', onDrain);
        if (stdin instanceof Readable) stdin.pause();
        resolve(exitCode);
      });
    });
  }
}
