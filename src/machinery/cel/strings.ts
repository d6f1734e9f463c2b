// Functions on texts, and regular expressions. Source: https://kubernetes.io/docs/reference/using-api/cel/#cel-options-language-features-and-libraries
import { RE2JS } from 're2js';
import { define, fail } from './registry.ts';
import { toText } from './values.ts';

const regexes = new Map<string, RE2JS>();

/** Regular expressions of users: never on a backtracking engine. */
export function regex(pattern: string): RE2JS {
  const known = regexes.get(pattern);
  if (known !== undefined) return known;
  try {
    const made = RE2JS.compile(pattern);
    if (regexes.size > 500) regexes.clear();
    regexes.set(pattern, made);
    return made;
  } catch (error) {
    return fail(
      `error parsing regexp: ${error instanceof Error ? error.message.replace(/^.*error parsing regexp: /, '') : ''}`,
    );
  }
}

const runes = (text: string): string[] => [...text];

function index(at: bigint, size: number): number {
  const i = Number(at);
  if (i < 0 || i > size) fail(`index out of range: ${at}`);
  return i;
}

function indexOf(text: string, part: string, from: bigint): bigint {
  const all = runes(text);
  const start = index(from, all.length);
  const found = all.slice(start).join('').indexOf(part);
  if (found < 0) return -1n;
  return BigInt(start + runes(all.slice(start).join('').slice(0, found)).length);
}

function lastIndexOf(text: string, part: string, from?: bigint): bigint {
  const all = runes(text);
  const last = from === undefined ? all.length : index(from, all.length);
  for (let i = Math.min(last, all.length - runes(part).length); i >= 0; i--) {
    if (all.slice(i).join('').startsWith(part)) return BigInt(i);
  }
  return -1n;
}

function substring(text: string, start: bigint, end?: bigint): string {
  const all = runes(text);
  const from = index(start, all.length);
  const to = end === undefined ? all.length : index(end, all.length);
  if (from > to) fail(`invalid substring range. start: ${start}, end: ${end}`);
  return all.slice(from, to).join('');
}

function replace(text: string, what: string, by: string, limit = -1n): string {
  if (limit < 0n) return text.split(what).join(by);
  const parts = text.split(what);
  const count = Math.min(Number(limit), parts.length - 1);
  return (
    parts
      .slice(0, count)
      .map((p) => p + by)
      .join('') + parts.slice(count).join(what)
  );
}

function split(text: string, by: string, limit = -1n): string[] {
  if (limit === 0n) return [];
  const parts = by === '' ? runes(text) : text.split(by);
  if (limit < 0n || parts.length <= Number(limit)) return parts;
  const n = Number(limit) - 1;
  return [...parts.slice(0, n), parts.slice(n).join(by)];
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
  define('string.trim(): string', (s: string) => s.trim());
  define('string.reverse(): string', (s: string) => runes(s).reverse().join(''));
  define('list<string>.join(): string', (l: string[]) => l.join(''));
  define('list<string>.join(string): string', (l: string[], by: string) => l.join(by));
  define('string.find(string): string', (s: string, p: string) => {
    const m = regex(p).matcher(s);
    return m.find() ? (m.group() ?? '') : '';
  });
  const findAll = (s: string, p: string, limit = -1n): string[] => {
    const m = regex(p).matcher(s);
    const out: string[] = [];
    while ((limit < 0n || out.length < Number(limit)) && m.find()) out.push(m.group() ?? '');
    return out;
  };
  define('string.findAll(string): list<string>', findAll);
  define('string.findAll(string,int): list<string>', findAll);
  define('string.format(list<dyn>): string', format);
  define('strings.quote(string): string', (s: string) => JSON.stringify(s));
}

/** `%s %d %f %x %o %b %e` of the strings extension. */
function format(text: string, args: readonly unknown[]): string {
  let at = 0;
  return text.replace(
    /%(%|(?:\.(\d+))?([sdfexXob]))/g,
    (_all, what: string, precision: string | undefined, verb: string | undefined) => {
      if (what === '%') return '%';
      if (at >= args.length) fail(`index ${at} out of range`);
      const value = args[at++];
      switch (verb) {
        case 'f':
          return Number(value).toFixed(precision === undefined ? 6 : Number(precision));
        case 'e':
          return Number(value).toExponential(precision === undefined ? 6 : Number(precision));
        case 'x':
        case 'X': {
          const hex = typeof value === 'bigint' ? value.toString(16) : Buffer.from(toText(value)).toString('hex');
          return verb === 'X' ? hex.toUpperCase() : hex;
        }
        case 'o':
          return typeof value === 'bigint' ? value.toString(8) : toText(value);
        case 'b':
          return typeof value === 'bigint' ? value.toString(2) : value === true ? '1' : '0';
        default:
          return toText(value);
      }
    },
  );
}
