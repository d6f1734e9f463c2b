// What genuine kubectl does not show: the other WebSocket protocols, memory under large transfers, ends and refusals.
import { once } from 'node:events';
import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { forwardHere, runHere } from '../../../test/streaming/this-machine.ts';
import type { ExecStreams } from '../../machinery/streams.ts';
import { type FakeApi, startFakeApi } from './fake-api.ts';
import { remoteCommand } from './index.ts';
import { runRemoteCommand } from './remote-command.ts';
import { FrameReader } from './spdy/frames.ts';
import { buildBlock, HeaderReader, HeaderWriter, parseBlock } from './spdy/headers.ts';

let api: FakeApi;
beforeAll(async () => {
  api = await startFakeApi({ run: runHere, forward: forwardHere });
});
afterAll(async () => {
  await api.close();
});

const PODS = '/api/v1/namespaces/default/pods/p';

function dial(path: string, protocols: string[]): WebSocket {
  return new WebSocket(api.url.replace('http', 'ws') + PODS + path, protocols);
}

function collect(socket: WebSocket): string[] {
  const messages: string[] = [];
  socket.on('message', (data: Buffer) => messages.push(data.toString('latin1')));
  return messages;
}

const execPath = (script: string, streams: string): string =>
  `/exec?command=sh&command=-c&command=${encodeURIComponent(script)}&${streams}`;

describe('a WebSocket client', () => {
  test('of v4 gets outputs by channel and a Status at the end', async () => {
    const socket = dial(execPath('echo out; echo err >&2; exit 3', 'stdout=true&stderr=true'), ['v4.channel.k8s.io']);
    const messages = collect(socket);
    const [code] = (await once(socket, 'close')) as [number];
    expect(code).toBe(1000);
    expect(messages[0]).toBe('\x01');
    expect(messages).toContain('\x01out\n');
    expect(messages).toContain('\x02err\n');
    expect(JSON.parse(messages.at(-1)?.slice(1) ?? '')).toEqual({
      metadata: {},
      status: 'Failure',
      message:
        'command terminated with non-zero exit code: error executing command [sh -c echo out; echo err >&2; exit 3], exit code 3',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '3' }] },
    });
  });

  test('of v5 can close its input', async () => {
    const socket = dial(execPath('cat; echo end', 'stdin=true&stdout=true'), ['v5.channel.k8s.io']);
    const messages = collect(socket);
    await once(socket, 'open');
    socket.send(Buffer.from('\0hello\n'));
    socket.send(Buffer.from([255, 0]));
    await once(socket, 'close');
    expect(messages.join('')).toContain('\x01hello\n');
    expect(messages.join('')).toContain('end\n');
    expect(JSON.parse(messages.at(-1)?.slice(1) ?? '')).toEqual({ metadata: {}, status: 'Success' });
  });

  test('of the base64 protocols sends and gets text', async () => {
    const socket = dial(execPath('read line; echo "got $line"', 'stdin=true&stdout=true'), [
      'v4.base64.channel.k8s.io',
    ]);
    const messages = collect(socket);
    await once(socket, 'open');
    socket.send(`0${Buffer.from('x\n').toString('base64')}`);
    await once(socket, 'close');
    const decoded = messages.map((m) => m[0] + Buffer.from(m.slice(1), 'base64').toString());
    expect(decoded).toContain('1got x\n');
    expect(decoded.at(-1)).toBe('3{"metadata":{},"status":"Success"}');
  });

  test('that names no protocol gets the first one: errors as text', async () => {
    const socket = dial(execPath('exit 4', 'stdout=true'), []);
    const messages = collect(socket);
    await once(socket, 'close');
    expect(socket.protocol).toBe('');
    expect(messages.at(-1)?.slice(1)).toMatch(/^command terminated with non-zero exit code: .*exit code 4$/);
  });

  test('that knows only protocols which are not spoken here is refused', async () => {
    const socket = dial(execPath('true', 'stdout=true'), ['v9.channel.k8s.io']);
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message).toBe('Unexpected server response: 403');
  });

  test('forwards a port over channels that begin with its number', async () => {
    const echo = (await import('node:net')).createServer((peer) => peer.pipe(peer));
    echo.listen(0, '127.0.0.1');
    await once(echo, 'listening');
    const { port } = echo.address() as { port: number };
    const socket = dial(`/portforward?ports=${port}`, ['v4.channel.k8s.io']);
    const messages = collect(socket);
    await once(socket, 'open');
    socket.send(Buffer.from('\0ping'));
    for (let i = 0; i < 50 && messages.length < 3; i++) await new Promise((resolve) => setTimeout(resolve, 20));
    const bytes = String.fromCharCode(port & 0xff, port >> 8);
    expect(messages).toEqual([`\0${bytes}`, `\x01${bytes}`, '\0ping']);
    socket.close();
    echo.close();
  });
});

describe('the client of this project', () => {
  const call = async (script: string, given: Partial<ExecStreams>): Promise<{ exitCode: number; out: string }> => {
    const stdout = new PassThrough();
    let out = '';
    stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    const query = `stdout=true&stdin=${given.stdin !== undefined}&tty=${given.tty === true}`;
    const url = api.url.replace('http', 'ws') + PODS + execPath(script, query);
    const rest = { tty: false, onResize: () => () => undefined, signal: new AbortController().signal };
    const { exitCode } = await remoteCommand({ url }, { ...rest, stdout, ...given });
    return { exitCode, out };
  };

  test('gets outputs and exit codes', async () => {
    expect(await call('echo hello; exit 9', {})).toEqual({ exitCode: 9, out: 'hello\n' });
  });

  test('sends input and its end', async () => {
    const stdin = new PassThrough();
    stdin.end('typed\n');
    expect(await call('cat; echo end', { stdin })).toEqual({ exitCode: 0, out: 'typed\nend\n' });
  });

  test('sends the size of its terminal', async () => {
    const { out } = await call('sleep 0.3; stty size', {
      tty: true,
      onResize(callback) {
        callback({ width: 77, height: 33 });
        return () => undefined;
      },
    });
    expect(out).toContain('33 77');
  });

  test('ends the command when it is told to stop', async () => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 300);
    await expect(call('sleep 32.5', { signal: abort.signal })).rejects.toThrow('ended before the command did');
    for (let i = 0; i < 40 && api.aborted.length === 0; i++) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(api.aborted).toContain('sh -c sleep 32.5');
  });
});

