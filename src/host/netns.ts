// Connections inside of other network namespaces. A socket belongs for ever to the namespace that its thread was in when it was made.
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { systemClock } from './clock.ts';
import { inNamespaces } from './namespaces.ts';
import { cLibrary, openSocket, SystemError } from './native.ts';

// https://man7.org/linux/man-pages/man2/socket.2.html and .../setns.2.html
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const POLLOUT = 4;
/** A pod that takes no note of who connects is given up then. */
const PATIENCE_MS = 30_000;

/** Loopback's addresses as the kernel takes them: family in the host's order (little-endian wherever Node runs), port in the network's. */
const LOOPBACK = [
  { family: 2, bytes: 16, address: Buffer.from([127, 0, 0, 1]), at: 4 },
  { family: 10, bytes: 28, address: Buffer.concat([Buffer.alloc(15), Buffer.from([1])]), at: 8 },
] as const;

/** A socket that begins to connect. */
function dial(to: (typeof LOOPBACK)[number], port: number): number {
  const { connect, koffi } = cLibrary();
  const fd = openSocket(to.family, SOCK_STREAM | SOCK_NONBLOCK);
  const name = Buffer.alloc(to.bytes);
  name.writeUInt16LE(to.family, 0);
  name.writeUInt16BE(port, 2);
  to.address.copy(name, to.at);
  if (connect(fd, name, name.length) === 0) return fd;
  const errno = koffi.errno();
  if (errno === constants.errno.EINPROGRESS) return fd;
  closeSync(fd);
  throw new SystemError('connect', errno);
}

/** Waits until a socket is connected, or will not be. https://man7.org/linux/man-pages/man2/connect.2.html#ERRORS (EINPROGRESS) */
async function connected(fd: number): Promise<Socket> {
  const { poll, option } = cLibrary();
  const wanted = Buffer.alloc(8);
  wanted.writeInt32LE(fd, 0);
  wanted.writeInt16LE(POLLOUT, 4);
  const begun = systemClock.now();
  // Localhost answers at once; a thread that waits for who does not would be missing elsewhere.
  while (poll(wanted, 1, 0) === 0 && systemClock.now() - begun < PATIENCE_MS) await systemClock.sleep(5);
  const why = Buffer.alloc(4);
  option(fd, SOL_SOCKET, SO_ERROR, why, [why.length]);
  const errno = poll(wanted, 1, 0) === 0 ? constants.errno.ETIMEDOUT : why.readInt32LE(0);
  if (errno === 0) return new Socket({ fd, allowHalfOpen: true });
  closeSync(fd);
  throw new SystemError('connect', errno);
}

/**
 * Connects to what listens on localhost in a network namespace (a path; this process' own unless given), by IPv4 and else by IPv6.
 * Rejects with a SystemError, IPv4's, when nothing listens.
 */
export async function connectLocalhost(netns: string | undefined, port: number): Promise<Socket> {
  let first: unknown;
  for (const to of LOOPBACK) {
    try {
      const begin = () => dial(to, port);
      return await connected(netns === undefined ? begin() : inNamespaces({ net: netns }, begin));
    } catch (error) {
      first ??= error;
    }
  }
  throw first;
}
