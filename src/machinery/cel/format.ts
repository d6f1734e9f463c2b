// Values put into texts: `format` of the strings library. Source: https://pkg.go.dev/github.com/google/cel-go/ext#hdr-Format
import { isUtf8 } from 'node:buffer';
import { goQuote } from '../json.ts';
import { type Clause, clausesOf, FormatProblem, WANTED } from './format-clauses.ts';
import { define, fail } from './registry.ts';
import { Duration, ObjectValue, Timestamp, TypeValue, toText, typeNameOf, Uint } from './values.ts';

const refused = (verb: Clause['verb'], value: unknown): never =>
  fail(`error during formatting: ${WANTED[verb]}, was given ${typeNameOf(value)}`);

/** As a literal of CEL: what stands in lists and maps. */
function literal(value: unknown): string {
  if (typeof value === 'string') return goQuote(value);
  if (value instanceof Uint8Array) return `b${goQuote(Buffer.from(value).toString())}`;
  if (value instanceof Timestamp) return `timestamp("${value.toString()}")`;
  if (value instanceof Duration) return `duration("${toText(value)}")`;
  if (typeof value === 'number') return Number.isFinite(value) ? value.toFixed(6) : `"${toText(value)}"`;
  if (value === null || typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (value instanceof Uint || value instanceof TypeValue) return toText(value);
  if (Array.isArray(value) || value instanceof Map || value instanceof ObjectValue) return shown(value);
  return fail(`error during formatting: no formatting function for ${typeNameOf(value)}`);
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (value instanceof Map || value instanceof ObjectValue) {
    const pairs = (value instanceof Map ? [...value] : value.entries()).map(
      ([key, inner]): readonly [string, string] => [literal(key), literal(inner)],
    );
    pairs.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    return `{${pairs.map(([key, inner]) => `${key}:${inner}`).join(', ')}}`;
  }
  if (value === null) return 'null';
  const name = typeNameOf(value);
  const isPlain =
    ['int', 'uint', 'double', 'bool', 'string', 'bytes', 'type'].includes(name) ||
    value instanceof Timestamp ||
    value instanceof Duration;
  if (value instanceof Uint8Array && !isUtf8(value))
    fail('error during formatting: could not convert argument to string');
  return isPlain ? toText(value) : refused('s', value);
}

function whole(verb: 'd' | 'x' | 'X' | 'o' | 'b', value: unknown, base: number): string {
  const number = value instanceof Uint ? value.value : value;
  return typeof number === 'bigint' ? number.toString(base) : refused(verb, value);
}

/** Halves go to the even digit, thousands are told apart by a comma. */
function fixed(value: number, precision: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '-∞';
  const text = evenFixed(value, precision);
  const [before = '', after] = text.split('.');
  const grouped = before.replace(/\B(?=(\d{3})+$)/g, ',');
  return after === undefined ? grouped : `${grouped}.${after}`;
}

function evenFixed(value: number, precision: number): string {
  const text = value.toFixed(Math.min(precision, 100));
  const scaled = Math.abs(value) * 10 ** precision;
  const isHalf = precision < 16 && scaled < 2 ** 52 && scaled - Math.floor(scaled) === 0.5;
  if (!isHalf || Math.floor(scaled) % 2 === 1) return text;
  return (Math.sign(value) * (Math.floor(scaled) / 10 ** precision)).toFixed(precision);
}

const RAISED = '⁰¹²³⁴⁵⁶⁷⁸⁹';

function scientific(value: number): string {
  if (!Number.isFinite(value)) return fixed(value, 0);
  const [digits = '', exponent = '0'] = value.toExponential(6).split('e');
  const power = String(Math.abs(Number(exponent))).padStart(2, '0');
  const raised = [...power].map((digit) => RAISED[Number(digit)] ?? '').join('');
  return `${digits}×10${Number(exponent) < 0 ? '⁻' : ''}${raised}`;
}

function real(verb: 'f' | 'e', value: unknown): number {
  if (typeof value === 'number') return value;
  if (value === 'NaN') return Number.NaN;
  if (value === 'Infinity' || value === '-Infinity') return Number(value);
  return refused(verb, value);
}

function one({ verb, precision }: Clause, value: unknown): string {
  switch (verb) {
    case 's':
      return shown(value);
    case 'f':
      return fixed(real(verb, value), precision ?? 6);
    case 'e':
      return scientific(real(verb, value));
    case 'x':
    case 'X': {
      const isText = typeof value === 'string' || value instanceof Uint8Array;
      const hex = isText ? Buffer.from(value).toString('hex') : whole(verb, value, 16);
      return verb === 'X' ? hex.toUpperCase() : hex;
    }
    case 'b':
      return typeof value === 'boolean' ? String(Number(value)) : whole(verb, value, 2);
    default:
      return whole(verb, value, verb === 'o' ? 8 : 10);
  }
}

function format(text: string, args: readonly unknown[]): string {
  let used = 0;
  let out = '';
  try {
    for (const clause of clausesOf(text)) {
      if (typeof clause === 'string') out += clause;
      else if (used >= args.length) fail(`index ${used} out of range`);
      else out += one(clause, args[used++]);
    }
  } catch (error) {
    if (error instanceof FormatProblem) return fail(error.message);
    throw error;
  }
  return out;
}

const QUOTED: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};
const quoted = (text: string): string => `"${[...text].map((ch) => QUOTED[ch] ?? ch).join('')}"`;

export function defineFormat(): void {
  define('string.format(list<dyn>): string', format);
  define('strings.quote(string): string', quoted);
}
