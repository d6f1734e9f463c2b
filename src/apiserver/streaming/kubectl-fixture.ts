// For tests: a tiny API server around the streaming code, whose one pod is this machine, and a runner of genuine kubectl binaries.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type IPty, spawn as spawnPty } from '@lydell/node-pty';
import type { WireRequest } from '../../machinery/http.ts';
import type { ExecResult, ExecStreams } from '../../machinery/streams.ts';
import { servePortForward, serveRemoteCommand } from './index.ts';

const BIN = '/usr/lib/google-cloud-sdk/bin';

export function kubectlBinary(version: string): string | undefined {
  const path = `${BIN}/kubectl.${version}`;
  return existsSync(path) ? path : undefined;
}

const POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'default', uid: 'u' },
  spec: {
    containers: [
      { name: 'c', image: 'i', stdin: true, tty: false },
      { name: 'tty', image: 'i', stdin: true, tty: true },
    ],
  },
  status: { phase: 'Running' },
};

const DISCOVERY: Readonly<Record<string, unknown>> = {
  '/api': { kind: 'APIVersions', versions: ['v1'] },
  '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: [] },
  '/api/v1': {
    kind: 'APIResourceList',
    groupVersion: 'v1',
    resources: [{ name: 'pods', singularName: 'pod', namespaced: true, kind: 'Pod', verbs: ['get', 'list'] }],
  },
  '/api/v1/namespaces/default/pods/p': POD,
};

export interface FakeApi {
  readonly url: string;
  /** Subprotocols and protocol versions that clients offered. */
  readonly offers: string[];
  /** How the last command was ended. */
  readonly aborted: string[];
  close(): Promise<void>;
}

function requestOf(message: IncomingMessage): WireRequest {
  const url = new URL(message.url ?? '/', 'http://localhost');
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(message.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return { method: message.method ?? 'GET', path: url.pathname, query: url.searchParams, headers };
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

export async function startFakeApi(attached: readonly string[] = ['cat']): Promise<FakeApi> {
  const offers: string[] = [];
  const aborted: string[] = [];
  const server = createServer((message, response) => {
    const known = DISCOVERY[requestOf(message).path];
    response.writeHead(known === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(known ?? { kind: 'Status', status: 'Failure', code: 404 }));
  });
  server.on('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => {
    const request = requestOf(message);
    offers.push(request.headers['sec-websocket-protocol'] ?? request.headers['x-stream-protocol-version'] ?? '');
    const connection = { request, socket, head };
    const { query, path } = request;
    const on = (name: string): boolean => query.get(name) === 'true';
    const streams = { stdin: on('stdin'), stdout: on('stdout'), stderr: on('stderr'), tty: on('tty') };
    let done: Promise<void>;
    if (path.endsWith('/portforward')) {
      const ports = query.getAll('ports').map(Number);
      done = servePortForward(connection, { pod: 'p', namespace: 'default', uid: 'u', ports }, forwardHere);
    } else {
      const kind = path.endsWith('/exec') ? ('exec' as const) : ('attach' as const);
      const command = kind === 'exec' ? query.getAll('command') : attached;
      done = serveRemoteCommand(connection, { kind, command, ...streams }, (given) => {
        given.signal.addEventListener('abort', () => aborted.push(command.join(' ')));
        return runHere(command, given);
      });
    }
    done.catch(() => socket.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    offers,
    aborted,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
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
