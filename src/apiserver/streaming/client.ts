// The caller's side of exec and attach over WebSocket (v5.channel.k8s.io, v4.channel.k8s.io): for kubelets behind HTTPS, and for tests.
// https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/4006-transition-spdy-to-websockets
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { WebSocket } from 'ws';
import { ApiError, type Status } from '../../machinery/errors.ts';
import type { ExecResult, ExecStreams } from '../../machinery/streams.ts';
import { ORDERED_STREAMS, type StreamName } from './names.ts';
import { Channels, closeChannel, keepAlive } from './websocket.ts';

export interface RemoteTarget {
  /** `wss://host:port/path?command=…`; the query names the streams that are wanted. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

const V5 = 'v5.channel.k8s.io';
const V4 = 'v4.channel.k8s.io';

function channel(name: StreamName): number {
  return ORDERED_STREAMS.indexOf(name);
}

/** Runs a command at the other end; throws an ApiError when it could not be run, an Error when the connection failed. */
export async function remoteCommand(target: RemoteTarget, streams: ExecStreams): Promise<ExecResult> {
  const socket = await dial(target, streams.signal);
  const channels = new Channels(socket, { base64: false, canClose: socket.protocol === V5 });
  const outputs: Promise<unknown>[] = [];
  for (const name of ['stdout', 'stderr'] as const) {
    const to = streams[name];
    if (to === undefined) continue;
    const from = channels.reader(channel(name));
    from.pipe(to, { end: false });
    outputs.push(finished(from).catch(() => undefined));
  }
  const end = readAll(channels.reader(channel('error')));
  const resize = channels.writer(channel('resize'));
  const stopResizing = streams.onResize(({ width, height }) => {
    resize.write(Buffer.from(JSON.stringify({ Width: width, Height: height })));
  });
  sendInput(socket, channels, streams.stdin);
  const abort = (): void => socket.terminate();
  streams.signal.addEventListener('abort', abort);
  channels.start();
  try {
    const [text] = await Promise.all([end, ...outputs]);
    return resultOf(text);
  } finally {
    streams.signal.removeEventListener('abort', abort);
    stopResizing();
    socket.terminate();
  }
}

function sendInput(socket: WebSocket, channels: Channels, stdin: Readable | undefined): void {
  if (stdin === undefined) return;
  const writer = channels.writer(channel('stdin'));
  writer.once('finish', () => {
    // v4 has no way to say that the input has ended.
    if (socket.protocol === V5 && socket.readyState === WebSocket.OPEN) closeChannel(socket, channel('stdin'));
  });
  stdin.pipe(writer);
  writer.once('close', () => stdin.unpipe(writer));
}

async function dial(target: RemoteTarget, signal: AbortSignal): Promise<WebSocket> {
  const { ca, cert, key, headers } = target;
  const tls = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
  const socket = new WebSocket(target.url, [V5, V4], {
    headers: { ...headers },
    perMessageDeflate: false,
    handshakeTimeout: 30_000,
    ...tls,
  });
  const abort = (): void => socket.terminate();
  signal.addEventListener('abort', abort);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('open', () => {
        // Nothing may be read before somebody listens.
        socket.pause();
        resolve();
      });
      socket.once('error', reject);
      socket.once('unexpected-response', (_request, response) => {
        readAll(response).then((body) => reject(refusal(response.statusCode ?? 0, body)), reject);
      });
    });
  } finally {
    signal.removeEventListener('abort', abort);
  }
  keepAlive(socket);
  return socket;
}

async function readAll(stream: Readable): Promise<string> {
  const parts: Buffer[] = [];
  for await (const chunk of stream) parts.push(chunk as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

function parsedStatus(text: string): Partial<Status> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Partial<Status>) : undefined;
  } catch {
    return undefined;
  }
}

function refusal(code: number, body: string): Error {
  const status = parsedStatus(body);
  return ApiError.fromStatus(status?.status === 'Failure' ? status : { message: body }, code);
}

function resultOf(text: string): ExecResult {
  if (text === '') throw new Error('the connection ended before the command did');
  const status = parsedStatus(text);
  if (status === undefined) throw new Error(text);
  if (status.status === 'Success') return { exitCode: 0 };
  const cause = status.details?.causes?.find((c) => c.reason === 'ExitCode');
  const exitCode = Number(cause?.message);
  if (cause !== undefined && Number.isInteger(exitCode)) return { exitCode };
  throw ApiError.fromStatus(status, status.code ?? 500);
}
