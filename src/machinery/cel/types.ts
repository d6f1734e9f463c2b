// The types of CEL: what the checker reasons about. Source: https://github.com/google/cel-spec/blob/master/doc/langdef.md

/** What tells the items of a list apart. */
export interface ListKind {
  readonly type: 'set' | 'map';
  readonly keys: readonly string[];
}

export type CelType =
  | { readonly kind: 'simple'; readonly name: string }
  /** `by`: what tells the items of sets and of lists with keys apart. */
  | { readonly kind: 'list'; readonly item: CelType; readonly by?: ListKind }
  | { readonly kind: 'map'; readonly key: CelType; readonly value: CelType }
  | StructType
  | { readonly kind: 'optional'; readonly of: CelType }
  | { readonly kind: 'type'; readonly of: CelType }
  /** A type parameter of a function's signature. */
  | { readonly kind: 'param'; readonly name: string };

export interface StructType {
  readonly kind: 'object';
  readonly name: string;
  readonly fields: ReadonlyMap<string, CelField>;
  /** Of fields that are not declared; without it there are no others. */
  readonly others?: CelType;
}

export interface CelField {
  /** The name in JSON: the name in an expression may be escaped. */
  readonly json: string;
  readonly type: CelType;
}

function simple(name: string): CelType {
  return { kind: 'simple', name };
}

export const DYN = simple('dyn');
/** What nothing has been said about: the items of `[]`. */
export const UNKNOWN = simple('dyn');
export const BOOL = simple('bool');
export const INT = simple('int');
export const UINT = simple('uint');
export const DOUBLE = simple('double');
export const STRING = simple('string');
export const BYTES = simple('bytes');
export const NULL = simple('null_type');
export const TIMESTAMP = simple('timestamp');
export const DURATION = simple('duration');
export const ERROR = simple('!error!');
export const opaque = simple;

export function listOf(item: CelType, by?: ListKind): CelType {
  return by === undefined ? { kind: 'list', item } : { kind: 'list', item, by };
}

export function mapOf(key: CelType, value: CelType): CelType {
  return { kind: 'map', key, value };
}

export function optionalOf(of: CelType): CelType {
  return { kind: 'optional', of };
}

/** As cel-go prints it: `list(int)`, `google.protobuf.Timestamp`. */
export function typeText(type: CelType): string {
  switch (type.kind) {
    case 'simple':
      return type.name === 'null_type' ? 'null' : type.name;
    case 'list':
      return `list(${typeText(type.item)})`;
    case 'map':
      return `map(${typeText(type.key)}, ${typeText(type.value)})`;
    case 'optional':
      return `optional_type(${typeText(type.of)})`;
    case 'type':
      return `type(${typeText(type.of)})`;
    default:
      return type.name;
  }
}

/** As cel-go's types print themselves, which is not how its errors print them: `list(google.protobuf.Timestamp)`. */
export function ownTypeText(type: CelType): string {
  switch (type.kind) {
    case 'simple':
      return type.name === 'timestamp' || type.name === 'duration'
        ? `google.protobuf.${type.name === 'timestamp' ? 'Timestamp' : 'Duration'}`
        : type.name;
    case 'list':
      return `list(${ownTypeText(type.item)})`;
    case 'map':
      return `map(${ownTypeText(type.key)}, ${ownTypeText(type.value)})`;
    case 'optional':
      return `optional_type(${ownTypeText(type.of)})`;
    case 'type':
      return `type(${ownTypeText(type.of)})`;
    default:
      return type.name;
  }
}

export function isDyn(type: CelType): boolean {
  return type.kind === 'simple' && (type.name === 'dyn' || type === ERROR);
}

export type Bindings = Map<string, CelType>;

/** Types that have no null of their own. */
const PLAIN: ReadonlySet<string> = new Set(['bool', 'int', 'uint', 'double', 'string', 'bytes']);

