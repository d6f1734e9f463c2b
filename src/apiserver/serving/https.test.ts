// The HTTP server around the core: bodies, long answers, compression, streams, connections that end early.
import { type IncomingHttpHeaders, request } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ByteSink, WireRequest, WireResponse } from '../../machinery/http.ts';
import { selfSigned } from '../aggregation/test-certificate.ts';
import { bodyOfPieces } from '../http/portions.ts';
import { type Listening, listen } from './https.ts';

const LONG = Buffer.alloc(3_000_000, 'abcdefghij');
const PIECE = 10;
const PIECES = bodyOfPieces({
  count: LONG.length / PIECE,
  sizeOf: () => PIECE,
  write(i, target, at) {
    target.set(LONG.subarray(i * PIECE, (i + 1) * PIECE), at);
    return at + PIECE;
  },
});
let server: Listening;
let secure: Listening;
let seen: WireRequest | undefined;
let sink: ByteSink | undefined;
let sinkClosed: Promise<void>;

async function answer(incoming: WireRequest): Promise<WireResponse> {
  seen = incoming;
  const headers = { 'content-type': 'text/plain' };
  switch (incoming.path) {
    case '/long':
      return { status: 200, headers, body: LONG };
    case '/pieces':
      return { status: 200, headers, body: PIECES };
    case '/stream':
      return {
        status: 200,
        headers,
        body: {
          start(to) {
            sink = to;
            sinkClosed = new Promise((resolve) => to.onClose(resolve));
            to.write(Buffer.from('first\n'));
          },
        },
      };
    case '/size':
      return { status: 200, headers, body: Buffer.from(String(incoming.body?.length ?? -1)) };
    case '/broken':
      throw new Error('broken');
    default:
      return { status: 404, headers, body: Buffer.from('no') };
  }
}

interface Got {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

type Get = (path: string, headers?: Record<string, string>, body?: Buffer) => Promise<Got>;

const overHttp1: Get = (path, headers = {}, body) =>
  new Promise((resolve, reject) => {
    const outgoing = request(
      { port: server.port, path, headers, method: body === undefined ? 'GET' : 'POST' },
      (message) => {
        const chunks: Buffer[] = [];
        message.on('data', (chunk: Buffer) => chunks.push(chunk));
        message.on('end', () =>
          resolve({ status: message.statusCode, headers: message.headers, body: Buffer.concat(chunks) }),
        );
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });

let session: ClientHttp2Session;

const overHttp2: Get = (path, headers = {}, body) =>
  new Promise((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST';
    const stream = session.request({ ':path': path, ':method': method, ...headers });
    const chunks: Buffer[] = [];
    let head: IncomingHttpHeaders & { ':status'?: number } = {};
    stream.on('response', (got) => {
      head = got;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => resolve({ status: head[':status'], headers: head, body: Buffer.concat(chunks) }));
    stream.on('error', reject);
    stream.end(body);
  });

beforeAll(async () => {
  const { cert, key } = await selfSigned('server');
  const common = { host: '127.0.0.1', port: 0, handle: answer };
  server = await listen(common);
  secure = await listen({ ...common, tls: { cert, key, clientCa: cert } });
  session = connectHttp2(`https://127.0.0.1:${secure.port}`, { rejectUnauthorized: false });
});
afterAll(async () => {
  session.destroy();
  await Promise.all([server.close(), secure.close()]);
});

describe.each([
  ['HTTP/1.1', overHttp1],
  ['HTTP/2', overHttp2],
])('over %s', (_name, get) => {
  describe('an answer', () => {
    test('of any length arrives whole', async () => {
      const { headers, body } = await get('/long');
      expect(headers['content-length']).toBe(String(LONG.length));
      expect(body.equals(LONG)).toBe(true);
    });

    test('is compressed when it is long and the client takes it', async () => {
      const { headers, body } = await get('/long', { 'accept-encoding': 'gzip' });
      expect(headers['content-encoding']).toBe('gzip');
      expect(gunzipSync(body).equals(LONG)).toBe(true);
    });

    test('of many pieces arrives whole too, compressed or not', async () => {
      expect(PIECES).not.toBeInstanceOf(Uint8Array);
      const plain = await get('/pieces');
      expect(plain.headers['content-length']).toBe(String(LONG.length));
      expect(plain.body.equals(LONG)).toBe(true);
      const compressed = await get('/pieces', { 'accept-encoding': 'gzip' });
      expect(compressed.headers['content-encoding']).toBe('gzip');
      expect(gunzipSync(compressed.body).equals(LONG)).toBe(true);
    });

    test('that cannot be made is broken off, and the server goes on', async () => {
      await expect(get('/broken')).rejects.toThrow();
      expect((await get('/other')).status).toBe(404);
    });
  });

  describe('a request', () => {
    test('has its path, query and headers', async () => {
      await get('/a%2Fb?x=1&x=2', { 'x-one': 'two' });
      expect(seen?.path).toBe('/a%2Fb');
      expect(seen?.query.getAll('x')).toEqual(['1', '2']);
      expect(seen?.headers['x-one']).toBe('two');
      expect(seen?.headers.host).toMatch(/^(?:localhost|127\.0\.0\.1):\d+$/);
      expect(Object.keys(seen?.headers ?? {}).filter((name) => name.startsWith(':'))).toEqual([]);
      expect(seen?.user).toBeUndefined();
    });

    test('with a body over the limit is read to its end, but not kept', async () => {
      const { body } = await get('/size', {}, Buffer.alloc(8 * 1024 * 1024));
      const kept = Number(body.toString());
      expect(kept).toBeGreaterThan(3 * 1024 * 1024);
      expect(kept).toBeLessThan(5 * 1024 * 1024);
    });
  });
});

describe('over HTTP/1.1', () => {
  test('an answer of many pieces ends with its client, and the server goes on', async () => {
    const leaving = request({ port: server.port, path: '/pieces' }, (message) => message.destroy());
    await new Promise((resolve) => leaving.on('close', resolve).end());
    expect((await overHttp1('/pieces')).body.length).toBe(LONG.length);
  });

  test('a request that is no HTTP is refused', async () => {
    const text = await new Promise<string>((resolve) => {
      const socket = connect(server.port, '127.0.0.1', () => socket.write('nonsense\r\n\r\n'));
      let all = '';
      socket.on('data', (chunk) => {
        all += chunk.toString();
      });
      socket.on('close', () => resolve(all));
    });
    expect(text).toMatch(/^HTTP\/1\.1 400/);
  });

  test('a request for an upgrade that nobody serves is refused', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const headers = { connection: 'Upgrade', upgrade: 'websocket' };
      const outgoing = request({ port: server.port, path: '/x', headers }, (message) => resolve(message.statusCode));
      outgoing.on('error', reject);
      outgoing.end();
    });
    expect(status).toBe(400);
  });
});

test('a stream hears that its reader has gone', async () => {
  await new Promise<void>((resolve, reject) => {
    const outgoing = request({ port: server.port, path: '/stream' }, (message) => {
      message.once('data', (chunk: Buffer) => {
        expect(chunk.toString()).toBe('first\n');
        outgoing.destroy();
        resolve();
      });
      message.on('error', () => undefined);
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
  await sinkClosed;
  expect(sink?.write(Buffer.from('late'))).toBe(true);
});
