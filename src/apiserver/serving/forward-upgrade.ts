// Passes a request for another protocol on to another server, and what follows on the connection in both directions.
// Source: https://kubernetes.io/docs/concepts/cluster-administration/proxies/
import { request as httpRequest, type IncomingMessage, STATUS_CODES } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ApiError } from '../../machinery/errors.ts';
import type { WireRequest } from '../../machinery/http.ts';
import { FORWARD_TIMEOUT_MS, type ForwardTarget } from './forward.ts';

/** Serves the client's connection; `head` is what came on it already. */
export type Passage = (socket: Duplex, head: Buffer) => Promise<void>;

function headOf(message: IncomingMessage, drop: ReadonlySet<string>): string {
  const status = message.statusCode ?? 502;
  const lines = [`HTTP/1.1 ${status} ${message.statusMessage ?? STATUS_CODES[status] ?? ''}`];
  for (let i = 0; i + 1 < message.rawHeaders.length; i += 2) {
    const name = message.rawHeaders[i] ?? '';
    if (!drop.has(name.toLowerCase())) lines.push(`${name}: ${message.rawHeaders[i + 1] ?? ''}`);
  }
  return lines.join('\r\n');
}

/** Until one of the two has ended; then both do. */
async function join(client: Duplex, backend: Duplex): Promise<void> {
  const ways = [pipeline(client, backend), pipeline(backend, client)];
  await Promise.race(ways).catch(() => undefined);
  client.destroy();
  backend.destroy();
  await Promise.allSettled(ways);
}

const NOTHING: ReadonlySet<string> = new Set();
const FRAMING: ReadonlySet<string> = new Set(['transfer-encoding', 'connection', 'keep-alive']);

/** The backend stays with HTTP: its answer is the last on the connection. */
function refused(message: IncomingMessage): Passage {
  return async (socket) => {
    socket.write(`${headOf(message, FRAMING)}\r\nConnection: close\r\n\r\n`);
    await pipeline(message, socket).catch(() => socket.destroy());
  };
}

/** Settles when the backend has answered. Rejects with a 503 when it is not reached. */
export function forwardUpgrade(request: WireRequest, target: ForwardTarget): Promise<Passage> {
  const query = request.query.size === 0 ? '' : `?${request.query.toString()}`;
  return new Promise((resolve, reject) => {
    const send = target.scheme === 'https' ? httpsRequest : httpRequest;
    const outgoing = send({
      host: target.host,
      port: target.port,
      method: request.method,
      path: target.path + query,
      headers: { ...target.headers, connection: 'Upgrade', upgrade: request.headers.upgrade ?? '' },
      ...target.tls,
    });
    outgoing.setTimeout(FORWARD_TIMEOUT_MS, () => outgoing.destroy(new Error('i/o timeout')));
    outgoing.on('upgrade', (message, backend, first) => {
      backend.setTimeout(0);
      resolve(async (socket, head) => {
        socket.write(`${headOf(message, NOTHING)}\r\n\r\n`);
        if (first.length > 0) socket.write(first);
        if (head.length > 0) backend.write(head);
        await join(socket, backend);
      });
    });
    outgoing.on('response', (message) => {
      outgoing.setTimeout(0);
      resolve(refused(message));
    });
    outgoing.on('error', (error) => {
      const message = `error trying to reach service: ${error.message}`;
      reject(new ApiError({ reason: 'ServiceUnavailable', message, cause: error }));
    });
    outgoing.end();
  });
}
