// Names of types as values of expressions: `type(x) == string`.
import type { Compiled } from './run.ts';
import { type CelType, listOf, mapOf, NAMED, opaque, optionalOf, UNKNOWN } from './types.ts';
import { TypeValue } from './values.ts';

const OF: ReadonlyMap<string, CelType> = new Map<string, CelType>([
  ...(['int', 'uint', 'double', 'bool', 'string', 'bytes'] as const).map(
    (name) => [name, NAMED[name] ?? UNKNOWN] as const,
  ),
  ['list', listOf(UNKNOWN)],
  ['map', mapOf(UNKNOWN, UNKNOWN)],
  ['null_type', NAMED.null ?? UNKNOWN],
  ['type', { kind: 'type', of: UNKNOWN }],
  ['google.protobuf.Timestamp', NAMED.timestamp ?? UNKNOWN],
  ['google.protobuf.Duration', NAMED.duration ?? UNKNOWN],
  ['optional_type', optionalOf(UNKNOWN)],
  ...['net.IP', 'net.CIDR'].map((name) => [name, opaque(name)] as const),
]);

/** How names of fields that are no identifiers are written. Source: https://kubernetes.io/docs/reference/using-api/cel/#escaping */
const ESCAPES: Readonly<Record<string, string>> = { dot: '.', dash: '-', slash: '/', underscores: '__' };
export const KEYWORDS: ReadonlySet<string> = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

/** The name in JSON that a name in an expression stands for. */
export function celNameOf(name: string): string {
  const word = /^__(\w+)__$/.exec(name)?.[1];
  if (word !== undefined && KEYWORDS.has(word)) return word;
  return name.replace(/__(dot|dash|slash|underscores)__/g, (whole, what: string) => ESCAPES[what] ?? whole);
}

export function namedType(name: string): Compiled | undefined {
  const of = OF.get(name);
  return of === undefined ? undefined : { type: { kind: 'type', of }, run: () => new TypeValue(name) };
}