/** Whether a value of a type may stand where another is wanted; type parameters are bound on the way. */
export function assignable(from: CelType, to: CelType, bindings: Bindings): boolean {
  if (to.kind === 'param') {
    const bound = bindings.get(to.name);
    if (bound === undefined || isDyn(bound)) {
      bindings.set(to.name, from);
      return true;
    }
    return assignable(from, bound, bindings);
  }
  if (isDyn(from) || isDyn(to)) return true;
  if (from.kind === 'param') return true;
  if (from === NULL && to !== NULL)
    return to.kind === 'object' || to.kind === 'optional' || (to.kind === 'simple' && !PLAIN.has(to.name));
  switch (to.kind) {
    case 'simple':
      return from.kind === 'simple' && from.name === to.name;
    case 'list':
      return from.kind === 'list' && assignable(from.item, to.item, bindings);
    case 'map':
      return (
        from.kind === 'map' && assignable(from.key, to.key, bindings) && assignable(from.value, to.value, bindings)
      );
    case 'optional':
      return from.kind === 'optional' && assignable(from.of, to.of, bindings);
    case 'type':
      return from.kind === 'type';
    case 'object':
      return from.kind === 'object' && (from === to || from.name === to.name);
  }
}

/** Puts the bound types in place of parameters. */
export function substitute(type: CelType, bindings: Bindings): CelType {
  switch (type.kind) {
    case 'param':
      return bindings.get(type.name) ?? UNKNOWN;
    case 'list':
      return listOf(substitute(type.item, bindings));
    case 'map':
      return mapOf(substitute(type.key, bindings), substitute(type.value, bindings));
    case 'optional':
      return optionalOf(substitute(type.of, bindings));
    case 'type':
      return { kind: 'type', of: substitute(type.of, bindings) };
    default:
      return type;
  }
}

/** The type of a list or a map whose items have these types. */
export function join(a: CelType | undefined, b: CelType): CelType {
  if (a === undefined) return b;
  if (a === UNKNOWN || b === UNKNOWN) return a === UNKNOWN ? b : a;
  if (a.kind === 'list' && b.kind === 'list') return joined(a.item, b.item, listOf);
  if (a.kind === 'optional' && b.kind === 'optional') return joined(a.of, b.of, optionalOf);
  if (assignable(b, a, new Map())) return isDyn(b) ? b : a;
  return assignable(a, b, new Map()) ? b : DYN;
}

function joined(a: CelType, b: CelType, of: (inner: CelType) => CelType): CelType {
  return same(a, b) ? of(join(a, b)) : DYN;
}

export function same(a: CelType, b: CelType): boolean {
  return assignable(a, b, new Map()) || assignable(b, a, new Map());
}

/** Whether two types are one, as far as both are known. */
export function equivalent(a: CelType, b: CelType): boolean {
  if (a === b || a === UNKNOWN || b === UNKNOWN) return true;
  if (a.kind === 'simple' || b.kind === 'simple') return a.kind === b.kind && typeText(a) === typeText(b);
  if (a.kind === 'list' && b.kind === 'list') return equivalent(a.item, b.item);
  if (a.kind === 'map' && b.kind === 'map') return equivalent(a.key, b.key) && equivalent(a.value, b.value);
  if (a.kind === 'optional' && b.kind === 'optional') return equivalent(a.of, b.of);
  return a.kind === b.kind && (a.kind !== 'object' || typeText(a) === typeText(b));
}

export const NAMED: Readonly<Record<string, CelType>> = {
  dyn: DYN,
  bool: BOOL,
  int: INT,
  uint: UINT,
  double: DOUBLE,
  string: STRING,
  bytes: BYTES,
  null: NULL,
  timestamp: TIMESTAMP,
  duration: DURATION,
};

/** Reads `list<A>`, `map<string,int>`, `kubernetes.Quantity`, `A`. */
export function parseType(text: string): CelType {
  const generic = /^(\w+)<(.*)>$/.exec(text.trim());
  if (generic !== null) {
    const inner = generic[2] ?? '';
    if (generic[1] === 'list') return listOf(parseType(inner));
    if (generic[1] === 'type') return { kind: 'type', of: parseType(inner) };
    if (generic[1] === 'optional') return optionalOf(parseType(inner));
    const comma = topComma(inner);
    return mapOf(parseType(inner.slice(0, comma)), parseType(inner.slice(comma + 1)));
  }
  const name = text.trim();
  if (/^[A-Z]$/.test(name)) return { kind: 'param', name };
  return NAMED[name] ?? simple(name);
}

function topComma(text: string): number {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '<') depth++;
    else if (text[i] === '>') depth--;
    else if (text[i] === ',' && depth === 0) return i;
  }
  return text.length;
}
