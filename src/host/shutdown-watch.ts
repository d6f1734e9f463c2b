// Hears from systemd-logind that the host is about to shut down, and has it wait until the work that this sets off is done.
// https://systemd.io/INHIBITOR_LOCKS/ and https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { findProgram, runProgram } from './programs.ts';

export interface ShutdownWatchOptions {
  /** The host is about to go down; it waits until this resolves, but no longer than `limitMs`. */
  readonly onShutdown: (limitMs: number) => Promise<void>;
  /** The shutdown was called off. */
  readonly onCancel: () => Promise<void>;
  readonly log: (message: string) => void;
  /** There when systemd runs. */
  readonly bootedPath?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface ShutdownWatch {
  /** How long logind waits at most. */
  readonly limitMs: number;
  close(): void;
}

const LOGIN = ['org.freedesktop.login1', '/org/freedesktop/login1', 'org.freedesktop.login1.Manager'] as const;
const PROGRAMS = ['systemd-inhibit', 'busctl', 'setpriv', 'cat'];
/** What logind waits when nobody has told it otherwise. */
const DEFAULT_LIMIT_MS = 5_000;
const BOOTED = '/run/systemd/system';

/** True when systemd is what starts and stops this host. */
export function runsSystemd(path = BOOTED): boolean {
  return existsSync(path);
}

/** Programs that the watch needs and this host lacks. */
export function missingForShutdown(): readonly string[] {
  return PROGRAMS.filter((name) => findProgram(name) === undefined);
}

function fieldsOf(line: string): { readonly member?: unknown; readonly data?: unknown } {
  try {
    const message = JSON.parse(line) as { member?: unknown; payload?: { data?: unknown }; data?: unknown };
    return { member: message.member, data: message.payload?.data ?? message.data };
  } catch {
    return {}; // busctl says other things too
  }
}

/** A line of `busctl monitor`: true when the host is about to shut down, false when that was called off. */
export function prepareForShutdown(line: string): boolean | undefined {
  const { member, data } = fieldsOf(line);
  const value: unknown = Array.isArray(data) ? data[0] : undefined;
  return member === 'PrepareForShutdown' && typeof value === 'boolean' ? value : undefined;
}

/** An answer of `busctl get-property` in microseconds. */
export function delayLimit(answer: string): number {
  const { data } = fieldsOf(answer);
  return typeof data === 'number' && data > 0 ? data / 1000 : DEFAULT_LIMIT_MS;
}

class LogindWatch implements ShutdownWatch {
  private lock: ChildProcess | undefined;
  private monitor: ChildProcess | undefined;
  private closed = false;

  constructor(
    readonly limitMs: number,
    private readonly options: ShutdownWatchOptions,
  ) {}

  start(): void {
    this.hold();
    const match = `type='signal',interface='${LOGIN[2]}',member='PrepareForShutdown'`;
    // It ends with this program, however that ends.
    const args = ['--pdeathsig', 'KILL', 'busctl', '--system', '--json=short', 'monitor', `--match=${match}`];
    const monitor = this.child('setpriv', args, ['ignore', 'pipe', 'ignore']);
    this.monitor = monitor;
    if (monitor.stdout !== null) createInterface({ input: monitor.stdout }).on('line', (line) => this.hear(line));
  }

  private child(name: string, args: readonly string[], stdio: ('ignore' | 'pipe')[]): ChildProcess {
    const { env } = this.options;
    const child = spawn(findProgram(name) ?? name, args, { stdio, ...(env === undefined ? {} : { env }) });
    const gone = (why: string): void => {
      if (this.closed || (child !== this.lock && child !== this.monitor)) return;
      this.options.log(`${name} ${why}: pods are not told of a shutdown of the host`);
      this.close();
    };
    child.once('error', (error) => gone(error.message));
    child.once('exit', (code) => gone(`ended with ${code ?? 'a signal'}`));
    return child;
  }

  /** The lock is held as long as `cat` has something to read from: it goes when this program goes. */
  private hold(): void {
    const why = '--why=pods are being ended in order';
    const args = ['--what=shutdown', '--mode=delay', '--who=minke', why, 'cat'];
    const lock = this.child('systemd-inhibit', args, ['pipe', 'ignore', 'ignore']);
    lock.stdin?.on('error', () => undefined);
    this.lock = lock;
  }

  private release(): void {
    const { lock } = this;
    this.lock = undefined;
    lock?.stdin?.end();
  }

  private hear(line: string): void {
    const begins = prepareForShutdown(line);
    if (begins === undefined || this.closed) return;
    const work = begins ? this.options.onShutdown(this.limitMs) : this.options.onCancel();
    work
      .catch((error: unknown) => this.options.log(`shutdown of the host: ${String(error)}`))
      .finally(() => {
        if (begins) this.release();
        else if (this.lock === undefined && !this.closed) this.hold();
      })
      .catch(() => undefined);
  }

  close(): void {
    this.closed = true;
    this.release();
    this.monitor?.kill('SIGTERM');
  }
}

/** Undefined where no systemd runs or a program is missing: then nothing is watched, and nothing said. */
export async function watchShutdown(options: ShutdownWatchOptions): Promise<ShutdownWatch | undefined> {
  if (!runsSystemd(options.bootedPath) || missingForShutdown().length > 0) return undefined;
  const env = options.env === undefined ? {} : { env: options.env };
  const args = ['--system', '--json=short', 'get-property', ...LOGIN, 'InhibitDelayMaxUSec'];
  const asked = await runProgram('busctl', args, { ...env, timeoutMs: 5_000, allowFailure: true }).catch(
    () => undefined,
  );
  const watch = new LogindWatch(delayLimit(asked?.stdout.toString() ?? ''), options);
  watch.start();
  return watch;
}
