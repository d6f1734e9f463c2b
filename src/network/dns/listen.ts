// Where questions come in: datagrams and connections of one address and port, each question handed to one function.
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { createServer, isIPv6, type Server, type Socket } from 'node:net';
import { errorCode } from '../../host/files.ts';

export type Transport = 'udp' | 'tcp';

/** The reply, or nothing. Must not throw. */
export type Handle = (message: Buffer, via: Transport) => Buffer | undefined | Promise<Buffer | undefined>;

export interface ListenOptions {
  readonly address: string;
  /** Tried first; another one is taken where it is in use. */
  readonly port: number;
  readonly handle: Handle;
  /** Who is answered. */
  readonly admits: (client: string) => boolean;
  readonly onError: (error: unknown) => void;
}

export interface DnsListener {
  readonly port: number;
  close(): Promise<void>;
}

const RECEIVE_BYTES = 1 << 20;
const IDLE_MS = 10_000;
const MOST_CONNECTIONS = 1000;
/** Questions of one connection that are being answered. */
const MOST_PENDING = 64;
const MOST_UNREAD = 1 << 20;
const TRIES = 20;

function openDatagrams(address: string, port: number): Promise<DatagramSocket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind(port, address, () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}

function openConnections(address: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ noDelay: true });
    server.maxConnections = MOST_CONNECTIONS;
    server.once('error', reject);
    server.listen(port, address, () => {
      server.removeAllListeners('error');
      resolve(server);
    });
  });
}

/** Both on one port: that which was asked for, else one that is free. */
async function openBoth(address: string, wanted: number): Promise<[DatagramSocket, Server, number]> {
  for (let i = 0; ; i++) {
    let datagrams: DatagramSocket | undefined;
    try {
      datagrams = await openDatagrams(address, i === 0 ? wanted : 0);
      const { port } = datagrams.address();
      return [datagrams, await openConnections(address, port), port];
    } catch (error) {
      datagrams?.close();
      if (errorCode(error) !== 'EADDRINUSE' || i === TRIES) throw error;
    }
  }
}

function serveDatagrams(socket: DatagramSocket, options: ListenOptions): void {
  const { handle, admits, onError } = options;
  socket.setRecvBufferSize(RECEIVE_BYTES);
  socket.on('error', onError);
  socket.on('message', (message, from) => {
    if (!admits(from.address)) return;
    // A client that went meanwhile is no error.
    const send = (reply: Buffer | undefined) => {
      if (reply !== undefined) socket.send(reply, from.port, from.address, () => undefined);
    };
    const reply = handle(message, 'udp');
    if (reply instanceof Promise) reply.then(send, onError);
    else send(reply);
  });
}

export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** Cuts a stream into the messages in it; each has its length before it. */
export function unframed(onMessage: (message: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
      const end = 2 + rest.readUInt16BE(0);
      onMessage(rest.subarray(2, end));
      rest = rest.subarray(end);
    }
  };
}

function serveConnection(socket: Socket, options: ListenOptions): void {
  const { handle, onError } = options;
  let pending = 0;
  const answer = async (message: Buffer): Promise<void> => {
    if (++pending >= MOST_PENDING) socket.pause();
    const reply = await handle(message, 'tcp');
    // Who asks and does not read what is answered is not waited for.
    if (reply === undefined || socket.writableLength > MOST_UNREAD) socket.destroy();
    else if (!socket.destroyed) socket.write(framed(reply));
    if (--pending < MOST_PENDING) socket.resume();
  };
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on(
    'data',
    unframed((message) => void answer(message).catch(onError)),
  );
}

export async function listenDns(options: ListenOptions): Promise<DnsListener> {
  const { address, admits, onError } = options;
  const [datagrams, connections, port] = await openBoth(address, options.port);
  const open = new Set<Socket>();
  serveDatagrams(datagrams, options);
  connections.on('error', onError);
  connections.on('connection', (socket) => {
    if (!admits(socket.remoteAddress ?? '')) {
      socket.destroy();
      return;
    }
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    serveConnection(socket, options);
  });
  return {
    port,
    async close() {
      for (const socket of open) socket.destroy();
      await Promise.all([
        new Promise<void>((resolve) => datagrams.close(() => resolve())),
        new Promise<void>((resolve) => connections.close(() => resolve())),
      ]);
    },
  };
}
