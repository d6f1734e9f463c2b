// Serves exec and attach on a connection that was taken over: over SPDY/3.1, or over WebSocket channels.
import { ORDERED_STREAMS, type StreamName } from './names.ts';
import {
  type RemoteCommandOptions,
  type RemoteStreams,
  type RunRemoteCommand,
  runRemoteCommand,
} from './remote-command.ts';
import { SpdySession, type SpdyStream } from './spdy/session.ts';
import { acceptSpdy, listHeader, negotiate, refuseProtocols, type UpgradedConnection, upgradeKind } from './upgrade.ts';
import { acceptWebSocket, Channels } from './websocket.ts';

/** How long the client may take to open the streams it asked for. */
const STREAMS_MS = 30_000;

const SPDY_PROTOCOLS = ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'];

const WEBSOCKET_PROTOCOLS = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
  '',
];

export async function serveRemoteCommand(
  connection: UpgradedConnection,
  options: RemoteCommandOptions,
  run: RunRemoteCommand,
): Promise<void> {
  if (upgradeKind(connection.request) === 'spdy') await serveSpdy(connection, options, run);
  else await serveWebSocket(connection, options, run);
}

async function serveWebSocket(
  connection: UpgradedConnection,
  options: RemoteCommandOptions,
  run: RunRemoteCommand,
): Promise<void> {
  const accepted = await acceptWebSocket(connection, WEBSOCKET_PROTOCOLS);
  if (accepted === undefined) return;
  const { protocol, socket } = accepted;
  const isV5 = protocol === 'v5.channel.k8s.io';
  const channels = new Channels(socket, { base64: protocol.includes('base64'), canClose: isV5 });
  const wants = wanted(options, true);
  const channel = (name: StreamName): number => ORDERED_STREAMS.indexOf(name);
  const streams: RemoteStreams = {
    stdin: wants.has('stdin') ? channels.reader(channel('stdin')) : undefined,
    stdout: wants.has('stdout') ? channels.writer(channel('stdout')) : undefined,
    stderr: wants.has('stderr') ? channels.writer(channel('stderr')) : undefined,
    resize: wants.has('resize') ? channels.reader(channel('resize')) : undefined,
    error: channels.writer(channel('error')),
    signal: channels.signal,
    statusAsJson: isV5 || protocol.startsWith('v4.'),
  };
  const first = (['stdout', 'stderr', 'error'] as const).find((name) => wants.has(name)) ?? 'error';
  channels.start();
  channels.announce(channel(first));
  await runRemoteCommand(streams, options, run);
  channels.close();
}

function wanted(options: RemoteCommandOptions, resizes: boolean): Set<StreamName> {
  const names = new Set<StreamName>(['error']);
  if (options.stdin) names.add('stdin');
  if (options.stdout) names.add('stdout');
  if (options.stderr && !options.tty) names.add('stderr');
  if (options.tty && resizes) names.add('resize');
  return names;
}

async function serveSpdy(
  connection: UpgradedConnection,
  options: RemoteCommandOptions,
  run: RunRemoteCommand,
): Promise<void> {
  const { request, socket, head } = connection;
  const offered = listHeader(request, 'x-stream-protocol-version');
  const protocol = negotiate(offered, SPDY_PROTOCOLS);
  if (protocol === undefined && offered.length > 0) {
    refuseProtocols(socket, offered, SPDY_PROTOCOLS);
    return;
  }
  acceptSpdy(socket, protocol);
  const resizes = protocol?.startsWith('v4.') === true || protocol?.startsWith('v3.') === true;
  const collector = new StreamCollector(wanted(options, resizes));
  const session = new SpdySession(socket, { onStream: (stream) => collector.add(stream) });
  const reading = session.run(head);
  try {
    const streams = await collector.wait(session.signal);
    if (streams !== undefined) {
      await runRemoteCommand(
        {
          stdin: streams.get('stdin'),
          stdout: streams.get('stdout'),
          stderr: streams.get('stderr'),
          resize: streams.get('resize'),
          error: streams.get('error') ?? collector.none(),
          signal: session.signal,
          statusAsJson: protocol?.startsWith('v4.') === true,
        },
        options,
        run,
      );
    }
  } finally {
    session.close();
  }
  await reading;
}

/** Waits for the streams that the client opens one by one. */
class StreamCollector {
  private readonly streams = new Map<StreamName, SpdyStream>();
  private complete: (() => void) | undefined;

  constructor(private readonly expected: ReadonlySet<StreamName>) {}

  add(stream: SpdyStream): void {
    const type = stream.headers.get('streamtype') ?? '';
    const name = ORDERED_STREAMS.find((known) => known === type);
    if (name === undefined || this.streams.has(name)) throw new Error(`unexpected stream type: ${type}`);
    this.streams.set(name, stream);
    if ([...this.expected].every((wantedName) => this.streams.has(wantedName))) this.complete?.();
  }

  /** Undefined when the client went away or took too long. */
  async wait(signal: AbortSignal): Promise<ReadonlyMap<StreamName, SpdyStream> | undefined> {
    return await new Promise((resolve) => {
      const timer = setTimeout(() => resolve(undefined), STREAMS_MS);
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve(undefined);
      });
      this.complete = () => {
        clearTimeout(timer);
        resolve(this.streams);
      };
    });
  }

  none(): never {
    throw new Error('the client opened no error stream');
  }
}
