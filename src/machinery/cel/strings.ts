// Functions on texts, and regular expressions. Source: https://kubernetes.io/docs/reference/using-api/cel/#cel-options-language-features-and-libraries
import { RE2JS } from 're2js';
import { define, fail } from './registry.ts';

const regexes = new Map<string, RE2JS>();

/** Regular expressions of users: never on a backtracking engine. What is wrong with one, in the words of Go's parser, is thrown. */
export function regex(pattern: string): RE2JS {
  const known = regexes.get(pattern);
  if (known !== undefined) return known;
  const problem = regexProblem(pattern);
  if (problem !== undefined) return fail(problem);
  const made = RE2JS.compile(pattern);
  if (regexes.size > 500) regexes.clear();
  regexes.set(pattern, made);
  return made;
}

export function regexProblem(pattern: string): string | undefined {
  try {
    RE2JS.compile(pattern);
    return undefined;
  } catch (error) {
    const text = error instanceof Error ? error.message.replace(/^.*error parsing regexp: /, '') : '';
    return `error parsing regexp: ${text}`;
  }
}

const runes = (text: string): string[] => [...text];

function index(at: bigint, size: number): number {
  const i = Number(at);
  if (i < 0 || i > size) fail(`index out of range: ${at}`);
  return i;
}

/** Where the part is, looked for from one place to another. */
function search(text: readonly string[], part: readonly string[], places: Iterable<number>): bigint {
  for (const i of places) if (part.every((rune, n) => text[i + n] === rune)) return BigInt(i);
  return -1n;
}

function* range(from: number, to: number): Generator<number> {
  const step = from <= to ? 1 : -1;
  for (let i = from; step > 0 ? i <= to : i >= to; i += step) yield i;
}

function indexOf(text: string, part: string, from: bigint): bigint {
  if (part === '') return from;
  if (from < 0n) fail(`index out of range: ${from}`);
  const [all, some] = [runes(text), runes(part)];
  const last = all.length - some.length;
  return from > BigInt(last) ? -1n : search(all, some, range(Number(from), last));
}

function lastIndexOf(text: string, part: string, from?: bigint): bigint {
  const [all, some] = [runes(text), runes(part)];
  if (part === '') return from ?? BigInt(all.length);
  const start = from ?? BigInt(all.length - 1);
  if (start < 0n && from !== undefined) fail(`index out of range: ${start}`);
  const last = all.length - some.length;
  if (start >= BigInt(all.length) || last < 0) return -1n;
  return search(all, some, range(Math.min(Number(start), last), 0));
}

function substring(text: string, start: bigint, end?: bigint): string {
  const all = runes(text);
  if (end !== undefined && start > end) fail(`invalid substring range. start: ${start}, end: ${end}`);
  const from = index(start, all.length);
  const to = end === undefined ? all.length : index(end, all.length);
  return all.slice(from, to).join('');
}

function replace(text: string, what: string, by: string, limit = -1n): string {
  // Nothing is found before each character, and at the end.
  const parts = what === '' ? ['', ...runes(text), ''] : text.split(what);
  const count = limit < 0n ? parts.length - 1 : Math.min(Number(limit), parts.length - 1);
  return parts.map((part, i) => (i < count ? part + by : i < parts.length - 1 ? part + what : part)).join('');
}

function split(text: string, by: string, limit = -1n): string[] {
  if (limit === 0n) return [];
  const parts = by === '' ? runes(text) : text.split(by);
  if (limit < 0n || parts.length <= Number(limit)) return parts;
  const n = Number(limit) - 1;
  return [...parts.slice(0, n), parts.slice(n).join(by)];
}

/** What Unicode calls white space. JavaScript also takes a byte order mark for it. */
const GAP = '[\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+';
const LEADING = new RegExp(`^${GAP}`);
const TRAILING = new RegExp(`(?<!${GAP.slice(0, -1)})${GAP}$`);

/** As the library of Kubernetes says it. */
function userRegex(pattern: string): RE2JS {
  const problem = regexes.has(pattern) ? undefined : regexProblem(pattern);
  return problem === undefined ? regex(pattern) : fail(`Illegal regex: ${problem}`);
}

export function defineStrings(): void {
  define('string.contains(string): bool', (s: string, p: string) => s.includes(p));
  define('string.startsWith(string): bool', (s: string, p: string) => s.startsWith(p));
  define('string.endsWith(string): bool', (s: string, p: string) => s.endsWith(p));
  const matches = (s: string, p: string): boolean => regex(p).matcher(s).find();
  define('string.matches(string): bool', matches);
  define('matches(string,string): bool', matches);
  define('string.charAt(int): string', (s: string, i: bigint) => runes(s)[index(i, runes(s).length)] ?? '');
  define('string.indexOf(string): int', (s: string, p: string) => indexOf(s, p, 0n));
  define('string.indexOf(string,int): int', indexOf);
  define('string.lastIndexOf(string): int', (s: string, p: string) => lastIndexOf(s, p));
  define('string.lastIndexOf(string,int): int', lastIndexOf);
  define('string.lowerAscii(): string', (s: string) => s.replace(/[A-Z]/g, (c) => c.toLowerCase()));
  define('string.upperAscii(): string', (s: string) => s.replace(/[a-z]/g, (c) => c.toUpperCase()));
  define('string.replace(string,string): string', replace);
  define('string.replace(string,string,int): string', replace);
  define('string.split(string): list<string>', split);
  define('string.split(string,int): list<string>', split);
  define('string.substring(int): string', substring);
  define('string.substring(int,int): string', substring);
  define('string.trim(): string', (s: string) => s.replace(LEADING, '').replace(TRAILING, ''));
  define('list<string>.join(): string', (l: string[]) => l.join(''));
  define('list<string>.join(string): string', (l: string[], by: string) => l.join(by));
  define('string.find(string): string', (s: string, p: string) => {
    const m = userRegex(p).matcher(s);
    return m.find() ? (m.group() ?? '') : '';
  });
  const findAll = (s: string, p: string, limit = -1n): string[] => {
    const m = userRegex(p).matcher(s);
    const out: string[] = [];
    while ((limit < 0n || out.length < Number(limit)) && m.find()) out.push(m.group() ?? '');
    return out;
  };
  define('string.findAll(string): list<string>', findAll);
  define('string.findAll(string,int): list<string>', findAll);
}
