// Pieces of protobuf messages, and values as the YAML that gnostic's messages carry: for both versions of OpenAPI.
// Source: https://protobuf.dev/programming-guides/encoding/
import { stringify } from 'yaml';
import { jsonText } from '../../machinery/exact-json.ts';

export type Bytes = Uint8Array;

function varint(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    out.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  out.push(rest);
  return out;
}

function delimited(field: number, body: Bytes): Bytes {
  return Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(body.length)]), body]);
}

export function message(field: number, parts: readonly Bytes[]): Bytes {
  return delimited(field, Buffer.concat(parts));
}

/** Nothing for an empty text, which is what a field that is not there means. */
export function text(field: number, value: unknown): Bytes[] {
  return value === '' ? [] : saidText(field, value);
}

/** Also an empty text: where being there says something, and in lists. */
export function saidText(field: number, value: unknown): Bytes[] {
  return typeof value === 'string' ? [delimited(field, Buffer.from(value, 'utf8'))] : [];
}

export function strings(field: number, values: unknown): Bytes[] {
  return Array.isArray(values) ? values.flatMap((value) => saidText(field, value)) : [];
}

export function bool(field: number, value: unknown): Bytes[] {
  return value === true ? saidBool(field, value) : [];
}

export function saidBool(field: number, value: boolean): Bytes[] {
  return [Buffer.from([...varint(field * 8), value ? 1 : 0])];
}

/** An int64, as a number or a bigint; negative ones have ten bytes. */
export function int64(field: number, value: unknown): Bytes[] {
  if (typeof value !== 'bigint' && !Number.isInteger(value)) return [];
  const out = varint(field * 8);
  let rest = BigInt.asUintN(64, BigInt(value as number | bigint));
  if (rest === 0n) return [];
  for (; rest >= 0x80n; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80);
  return [Buffer.from([...out, Number(rest)])];
}

export function double(field: number, value: unknown): Bytes[] {
  return Number(value) === 0 ? [] : saidDouble(field, value);
}

export function saidDouble(field: number, value: unknown): Bytes[] {
  if (typeof value !== 'number' && typeof value !== 'bigint') return [];
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(Number(value));
  return [Buffer.from([...varint(field * 8 + 1), ...bytes])];
}

/** Marks are few and on every operation: each is written once. Emptied when a document is done. */
const written = new Map<string, string>();

/** A document, with what was remembered for it let go of. */
export function encoded(write: () => readonly Bytes[]): Bytes {
  try {
    return Buffer.concat(write());
  } finally {
    written.clear();
  }
}

/** An Any: the value as YAML. Readers hold to YAML 1.1 or 1.2, so what one of them takes for no text is quoted. */
export function any(field: number, value: unknown): Bytes {
  const key = jsonText(value);
  let yaml = written.get(key);
  if (yaml === undefined) {
    yaml = stringify(value, { version: '1.1', lineWidth: 0 });
    written.set(key, yaml);
  }
  return message(field, text(2, yaml));
}

/** The members of an object that begin with `x-`, each a name and an Any. */
export function extensions(field: number, object: object): Bytes[] {
  return Object.entries(object)
    .filter(([key]) => key.startsWith('x-'))
    .map(([key, value]) => message(field, [...text(1, key), any(2, value)]));
}
