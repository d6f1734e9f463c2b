// HTTP/2: how it is agreed on, what is announced, when connections end, and clients that mean no good.

import { once } from 'node:events';
import {
  type ClientHttp2Session,
  connect as connectHttp2,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from 'node:http2';
import { connect, type TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ByteSink, WireRequest, WireResponse } from '../../machinery/http.ts';
import { selfSigned } from '../aggregation/test-certificate.ts';
import { type Listening, type ListenOptions, listen } from './https.ts';
import { FLAGS, FRAMES, frame, POST, PREFACE, RawClient, requestHead } from './test-frames.ts';

const LONG = Buffer.alloc(3_000_000, 'x');
const QUICK = { prefaceMs: 10_000, idleMs: 10_000, bodyMs: 10_000 };

let tls: { cert: string; key: string };
let server: Listening;
let handled: WireRequest[] = [];
let counts = { closed: 0 };
const ends: (() => unknown)[] = [];

async function answer(incoming: WireRequest): Promise<WireResponse> {
  handled.push(incoming);
  const headers = { 'content-type': 'text/plain' };
  switch (incoming.path) {
    case '/long':
      return { status: 200, headers, body: LONG };
    case '/nobody':
      return { status: 401, headers, body: Buffer.from('who?'), endsConnection: true };
    case '/connection':
      return {
        status: 200,
        headers: { ...headers, connection: 'keep-alive', 'x-a': ['1', '2'] },
        body: Buffer.from(''),
      };
    case '/late':
      await new Promise((resolve) => incoming.signal?.addEventListener('abort', () => setTimeout(resolve, 20)));
      return { status: 200, headers, body: { start: (sink) => stream(sink, false) } };
    case '/stream':
    case '/ended':
      return { status: 200, headers, body: { start: (sink) => stream(sink, incoming.path === '/ended') } };
    default:
      return { status: 200, headers, body: Buffer.from(incoming.path) };
  }
}

/** Counts for the test that asked, however late it closes. */
function stream(sink: ByteSink, ended: boolean): void {
  const count = counts;
  sink.onClose(() => count.closed++);
  sink.write(Buffer.from('first\n'));
  if (ended) sink.end();
}

async function start(more: Partial<ListenOptions> = {}): Promise<void> {
  server = await listen({
    host: '127.0.0.1',
    port: 0,
    handle: answer,
    tls: { ...tls, clientCa: tls.cert },
    ...more,
  });
  ends.push(() => server.close());
}

function open(options: { readonly cert?: string; readonly key?: string } = {}): ClientHttp2Session {
  const session = connectHttp2(`https://127.0.0.1:${server.port}`, {
    rejectUnauthorized: false,
    maxSendHeaderBlockLength: 1 << 20,
    ...options,
  });
  session.on('error', () => undefined);
  ends.push(() => session.destroy());
  return session;
}

interface Got {
  readonly headers: IncomingHttpHeaders & IncomingHttpStatusHeader;
  readonly body: Buffer;
}

async function ask(session: ClientHttp2Session, headers: Record<string, string>): Promise<Got> {
  const request = session.request(headers);
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = once(request, 'close');
  const [got] = (await once(request, 'response')) as [Got['headers']];
  await ended;
  return { headers: got, body: Buffer.concat(chunks) };
}

async function raw(): Promise<RawClient> {
  const socket = connect({ port: server.port, ALPNProtocols: ['h2'], rejectUnauthorized: false });
  ends.push(() => socket.destroy());
  await once(socket, 'secureConnect');
  return new RawClient(socket);
}

async function until(done: () => boolean): Promise<void> {
  for (let i = 0; i < 1000 && !done(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(done()).toBe(true);
}

beforeAll(async () => {
  tls = await selfSigned('known');
});
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
  handled = [];
  counts = { closed: 0 };
});

describe('what is spoken', () => {
  const agreed = async (ALPNProtocols: string[] | undefined): Promise<string | false | null> => {
    const socket: TLSSocket = connect({
      port: server.port,
      rejectUnauthorized: false,
      ...(ALPNProtocols && { ALPNProtocols }),
    });
    ends.push(() => socket.destroy());
    await once(socket, 'secureConnect');
    return socket.alpnProtocol;
  };

  test('is HTTP/2 when the client takes it, and else HTTP/1.1', async () => {
    await start();
    expect(await agreed(['h2', 'http/1.1'])).toBe('h2');
    expect(await agreed(['http/1.1', 'h2'])).toBe('h2');
    expect(await agreed(['http/1.1'])).toBe('http/1.1');
    expect(await agreed(undefined)).toBe(false);
    await expect(agreed(['h3'])).rejects.toThrow(/no application protocol/i);
  });

  test('is HTTP/1.1 with a client that says nothing', async () => {
    await start();
    const socket = connect({ port: server.port, rejectUnauthorized: false });
    ends.push(() => socket.destroy());
    socket.write('GET /x HTTP/1.1\r\nhost: a\r\n\r\n');
    const [first] = (await once(socket, 'data')) as [Buffer];
    expect(first.toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });
});

describe('a connection', () => {
  test('announces the limits of kube-apiserver', async () => {
    await start();
    const session = open();
    await once(session, 'remoteSettings');
    expect(session.remoteSettings).toMatchObject({
      maxConcurrentStreams: 100,
      maxFrameSize: 262_144,
      initialWindowSize: 262_144,
      maxHeaderListSize: 1_048_896,
      enableConnectProtocol: false,
    });
  });

  test('carries the user of its certificate to all its requests', async () => {
    await start();
    const session = open(tls);
    await Promise.all([ask(session, { ':path': '/a' }), ask(session, { ':path': '/b' })]);
    expect(handled.map((request) => request.user?.username)).toEqual(['known', 'known']);
  });

  test('ends with the answer to nobody, after what is open has ended', async () => {
    await start();
    const session = open();
    const goaway = once(session, 'goaway');
    const other = session.request({ ':path': '/stream' });
    await once(other, 'response');
    const { headers, body } = await ask(session, { ':path': '/nobody' });
    expect(headers[':status']).toBe(401);
    expect(body.toString()).toBe('who?');
    expect((await goaway)[0]).toBe(constants.NGHTTP2_NO_ERROR);
    expect(other.destroyed).toBe(false);
    other.resume();
    other.close();
    await once(session, 'close');
  });

  test('on which nothing is asked ends, and one with a stream does not', async () => {
    await start({ http2: { ...QUICK, idleMs: 100 } });
    const session = open();
    const request = session.request({ ':path': '/stream' });
    await once(request, 'response');
    const idle = open();
    await ask(idle, { ':path': '/x' });
    const [code] = (await once(idle, 'goaway')) as [number];
    expect(code).toBe(constants.NGHTTP2_NO_ERROR);
    await once(idle, 'close');
    expect(session.closed).toBe(false);
    request.close();
    await once(session, 'close');
  });

  test('whose client does not begin is closed', async () => {
    await start({ http2: { ...QUICK, prefaceMs: 100 } });
    const client = await raw();
    await client.gone;
  });

  test('is told to come back when the server closes, and is not waited for', async () => {
    await start();
    const session = open();
    const request = session.request({ ':path': '/stream' });
    request.on('error', () => undefined);
    await once(request, 'response');
    const goaway = once(session, 'goaway');
    const gone = once(session, 'close');
    const ended = once(request.resume(), 'end');
    await server.close();
    expect((await goaway)[0]).toBe(constants.NGHTTP2_NO_ERROR);
    await ended;
    expect(request.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
    await gone;
    expect(counts.closed).toBe(1);
  });
});

describe('a request', () => {
  test('may have long and many headers', async () => {
    await start();
    const groups = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`x-group-${i}`, 'g'.repeat(200)]));
    await ask(open(), { ':path': '/x', ...groups });
    expect(handled[0]?.headers['x-group-399']).toBe('g'.repeat(200));
  });

  test('for the head of an answer gets its length and no body', async () => {
    await start();
    const { headers, body } = await ask(open(), { ':path': '/long', ':method': 'HEAD' });
    expect(headers['content-length']).toBe(String(LONG.length));
    expect(body.length).toBe(0);
  });

  test('gets no header that belongs to HTTP/1.1', async () => {
    await start();
    const { headers } = await ask(open(), { ':path': '/connection' });
    expect(headers).toMatchObject({ ':status': 200, 'x-a': '1, 2' });
    expect(headers).not.toHaveProperty('connection');
  });

  test('is told to go on with its body when it asks', async () => {
    await start();
    const request = open().request({ ':path': '/x', ':method': 'POST', expect: '100-continue' });
    await once(request, 'continue');
    request.end('body');
    await once(request, 'response');
    expect(Buffer.from(handled[0]?.body ?? []).toString()).toBe('body');
    request.resume();
  });

  test('that its client takes back is known to be gone', async () => {
    await start();
    const request = open().request({ ':path': '/stream' });
    await once(request, 'response');
    request.close(constants.NGHTTP2_CANCEL);
    await until(() => counts.closed === 1);
    expect(handled[0]?.signal?.aborted).toBe(true);
  });

  test('that is answered when its client has long gone is heard to be over', async () => {
    await start();
    const request = open().request({ ':path': '/late' });
    await until(() => handled.length === 1);
    request.close(constants.NGHTTP2_CANCEL);
    await until(() => counts.closed === 1);
  });

  test('beyond a hundred at once on one connection is refused until there is room', async () => {
    await start();
    const client = await raw();
    client.send(PREFACE, frame({ type: FRAMES.settings }));
    for (let i = 0; i <= 100; i++) client.send(requestHead(1 + 2 * i, '/stream'));
    const refused = await client.read(FRAMES.reset);
    expect(refused.id).toBe(201);
    expect(refused.payload.readUInt32BE()).toBe(constants.NGHTTP2_REFUSED_STREAM);
    expect(handled).toHaveLength(100);
  });
});

