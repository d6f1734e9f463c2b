// Writes to a Unix socket that keeps the bounds of messages (SOCK_SEQPACKET), which Node's own sockets do not do.
// https://man7.org/linux/man-pages/man7/unix.7.html
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, dirname } from 'node:path';
import { Writable } from 'node:stream';
import { systemClock } from './clock.ts';
import { cLibrary, openSocket, SystemError } from './native.ts';

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_NONBLOCK = 0o4000;
const MSG_NOSIGNAL = 0x4000;
/** struct sockaddr_un: the family, then a path of at most 108 bytes. */
const ADDRESS_BYTES = 110;
/** How often it is looked whether who is slow to read has room again. */
const RETRY_MS = 5;

/** The address of a socket, however long its path is: by way of its directory's descriptor. */
function withAddress<T>(path: string, work: (address: Buffer) => T): T {
  const directory = openSync(dirname(path), 'r');
  try {
    const address = Buffer.alloc(ADDRESS_BYTES);
    address.writeUInt16LE(AF_UNIX, 0);
    address.write(`/proc/self/fd/${directory}/${basename(path)}`, 2);
    return work(address);
  } finally {
    closeSync(directory);
  }
}

function connectTo(path: string): number {
  const { connect, koffi } = cLibrary();
  const fd = openSocket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK);
  // What went wrong is known until the next call.
  const errno = withAddress(path, (address) => (connect(fd, address, address.length) === 0 ? 0 : koffi.errno()));
  if (errno === 0) return fd;
  closeSync(fd);
  throw new SystemError(`connect ${path}`, errno);
}

class MessageSocket extends Writable {
  #open = true;

  constructor(
    private readonly fd: number,
    private readonly messageBytes: number,
  ) {
    super();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.#send(chunk).then(() => done(), done);
  }

  async #send(chunk: Buffer): Promise<void> {
    const { send, koffi } = cLibrary();
    for (let at = 0; at < chunk.length && this.#open; ) {
      const part = chunk.subarray(at, at + this.messageBytes);
      if (send(this.fd, part, part.length, MSG_NOSIGNAL) === part.length) at += part.length;
      else if (koffi.errno() === constants.errno.EAGAIN) await systemClock.sleep(RETRY_MS);
      else throw new SystemError('send', koffi.errno());
    }
  }

  #close(): void {
    if (this.#open) closeSync(this.fd);
    this.#open = false;
  }

  override _final(done: () => void): void {
    this.#close();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#close();
    done(error);
  }
}

/** Connects at once; what is written goes in messages of at most so many bytes. Throws a SystemError when nobody listens. */
export function openMessageSocket(path: string, messageBytes: number): Writable {
  return new MessageSocket(connectTo(path), messageBytes);
}
