// How messages of gnostic's OpenAPI v3 are told in tables: members by key and number, references, lists and maps.
// Source: https://github.com/google/gnostic-models/blob/main/openapiv3/OpenAPIv3.proto
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import { any, type Bytes, extensions, message, text } from './protobuf-parts.ts';

export type Write = (field: number, value: unknown) => Bytes[];
/** The members of a message: each a key of the document, the number of its field, and how it is written. */
export type Members = readonly (readonly [key: string, field: number, write: Write])[];

export interface Shape {
  readonly members: Members;
  /** The number of the field for members that begin with `x-`. */
  readonly marks?: number;
}

export function body({ members, marks }: Shape, value: JsonObject): Bytes[] {
  const own = members.flatMap(([key, field, write]) => (value[key] === undefined ? [] : write(field, value[key])));
  return marks === undefined ? own : [...own, ...extensions(marks, value)];
}

/** Shapes name one another in circles, so they are looked up when they are used. */
export function one(shape: () => Shape): Write {
  return (field, value) => (isJsonObject(value) ? [message(field, body(shape(), value))] : []);
}

const REFERENCE: Shape = {
  members: [
    ['$ref', 1, text],
    ['summary', 2, text],
    ['description', 3, text],
  ],
};

/** The thing itself or a reference to it, beside which nothing else counts. */
export function orReference(shape: () => Shape): Write {
  return (field, value) => {
    if (!isJsonObject(value)) return [];
    const refers = typeof value.$ref === 'string';
    return [message(field, [message(refers ? 2 : 1, body(refers ? REFERENCE : shape(), value))])];
  };
}

export function list(write: Write): Write {
  return (field, values) => (Array.isArray(values) ? values.flatMap((value) => write(field, value)) : []);
}

/** Members as entries with a name and a value. */
export function entries(field: number, members: readonly (readonly [string, unknown])[], write: Write): Bytes[] {
  return members.map(([name, value]) => message(field, [...text(1, name), ...write(2, value)]));
}

export function map(write: Write): Write {
  return (field, value) => (isJsonObject(value) ? [message(field, entries(1, Object.entries(value), write))] : []);
}

export const yaml: Write = (field, value) => [any(field, value)];
