// The words in which Go's decoders refuse a value.
// Sources: https://pkg.go.dev/encoding/json#UnmarshalTypeError, https://pkg.go.dev/time#Parse
import { goQuote } from '../../machinery/json.ts';

/** A body that cannot be decoded; the message is what follows `cannot be handled as a Pod: `. */
export class DecodeError extends Error {}

/** What a JSON value is called there. */
export function goKind(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  switch (typeof value) {
    case 'string':
      return 'string';
    case 'number':
    case 'bigint':
      return 'number';
    case 'boolean':
      return 'bool';
    default:
      return 'object';
  }
}

export interface GoContext {
  /** Name of the innermost struct. */
  readonly struct: string;
  /** Names of the fields from the root on, joined by dots. */
  readonly field: string;
}

export function typeMismatch(value: string, context: GoContext, goType: string): string {
  if (context.struct === '' && context.field === '')
    return `json: cannot unmarshal ${value} into Go value of type ${goType}`;
  return `json: cannot unmarshal ${value} into Go struct field ${context.struct}.${context.field} of type ${goType}`;
}

const LAYOUT: readonly [string, RegExp][] = [
  ['2006', /^\d{4}/],
  ['-', /^-/],
  ['01', /^\d\d/],
  ['-', /^-/],
  ['02', /^\d\d/],
  ['T', /^T/],
  ['15', /^\d\d/],
  [':', /^:/],
  ['04', /^\d\d/],
  [':', /^:/],
  ['05', /^\d\d(?:[.,]\d+)?/],
  ['Z07:00', /^(?:Z|[+-]\d\d:\d\d)/],
];
/** meta/v1 MicroTime wants its six digits. */
const MICRO_LAYOUT: readonly [string, RegExp][] = LAYOUT.flatMap(([part, pattern]): [string, RegExp][] =>
  part === '05'
    ? [
        ['05', /^\d\d/],
        ['.000000', /^[.,]\d{6}/],
      ]
    : [[part, pattern]],
);
const RANGES: Readonly<Record<string, [number, number, string]>> = {
  '01': [1, 12, 'month'],
  '15': [0, 23, 'hour'],
  '04': [0, 59, 'minute'],
  '05': [0, 59, 'second'],
};

/** Why Go does not take a text as RFC 3339, to the second or to the microsecond. */
export function timeError(text: string, precision: 'second' | 'micro' = 'second'): string {
  const layout = precision === 'micro' ? MICRO_LAYOUT : LAYOUT;
  let rest = text;
  for (const [part, pattern] of layout) {
    const match = pattern.exec(rest);
    if (match === null)
      return `parsing time ${goQuote(text)} as ${goQuote(layout.map(([name]) => name).join(''))}: cannot parse ${goQuote(rest)} as ${goQuote(part)}`;
    const range = RANGES[part];
    const number = Number.parseInt(match[0], 10);
    if (range !== undefined && (number < range[0] || number > range[1])) {
      return `parsing time ${goQuote(text)}: ${range[2]} out of range`;
    }
    rest = rest.slice(match[0].length);
  }
  if (rest !== '') return `parsing time ${goQuote(text)}: extra text: ${goQuote(rest)}`;
  return `parsing time ${goQuote(text)}: day out of range`;
}

export function durationError(text: string): string {
  if (text !== '' && /^[+-]?(\d|\.\d)/.test(text)) {
    const bare = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)[a-zµμ]+)*(?:\d+\.?\d*|\.\d+)$/.test(text);
    if (bare) return `time: missing unit in duration ${goQuote(text)}`;
    const unit = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))*(?:\d+\.?\d*|\.\d+)([^\d.]+)/.exec(text)?.[1];
    if (unit !== undefined) return `time: unknown unit ${goQuote(unit)} in duration ${goQuote(text)}`;
  }
  return `time: invalid duration ${goQuote(text)}`;
}

/** Where Go's base64 decoder stumbles; -1 when it does not. */
export function base64Fault(text: string): number {
  const clean = text.replace(/[\r\n]/g, '');
  const bad = /[^A-Za-z0-9+/=]/.exec(clean);
  if (bad !== null) return bad.index;
  const pad = clean.indexOf('=');
  if (pad >= 0 && !/^={1,2}$/.test(clean.slice(pad))) return pad;
  if (pad >= 0 && pad % 4 < 2) return pad;
  if (clean.length % 4 !== 0) return clean.length - (clean.length % 4);
  return -1;
}