describe('a client that means no good', () => {
  const noWindow = frame({ type: FRAMES.settings, payload: Buffer.from([0, 4, 0, 0, 0, 0]) });
  const ping = frame({ type: FRAMES.ping, payload: Buffer.alloc(8) });

  test.each(['/long', '/ended'])('and never takes what %s answers is left', async (path) => {
    await start({ stalledMs: 200 });
    const client = await raw();
    client.send(PREFACE, noWindow, requestHead(1, path));
    const reset = await client.read(FRAMES.reset);
    expect(reset.payload.readUInt32BE()).toBe(constants.NGHTTP2_INTERNAL_ERROR);
    // What still streams may wait for ever.
    client.send(requestHead(3, '/stream'));
    await until(() => handled.length === 2);
    client.send(ping);
    await client.read(FRAMES.ping);
  });

  test('and never sends the body that it announced is left', async () => {
    await start({ http2: { ...QUICK, bodyMs: 100 } });
    const client = await raw();
    client.send(
      PREFACE,
      frame({ type: FRAMES.settings }),
      requestHead(1, '/x', { flags: FLAGS.endHeaders, method: POST }),
    );
    const reset = await client.read(FRAMES.reset);
    expect(reset.payload.readUInt32BE()).toBe(constants.NGHTTP2_INTERNAL_ERROR);
    expect(handled).toEqual([]);
  });

  test('and takes back what it asks, thousands of times, is cut off', async () => {
    await start();
    const client = await raw();
    client.send(PREFACE, frame({ type: FRAMES.settings }));
    for (let i = 0; i < 5000; i++) {
      const id = 1 + 2 * i;
      client.send(requestHead(id, '/stream'), frame({ type: FRAMES.reset, id, payload: Buffer.from([0, 0, 0, 8]) }));
    }
    await client.gone;
    expect(handled.length).toBeLessThan(2000);
    await until(() => counts.closed === handled.length);
  });

  test.each([
    [
      'headers that have no end',
      [
        requestHead(1, '/x', { flags: 0 }),
        ...Array(2000).fill(frame({ type: FRAMES.continuation, id: 1, payload: Buffer.from([0, 1, 97, 1, 98]) })),
      ],
    ],
    ['settings upon settings', Array(50_000).fill(frame({ type: FRAMES.settings }))],
    ['pings upon pings', Array(50_000).fill(ping)],
    [
      'empty frames',
      [requestHead(1, '/x', { flags: FLAGS.endHeaders }), ...Array(50_000).fill(frame({ type: FRAMES.data, id: 1 }))],
    ],
  ] as [string, Buffer[]][])('and sends %s is cut off', async (_what, frames) => {
    await start();
    const client = await raw();
    client.send(PREFACE, frame({ type: FRAMES.settings }), ...frames);
    await client.gone;
    expect((await ask(open(), { ':path': '/well' })).body.toString()).toBe('/well');
  });
});
