// The clauses of a format text, what each of them takes, and how each shows a value.
// Source: https://pkg.go.dev/github.com/google/cel-go/ext#hdr-Format
import type { CelType } from './types.ts';

/** A format text that cannot be understood. */
export class FormatProblem extends Error {}

export type Verb = 's' | 'd' | 'f' | 'e' | 'b' | 'x' | 'X' | 'o';

export interface Clause {
  readonly verb: Verb;
  readonly precision: number | undefined;
}

const VERBS = 'sdfebxXo';
const CLAUSE = 'could not parse formatting clause: ';

function clauseAt(text: string, at: number): { clause: Clause; end: number } {
  let i = at;
  let precision: number | undefined;
  if (text[i] === '.') {
    const start = ++i;
    while (/\d/.test(text[i] ?? '')) i++;
    if (i >= text.length)
      throw new FormatProblem(`${CLAUSE}error while parsing precision: could not find end of precision specifier`);
    const digits = text.slice(start, i);
    if (digits === '')
      throw new FormatProblem(
        `${CLAUSE}error while parsing precision: error while converting precision to integer: strconv.Atoi: parsing "": invalid syntax`,
      );
    precision = Number(digits);
  }
  const verb = text[i] ?? '';
  if (!VERBS.includes(verb) || verb === '')
    throw new FormatProblem(`${CLAUSE}unrecognized formatting clause "${verb}"`);
  return { clause: { verb: verb as Verb, precision }, end: i + 1 };
}

/** Plain parts and clauses, in their order. Throws FormatProblem where one makes no sense. */
export function* clausesOf(text: string): Generator<string | Clause> {
  for (let i = 0; i < text.length; ) {
    const next = text.indexOf('%', i);
    if (next < 0) {
      yield text.slice(i);
      return;
    }
    if (next > i) yield text.slice(i, next);
    if (next + 1 >= text.length) throw new FormatProblem('unexpected end of string');
    if (text[next + 1] === '%') {
      yield '%';
      i = next + 2;
      continue;
    }
    const { clause, end } = clauseAt(text, next + 1);
    yield clause;
    i = end;
  }
}

const INTS = ['int', 'uint'];
const TAKES: Readonly<Record<string, readonly string[]>> = {
  s: ['int', 'uint', 'double', 'bool', 'string', 'bytes', 'timestamp', 'duration', 'null_type', 'list', 'map', 'type'],
  d: INTS,
  f: ['double', 'string'],
  e: ['double', 'string'],
  b: [...INTS, 'bool'],
  x: [...INTS, 'string', 'bytes'],
  X: [...INTS, 'string', 'bytes'],
  o: INTS,
};

export const WANTED: Readonly<Record<Verb, string>> = {
  s: 'string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps',
  d: 'decimal clause can only be used on integers',
  f: 'fixed-point clause can only be used on doubles',
  e: 'scientific clause can only be used on doubles',
  b: 'only integers and bools can be formatted as binary',
  x: 'only integers, byte buffers, and strings can be formatted as hex',
  X: 'only integers, byte buffers, and strings can be formatted as hex',
  o: 'octal clause can only be used on integers',
};

const kindOf = (type: CelType): string => (type.kind === 'simple' ? type.name : type.kind);

export function fits(verb: Verb, type: CelType): boolean {
  const kind = kindOf(type);
  return kind === 'dyn' || kind === 'param' || TAKES[verb]?.includes(kind) === true;
}

const NAMES: Readonly<Record<string, string>> = {
  timestamp: 'google.protobuf.Timestamp',
  duration: 'google.protobuf.Duration',
  optional: 'optional_type',
};

/** Why a value of this type is not taken. */
export function shownType(verb: Verb, type: CelType): string {
  const kind = kindOf(type);
  return `${WANTED[verb]}, was given ${type.kind === 'object' ? type.name : (NAMES[kind] ?? kind)}`;
}
