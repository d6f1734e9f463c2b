// Messages of other servers as they came: which records are in them and how long they hold, without a copy of what is said.
import { decode } from 'dns-packet';
import { plainName } from './names.ts';
import { endOfName } from './query.ts';
import type { DnsRecord } from './records.ts';

const HEADER = 12;
const [QR, TC] = [0x8000, 0x0200];
const [SOA, OPT] = [6, 41];

interface Place {
  readonly type: number;
  readonly ttlAt: number;
  readonly ttl: number;
  /** Of records that say that there is nothing, how long that holds. */
  readonly holds: number;
}

/** Throws where the message is none. */
function placesOf(bytes: Buffer): Place[] {
  let at = endOfName(bytes, HEADER) + 4;
  const count = bytes.readUInt16BE(6) + bytes.readUInt16BE(8) + bytes.readUInt16BE(10);
  const places: Place[] = [];
  for (let i = 0; i < count; i++) {
    at = endOfName(bytes, at);
    const [type, ttl] = [bytes.readUInt16BE(at), bytes.readUInt32BE(at + 4)];
    const end = at + 10 + bytes.readUInt16BE(at + 8);
    if (end > bytes.length) throw new RangeError('a record ends too early');
    const holds = type === SOA ? Math.min(ttl, bytes.readUInt32BE(end - 4)) : ttl;
    if (type !== OPT) places.push({ type, ttlAt: at + 4, ttl, holds });
    at = end;
  }
  return places;
}

/** Whether it is the reply to the question that was sent. */
export function isReplyTo(reply: Buffer, sent: Buffer): boolean {
  if (reply.length < HEADER || (reply.readUInt16BE(2) & QR) === 0 || reply.readUInt16BE(0) !== sent.readUInt16BE(0))
    return false;
  // Some servers leave the question out of a reply that says only that they will not answer.
  if (reply.readUInt16BE(4) === 0) return reply.length === HEADER && rcodeOf(reply) !== 0;
  try {
    const end = endOfName(sent, HEADER) + 4;
    const [asked, answered] = [sent, reply].map((one) => one.toString('latin1', HEADER, end).toLowerCase());
    return reply.readUInt16BE(4) === 1 && asked === answered && placesOf(reply).length >= 0;
  } catch {
    return false;
  }
}

export const rcodeOf = (reply: Buffer): number => reply.readUInt16BE(2) & 15;
export const isTruncated = (reply: Buffer): boolean => (reply.readUInt16BE(2) & TC) !== 0;

/** For how many seconds it holds; 0 where that is not said. */
export function holdsFor(reply: Buffer): number {
  const places = placesOf(reply);
  const nothing = reply.readUInt16BE(6) === 0;
  const said = nothing ? places.filter(({ type }) => type === SOA) : places;
  return said.length === 0 ? 0 : Math.min(...said.map(({ holds }) => holds));
}

/** A copy that says of no record that it holds longer than so. */
export function holdingAtMost(reply: Buffer, seconds: number): Buffer {
  const copy = Buffer.from(reply);
  for (const { ttlAt, ttl } of placesOf(reply)) copy.writeUInt32BE(Math.min(ttl, seconds), ttlAt);
  return copy;
}

/** Only that there is more than fits. */
export function cutShort(reply: Buffer): Buffer {
  const copy = Buffer.from(reply.subarray(0, endOfName(reply, HEADER) + 4));
  copy.writeUInt16BE(copy.readUInt16BE(2) | TC, 2);
  copy.fill(0, 6, HEADER);
  return copy;
}

/** The addresses, and the aliases on the way to them, that a reply gives for a name. */
export function addressesIn(reply: Buffer, name: string): DnsRecord[] {
  const records: DnsRecord[] = [];
  const names = new Set([plainName(name).toLowerCase()]);
  for (const answer of decode(reply).answers ?? []) {
    const owner = plainName(answer.name);
    if (!names.has(owner.toLowerCase())) continue;
    const ttl = 'ttl' in answer ? (answer.ttl ?? 0) : 0;
    if (answer.type === 'CNAME') {
      names.add(plainName(answer.data).toLowerCase());
      records.push({ name: owner, type: 'CNAME', ttl, data: plainName(answer.data) });
    } else if (answer.type === 'A' || answer.type === 'AAAA') {
      records.push({ name: owner, type: answer.type, ttl, data: answer.data });
    }
  }
  return records;
}
