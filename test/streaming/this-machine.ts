// For tests: this machine in the part of a pod, and a runner of genuine kubectl binaries.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type IPty, spawn as spawnPty } from '@lydell/node-pty';
import type { ExecResult, ExecStreams } from '../../src/machinery/streams.ts';

const BIN = '/usr/lib/google-cloud-sdk/bin';

export function kubectlBinary(version: string): string | undefined {
  const path = `${BIN}/kubectl.${version}`;
  return existsSync(path) ? path : undefined;
}

/** Runs a command of this machine, as a runtime would in a container. */
export async function runHere(command: readonly string[], streams: ExecStreams): Promise<ExecResult> {
  const [program = 'false', ...args] = command;
  if (streams.tty) return await runInPty(program, args, streams);
  const child = spawn(program, args, { stdio: [streams.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] });
  const exit = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 137));
  });
  streams.signal.addEventListener('abort', () => child.kill('SIGKILL'));
  const jobs: Promise<unknown>[] = [];
  if (streams.stdin !== undefined && child.stdin !== null) jobs.push(pipeline(streams.stdin, child.stdin));
  const outputs: Promise<unknown>[] = [];
  if (streams.stdout !== undefined && child.stdout !== null)
    outputs.push(pipeline(child.stdout, streams.stdout, { end: false }));
  if (streams.stderr !== undefined && child.stderr !== null)
    outputs.push(pipeline(child.stderr, streams.stderr, { end: false }));
  for (const job of jobs) job.catch(() => undefined);
  const [exitCode] = await Promise.all([exit, Promise.allSettled(outputs)]);
  return { exitCode };
}

async function runInPty(program: string, args: string[], streams: ExecStreams): Promise<ExecResult> {
  const pty: IPty = spawnPty(program, args, { cols: 80, rows: 24 });
  streams.onResize((size) => pty.resize(size.width || 80, size.height || 24));
  streams.stdin?.on('data', (chunk: Buffer) => pty.write(chunk.toString()));
  pty.onData((text) => streams.stdout?.write(text));
  streams.signal.addEventListener('abort', () => pty.kill('SIGKILL'));
  return await new Promise((resolve) => {
    pty.onExit(({ exitCode }) => setTimeout(() => resolve({ exitCode }), 50));
  });
}

export async function forwardHere(port: number, stream: Duplex): Promise<void> {
  const target = connect({ host: '127.0.0.1', port });
  await new Promise<void>((resolve, reject) => {
    target.once('connect', resolve);
    target.once('error', (error) => reject(new Error(`dial tcp 127.0.0.1:${port}: ${error.message}`)));
  });
  await Promise.allSettled([pipeline(stream, target), pipeline(target, stream)]);
}

export interface KubectlResult {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface KubectlRun {
  readonly binary: string;
  readonly url: string;
  readonly args: readonly string[];
  readonly input?: Buffer | string;
  readonly env?: Readonly<Record<string, string>>;
}

function environment(run: KubectlRun): Record<string, string> {
  return { PATH: process.env.PATH ?? '', HOME: '/nonexistent', KUBECONFIG: '/dev/null', ...run.env };
}

export async function kubectl(run: KubectlRun): Promise<KubectlResult> {
  const child = spawn(run.binary, ['--server', run.url, ...run.args], { env: environment(run) });
  const out: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(run.input ?? '');
  const code = await new Promise<number | null>((resolve) => {
    child.once('close', resolve);
  });
  return { code, stdout: Buffer.concat(out), stderr };
}

/** A kubectl that runs on; the caller kills it. */
export function startKubectl(run: KubectlRun): ReturnType<typeof spawn> {
  return spawn(run.binary, ['--server', run.url, ...run.args], { env: environment(run) });
}

export function kubectlInPty(run: KubectlRun, size: { cols: number; rows: number }): IPty {
  return spawnPty(run.binary, ['--server', run.url, ...run.args], { ...size, env: environment(run) });
}
