// Serves port-forward on a connection that was taken over: SPDY/3.1 directly or in a WebSocket tunnel, or WebSocket channels.
// https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.36/#podportforwardoptions-v1-core and KEP 4006
import { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import { createWebSocketStream } from 'ws';
import { SpdySession, type SpdyStream } from './spdy/session.ts';
import {
  acceptSpdy,
  listHeader,
  negotiate,
  refuse,
  refuseProtocols,
  type UpgradedConnection,
  upgradeKind,
} from './upgrade.ts';
import { acceptWebSocket, Channels } from './websocket.ts';

const SPDY_PROTOCOL = 'portforward.k8s.io';
const TUNNEL_PROTOCOL = 'SPDY/3.1+portforward.k8s.io';
const CHANNEL_PROTOCOLS = ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io', ''];
/** How long the second stream of a pair may take. */
const PAIR_MS = 30_000;

export interface PortForwardOptions {
  readonly pod: string;
  readonly namespace: string;
  readonly uid: string;
  /** From the query: used by the channel protocols, which name the ports once for all. */
  readonly ports: readonly number[];
}

export type ForwardPort = (port: number, stream: Duplex) => Promise<void>;

export async function servePortForward(
  connection: UpgradedConnection,
  options: PortForwardOptions,
  forward: ForwardPort,
): Promise<void> {
  if (upgradeKind(connection.request) === 'spdy') {
    const offered = listHeader(connection.request, 'x-stream-protocol-version');
    if (negotiate(offered, [SPDY_PROTOCOL]) === undefined) {
      refuseProtocols(connection.socket, offered, [SPDY_PROTOCOL]);
      return;
    }
    acceptSpdy(connection.socket, SPDY_PROTOCOL);
    await serveSession(connection.socket, connection.head, options, forward);
    return;
  }
  await serveWebSocket(connection, options, forward);
}

async function serveWebSocket(
  connection: UpgradedConnection,
  options: PortForwardOptions,
  forward: ForwardPort,
): Promise<void> {
  const isTunnel = listHeader(connection.request, 'sec-websocket-protocol').includes(TUNNEL_PROTOCOL);
  if (!isTunnel && options.ports.length === 0) {
    refuse(connection.socket, { status: '400 Bad Request', text: 'query parameter "ports" is required' });
    return;
  }
  const accepted = await acceptWebSocket(connection, isTunnel ? [TUNNEL_PROTOCOL] : CHANNEL_PROTOCOLS);
  if (accepted === undefined) return;
  if (isTunnel) {
    const tunnel = createWebSocketStream(accepted.socket);
    await serveSession(tunnel, Buffer.alloc(0), options, forward);
    return;
  }
  const channels = new Channels(accepted.socket, { base64: accepted.protocol.includes('base64'), canClose: false });
  const served = Promise.all(
    options.ports.map((port, i) => serveChannelPair(channels, { port, first: 2 * i }, options, forward)),
  );
  channels.start();
  await served;
  channels.close();
}

interface ChannelPair {
  readonly port: number;
  /** The data channel; that of errors comes after it. */
  readonly first: number;
}

async function serveChannelPair(
  channels: Channels,
  pair: ChannelPair,
  options: PortForwardOptions,
  forward: ForwardPort,
): Promise<void> {
  const data = Duplex.from({ readable: channels.reader(pair.first), writable: channels.writer(pair.first) });
  data.on('error', () => undefined);
  const errors = channels.writer(pair.first + 1);
  const portBytes = Buffer.alloc(2);
  portBytes.writeUInt16LE(pair.port);
  // Each channel begins with its port, so that the client can tell them apart.
  data.write(portBytes);
  errors.write(portBytes);
  const abort = (): void => {
    data.destroy();
  };
  channels.signal.addEventListener('abort', abort);
  const problem = await forwardOne(pair.port, data, options, forward);
  if (problem !== undefined) errors.write(Buffer.from(problem));
  errors.end();
  await finished(errors).catch(() => undefined);
}

/** The text of what went wrong, if something did. */
async function forwardOne(
  port: number,
  data: Duplex,
  options: PortForwardOptions,
  forward: ForwardPort,
): Promise<string | undefined> {
  try {
    await forward(port, data);
    return undefined;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return `error forwarding port ${port} to pod ${options.pod}_${options.namespace}, uid ${options.uid}: ${text}`;
  }
}

interface Pair {
  data: SpdyStream | undefined;
  error: SpdyStream | undefined;
  readonly timer: NodeJS.Timeout;
}

async function serveSession(
  socket: Duplex,
  head: Buffer,
  options: PortForwardOptions,
  forward: ForwardPort,
): Promise<void> {
  const pairs = new Map<string, Pair>();
  const session = new SpdySession(socket, {
    onStream(stream) {
      const { id, isError } = requestOf(stream);
      let pair = pairs.get(id);
      if (pair === undefined) {
        const timer = setTimeout(() => giveUp(pairs, id), PAIR_MS);
        timer.unref();
        pair = { data: undefined, error: undefined, timer };
        pairs.set(id, pair);
      }
      if (isError) pair.error = stream;
      else pair.data = stream;
      if (pair.data === undefined || pair.error === undefined) return;
      clearTimeout(pair.timer);
      pairs.delete(id);
      void servePair({ data: pair.data, error: pair.error }, options, forward);
    },
  });
  await session.run(head);
  for (const pair of pairs.values()) clearTimeout(pair.timer);
}

function giveUp(pairs: Map<string, Pair>, id: string): void {
  const pair = pairs.get(id);
  pairs.delete(id);
  pair?.data?.destroy();
  pair?.error?.destroy();
}

/** Old clients name no request: their data stream comes right after that of errors. */
function requestOf(stream: SpdyStream): { id: string; isError: boolean } {
  const type = stream.headers.get('streamtype');
  if (type !== 'error' && type !== 'data') throw new Error(`unexpected stream type: ${type ?? ''}`);
  portOf(stream);
  const isError = type === 'error';
  return { id: stream.headers.get('requestid') ?? `stream ${isError ? stream.id : stream.id - 2}`, isError };
}

function portOf(stream: SpdyStream): number {
  const text = stream.headers.get('port') ?? '';
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535) throw new Error(`bad port: ${text}`);
  return port;
}

async function servePair(
  pair: { data: SpdyStream; error: SpdyStream },
  options: PortForwardOptions,
  forward: ForwardPort,
): Promise<void> {
  const { data, error } = pair;
  error.resume();
  const problem = await forwardOne(portOf(data), data, options, forward);
  if (problem !== undefined) error.write(Buffer.from(problem));
  error.end();
  data.end();
  await Promise.allSettled([finished(error, { readable: false }), finished(data, { readable: false })]);
  // The client has been told all there is; what it still sends has nowhere to go.
  data.resume();
}
