// Reads JSON text as Go does: a quick way for what is plain, a careful one that keeps duplicate keys and the spelling of numbers.
import { NumberText, spelledNumber } from '../../machinery/exact-json.ts';
import { setOwn } from '../../machinery/json.ts';
import { DecodeError } from './go-errors.ts';

/** Deeper than this is refused: nothing real is, and recursion must end. */
export const MAX_DEPTH = 1000;

/** An object with every key as it came, doubles too. */
export class Entries {
  constructor(readonly list: readonly (readonly [string, unknown])[]) {}
}

/** The plain value behind what the careful reader gives. */
export function plain(value: unknown): unknown {
  if (value instanceof NumberText) return value.value;
  if (Array.isArray(value)) return plainArray(value);
  if (!(value instanceof Entries)) return value;
  const out: Record<string, unknown> = {};
  for (const [key, item] of value.list) setOwn(out, key, plain(item));
  return out;
}

/** The same array when there is nothing to unwrap in it. */
function plainArray(value: readonly unknown[]): unknown {
  let out: unknown[] | undefined;
  for (let i = 0; i < value.length; i++) {
    const after = plain(value[i]);
    if (after !== value[i] && out === undefined) out = value.slice(0, i);
    if (out !== undefined) out.push(after);
  }
  return out ?? value;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

interface Shape {
  /** How many keys the text has. */
  readonly keys: number;
  /** Whether a number is spelled with a point, an exponent or very many digits. */
  readonly oddNumbers: boolean;
  /** The first bracket that opens too deep. */
  readonly tooDeep: string | undefined;
}

/** One pass over the bytes: what JSON.parse would not tell. */
export function shapeOf(bytes: Uint8Array): Shape {
  let keys = 0;
  let oddNumbers = false;
  let depth = 0;
  let tooDeep: string | undefined;
  let digits = 0;
  for (let i = 0; i < bytes.length; i++) {
    const c = bytes[i];
    if (c === QUOTE) {
      for (i++; i < bytes.length && bytes[i] !== QUOTE; i++) if (bytes[i] === BACKSLASH) i++;
      continue;
    }
    if (c !== undefined && c >= 0x30 && c <= 0x39) {
      if (++digits > 15) oddNumbers = true;
      continue;
    }
    if (c === 0x3a) keys++;
    else if (c === 0x2e) oddNumbers = true;
    else if ((c === 0x65 || c === 0x45) && digits > 0) oddNumbers = true;
    else if (c === 0x7b || c === 0x5b) {
      if (++depth > MAX_DEPTH) tooDeep ??= String.fromCharCode(c);
    } else if (c === 0x7d || c === 0x5d) depth--;
    digits = 0;
  }
  return { keys, oddNumbers, tooDeep };
}

/** How many keys a parsed value has, at all depths. */
export function countKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object' && item !== null) count += countKeys(item);
    return count;
  }
  for (const key in value) {
    count++;
    const item = (value as Record<string, unknown>)[key];
    if (typeof item === 'object' && item !== null) count += countKeys(item);
  }
  return count;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The value of JSON bytes; with `Entries` and `NumberText` in it when the text is not plain. Throws DecodeError in Go's words. */
export function parseJson(bytes: Uint8Array): unknown {
  const shape = shapeOf(bytes);
  const text = decoder.decode(bytes);
  if (shape.tooDeep !== undefined) throw new DecodeError(`invalid character '${shape.tooDeep}' exceeded max depth`);
  if (!shape.oddNumbers) {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return new CarefulReader(text).read();
    }
    if (countKeys(value) === shape.keys) return value;
  }
  return new CarefulReader(text).read();
}

const WHITE = new Set([' ', '\t', '\r', '\n']);

function shown(ch: string): string {
  if (ch === "'") return `'\\''`;
  if (ch === '"') return `'"'`;
  return `'${JSON.stringify(ch).slice(1, -1).replace(/\\u00/, '\\x')}'`;
}

class CarefulReader {
  private at = 0;
  constructor(private readonly text: string) {}

  read(): unknown {
    const value = this.value('looking for beginning of value');
    this.white();
    if (this.at < this.text.length) this.fail('after top-level value');
    return value;
  }

