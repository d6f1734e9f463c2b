// The bytes of a journal record in LMDB: a head of fixed length, the key, the value.
import type { JournalRecord } from '../journal.ts';

const HEAD = 20;
const DELETED = 1;

/** Layout: flags u8, reserved u8, key length u16, createRevision f64, previous f64; little endian. */
export function encodeRecord(record: JournalRecord): Buffer {
  const keyLength = Buffer.byteLength(record.key);
  if (keyLength > 0xffff) throw new RangeError('a key of the store is at most 65535 bytes long');
  const out = Buffer.allocUnsafe(HEAD + keyLength + record.value.length);
  out.writeUInt8(record.deleted ? DELETED : 0, 0);
  out.writeUInt8(0, 1);
  out.writeUInt16LE(keyLength, 2);
  out.writeDoubleLE(record.createRevision, 4);
  out.writeDoubleLE(record.previous, 12);
  out.write(record.key, HEAD);
  out.set(record.value, HEAD + keyLength);
  return out;
}

export function decodeRecord(seq: number, bytes: Buffer): JournalRecord {
  const keyLength = bytes.readUInt16LE(2);
  return {
    seq,
    key: bytes.toString('utf8', HEAD, HEAD + keyLength),
    deleted: (bytes.readUInt8(0) & DELETED) !== 0,
    createRevision: bytes.readDoubleLE(4),
    previous: bytes.readDoubleLE(12),
    value: bytes.subarray(HEAD + keyLength),
  };
}
