// Changes of a good object, field by field along its schema: taken away, of another type, at and beyond each limit.
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface Schema {
  readonly type?: string;
  readonly format?: string;
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly enum?: readonly string[];
  readonly description?: string;
}

export interface Mutation {
  readonly at: string;
  readonly what: string;
  readonly object: Json;
}

type Path = readonly (string | number)[];

const LONG = 'a'.repeat(64);
const TEXTS: readonly Json[] = [
  '',
  'x',
  'A_b',
  'a.b',
  'a/b',
  '/abs/path',
  '../up',
  '-a',
  LONG,
  'a'.repeat(254),
  'a'.repeat(1025),
  '10.0.0.1',
  '010.1.2.3',
  '::1',
  '10.0.0.0/8',
  'x y',
  'é',
  '5',
  '1Gi',
  '1.5',
  '50%',
  '-1',
  'example.com/x',
  'a=b',
  'a:b',
  'https://a.b/c',
  'http://a',
  '\u0000',
];
const NUMBERS: readonly Json[] = [
  0, 1, -1, 2, 101, 65_535, 65_536, 2_147_483_647, 2_147_483_648, 9_007_199_254_740_991, 1.5,
];

/** Words that the description of a field names as its values. */
function words(schema: Schema): Json[] {
  const named = [...(schema.description ?? '').matchAll(/["'`]([A-Za-z][A-Za-z0-9]{2,40})["'`]/g)].map(
    (m) => m[1] ?? '',
  );
  return [...new Set([...(schema.enum ?? []), ...named])].slice(0, 8);
}

export class Mutator {
  constructor(private readonly definitions: Readonly<Record<string, Schema>>) {}

  private resolve(schema: Schema | undefined): Schema {
    const name = schema?.$ref?.replace('#/definitions/', '');
    return name === undefined
      ? (schema ?? {})
      : {
          ...this.definitions[name],
          ...(schema?.description === undefined ? {} : { description: schema.description }),
        };
  }

  /** What a field of this schema may be given, good and bad. */
  private values(given: Schema): Json[] {
    const schema = this.resolve(given);
    if (schema.format === 'int-or-string' || /Quantity/.test(given.$ref ?? ''))
      return [...TEXTS.slice(0, 12), '1Gi', '1.5', '50%', '101%', '-1', '0', 'http', '100m', '1e3', 5, 0, -1, 70_000];
    if (/\.(Micro)?Time$/.test(given.$ref ?? '') || schema.format === 'date-time')
      return ['2024-01-01T00:00:00Z', '2024-01-01T00:00:00.123456Z', 'x', '', '2024-01-01'];
    if (schema.type === 'string') return [...words(schema), ...TEXTS];
    if (schema.type === 'integer' || schema.type === 'number') return [...NUMBERS];
    if (schema.type === 'boolean') return [true, false];
    if (schema.type === 'array') {
      const items = this.resolve(schema.items);
      const some = items.type === 'string' ? [...words(items), 'a', '', 'A_b', '*', '10.0.0.1'] : [{}];
      return [
        [],
        ...some.map((s): Json => [s]),
        ...(items.type === 'string'
          ? [
              ['a', 'a'],
              ['a', 'b'],
            ]
          : []),
      ];
    }
    if (schema.additionalProperties !== undefined) {
      const inner =
        this.resolve(schema.additionalProperties).type === 'string' ||
        this.resolve(schema.additionalProperties).type === undefined
          ? ['v', '', 'a b', '1']
          : [[], {}];
      return [
        {},
        ...inner.map((v): Json => ({ k: v })),
        { 'A_b.c/d': inner[0] ?? 'v' },
        { 'a/b/c': inner[0] ?? 'v' },
        { '': inner[0] ?? 'v' },
        { cpu: '1' },
        { 'x y': inner[0] ?? 'v' },
      ];
    }
    return [{}];
  }

  private *at(root: Json, value: Json | undefined, given: Schema, path: Path): Generator<Mutation> {
    const schema = this.resolve(given);
    const where = path.join('.');
    const put = (v: Json | undefined, what: string): Mutation => ({ at: where, what, object: set(root, path, v) });
    if (path.length > 0) {
      if (value !== undefined) {
        yield put(undefined, 'removed');
        for (const wrong of [null, 'x', 5, true, [], {}] as Json[]) yield put(wrong, `type ${JSON.stringify(wrong)}`);
        if (Array.isArray(value) && value.length > 0) yield put([...value, value[0] ?? null], 'first item again');
        if (Array.isArray(value)) yield put([...value, null], 'a null item');
        if (value !== null && typeof value === 'object' && !Array.isArray(value))
          yield put({ ...value, unknownField: 1 }, 'an unknown field');
      }
      for (const v of this.values(given)) yield put(v, JSON.stringify(v).slice(0, 60));
    }
    if (path.length >= 12 || isRecursive(path)) return;
    if (schema.properties !== undefined) {
      const own = value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {};
      for (const [name, sub] of Object.entries(schema.properties))
        yield* this.at(root, own[name], sub, [...path, name]);
    } else if (schema.items !== undefined && this.resolve(schema.items).properties !== undefined) {
      const first = Array.isArray(value) ? value[0] : undefined;
      yield* this.at(root, first, schema.items, [...path, 0]);
    } else if (
      schema.additionalProperties !== undefined &&
      value !== null &&
      typeof value === 'object' &&
      !Array.isArray(value)
    ) {
      for (const [name, v] of Object.entries(value))
        yield* this.at(root, v, schema.additionalProperties, [...path, name]);
    }
  }

  *of(kind: string, object: Json): Generator<Mutation> {
    const schema = this.definitions[kind];
    if (schema === undefined) throw new Error(`no schema ${kind}`);
    yield* this.at(object, object, schema, []);
  }
}

/** JSONSchemaProps holds itself. */
const isRecursive = (path: Path): boolean => new Set(path).size + 3 < path.length;

function set(root: Json, [head, ...rest]: Path, value: Json | undefined): Json {
  if (head === undefined) return value ?? null;
  if (typeof head === 'number') {
    const list = Array.isArray(root) ? [...root] : [];
    list[head] = set(list[head] ?? {}, rest, value);
    return list;
  }
  const out: Record<string, Json> =
    root !== null && typeof root === 'object' && !Array.isArray(root) ? { ...root } : {};
  if (rest.length === 0 && value === undefined) delete out[head];
  else out[head] = set(out[head] ?? (typeof rest[0] === 'number' ? [] : {}), rest, value);
  return out;
}
