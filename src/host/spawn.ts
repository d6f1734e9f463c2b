// Starts programs without copying this process: `fork` copies its page tables (5 ms at 150 MB, 25 ms at 500 MB), posix_spawn shares them
// until the program runs.
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { cLibrary, inThread, opaque, SystemError } from './native.ts';

const O_RDWR = 2;
const O_CLOEXEC = 0o2_000_000;
const WNOHANG = 1;
// https://man7.org/linux/man-pages/man3/posix_spawn.3.html
const SETSIGDEF = 0x04;
const SETSIGMASK = 0x08;
const SETSID = 0x80;

/** What a descriptor of the program is: nothing, a pipe that it reads, a pipe that it writes, or one of ours. */
export type Stdio = 'ignore' | 'read' | 'write' | number;

export interface SpawnRequest {
  /** Absolute. */
  readonly file: string;
  readonly args: readonly string[];
  readonly stdio: readonly Stdio[];
  /** This process' own unless given. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** In a session of its own, so that it outlives this process. */
  readonly detached?: boolean;
}

export interface Exit {
  readonly code: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
}

export interface Spawned {
  readonly pid: number;
  /** Our ends of the pipes, at the places where they were asked for. */
  readonly stdio: readonly (Socket | undefined)[];
  readonly exited: Promise<Exit>;
  readonly kill: (signal: NodeJS.Signals) => void;
}

const running = new Map<number, (exit: Exit) => void>();
/** Programs whose end nobody here waits for: no zombie is to remain of them. */
const left = new Set<number>();
/** As long as a program runs that somebody waits for, this process does not end by itself. */
let alive: NodeJS.Timeout | undefined;
const FOREVER_MS = 2 ** 31 - 1;

const NAMES = new Map(Object.entries(constants.signals).map(([name, n]) => [n, name as NodeJS.Signals]));

/** https://man7.org/linux/man-pages/man2/wait.2.html : the low seven bits are the signal, the next byte is the exit code. */
function exitOf(status: number): Exit {
  const signal = status & 0x7f;
  return signal === 0
    ? { code: (status >> 8) & 0xff, signal: undefined }
    : { code: undefined, signal: NAMES.get(signal) ?? 'SIGKILL' };
}

/** Takes note of a child's end. Only our own are asked for: Node has children too. */
function reap(pid: number): void {
  const status = [0];
  const ended = cLibrary().wait(pid, status, WNOHANG);
  if (ended === 0) return;
  left.delete(pid);
  const told = running.get(pid);
  running.delete(pid);
  if (told !== undefined && running.size === 0) clearInterval(alive);
  // Somebody else has waited for it: how it ended is not known.
  told?.(ended === pid ? exitOf(status[0] ?? 0) : { code: undefined, signal: 'SIGKILL' });
}

let listening = false;

function listen(): void {
  if (listening) return;
  listening = true;
  process.on('SIGCHLD', () => {
    for (const pid of [...running.keys(), ...left]) reap(pid);
  });
}

const attributes = new Map<boolean, Buffer>();

/** No signal is blocked or ignored, whatever Node does with them. */
function attributesFor(detached: boolean): Buffer {
  const known = attributes.get(detached);
  if (known !== undefined) return known;
  const { attributes: calls } = cLibrary();
  const made = opaque();
  // All 64 of the kernel's: sigfillset leaves out two of the C library's own, which the program would ignore then, and its children too.
  const [all, none] = [opaque().fill(0xff), opaque()];
  calls.init(made);
  calls.flags(made, SETSIGDEF | SETSIGMASK | (detached ? SETSID : 0));
  calls.defaults(made, all);
  calls.mask(made, none);
  attributes.set(detached, made);
  return made;
}

/** Both ends of a new pipe: what is read, what is written. */
function pipe(): [number, number] {
  const ends = [0, 0];
  const { pipe: call, koffi } = cLibrary();
  if (call(ends, O_CLOEXEC) !== 0) throw new SystemError('pipe2', koffi.errno());
  return [ends[0] ?? 0, ends[1] ?? 0];
}

/** A pipe whose ends are above the descriptors that the program gets, lest one is written over before it is handed on. */
function pipeAbove(lowest: number): [number, number] {
  const ends = pipe();
  if (Math.min(...ends) >= lowest) return ends;
  try {
    return pipeAbove(lowest);
  } finally {
    ends.forEach(closeSync);
  }
}

