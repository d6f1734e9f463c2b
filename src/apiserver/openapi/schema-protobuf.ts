// The schemas of OpenAPI v3 as protobuf.
// Source: https://github.com/google/gnostic-models/blob/main/openapiv3/OpenAPIv3.proto
import { bool, double, int64, message, saidBool, saidDouble, saidText, strings, text } from './protobuf-parts.ts';
import { list, map, one, orReference, type Shape, type Write, yaml } from './protobuf-shapes.ts';

/** A number, a boolean or a text, zero values too; of lists and objects the message says only that there is one. */
const defaultValue: Write = (field, value) => {
  const said =
    typeof value === 'boolean'
      ? saidBool(2, value)
      : typeof value === 'string'
        ? saidText(3, value)
        : saidDouble(1, value);
  return [message(field, said)];
};

export const schema = orReference(() => SCHEMA);

const schemaOrBoolean: Write = (field, value) => [
  message(field, typeof value === 'boolean' ? saidBool(2, value) : schema(1, value)),
];

const items: Write = (field, value) => [message(field, list(schema)(1, Array.isArray(value) ? value : [value]))];

const EXTERNAL_DOCS: Shape = {
  members: [
    ['description', 1, text],
    ['url', 2, text],
  ],
  marks: 3,
};
export const externalDocs = one(() => EXTERNAL_DOCS);

const DISCRIMINATOR: Shape = {
  members: [
    ['propertyName', 1, text],
    ['mapping', 2, map(text)],
  ],
  marks: 3,
};

const XML: Shape = {
  members: [
    ['name', 1, text],
    ['namespace', 2, text],
    ['prefix', 3, text],
    ['attribute', 4, bool],
    ['wrapped', 5, bool],
  ],
  marks: 6,
};

const SCHEMA: Shape = {
  members: [
    ['nullable', 1, bool],
    ['discriminator', 2, one(() => DISCRIMINATOR)],
    ['readOnly', 3, bool],
    ['writeOnly', 4, bool],
    ['xml', 5, one(() => XML)],
    ['externalDocs', 6, externalDocs],
    ['example', 7, yaml],
    ['deprecated', 8, bool],
    ['title', 9, text],
    ['multipleOf', 10, double],
    ['maximum', 11, double],
    ['exclusiveMaximum', 12, bool],
    ['minimum', 13, double],
    ['exclusiveMinimum', 14, bool],
    ['maxLength', 15, int64],
    ['minLength', 16, int64],
    ['pattern', 17, text],
    ['maxItems', 18, int64],
    ['minItems', 19, int64],
    ['uniqueItems', 20, bool],
    ['maxProperties', 21, int64],
    ['minProperties', 22, int64],
    ['required', 23, strings],
    ['enum', 24, list(yaml)],
    ['type', 25, text],
    ['allOf', 26, list(schema)],
    ['oneOf', 27, list(schema)],
    ['anyOf', 28, list(schema)],
    ['not', 29, one(() => SCHEMA)],
    ['items', 30, items],
    ['properties', 31, map(schema)],
    ['additionalProperties', 32, schemaOrBoolean],
    ['default', 33, defaultValue],
    ['description', 34, text],
    ['format', 35, text],
  ],
  marks: 36,
};
