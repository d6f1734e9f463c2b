// The suite of all transports, through the server's own listener: over HTTP/1.1 with the client's transport, over HTTP/2 with one made here.

import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2';
import { httpsTransport } from '../../client/index.ts';
import { type OpenTransport, transportConformance } from '../../client/transport-conformance.ts';
import type { StreamBody, Transport, WireRequest, WireResponse } from '../../machinery/http.ts';
import { selfSigned } from '../aggregation/test-certificate.ts';
import { listen } from './https.ts';

const HOST = '127.0.0.1';

function streamOf(stream: ClientHttp2Stream): StreamBody {
  return {
    start(sink) {
      stream.on('data', (chunk: Buffer) => void sink.write(chunk));
      stream.once('close', () => sink.end());
      sink.onClose(() => stream.close());
    },
  };
}

async function ask(session: ClientHttp2Session, request: WireRequest): Promise<WireResponse> {
  const query = request.query.size === 0 ? '' : `?${request.query.toString()}`;
  const stream = session.request({ ...request.headers, ':method': request.method, ':path': request.path + query });
  request.signal?.addEventListener('abort', () => stream.close());
  stream.end(request.body);
  const [got] = (await once(stream, 'response')) as [IncomingHttpHeaders & { ':status': number }];
  const headers = Object.fromEntries(
    Object.entries(got).flatMap(([name, value]) =>
      value === undefined || name.startsWith(':') ? [] : [[name, value]],
    ),
  );
  const status = got[':status'];
  if (request.query.get('watch') === 'true' && status === 200) return { status, headers, body: streamOf(stream) };
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return { status, headers, body: Buffer.concat(chunks) };
}

async function overHttp1(handle: Transport): Promise<OpenTransport> {
  const { cert, key } = await selfSigned('localhost');
  const server = await listen({ host: HOST, port: 0, handle, tls: { cert, key, clientCa: cert } });
  const transport = httpsTransport({ server: `https://${HOST}:${server.port}`, ca: cert, serverName: 'localhost' });
  return {
    transport,
    async close() {
      transport.close();
      await server.close();
    },
  };
}

async function overHttp2(handle: Transport): Promise<OpenTransport> {
  const { cert, key } = await selfSigned('localhost');
  const server = await listen({ host: HOST, port: 0, handle, tls: { cert, key, clientCa: cert } });
  const session = connect(`https://${HOST}:${server.port}`, { ca: cert, servername: 'localhost' });
  return {
    transport: (request) => ask(session, request),
    async close() {
      session.destroy();
      await server.close();
    },
  };
}

transportConformance("the server's listener over HTTP/1.1", overHttp1);
transportConformance("the server's listener over HTTP/2", overHttp2);
