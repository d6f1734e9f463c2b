// Writes messages as Kubernetes' Go types do: fields by number, fields held by value always, map keys in order.
// The buffer is filled from its end, so that a length is known when its place comes.

import { jsonText } from '../../machinery/exact-json.ts';
import { type Int64, isInt64 } from '../../machinery/int64.ts';
import { compareText } from '../../machinery/order.ts';
import { goDurationNanos, parseTime, subMillis } from '../../machinery/time.ts';
import type { FieldPlan, Kind, MessagePlan, Scalar } from './plan.ts';

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;

/** A buffer that grows towards its beginning. */
class BackWriter {
  private buffer = Buffer.allocUnsafe(4096);
  private at = this.buffer.length;

  get length(): number {
    return this.buffer.length - this.at;
  }

  result(): Uint8Array {
    return this.buffer.subarray(this.at);
  }

  private room(bytes: number): void {
    if (this.at >= bytes) return;
    const used = this.length;
    const next = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, used + bytes));
    this.buffer.copy(next, next.length - used, this.at);
    this.at = next.length - used;
    this.buffer = next;
  }

  varint(value: Int64): void {
    this.room(10);
    if (typeof value === 'bigint' || value < 0 || value > 0x7fffffff) {
      this.bigVarint(BigInt.asUintN(64, BigInt(value)));
      return;
    }
    const size = value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
    this.at -= size;
    let rest = value;
    for (let i = 0; i < size; i++) {
      this.buffer[this.at + i] = i === size - 1 ? rest & 0x7f : (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
  }

  private bigVarint(value: bigint): void {
    const bytes: number[] = [];
    let rest = value;
    do {
      bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
      rest >>= 7n;
    } while (rest > 0n);
    this.at -= bytes.length;
    this.buffer.set(bytes, this.at);
  }

  tag(number: number, wire: number): void {
    this.varint((number << 3) | wire);
  }

  text(value: string): void {
    const size = Buffer.byteLength(value);
    this.room(size + 10);
    this.at -= size;
    this.buffer.write(value, this.at);
    this.varint(size);
  }

  bytes(value: Uint8Array): void {
    this.raw(value);
    this.varint(value.length);
  }

  raw(value: Uint8Array): void {
    this.room(value.length + 10);
    this.at -= value.length;
    this.buffer.set(value, this.at);
  }

  double(value: number): void {
    this.room(8);
    this.at -= 8;
    this.buffer.writeDoubleLE(value, this.at);
  }

  /** Closes a message that began when the length was `before`. */
  close(before: number): void {
    this.varint(this.length - before);
  }
}

type Fields = Readonly<Record<string, unknown>>;

function own(object: Fields, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function asFields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

class Encoder {
  readonly out = new BackWriter();

  message(plan: MessagePlan, value: Fields): void {
    for (let i = plan.fields.length - 1; i >= 0; i--) {
      const field = plan.fields[i];
      if (field !== undefined) this.field(field, value);
    }
  }

  private field(field: FieldPlan, object: Fields): void {
    // An embedded struct: its fields are beside the others in JSON.
    if (field.name === '') {
      this.tagged(field.number, field.kind, object);
      return;
    }
    const value = own(object, field.name);
    const absent = value === undefined || value === null;
    if (field.shape === 'list') {
      if (Array.isArray(value))
        for (let i = value.length - 1; i >= 0; i--) this.tagged(field.number, field.kind, value[i]);
    } else if (field.shape === 'map') {
      if (!absent) this.map(field, asFields(value));
    } else if (!absent || !field.pointer) this.tagged(field.number, field.kind, value);
  }

  private map(field: FieldPlan, value: Fields): void {
    const keys = Object.keys(value).sort(compareText);
    for (let i = keys.length - 1; i >= 0; i--) {
      const key = keys[i] ?? '';
      const before = this.out.length;
      this.tagged(2, field.kind, value[key]);
      this.out.text(key);
      this.out.tag(1, BYTES);
      this.out.close(before);
      this.out.tag(field.number, BYTES);
    }
  }

  private tagged(number: number, kind: Kind, value: unknown): void {
    const { out } = this;
    if (kind.is === 'scalar') {
      out.tag(number, this.scalar(kind.scalar, value));
      return;
    }
    const before = out.length;
    if (kind.is === 'message') this.message(kind.plan, asFields(value));
    else if (kind.is === 'strings') this.texts(1, value);
    else this.union(kind, value);
    out.close(before);
    out.tag(number, BYTES);
  }

  private texts(number: number, value: unknown): void {
    if (!Array.isArray(value)) return;
    for (let i = value.length - 1; i >= 0; i--) {
      this.out.text(asText(value[i]));
      this.out.tag(number, BYTES);
    }
  }

  private union(kind: Extract<Kind, { is: 'union' }>, value: unknown): void {
    const schema: Kind = { is: 'message', plan: kind.schema };
    const isSchema = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (kind.union === 'schema-or-bool') {
      if (isSchema) this.tagged(2, schema, value);
      this.out.varint(isSchema || value === true ? 1 : 0);
      this.out.tag(1, VARINT);
      return;
    }
    if (isSchema) this.tagged(1, schema, value);
    else if (kind.union === 'schema-or-strings') this.texts(2, value);
    else if (Array.isArray(value)) for (let i = value.length - 1; i >= 0; i--) this.tagged(2, schema, value[i]);
  }

  /** Writes a value without its tag; returns the wire type. */
  private scalar(scalar: Scalar, value: unknown): number {
    const { out } = this;
    switch (scalar) {
      case 'string':
        out.text(asText(value));
        return BYTES;
      case 'bool':
        out.varint(value === true ? 1 : 0);
        return VARINT;
      case 'int32':
      case 'int64':
        out.varint(isInt64(value) ? value : 0);
        return VARINT;
      case 'double':
        out.double(typeof value === 'number' ? value : 0);
        return FIXED64;
      case 'bytes':
        out.bytes(Buffer.from(asText(value), 'base64'));
        return BYTES;
      default: {
        const before = out.length;
        this.special(scalar, value);
        out.close(before);
        return BYTES;
      }
    }
  }

  /** The inside of the messages that JSON shows as one value. */
  private special(scalar: Scalar, value: unknown): void {
    const { out } = this;
    switch (scalar) {
      case 'time':
      case 'micro-time':
        this.time(value, scalar === 'micro-time');
        return;
      case 'duration':
        out.varint(goDurationNanos(asText(value)) ?? 0);
        out.tag(1, VARINT);
        return;
      case 'quantity':
        out.text(typeof value === 'string' ? value : '0');
        out.tag(1, BYTES);
        return;
      case 'int-or-string':
        out.text(asText(value));
        out.tag(3, BYTES);
        out.varint(typeof value === 'number' ? value : 0);
        out.tag(2, VARINT);
        out.varint(typeof value === 'string' ? 1 : 0);
        out.tag(1, VARINT);
        return;
      default:
        if (value === undefined || value === null) return;
        out.text(jsonText(value));
        out.tag(1, BYTES);
    }
  }

  private time(value: unknown, micro: boolean): void {
    const ms = typeof value === 'string' ? parseTime(value) : undefined;
    if (ms === undefined || typeof value !== 'string') return;
    const seconds = Math.floor(ms / 1000);
    this.out.varint(micro ? (ms - seconds * 1000) * 1_000_000 + subMillis(value, 3) * 1000 : 0);
    this.out.tag(2, VARINT);
    this.out.varint(seconds);
    this.out.tag(1, VARINT);
  }
}

/** The message of an object, without an envelope. */
export function encodeMessage(plan: MessagePlan, value: object): Uint8Array {
  const encoder = new Encoder();
  encoder.message(plan, value as Fields);
  return encoder.out.result();
}

const MAGIC = Uint8Array.of(0x6b, 0x38, 0x73, 0x00);

/** `k8s\0` and the envelope that names kind and version: what goes over the wire and into storage. */
export function encodeEnvelope(type: { apiVersion: string; kind: string }, message: Uint8Array): Uint8Array {
  const out = new BackWriter();
  out.text('');
  out.tag(4, BYTES);
  out.text('');
  out.tag(3, BYTES);
  out.bytes(message);
  out.tag(2, BYTES);
  const before = out.length;
  out.text(type.kind);
  out.tag(2, BYTES);
  out.text(type.apiVersion);
  out.tag(1, BYTES);
  out.close(before);
  out.tag(1, BYTES);
  out.raw(MAGIC);
  return out.result();
}

/** One frame of a watch: the length in four bytes, then a WatchEvent whose object is an enveloped message. */
export function encodeWatchFrame(type: string, enveloped: Uint8Array): Uint8Array {
  const out = new BackWriter();
  const before = out.length;
  out.bytes(enveloped);
  out.tag(1, BYTES);
  out.close(before);
  out.tag(2, BYTES);
  out.text(type);
  out.tag(1, BYTES);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(out.length);
  out.raw(size);
  return out.result();
}
