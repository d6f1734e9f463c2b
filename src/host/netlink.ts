// Requests to the kernel about links, addresses and routes: how they are spelled, sent and answered.
// https://man7.org/linux/man-pages/man7/netlink.7.html and .../man7/rtnetlink.7.html
import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { cLibrary, inThread, openSocket, SystemError } from './native.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const MSG_DONTWAIT = 0x40;
const REQUEST_AND_ACK = 0x5;
const NLMSG_ERROR = 2;
const HEADER_BYTES = 16;
/** An answer about one link fits into it, with all that drivers say of themselves. */
const ANSWER_BYTES = 32_768;

export interface NetlinkRequest {
  /** Named in errors. */
  readonly what: string;
  readonly type: number;
  readonly flags: number;
  /** The type's own header, then its attributes. */
  readonly body: Buffer;
  /** Errors that do not count. */
  readonly pardoned?: readonly number[];
}

const aligned = (bytes: number): number => Math.ceil(bytes / 4) * 4;

/** An attribute: a number has 32 bits in the host's order (little-endian wherever Node runs), a text ends with a zero. */
export function attribute(type: number, value: number | string | Buffer | readonly Buffer[]): Buffer {
  const number = typeof value === 'number' ? Buffer.alloc(4) : Buffer.alloc(0);
  if (typeof value === 'number') number.writeUInt32LE(value);
  const text = typeof value === 'string' ? Buffer.from(`${value}\0`) : number;
  const content = Buffer.isBuffer(value) ? value : typeof value === 'object' ? Buffer.concat(value) : text;
  const out = Buffer.alloc(4 + aligned(content.length));
  out.writeUInt16LE(4 + content.length, 0);
  out.writeUInt16LE(type, 2);
  content.copy(out, 4);
  return out;
}

/** All of them in the order in which they are to be done, numbered from 1. */
export function encodeRequests(requests: readonly NetlinkRequest[]): Buffer {
  return Buffer.concat(
    requests.map(({ type, flags, body }, i) => {
      const out = Buffer.alloc(HEADER_BYTES + aligned(body.length));
      out.writeUInt32LE(HEADER_BYTES + body.length, 0);
      out.writeUInt16LE(type, 4);
      out.writeUInt16LE(flags | REQUEST_AND_ACK, 6);
      out.writeUInt32LE(i + 1, 8);
      body.copy(out, HEADER_BYTES);
      return out;
    }),
  );
}

export interface NetlinkAnswer {
  readonly serial: number;
  readonly type: number;
  readonly body: Buffer;
}

/** The messages that came in one reading. */
export function decodeAnswers(bytes: Buffer): NetlinkAnswer[] {
  const out: NetlinkAnswer[] = [];
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    if (length < HEADER_BYTES) break;
    const body = bytes.subarray(at + HEADER_BYTES, at + length);
    out.push({ serial: bytes.readUInt32LE(at + 8), type: bytes.readUInt16LE(at + 4), body });
    at += aligned(length);
  }
  return out;
}

/** A socket of the network namespace that this thread is in now; the caller closes it. */
export function openNetlink(): number {
  return openSocket(AF_NETLINK, SOCK_RAW);
}

function* readAnswers(fd: number): Generator<NetlinkAnswer> {
  const { receive, koffi } = cLibrary();
  const buffer = Buffer.alloc(ANSWER_BYTES);
  for (;;) {
    const bytes = receive(fd, buffer, buffer.length, MSG_DONTWAIT);
    if (bytes < 0 && koffi.errno() === constants.errno.EAGAIN) return;
    if (bytes < 0) throw new SystemError('recv', koffi.errno());
    yield* decodeAnswers(Buffer.from(buffer.subarray(0, bytes)));
  }
}

/** Has requests done, one after the other, all of them. Answers what was told besides; rejects with the first error. */
export async function ask(fd: number, requests: readonly NetlinkRequest[]): Promise<NetlinkAnswer[]> {
  const bytes = encodeRequests(requests);
  // The kernel does them while it is given them, and has answered all when that returns.
  const sent = await inThread(cLibrary().send, fd, bytes, bytes.length, 0);
  if (sent !== bytes.length) throw new Error(`${requests[0]?.what ?? 'netlink'}: the kernel did not take it`);
  const told: NetlinkAnswer[] = [];
  const done = new Set<number>();
  let first: SystemError | undefined;
  for (const answer of readAnswers(fd)) {
    if (answer.type !== NLMSG_ERROR) {
      told.push(answer);
      continue;
    }
    done.add(answer.serial);
    const errno = -answer.body.readInt32LE(0);
    const request = requests[answer.serial - 1];
    if (errno !== 0 && request?.pardoned?.includes(errno) !== true)
      first ??= new SystemError(request?.what ?? 'netlink', errno);
  }
  if (first !== undefined) throw first;
  const silent = requests.find((_r, i) => !done.has(i + 1));
  if (silent !== undefined) throw new Error(`${silent.what}: the kernel did not answer`);
  return told;
}

/** Does something with a socket of the namespace that this thread is in now. */
export async function withNetlink<T>(work: (fd: number) => Promise<T>): Promise<T> {
  const fd = openNetlink();
  try {
    return await work(fd);
  } finally {
    closeSync(fd);
  }
}
