// exec, attach and port-forward through the address that the runtime gives, over WebSocket with Kubernetes' channel protocols.
import { finished, type Readable } from 'node:stream';
import { WebSocket } from 'ws';
import type { ExecResult, ExecStreams, PortStream } from '../../machinery/streams.ts';
import { RuntimeError } from '../port.ts';

const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;
/** v5 can close the input; runtimes before Kubernetes 1.29 speak only v4. https://kep.k8s.io/4006 */
const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
const PORT_PROTOCOL = 'v4.channel.k8s.io';
const SEND_CAP = 1024 * 1024;

/** Connected but paused: what comes with the handshake waits until the caller listens and resumes. */
function connect(url: string, protocols: readonly string[]): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url.replace(/^http/, 'ws'), [...protocols], { perMessageDeflate: false });
    socket.binaryType = 'nodebuffer';
    socket.once('open', () => {
      socket.pause();
      resolve(socket);
    });
    socket.once('error', (error) => reject(new RuntimeError('unavailable', `streaming: ${error.message}`, error)));
    socket.once('unexpected-response', (_request, answer) => {
      reject(new RuntimeError('internal', `streaming: the runtime answered ${answer.statusCode ?? 0}`));
      answer.resume();
    });
  });
}

/** Sends a stream on a channel, no faster than the socket takes it. */
function pump(from: Readable, channel: number, socket: WebSocket, onEnd: () => void): void {
  from.on('data', (chunk: Buffer) => {
    if (socket.readyState !== WebSocket.OPEN) return;
    const frame = Buffer.concat([Buffer.from([channel]), chunk]);
    socket.send(frame, () => {
      if (from.isPaused() && socket.bufferedAmount < SEND_CAP) from.resume();
    });
    if (socket.bufferedAmount > SEND_CAP) from.pause();
  });
  from.once('end', onEnd);
}

/** The status that the error channel ends with: success, or a failure that carries the exit code. */
export function exitCodeOf(status: string): number {
  const value: unknown = JSON.parse(status);
  if (typeof value !== 'object' || value === null) throw new RuntimeError('internal', 'streaming: no status');
  if ('status' in value && value.status === 'Success') return 0;
  const details = 'details' in value && typeof value.details === 'object' ? value.details : undefined;
  const causes = details != null && 'causes' in details && Array.isArray(details.causes) ? details.causes : [];
  for (const cause of causes as readonly unknown[])
    if (
      typeof cause === 'object' &&
      cause !== null &&
      'reason' in cause &&
      cause.reason === 'ExitCode' &&
      'message' in cause
    )
      return Number(cause.message);
  throw new RuntimeError('internal', 'message' in value ? String(value.message) : 'streaming: the command failed');
}

export async function streamCommand(url: string, streams: ExecStreams): Promise<ExecResult> {
  const socket = await connect(url, PROTOCOLS);
  const { stdin, stdout, stderr, signal } = streams;
  let status = '';
  const abort = () => socket.terminate();
  signal.addEventListener('abort', abort, { once: true });
  const stopResize = streams.onResize(({ width, height }) => {
    const size = Buffer.from(JSON.stringify({ Width: width, Height: height }));
    if (socket.readyState === WebSocket.OPEN) socket.send(Buffer.concat([Buffer.from([CHANNEL.resize]), size]));
  });
  if (stdin !== undefined)
    pump(stdin, CHANNEL.stdin, socket, () => {
      if (socket.protocol === PROTOCOLS[0] && socket.readyState === WebSocket.OPEN)
        socket.send(Buffer.from([CHANNEL.close, CHANNEL.stdin]));
    });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.on('message', (data: Buffer) => {
        const body = data.subarray(1);
        const to = data[0] === CHANNEL.stdout ? stdout : data[0] === CHANNEL.stderr ? stderr : undefined;
        if (data[0] === CHANNEL.error) status += body.toString('utf8');
        if (to === undefined || body.length === 0 || to.write(body)) return;
        socket.pause();
        to.once('drain', () => socket.resume());
      });
      socket.once('close', () => resolve());
      socket.once('error', reject);
      socket.resume();
    });
  } finally {
    signal.removeEventListener('abort', abort);
    stopResize();
    stdin?.removeAllListeners('data');
  }
  return { exitCode: status === '' ? 0 : exitCodeOf(status) };
}

export async function streamPort(url: string, port: number, stream: PortStream): Promise<void> {
  const address = new URL(url);
  address.searchParams.set('ports', String(port));
  const socket = await connect(address.href, [PORT_PROTOCOL]);
  let failure = '';
  /** Each channel begins with the port's number in two bytes. */
  const headers = [2, 2];
  socket.on('message', (data: Buffer) => {
    const channel = data[0] ?? 0;
    const skip = Math.min(headers[channel] ?? 0, data.length - 1);
    headers[channel] = (headers[channel] ?? 0) - skip;
    const body = data.subarray(1 + skip);
    if (channel === 1) failure += body.toString('utf8');
    else if (body.length > 0 && !stream.write(body)) {
      socket.pause();
      stream.once('drain', () => socket.resume());
    }
  });
  pump(stream, 0, socket, () => undefined);
  finished(stream, { readable: false }, () => socket.close());
  await new Promise<void>((resolve, reject) => {
    socket.once('close', () => resolve());
    socket.once('error', reject);
    socket.resume();
  });
  stream.end();
  if (failure !== '') throw new RuntimeError('internal', failure);
}