describe('a large transfer', () => {
  test('to a client that does not read stops the command instead of filling memory', async () => {
    const url = new URL(api.url);
    const raw = connect(Number(url.port), url.hostname);
    const path = PODS + execPath('head -c 400000000 /dev/zero; echo done >&2', 'stdout=true&stderr=true');
    raw.write(
      `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n',
    );
    raw.pause();
    const before = process.memoryUsage().rss;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
    raw.destroy();
  });
});

describe('the end of a command', () => {
  const streams = (given: Partial<ExecStreams>): { error: PassThrough; rest: ExecStreams } => ({
    error: new PassThrough(),
    rest: { tty: false, onResize: () => () => undefined, signal: new AbortController().signal, ...given },
  });

  test('of an attach is a success whatever the exit code', async () => {
    const { error, rest } = streams({});
    const options = { kind: 'attach', command: [], stdin: false, stdout: false, stderr: false, tty: false } as const;
    const none = { stdin: undefined, stdout: undefined, stderr: undefined, resize: undefined };
    const done = runRemoteCommand({ ...none, error, signal: rest.signal, statusAsJson: true }, options, () =>
      Promise.resolve({ exitCode: 5 }),
    );
    const [text] = (await once(error, 'data')) as [Buffer];
    await done;
    expect(JSON.parse(text.toString())).toEqual({ metadata: {}, status: 'Success' });
  });

  test('comes after sizes that were sent before anyone listened', async () => {
    const { error, rest } = streams({});
    const resize = new PassThrough();
    resize.write('{"Width":10,"Height":20}{"Wid');
    resize.write('th":30,"Height":40}\n{"Width":"x"}');
    const options = { kind: 'exec', command: ['x'], stdin: false, stdout: false, stderr: false, tty: true } as const;
    const none = { stdin: undefined, stdout: undefined, stderr: undefined };
    const sizes: unknown[] = [];
    error.resume();
    await runRemoteCommand(
      { ...none, resize, error, signal: rest.signal, statusAsJson: true },
      options,
      async (given) => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        given.onResize((size) => sizes.push(size));
        return { exitCode: 0 };
      },
    );
    expect(sizes).toEqual([{ width: 30, height: 40 }]);
  });
});

describe('SPDY', () => {
  test('header blocks are read as they were written, many in one stream', async () => {
    const writer = new HeaderWriter();
    const reader = new HeaderReader();
    for (const name of ['stdin', 'stdout', 'ä']) {
      const headers = await reader.read(writer.write([['StreamType', name]]));
      expect([...headers]).toEqual([['streamtype', name]]);
    }
    reader.close();
  });

  test('a header block that inflates without end is refused', async () => {
    const reader = new HeaderReader();
    const { deflateSync } = await import('node:zlib');
    const { DICTIONARY } = await import('./spdy/dictionary.ts');
    const bomb = deflateSync(Buffer.alloc(50_000_000), { dictionary: DICTIONARY });
    await expect(reader.read(bomb)).rejects.toThrow('too large');
    reader.close();
  });

  test.each([[Buffer.from([0, 0, 0, 1, 0, 0, 0, 9, 65])], [Buffer.from([0, 0])]])(
    'a header block that is cut off is refused: %o',
    (block) => {
      expect(() => parseBlock(block)).toThrow();
    },
  );

  test('frames are cut out of any pieces', () => {
    const block = buildBlock([['a', 'b']]);
    const data = Buffer.concat([Buffer.from([0, 0, 0, 1, 1, 0, 0, block.length]), block]);
    const reader = new FrameReader();
    const frames = [...Buffer.concat([data, data])].flatMap((byte) => [...reader.push(Buffer.from([byte]))]);
    expect(frames).toHaveLength(2);
    expect(frames[0]).toMatchObject({ kind: 'data', stream: 1, flags: 1 });
  });

  test('nonsense after the upgrade ends the connection and nothing else', async () => {
    const url = new URL(api.url);
    const raw = connect(Number(url.port), url.hostname);
    raw.write(
      `POST ${PODS}${execPath('true', 'stdout=true')} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n` +
        'X-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n',
    );
    const [answer] = (await once(raw, 'data')) as [Buffer];
    expect(answer.toString()).toContain('X-Stream-Protocol-Version: v4.channel.k8s.io');
    raw.write(Buffer.alloc(64, 0xff));
    await once(raw, 'close');
    const socket = dial(execPath('echo alive', 'stdout=true'), ['v4.channel.k8s.io']);
    const messages = collect(socket);
    await once(socket, 'close');
    expect(messages).toContain('\x01alive\n');
  });

  test('without a common protocol is refused', async () => {
    const url = new URL(api.url);
    const raw = connect(Number(url.port), url.hostname);
    raw.write(
      `POST ${PODS}/portforward HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: x\r\n\r\n`,
    );
    const [answer] = (await once(raw, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
    expect(answer.toString()).toContain('client supports [x], server accepts [portforward.k8s.io]');
    raw.destroy();
  });
});
