// Reads messages of the built-in types into the objects that JSON would have given.

import { exactBigint, parseExact } from '../../machinery/exact-json.ts';
import { type Int64, nearest } from '../../machinery/int64.ts';
import { setOwn } from '../../machinery/json.ts';
import { goDurationText, microTime, rfc3339 } from '../../machinery/time.ts';
import { DecodeError } from '../../resources/schema/index.ts';
import type { FieldPlan, Kind, MessagePlan, Scalar } from './plan.ts';

const MAX_DEPTH = 100;

class Reader {
  private readonly view: Buffer;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.at >= this.view.length;
  }

  private cut(): never {
    throw new DecodeError('unexpected EOF');
  }

  /** A tag, a size or the like: a number that is never large in what is well made. */
  varint(): number {
    return nearest(this.int64());
  }

  /** Negative numbers come in ten bytes. */
  int64(): Int64 {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 5; i++) {
      const byte = this.view[this.at++] ?? this.cut();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
    let high = 0n;
    for (let shift = 35n; shift < 70n; shift += 7n) {
      const byte = this.view[this.at++] ?? this.cut();
      high |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return exactBigint(BigInt.asIntN(64, high + BigInt(value)));
    }
    throw new DecodeError('proto: integer overflow');
  }

  /** Of what is more than 32 bits those below count, as in Go. */
  int32(): number {
    const value = this.int64();
    return typeof value === 'bigint' ? Number(BigInt.asIntN(32, value)) : value | 0;
  }

  double(): number {
    if (this.at + 8 > this.view.length) this.cut();
    this.at += 8;
    return this.view.readDoubleLE(this.at - 8);
  }

  bytes(): Buffer {
    const size = this.varint();
    if (size < 0 || this.at + size > this.view.length) this.cut();
    this.at += size;
    return this.view.subarray(this.at - size, this.at);
  }

  skip(wire: number): void {
    if (wire === 0) this.varint();
    else if (wire === 1) this.move(8);
    else if (wire === 2) this.bytes();
    else if (wire === 5) this.move(4);
    else throw new DecodeError(`proto: illegal wireType ${wire}`);
  }

  private move(size: number): void {
    if (this.at + size > this.view.length) this.cut();
    this.at += size;
  }
}

function wrongWire(field: string, wire: number): never {
  throw new DecodeError(`proto: wrong wireType = ${wire} for field ${field}`);
}

/** Reads `number → value` pairs of a small message. */
function eachField(bytes: Uint8Array, visit: (number: number, wire: number, reader: Reader) => boolean): void {
  const reader = new Reader(bytes);
  while (!reader.done) {
    const tag = reader.varint();
    const number = Math.floor(tag / 8);
    const wire = tag % 8;
    if (number === 0) throw new DecodeError('proto: illegal tag 0');
    if (!visit(number, wire, reader)) reader.skip(wire);
  }
}

type Fields = Record<string, unknown>;

function message(plan: MessagePlan, bytes: Uint8Array, into: Fields, depth: number): Fields {
  if (depth > MAX_DEPTH) throw new DecodeError('exceeded max depth');
  eachField(bytes, (number, wire, reader) => {
    const field = plan.byNumber.get(number);
    if (field === undefined) return false;
    readField({ field, into, depth }, wire, reader);
    return true;
  });
  return into;
}

interface Place {
  readonly field: FieldPlan;
  readonly into: Fields;
  readonly depth: number;
}

function readField(place: Place, wire: number, reader: Reader): void {
  const { field, into, depth } = place;
  if (field.name === '') {
    if (wire !== 2) wrongWire('(embedded)', wire);
    if (field.kind.is === 'message') message(field.kind.plan, reader.bytes(), into, depth + 1);
    return;
  }
  if (field.shape === 'one') {
    into[field.name] = value(field, wire, reader, depth);
    return;
  }
  if (field.shape === 'map') {
    const map = (into[field.name] ?? {}) as Fields;
    into[field.name] = map;
    if (wire !== 2) wrongWire(field.name, wire);
    const [key, item] = mapEntry(field, reader.bytes(), depth);
    setOwn(map, key, item);
    return;
  }
  const list = (into[field.name] ?? []) as unknown[];
  into[field.name] = list;
  if (wire === 2 && isNumeric(field.kind)) {
    const packed = new Reader(reader.bytes());
    while (!packed.done) list.push(value(field, 0, packed, depth));
    return;
  }
  list.push(value(field, wire, reader, depth));
}

function isNumeric(kind: Kind): boolean {
  return kind.is === 'scalar' && (kind.scalar === 'int32' || kind.scalar === 'int64' || kind.scalar === 'bool');
}

function mapEntry(field: FieldPlan, bytes: Uint8Array, depth: number): [string, unknown] {
  let key = '';
  let item: unknown;
  eachField(bytes, (number, wire, reader) => {
    if (number === 1 && wire === 2) key = reader.bytes().toString();
    else if (number === 2) item = value(field, wire, reader, depth);
    else return false;
    return true;
  });
  return [key, item ?? emptyOf(field.kind)];
}

/** The value of a map entry that came without one. */
function emptyOf(kind: Kind): unknown {
  if (kind.is !== 'scalar') return kind.is === 'strings' ? [] : {};
  switch (kind.scalar) {
    case 'int32':
    case 'int64':
    case 'double':
    case 'int-or-string':
      return 0;
    case 'bool':
      return false;
    case 'quantity':
      return '0';
    case 'string':
    case 'bytes':
      return '';
    default:
      return null;
  }
}

