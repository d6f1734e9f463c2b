// Lists and maps that were sent empty and are kept as null: who sends them owns them all the same.
import { getOwn } from '../../machinery/json.ts';
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import type { SchemaNode } from '../../resources/schema/index.ts';
import { zeroObject } from './zero.ts';

type Path = readonly string[];

const paths = new WeakMap<SchemaNode, readonly Path[]>();

/** Where an object of the type always has a list or a map, empty or not. */
function alwaysSentCollections(schema: SchemaNode): readonly Path[] {
  let found = paths.get(schema);
  if (found === undefined) {
    found = collections(schema, zeroObject(schema), []);
    paths.set(schema, found);
  }
  return found;
}

function collections(schema: SchemaNode, zero: JsonObject, path: Path): Path[] {
  return Object.keys(zero).flatMap((name) => {
    const below = schema.properties?.get(name)?.schema;
    const value = zero[name];
    if (below === undefined) return [];
    if (isJsonObject(value)) return collections(below, value, [...path, name]);
    const isCollection = below.type === 'array' || below.additionalProperties !== undefined;
    return value === null && isCollection ? [[...path, name]] : [];
  });
}

function at(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((v, name) => (isJsonObject(v) ? getOwn(v, name) : undefined), value);
}

function isEmptyCollection(value: unknown): boolean {
  return Array.isArray(value) ? value.length === 0 : isJsonObject(value) && Object.keys(value).length === 0;
}

function replaced(object: JsonObject, [name = '', ...rest]: Path, value: unknown): JsonObject {
  const below = getOwn(object, name);
  return { ...object, [name]: rest.length === 0 || !isJsonObject(below) ? value : replaced(below, rest, value) };
}

/** The object with `[]` and `{}` where they were sent. The body is read only when there is a null to explain. */
export function withSentEmpties(schema: SchemaNode, object: JsonObject, readBody: () => unknown): JsonObject {
  const nulls = alwaysSentCollections(schema).filter((path) => at(object, path) === null);
  if (nulls.length === 0) return object;
  const body = readBody();
  let out = object;
  for (const path of nulls) {
    const sent = at(body, path);
    if (isEmptyCollection(sent)) out = replaced(out, path, sent);
  }
  return out;
}
