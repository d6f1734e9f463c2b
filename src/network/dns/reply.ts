// Replies as they are on the wire, with names compressed so that more of them fit into a datagram (RFC 1035, RFC 6891).
import { isIPv4 } from 'node:net';
import { type Query, RCODES, type Rcode } from './query.ts';
import type { DnsRecord } from './records.ts';

const HEADER = 12;
const [QR, AA, TC, RD, RA, CD] = [0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0010];
const TYPES = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, TXT: 16, AAAA: 28, SRV: 33, OPT: 41 } as const;
const IN = 1;
const POINTER = 0xc000;
const LEAST_DATAGRAM = 512;
const MOST_DATAGRAM = 4096;
const OPT_LENGTH = 11;
export const MOST_BYTES = 65_535;

/** How long a reply over UDP may be. */
export function datagramLimit(query: Query): number {
  return Math.min(MOST_DATAGRAM, Math.max(LEAST_DATAGRAM, query.edns?.size ?? 0));
}

export interface Reply {
  readonly rcode: Rcode;
  readonly authoritative?: boolean;
  readonly recursionAvailable?: boolean;
  readonly answers?: readonly DnsRecord[];
  readonly authorities?: readonly DnsRecord[];
  readonly additionals?: readonly DnsRecord[];
}

/** Writes into one buffer again and again: what is made is copied out. */
const scratch = Buffer.alloc(MOST_BYTES);

class Writer {
  at = HEADER;
  readonly #names = new Map<string, number>();
  readonly #limit: number;
  #asked: string | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  question(query: Query): void {
    this.at += query.question.copy(scratch, this.at);
    // Only where the text is what the bytes say: a label may hold a dot or what is no text.
    const { name, question } = query;
    if (question.length !== name.length + 6 || !/^[\x21-\x7e]+$/.test(name)) return;
    this.#asked = name;
  }

  /** Most replies speak only of what was asked: the rest of its name is looked at when something else is named. */
  #rememberAsked(): void {
    const labels = (this.#asked ?? '').toLowerCase().split('.');
    this.#asked = undefined;
    let offset = HEADER;
    for (const [i, label] of labels.entries()) {
      if (scratch[offset] !== label.length) return;
      this.#names.set(labels.slice(i).join('.'), offset);
      offset += label.length + 1;
    }
  }

  /** Whether it fitted; what did not is not there. */
  record(record: DnsRecord): boolean {
    const before = this.at;
    try {
      this.#name(record.name);
      this.#numbers(TYPES[record.type], IN);
      this.#long(record.ttl);
      const length = this.at;
      this.at += 2;
      this.#data(record);
      scratch.writeUInt16BE(this.at - length - 2, length);
      if (this.at <= this.#limit) return true;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
    this.at = before;
    return false;
  }

  options(query: Query, rcode: Rcode): void {
    if (query.edns === undefined) return;
    scratch.writeUInt8(0, this.at++);
    this.#numbers(TYPES.OPT, Math.max(LEAST_DATAGRAM, query.edns.size));
    this.#numbers((RCODES[rcode] >> 4) << 8, query.edns.dnssec ? 0x8000 : 0, 0);
  }

  #numbers(...values: readonly number[]): void {
    for (const value of values) this.at = scratch.writeUInt16BE(value, this.at);
  }

  #long(value: number): void {
    this.at = scratch.writeUInt32BE(value >>> 0, this.at);
  }

  /** `whole` is for names that older resolvers do not look up elsewhere in the message (RFC 2782). */
  #name(name: string, whole = false): void {
    if (!whole && name === this.#asked && scratch[HEADER] === name.split('.', 1)[0]?.length) {
      this.#numbers(POINTER | HEADER);
      return;
    }
    if (this.#asked !== undefined) this.#rememberAsked();
    let rest = name;
    while (rest !== '') {
      const known = whole ? undefined : this.#names.get(rest.toLowerCase());
      if (known !== undefined) {
        this.#numbers(POINTER | known);
        return;
      }
      if (this.at < 0x3fff) this.#names.set(rest.toLowerCase(), this.at);
      const dot = rest.indexOf('.');
      const label = Buffer.from(dot < 0 ? rest : rest.slice(0, dot));
      if (label.length === 0 || label.length > 63) throw new RangeError('a label is as long as no label can be');
      this.at = scratch.writeUInt8(label.length, this.at);
      if (this.at + label.length >= MOST_BYTES) throw new RangeError('full');
      this.at += label.copy(scratch, this.at);
      rest = dot < 0 ? '' : rest.slice(dot + 1);
    }
    this.at = scratch.writeUInt8(0, this.at);
  }

  #data(record: DnsRecord): void {
    if (record.type === 'A' || record.type === 'AAAA') this.#address(record.data);
    else if (record.type === 'TXT') {
      const text = Buffer.from(record.data).subarray(0, 255);
      this.at = scratch.writeUInt8(text.length, this.at);
      this.at += text.copy(scratch, this.at);
    } else if (record.type === 'SRV') {
      const { priority, weight, port, target } = record.data;
      this.#numbers(priority, weight, port);
      this.#name(target, true);
    } else if (record.type === 'SOA') {
      const { mname, rname, serial, refresh, retry, expire, minimum } = record.data;
      this.#name(mname);
      this.#name(rname);
      for (const value of [serial, refresh, retry, expire, minimum]) this.#long(value);
    } else this.#name(record.data);
  }

  #address(address: string): void {
    if (isIPv4(address)) {
      for (const part of address.split('.')) this.at = scratch.writeUInt8(Number(part), this.at);
      return;
    }
    const [head = '', tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::');
    const groups = (text = '') => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)));
    const [before, after] = [groups(head), groups(tail)];
    const gap = tail === undefined ? 0 : 8 - before.length - after.length;
    this.#numbers(...before, ...Array<number>(gap).fill(0), ...after);
  }
}

/** The reply in at most `limit` bytes; what does not fit is left out, and told where it is more than a hint. */
export function writeReply(query: Query, reply: Reply, limit: number): Buffer {
  const { rcode, answers = [], authorities = [], additionals = [] } = reply;
  const room = Math.min(limit, MOST_BYTES) - (query.edns === undefined ? 0 : OPT_LENGTH);
  const writer = new Writer(room);
  writer.question(query);
  const all = [answers, authorities, additionals];
  const counts = [0, 0, 0];
  let truncated = false;
  for (const [section, records] of all.entries()) {
    for (const record of records) {
      if (!writer.record(record)) {
        truncated = section < 2;
        break;
      }
      counts[section] = (counts[section] ?? 0) + 1;
    }
    if (truncated || (counts[section] ?? 0) < records.length) break;
  }
  writer.options(query, rcode);
  const { recursionDesired, checkingDisabled, edns } = query;
  const flags =
    QR |
    (reply.authoritative === true ? AA : 0) |
    (truncated ? TC : 0) |
    (recursionDesired ? RD : 0) |
    (reply.recursionAvailable === true ? RA : 0) |
    (checkingDisabled ? CD : 0);
  const header = [query.id, flags | (RCODES[rcode] & 15), 1, ...counts];
  for (const [i, value] of header.entries()) scratch.writeUInt16BE(value, i * 2);
  if (edns !== undefined) scratch.writeUInt16BE((counts[2] ?? 0) + 1, 10);
  return Buffer.from(scratch.subarray(0, writer.at));
}