  private white(): void {
    while (WHITE.has(this.text[this.at] ?? '')) this.at++;
  }

  private fail(where: string): never {
    const code = this.text.codePointAt(this.at);
    if (code === undefined) throw new DecodeError('unexpected end of JSON input');
    // Go looks at bytes: of a longer character it names the first one.
    const ch =
      code < 0x80 ? String.fromCodePoint(code) : String.fromCharCode(Buffer.from(String.fromCodePoint(code))[0] ?? 0);
    throw new DecodeError(`invalid character ${shown(ch)} ${where}`);
  }

  private value(where: string): unknown {
    this.white();
    const ch = this.text[this.at];
    if (ch === '{') return this.object();
    if (ch === '[') return this.array();
    if (ch === '"') return this.string();
    if (ch === 't') return this.literal('true', true);
    if (ch === 'f') return this.literal('false', false);
    if (ch === 'n') return this.literal('null', null);
    if (ch === '-' || (ch !== undefined && ch >= '0' && ch <= '9')) return this.number();
    return this.fail(where);
  }

  private literal(word: string, value: unknown): unknown {
    for (let i = 0; i < word.length; i++, this.at++) {
      if (this.text[this.at] !== word[i]) this.fail(`in literal ${word} (expecting ${shown(word[i] ?? '')})`);
    }
    return value;
  }

  private digits(where: string): void {
    const start = this.at;
    while (/\d/.test(this.text[this.at] ?? '')) this.at++;
    if (this.at === start) this.fail(where);
  }

  private number(): unknown {
    const start = this.at;
    if (this.text[this.at] === '-') this.at++;
    if (this.text[this.at] === '0') this.at++;
    else this.digits('in numeric literal');
    if (this.text[this.at] === '.') {
      this.at++;
      this.digits('after decimal point in numeric literal');
    }
    if (this.text[this.at] === 'e' || this.text[this.at] === 'E') {
      this.at++;
      if (this.text[this.at] === '+' || this.text[this.at] === '-') this.at++;
      this.digits('in exponent of numeric literal');
    }
    return spelledNumber(this.text.slice(start, this.at));
  }

  private string(): string {
    const start = this.at++;
    for (;;) {
      const ch = this.text[this.at];
      if (ch === undefined) this.fail('');
      if (ch === '"') break;
      if (ch === '\\') this.escape();
      else if (ch < ' ') this.fail('in string literal');
      else this.at++;
    }
    this.at++;
    return JSON.parse(this.text.slice(start, this.at)) as string;
  }

  private escape(): void {
    this.at++;
    const ch = this.text[this.at] ?? '';
    if (ch === 'u') {
      this.at++;
      for (let i = 0; i < 4; i++, this.at++) {
        if (!/[0-9a-fA-F]/.test(this.text[this.at] ?? '')) this.fail('in \\u hexadecimal character escape');
      }
      return;
    }
    if (ch === '' || !'"\\/bfnrt'.includes(ch)) this.fail('in string escape code');
    this.at++;
  }

  private object(): unknown {
    const entries: [string, unknown][] = [];
    this.at++;
    this.white();
    if (this.text[this.at] === '}') {
      this.at++;
      return new Entries(entries);
    }
    for (;;) {
      this.white();
      if (this.text[this.at] !== '"') this.fail('looking for beginning of object key string');
      const key = this.string();
      this.white();
      if (this.text[this.at] !== ':') this.fail('after object key');
      this.at++;
      entries.push([key, this.value('looking for beginning of value')]);
      this.white();
      const ch = this.text[this.at];
      if (ch !== ',' && ch !== '}') this.fail('after object key:value pair');
      this.at++;
      if (ch === '}') return new Entries(entries);
    }
  }

  private array(): unknown {
    const items: unknown[] = [];
    this.at++;
    this.white();
    if (this.text[this.at] === ']') {
      this.at++;
      return items;
    }
    for (;;) {
      items.push(this.value('looking for beginning of value'));
      this.white();
      const ch = this.text[this.at];
      if (ch !== ',' && ch !== ']') this.fail('after array element');
      this.at++;
      if (ch === ']') return items;
    }
  }
}