function value(field: FieldPlan, wire: number, reader: Reader, depth: number): unknown {
  const { kind } = field;
  if (kind.is === 'scalar') return scalar(kind.scalar, field.name, wire, reader);
  if (wire !== 2) wrongWire(field.name, wire);
  const bytes = reader.bytes();
  if (kind.is === 'message') return message(kind.plan, bytes, {}, depth + 1);
  if (kind.is === 'strings') return strings(bytes);
  return union(kind, bytes, depth);
}

function strings(bytes: Uint8Array): string[] {
  const items: string[] = [];
  eachField(bytes, (number, wire, reader) => {
    if (number !== 1 || wire !== 2) return false;
    items.push(reader.bytes().toString());
    return true;
  });
  return items;
}

function union(kind: Extract<Kind, { is: 'union' }>, bytes: Uint8Array, depth: number): unknown {
  let allows = false;
  let schema: unknown;
  const list: unknown[] = [];
  const schemaNumber = kind.union === 'schema-or-bool' ? 2 : 1;
  eachField(bytes, (number, wire, reader) => {
    if (number === schemaNumber && wire === 2) schema = message(kind.schema, reader.bytes(), {}, depth + 1);
    else if (number === 1 && wire === 0) allows = reader.varint() !== 0;
    else if (number === 2 && wire === 2) {
      const item = reader.bytes();
      list.push(kind.union === 'schema-or-strings' ? item.toString() : message(kind.schema, item, {}, depth + 1));
    } else return false;
    return true;
  });
  if (schema !== undefined) return schema;
  return kind.union === 'schema-or-bool' ? allows : list;
}

function scalar(kind: Scalar, name: string, wire: number, reader: Reader): unknown {
  if (kind === 'int32' || kind === 'int64' || kind === 'bool') {
    if (wire !== 0) wrongWire(name, wire);
    if (kind === 'bool') return reader.varint() !== 0;
    return kind === 'int32' ? reader.int32() : reader.int64();
  }
  if (kind === 'double') return wire === 1 ? reader.double() : wrongWire(name, wire);
  if (wire !== 2) wrongWire(name, wire);
  const bytes = reader.bytes();
  if (kind === 'string') return bytes.toString();
  if (kind === 'bytes') return bytes.toString('base64');
  return special(kind, bytes);
}

/** Messages that JSON shows as one value. */
function special(kind: Scalar, bytes: Uint8Array): unknown {
  let first = 0;
  let second = 0;
  let text: string | undefined;
  eachField(bytes, (number, wire, reader) => {
    if (wire === 0 && number === 1) first = reader.varint();
    else if (wire === 0 && number === 2) second = reader.int32();
    else if (wire === 2) text = reader.bytes().toString();
    else return false;
    return true;
  });
  switch (kind) {
    case 'time':
      return bytes.length === 0 ? null : rfc3339(first * 1000);
    case 'micro-time':
      return bytes.length === 0
        ? null
        : microTime(first * 1000 + Math.floor(second / 1e6), Math.floor(second / 1000) % 1000);
    case 'duration':
      return goDurationText(first);
    case 'quantity':
      return text ?? '0';
    case 'int-or-string':
      return first === 0 ? second : (text ?? '');
    default:
      return text === undefined || text === '' ? null : parseRaw(text);
  }
}

function parseRaw(text: string): unknown {
  try {
    return parseExact(text);
  } catch {
    throw new DecodeError('json: the embedded object is not valid JSON');
  }
}

/** The object of a message without an envelope. Zero values are in it: take it through `normalize`. */
export function decodeMessage(plan: MessagePlan, bytes: Uint8Array): Record<string, unknown> {
  return message(plan, bytes, {}, 0);
}

export interface Envelope {
  readonly apiVersion: string;
  readonly kind: string;
  readonly raw: Uint8Array;
  readonly contentEncoding: string;
  readonly contentType: string;
}

const MAGIC = 'k8s\0';

/** Opens `k8s\0` and the envelope. Throws DecodeError. */
export function openEnvelope(bytes: Uint8Array): Envelope {
  if (bytes.length === 0) throw new DecodeError('empty data');
  if (Buffer.from(bytes.subarray(0, 4)).toString('latin1') !== MAGIC) {
    throw new DecodeError('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
  }
  const found = {
    apiVersion: '',
    kind: '',
    raw: new Uint8Array(0) as Uint8Array,
    contentEncoding: '',
    contentType: '',
  };
  eachField(bytes.subarray(4), (number, wire, reader) => {
    if (wire !== 2 || number > 4) return false;
    const value = reader.bytes();
    if (number === 1) Object.assign(found, typeMeta(value));
    else if (number === 2) found.raw = value;
    else if (number === 3) found.contentEncoding = value.toString();
    else found.contentType = value.toString();
    return true;
  });
  return found;
}

function typeMeta(bytes: Uint8Array): { apiVersion: string; kind: string } {
  const found = { apiVersion: '', kind: '' };
  eachField(bytes, (number, wire, reader) => {
    if (wire !== 2 || number > 2) return false;
    const text = reader.bytes().toString();
    if (number === 1) found.apiVersion = text;
    else found.kind = text;
    return true;
  });
  return found;
}