interface Plumbing {
  /** The program's ends, which are closed here once it has them. */
  readonly theirs: number[];
  /** Our ends, by the program's descriptors. */
  readonly ours: Map<number, number>;
}

function plumb(actions: Buffer, stdio: readonly Stdio[], { theirs, ours }: Plumbing): void {
  const { actions: calls } = cLibrary();
  for (const [fd, what] of stdio.entries()) {
    if (what === 'ignore') calls.open(actions, fd, '/dev/null', O_RDWR, 0);
    else if (typeof what === 'number') calls.dup(actions, what, fd);
    else {
      const [readable, writable] = pipeAbove(stdio.length);
      const its = what === 'read' ? readable : writable;
      theirs.push(its);
      ours.set(fd, what === 'read' ? writable : readable);
      calls.dup(actions, its, fd);
    }
  }
}

function socketOf(fd: number | undefined, what: Stdio | undefined): Socket | undefined {
  if (fd === undefined) return undefined;
  const socket = new Socket({ fd, readable: what === 'write', writable: what === 'read' });
  // A pipe has no half to shut: its end is that it is closed.
  if (what === 'read') socket.once('finish', () => socket.destroy());
  return socket;
}

const environment = (env: Readonly<Record<string, string | undefined>>) =>
  Object.entries(env).map(([name, value]) => `${name}=${value ?? ''}`);

/** What posix_spawn is called with, and how to let go of it. */
function prepare(request: SpawnRequest, ends: Plumbing) {
  const { file, args, stdio, cwd } = request;
  const { actions: calls } = cLibrary();
  const actions = opaque();
  calls.init(actions);
  const release = () => {
    calls.destroy(actions);
    ends.theirs.forEach(closeSync);
  };
  try {
    plumb(actions, stdio, ends);
    if (cwd !== undefined) calls.chdir(actions, cwd);
    const pids = [0];
    const env = [...environment(request.env ?? process.env), null];
    const how = attributesFor(request.detached ?? false);
    return { pids, call: [pids, file, actions, how, [file, ...args, null], env] as const, release };
  } catch (error) {
    release();
    throw error;
  }
}

/** Answers the program's PID. */
async function start(request: SpawnRequest, ends: Plumbing): Promise<number> {
  try {
    const { pids, call, release } = prepare(request, ends);
    const failed = await inThread(cLibrary().spawn, ...call).finally(release);
    if (failed !== 0) throw new SystemError(`start ${request.file}`, failed);
    return pids[0] ?? 0;
  } catch (error) {
    for (const fd of ends.ours.values()) closeSync(fd);
    throw error;
  }
}

/**
 * Starts a program before anything else runs on this thread, so that it lies in the namespaces that the thread is in now. It outlives this
 * process and has no streams. Answers its PID; throws a SystemError.
 */
export function leaveBehind(request: Omit<SpawnRequest, 'stdio' | 'detached'>): number {
  listen();
  const stdio = ['ignore', 'ignore', 'ignore'] as const;
  const { pids, call, release } = prepare({ ...request, stdio, detached: true }, { theirs: [], ours: new Map() });
  const failed = cLibrary().spawn(...call);
  release();
  if (failed !== 0) throw new SystemError(`start ${request.file}`, failed);
  const pid = pids[0] ?? 0;
  left.add(pid);
  return pid;
}

/** Starts a program. Rejects with a SystemError when it cannot be started. */
export async function spawnProcess(request: SpawnRequest): Promise<Spawned> {
  listen();
  const { stdio } = request;
  const ends: Plumbing = { theirs: [], ours: new Map() };
  const pid = await start(request, ends);
  if (running.size === 0) alive = setInterval(() => undefined, FOREVER_MS);
  const exited = new Promise<Exit>((resolve) => running.set(pid, resolve));
  reap(pid); // it may have ended, and told so, before it was known here
  const kill = (signal: NodeJS.Signals) => {
    if (running.has(pid)) process.kill(pid, signal);
  };
  return { pid, stdio: stdio.map((what, fd) => socketOf(ends.ours.get(fd), what)), exited, kill };
}
