// The server as a process of its own: started detached, found by its pid file, told to stop by signal.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { type ClusterConfig, type ClusterPaths, clusterPaths } from '../config.ts';
import { callControl } from '../control.ts';
import { makeDataDirectory, writeFileAtomicSync } from '../files.ts';
import { UserError } from './command.ts';

/** What a starting server tells, one JSON object a line. */
export type ProgressLine =
  | { readonly step: string }
  | { readonly ready: true }
  | { readonly failed: string; readonly hint?: string };

const INTERRUPTS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface PidRecord {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: tells this process from a later one with the same number. */
  readonly startTime: string;
  readonly config: ClusterConfig;
}

/** When the process began, in the kernel's ticks; undefined when there is no such process. */
export function processStartTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z') return undefined;
    return fields[19];
  } catch {
    return undefined;
  }
}

export function writePidFile(config: ClusterConfig): void {
  const record: PidRecord = { pid: process.pid, startTime: processStartTime(process.pid) ?? '', config };
  writeFileAtomicSync(clusterPaths(config.dataDir).pidFile, `${JSON.stringify(record)}\n`, 0o644);
}

/** The running server of a data directory, if there is one. */
export function runningServer(paths: ClusterPaths): PidRecord | undefined {
  if (!existsSync(paths.pidFile)) return undefined;
  try {
    const record: PidRecord = JSON.parse(readFileSync(paths.pidFile, 'utf8'));
    return processStartTime(record.pid) === record.startTime ? record : undefined;
  } catch {
    return undefined;
  }
}

/** The running server once it answers; undefined when there is none, or when it was on its way out and has gone. */
export async function answeringServer(paths: ClusterPaths, patienceMs = 15_000): Promise<PidRecord | undefined> {
  for (const end = Date.now() + patienceMs; ; ) {
    const running = runningServer(paths);
    if (running === undefined) return undefined;
    const answers = await callControl(paths.controlSocket, { method: 'GET', path: '/status', timeoutMs: 2000 }).then(
      () => true,
      () => false,
    );
    if (answers) return running;
    if (Date.now() > end) {
      throw new UserError(`the server (pid ${running.pid}) does not answer`, `minke down ends it; see ${paths.log}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/**
 * A server of this directory that has no pid file: it is starting still, or somebody has removed the directory under it.
 * Found by its arguments, which name the directory.
 */
export function strayServer(paths: ClusterPaths): PidRecord | undefined {
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const config = servedConfig(pid);
    const startTime = config?.dataDir === paths.root ? processStartTime(pid) : undefined;
    if (config !== undefined && startTime !== undefined) return { pid, startTime, config };
  }
  return undefined;
}

function servedConfig(pid: number): ClusterConfig | undefined {
  try {
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    const at = args.indexOf('serve');
    if (at < 0 || args[at + 1] !== '--config') return undefined;
    return JSON.parse(args[at + 2] ?? '') as ClusterConfig;
  } catch {
    return undefined; // Gone meanwhile, or not ours.
  }
}

/** Starts the server and resolves when it says that it is ready; rejects with what it said when it fails. */
export async function startServer(config: ClusterConfig, onStep: (step: string) => void): Promise<void> {
  const paths = clusterPaths(config.dataDir);
  makeDataDirectory(paths);
  const log = openSync(paths.log, 'a', 0o600);
  const entry = process.argv[1] ?? '';
  const child = spawn(process.execPath, [...process.execArgv, entry, 'serve', '--config', JSON.stringify(config)], {
    detached: true,
    stdio: ['ignore', log, log, 'pipe'],
    cwd: '/',
  });
  closeSync(log);
  const progress = child.stdio[3] as Readable;
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  for (const signal of INTERRUPTS) process.once(signal, interrupt);
  try {
    await new Promise<void>((resolve, reject) => {
      // Told when the process has gone: what is typed next finds no server that is still on its way out.
      let failure: UserError | undefined;
      interrupted.signal.addEventListener('abort', () => {
        failure = new UserError('interrupted; the server that was starting has been ended', 'minke up starts it again');
        child.kill('SIGKILL'); // As after any crash, the next start puts everything right.
      });
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        const end = `the server ended while starting (${signal ?? `exit code ${code}`})`;
        reject(failure ?? new UserError(end, `see ${paths.log}`));
      });
      readLines(progress, (line) => {
        const said: ProgressLine = JSON.parse(line);
        if ('step' in said) onStep(said.step);
        else if ('failed' in said) failure = new UserError(said.failed, said.hint ?? `see ${paths.log}`);
        else resolve();
      });
    });
  } finally {
    for (const signal of INTERRUPTS) process.removeListener(signal, interrupt);
    progress.destroy();
    child.removeAllListeners();
    child.unref();
  }
}

function readLines(stream: Readable, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) if (line !== '') onLine(line);
  });
}

/** Ends the server: SIGTERM, then SIGKILL when it does not go within `patienceMs`. */
export async function stopServer(record: PidRecord, paths: ClusterPaths, patienceMs = 10_000): Promise<void> {
  const alive = () => processStartTime(record.pid) === record.startTime;
  const send = (signal: NodeJS.Signals) => {
    if (alive()) process.kill(record.pid, signal);
  };
  send('SIGTERM');
  const end = Date.now() + patienceMs;
  while (alive() && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
  send('SIGKILL');
  while (alive()) await new Promise((resolve) => setTimeout(resolve, 10));
  rmSync(paths.pidFile, { force: true });
}
