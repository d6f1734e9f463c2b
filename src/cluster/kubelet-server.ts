// A node's own API on a port: TLS and streams as the API server has them, guarded by the kubelet.
import type { Duplex } from 'node:stream';
import {
  type Listening,
  listen,
  servePortForward,
  serveRemoteCommand,
  type TlsFiles,
  upgradeKind,
} from '../apiserver/index.ts';
import type { NodeApi } from '../client/index.ts';
import type { GuardedNodeApi, NodeStream } from '../kubelet/index.ts';
import type { WireRequest, WireResponse } from '../machinery/http.ts';

export interface KubeletServerOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsFiles;
  readonly api: NodeApi;
  readonly guarded: GuardedNodeApi;
  readonly onError: (error: unknown) => void;
}

function refuse(socket: Duplex, answer: WireResponse): void {
  const body = answer.body instanceof Uint8Array ? answer.body : Buffer.alloc(0);
  const head = `HTTP/1.1 ${answer.status} Refused\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n`;
  socket.end(Buffer.concat([Buffer.from(head), body]));
}

function isRefusal(answer: NodeStream | WireResponse): answer is WireResponse {
  return 'status' in answer;
}

export function listenKubelet(options: KubeletServerOptions): Promise<Listening> {
  const { api, guarded, host, port, tls, onError } = options;
  const upgrade = async (request: WireRequest, socket: Duplex, head: Buffer): Promise<void> => {
    const wanted = await guarded.stream(request);
    if (isRefusal(wanted)) return refuse(socket, wanted);
    if (upgradeKind(request) === undefined)
      return refuse(socket, { status: 400, headers: {}, body: Buffer.from('Upgrade request required\n') });
    const connection = { request, socket, head };
    if (wanted.kind === 'portForward') {
      const { namespace, pod, uid = '' } = wanted.target;
      const where = { namespace, pod, uid, ports: wanted.ports };
      return servePortForward(connection, where, (to, stream) => api.portForward(wanted.target, to, stream));
    }
    const { kind, target, command, stdin, stdout, stderr, tty } = wanted;
    const run = { kind, command, stdin, stdout, stderr, tty };
    return serveRemoteCommand(connection, run, (io) =>
      kind === 'exec' ? api.exec(target, command, io) : api.attach(target, io),
    );
  };
  return listen({ host, port, tls, handle: (request) => guarded.request(request), upgrade, onError });
}
