// Questions as they are on the wire: those that come are read by dns-packet, those to other servers are written here (RFC 1035, RFC 6891).
import { type Answer, type DecodedPacket, decode, type OptAnswer } from 'dns-packet';

export const RCODES = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const;
export type Rcode = keyof typeof RCODES;

const HEADER = 12;
const [QR, RD, CD] = [0x8000, 0x0100, 0x0010];
const TYPES = { A: 1, AAAA: 28, OPT: 41 } as const;
const IN = 1;
const OPT_LENGTH = 11;

export interface Query {
  readonly id: number;
  /** As asked, letter by letter. */
  readonly name: string;
  readonly type: string;
  /** The question's own bytes: name, type and class. */
  readonly question: Buffer;
  readonly recursionDesired: boolean;
  readonly checkingDisabled: boolean;
  readonly edns?: { readonly size: number; readonly dnssec: boolean };
}

/** A question, or one that is not answered; or what to reply to something else; or nothing that deserves a reply. */
export type Reading =
  | { readonly query: Query; readonly refused?: Rcode }
  | { readonly reply: Buffer; readonly rcode: Rcode }
  | undefined;

/** Where the name that begins at `at` ends; a compressed name ends with its pointer. */
export function endOfName(bytes: Buffer, at: number): number {
  for (let i = at; ; ) {
    const length = bytes.readUInt8(i);
    if (length === 0) return i + 1;
    if ((length & 0xc0) === 0xc0) return i + 2;
    if ((length & 0xc0) !== 0) throw new RangeError('a label of no known kind');
    i += length + 1;
  }
}

/** A question of our own. */
export function queryFor(name: string, type: 'A' | 'AAAA'): Query {
  const labels = name.split('.').map((label) => Buffer.from(label));
  const sized = labels.flatMap((label) => [Buffer.from([label.length & 63]), label.subarray(0, 63)]);
  const question = Buffer.concat([...sized, Buffer.from([0, 0, TYPES[type], 0, IN])]);
  const edns = { size: UPSTREAM_DATAGRAM, dnssec: false };
  return { id: 0, name, type, question, recursionDesired: true, checkingDisabled: false, edns };
}

function bare(bytes: Buffer, rcode: Rcode): { readonly reply: Buffer; readonly rcode: Rcode } {
  const reply = Buffer.alloc(HEADER);
  reply.writeUInt16BE(bytes.readUInt16BE(0), 0);
  reply.writeUInt16BE(QR | (bytes.readUInt16BE(2) & (0x7800 | RD)) | RCODES[rcode], 2);
  return { reply, rcode };
}

const isOpt = (record: Answer): record is OptAnswer => record.type === 'OPT';

/** Whether the counts are those of a question, before anything is read by them. */
function isOneQuestion(bytes: Buffer): boolean {
  return (
    bytes.readUInt16BE(4) === 1 &&
    bytes.readUInt16BE(6) <= 1 &&
    bytes.readUInt16BE(8) <= 1 &&
    bytes.readUInt16BE(10) <= 2
  );
}

function queryOf(bytes: Buffer, packet: DecodedPacket): { readonly query: Query; readonly options: OptAnswer[] } {
  const end = endOfName(bytes, HEADER) + 4;
  if (end > bytes.length) throw new RangeError('the question ends too early');
  // There is nothing before the question that a pointer could rightly lead to.
  if ((bytes.readUInt8(end - 6) & 0xc0) === 0xc0) throw new RangeError('a pointer in the question');
  const [asked] = packet.questions ?? [];
  const options = (packet.additionals ?? []).filter(isOpt);
  const [opt] = options;
  const query: Query = {
    id: bytes.readUInt16BE(0),
    name: asked?.name === '.' ? '' : (asked?.name ?? ''),
    type: asked?.type ?? '',
    question: bytes.subarray(HEADER, end),
    recursionDesired: packet.flag_rd,
    checkingDisabled: packet.flag_cd,
    ...(opt === undefined ? {} : { edns: { size: opt.udpPayloadSize, dnssec: opt.flag_do } }),
  };
  return { query, options };
}

/** Never throws, whatever came. */
export function readQuery(bytes: Buffer): Reading {
  if (bytes.length < HEADER) return undefined;
  const flags = bytes.readUInt16BE(2);
  // A reply to a reply would have no end.
  if ((flags & QR) !== 0) return undefined;
  if ((flags & 0x7800) !== 0) return bare(bytes, 'NOTIMP');
  if (!isOneQuestion(bytes)) return bare(bytes, 'FORMERR');
  try {
    const { query, options } = queryOf(bytes, decode(bytes));
    if (options.length > 1) return bare(bytes, 'FORMERR');
    if ((options[0]?.ednsVersion ?? 0) !== 0) return { query, refused: 'BADVERS' };
    if (query.question.readUInt16BE(query.question.length - 2) !== IN) return { query, refused: 'REFUSED' };
    return { query };
  } catch {
    return bare(bytes, 'FORMERR');
  }
}

/** Fragments of larger datagrams get lost: https://www.dnsflagday.net/2020/ */
const UPSTREAM_DATAGRAM = 1232;

/** The same question to another server. */
export function writeQuery(query: Query, id: number): Buffer {
  const { question, edns, recursionDesired, checkingDisabled } = query;
  const message = Buffer.alloc(HEADER + question.length + (edns === undefined ? 0 : OPT_LENGTH));
  const flags = (recursionDesired ? RD : 0) | (checkingDisabled ? CD : 0);
  for (const [i, value] of [id, flags, 1, 0, 0, edns === undefined ? 0 : 1].entries())
    message.writeUInt16BE(value, i * 2);
  const end = HEADER + question.copy(message, HEADER);
  if (edns !== undefined)
    for (const [i, value] of [TYPES.OPT, UPSTREAM_DATAGRAM, 0, edns.dnssec ? 0x8000 : 0, 0].entries())
      message.writeUInt16BE(value, end + 1 + i * 2);
  return message;
}
