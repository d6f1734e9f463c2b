// One question to one other server, over UDP or TCP, from a port of its own.
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { framed, type Transport, unframed } from './listen.ts';
import { isReplyTo } from './message.ts';
import type { Upstream } from './upstreams.ts';

export type Exchange = (message: Buffer, to: Upstream, via: Transport, timeoutMs: number) => Promise<Buffer>;

function overUdp(message: Buffer, { address, port }: Upstream, timeoutMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    const end = (settle: () => void) => {
      clearTimeout(timer);
      socket.removeAllListeners();
      // What comes after the end is nobody's.
      socket.on('error', () => undefined);
      socket.close();
      settle();
    };
    const fail = (error: Error) => end(() => reject(error));
    const timer = setTimeout(() => fail(new Error('no answer in time')), timeoutMs);
    socket.on('error', fail);
    socket.on('message', (reply) => {
      // Others may guess: only the reply to this question counts.
      if (isReplyTo(reply, message)) end(() => resolve(reply));
    });
    // Connected, so that the kernel lets only that server in and tells when nobody is there.
    socket.connect(port, address, () => {
      socket.send(message, (error) => {
        if (error !== null) fail(error);
      });
    });
  });
}

function overTcp(message: Buffer, { address, port }: Upstream, timeoutMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, noDelay: true });
    const end = (settle: () => void) => {
      clearTimeout(timer);
      socket.destroy();
      settle();
    };
    const timer = setTimeout(() => end(() => reject(new Error('no answer in time'))), timeoutMs);
    socket.on('error', (error) => end(() => reject(error)));
    socket.on('close', () => end(() => reject(new Error('closed without an answer'))));
    socket.on(
      'data',
      unframed((reply) => {
        if (isReplyTo(reply, message)) end(() => resolve(reply));
      }),
    );
    socket.write(framed(message));
  });
}

export const exchange: Exchange = (message, to, via, timeoutMs) =>
  via === 'tcp' ? overTcp(message, to, timeoutMs) : overUdp(message, to, timeoutMs);
