// Reads YAML as most people write it, in one go over the lines; gives up on all that is not plain, which the full reader then takes.
import { setOwn } from '../../machinery/json.ts';
import { MAX_DEPTH } from './json-text.ts';
import { resolvePlain } from './yaml-scalars.ts';

/** Not plain: the full reader has the last word. */
const GIVE_UP = Symbol('give up');

const CONTROL = /(?![\n\t])\p{Cc}|[\p{Zl}\p{Zp}\ufeff]/u;
const KEY = /^(?:([A-Za-z0-9_./$][A-Za-z0-9_./$-]*)|"([^"\\]*)"|'([^']*)') *:(?: +|$)/;
const ESCAPE = String.raw`\\(?:["\\/bfnrt]|u(?![dD][89a-fA-F])[0-9a-fA-F]{4})`;
// Unrolled: no part of a text can be matched in two ways, however long it is.
const DOUBLE = new RegExp(String.raw`^"([^"\\]*(?:${ESCAPE}[^"\\]*)*)"(?: +#.*)?$`);
const SINGLE = /^'([^']*(?:''[^']*)*)'(?: +#.*)?$/;
const LITERAL = /^\|([-+]?)$/;
/** Signs that begin something else than a plain text. */
const SIGNS = /^[-?:,[\]{}#&*!|>'"%@`]/;

interface Line {
  readonly indent: number;
  /** Without the indentation, and without blanks at the end. */
  readonly text: string;
}

class PlainReader {
  private readonly lines: readonly string[];
  private at = 0;
  private depth = 0;

  constructor(text: string) {
    this.lines = text.split('\n');
  }

  document(): unknown {
    if (this.lines[0]?.trimEnd() === '---') this.at = 1;
    const first = this.peek();
    if (first === undefined || first.indent !== 0 || !KEY.test(first.text)) throw GIVE_UP;
    const value = this.mapping(0);
    if (this.peek() !== undefined) throw GIVE_UP;
    return value;
  }

  /** The next line that says something. */
  private peek(): Line | undefined {
    for (; this.at < this.lines.length; this.at++) {
      const line = this.lines[this.at] ?? '';
      const text = line.trim();
      if (text === '' || text.startsWith('#')) {
        if (line.includes('\t')) throw GIVE_UP;
        continue;
      }
      const indent = line.search(/[^ ]/);
      if (line.includes('\t') || (indent === 0 && /^(---|\.\.\.)/.test(line))) throw GIVE_UP;
      return { indent, text: line.slice(indent).trimEnd() };
    }
    return undefined;
  }

  private enter<T>(read: () => T): T {
    if (++this.depth > MAX_DEPTH) throw GIVE_UP;
    const value = read();
    this.depth--;
    return value;
  }

  private mapping(indent: number, begun?: string): unknown {
    return this.enter(() => {
      const out: Record<string, unknown> = {};
      let text = begun;
      if (text === undefined) text = this.take(indent);
      while (text !== undefined) {
        const match = KEY.exec(text);
        if (match === null) throw GIVE_UP;
        const [all, plain, double, single] = match;
        const key = plain ?? double ?? single ?? '';
        // What is no text as a value is another key than it seems.
        if ((plain !== undefined && resolvePlain(plain) !== plain) || Object.hasOwn(out, key)) throw GIVE_UP;
        setOwn(out, key, this.value(text.slice(all.length), indent, true));
        text = this.take(indent);
      }
      return out;
    });
  }

  private sequence(indent: number, begun?: string): unknown {
    return this.enter(() => {
      const out: unknown[] = [];
      let text = begun ?? this.take(indent);
      while (text !== undefined && (text === '-' || text.startsWith('- '))) {
        out.push(this.item(text, indent));
        const next = this.peek();
        if (next === undefined || next.indent < indent || (next.indent === indent && !isItem(next.text))) break;
        text = this.take(indent);
      }
      return out;
    });
  }

  private item(text: string, indent: number): unknown {
    const rest = text.slice(1).trimStart();
    const inner = indent + text.length - rest.length;
    if (rest !== '' && KEY.test(rest)) return this.mapping(inner, rest);
    if (isItem(rest)) return this.sequence(inner, rest);
    return this.value(rest, indent, false);
  }

  /** The line at exactly this indentation; undefined when what follows belongs further out. */
  private take(indent: number): string | undefined {
    const line = this.peek();
    if (line === undefined || line.indent < indent) return undefined;
    if (line.indent > indent) throw GIVE_UP;
    this.at++;
    return line.text;
  }

  /** What stands behind a key or a dash, or below it. */
  private value(text: string, indent: number, inMapping: boolean): unknown {
    const literal = LITERAL.exec(text);
    if (literal !== null) return this.literal(indent, literal[1] ?? '');
    if (text === '' || text.startsWith('#')) return this.below(indent, inMapping);
    const value = this.scalar(text);
    // A text that goes on in the next line, or something that may not stand there.
    const next = this.peek();
    if (next !== undefined && next.indent > indent) throw GIVE_UP;
    return value;
  }

  private below(indent: number, inMapping: boolean): unknown {
    const next = this.peek();
    if (next === undefined || next.indent < indent) return null;
    if (next.indent === indent) return inMapping && isItem(next.text) ? this.sequence(indent) : null;
    if (isItem(next.text)) return this.sequence(next.indent);
    if (KEY.test(next.text)) return this.mapping(next.indent);
    throw GIVE_UP;
  }

  private scalar(text: string): unknown {
    if (text === '[]' || text === '{}') return text === '[]' ? [] : {};
    const double = DOUBLE.exec(text);
    if (double !== null) return JSON.parse(`"${double[1] ?? ''}"`) as string;
    const single = SINGLE.exec(text);
    if (single !== null) return (single[1] ?? '').replaceAll("''", "'");
    const comment = text.search(/ #/);
    const plain = comment < 0 ? text : text.slice(0, comment).trimEnd();
    const isDashed = /^-[^ ]/.test(plain);
    if ((SIGNS.test(plain) && !isDashed) || /: |:$/.test(plain)) throw GIVE_UP;
    return resolvePlain(plain);
  }

  /** A text as it stands, by `|`. */
  private literal(indent: number, chomp: string): string {
    const taken: string[] = [];
    let inner = -1;
    for (; this.at < this.lines.length; this.at++) {
      const line = this.lines[this.at] ?? '';
      const begins = line.search(/[^ ]/);
      if (begins < 0) {
        if (inner < 0 && line.length > 0) throw GIVE_UP;
        taken.push(inner < 0 ? '' : line.slice(inner));
        continue;
      }
      if (inner < 0) {
        if (begins <= indent || line[begins] === '\t') throw GIVE_UP;
        inner = begins;
      } else if (begins < inner) {
        // A comment less far in ends it; text between is a mistake.
        if (begins > indent) throw GIVE_UP;
        break;
      }
      taken.push(line.slice(inner));
    }
    if (inner < 0) throw GIVE_UP;
    const text = taken.join('\n');
    const bare = text.replace(/\n+$/, '');
    if (chomp === '-') return bare;
    // The last line may be the end of the document without a line end of its own.
    const atEnd = this.at >= this.lines.length;
    if (chomp === '+' || (atEnd && this.lines.at(-1) !== '')) throw GIVE_UP;
    return `${bare}\n`;
  }
}

const isItem = (text: string): boolean => text === '-' || text.startsWith('- ');

/** The value of a plain document, undefined for all others. Throws what a scalar throws that JSON has no value for. */
export function plainYaml(text: string): unknown {
  if (CONTROL.test(text)) return undefined;
  try {
    return new PlainReader(text).document();
  } catch (error) {
    if (error === GIVE_UP) return undefined;
    throw error;
  }
}
