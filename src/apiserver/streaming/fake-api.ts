// For tests: a tiny API server around the streaming code; what its one pod does is handed in.
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { WireRequest } from '../../machinery/http.ts';
import type { ExecResult, ExecStreams } from '../../machinery/streams.ts';
import { servePortForward, serveRemoteCommand } from './index.ts';

/** What a pod does. */
export interface FakePod {
  run(command: readonly string[], streams: ExecStreams): Promise<ExecResult>;
  forward(port: number, stream: Duplex): Promise<void>;
  /** The command that clients are attached to. */
  readonly attached?: readonly string[];
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

export async function startFakeApi(pod: FakePod): Promise<FakeApi> {
  const attached = pod.attached ?? ['cat'];
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
      done = servePortForward(connection, { pod: 'p', namespace: 'default', uid: 'u', ports }, (port, stream) =>
        pod.forward(port, stream),
      );
    } else {
      const kind = path.endsWith('/exec') ? ('exec' as const) : ('attach' as const);
      const command = kind === 'exec' ? query.getAll('command') : attached;
      done = serveRemoteCommand(connection, { kind, command, ...streams }, (given) => {
        given.signal.addEventListener('abort', () => aborted.push(command.join(' ')));
        return pod.run(command, given);
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
