// The table of CEL functions: signatures as text, implementations beside them.
import { type CelType, parseType } from './types.ts';
import { CelError } from './values.ts';

export type Implementation = (...args: never[]) => unknown;

export interface Overload {
  /** Absent for functions that are called without a receiver. */
  readonly receiver: CelType | undefined;
  readonly args: readonly CelType[];
  readonly result: CelType;
  readonly run: (args: readonly unknown[]) => unknown;
}

const overloads = new Map<string, Overload[]>();

/** What looks like a receiver in `sets.contains(a, b)` and is none. */
export const FUNCTION_NAMESPACES: ReadonlySet<string> = new Set([
  'optional',
  'sets',
  'strings',
  'lists',
  'format',
  'ip',
  'jsonpatch',
]);

/** `string.contains(string): bool`, `size(list<A>): int`. */
export function define(signature: string, run: Implementation): void {
  const match = /^(?:(.+)\.)?(\w+)\((.*)\): (.+)$/.exec(signature);
  if (match === null) throw new Error(`not a signature: ${signature}`);
  const [, before, short = '', args = '', result = ''] = match;
  const namespaced = before !== undefined && FUNCTION_NAMESPACES.has(before);
  const receiver = namespaced ? undefined : before;
  const name = namespaced ? `${before}.${short}` : short;
  const list = overloads.get(name) ?? [];
  list.push({
    receiver: receiver === undefined ? undefined : parseType(receiver),
    args: splitArgs(args).map(parseType),
    result: parseType(result),
    run: (values) => (run as (...a: unknown[]) => unknown)(...values),
  });
  overloads.set(name, list);
}

function splitArgs(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '<') depth++;
    else if (text[i] === '>') depth--;
    else if (text[i] === ',' && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  if (text !== '') parts.push(text.slice(start));
  return parts;
}

export function overloadsOf(name: string): readonly Overload[] {
  return overloads.get(name) ?? [];
}

/** Ends an expression with a failure. */
export function fail(message: string): never {
  throw new CelError(message);
}
