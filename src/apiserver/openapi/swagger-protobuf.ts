// OpenAPI v2 as protobuf, which kubectl reads: definitions and paths in the message that gnostic defines.
// Source: https://github.com/google/gnostic-models/blob/main/openapiv2/OpenAPIv2.proto
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import { any, type Bytes, bool, encoded, extensions, message, strings, text } from './protobuf-parts.ts';

function schema(value: unknown): Bytes[] {
  const node = isJsonObject(value) ? value : {};
  const out: Bytes[] = [...text(1, node.$ref), ...text(2, node.format), ...text(4, node.description)];
  if (node.default !== undefined) out.push(any(5, node.default));
  out.push(...strings(19, node.required));
  if (Array.isArray(node.enum)) for (const one of node.enum) out.push(any(20, one));
  if (node.additionalProperties !== undefined) out.push(message(21, [message(1, schema(node.additionalProperties))]));
  if (typeof node.type === 'string') out.push(message(22, text(1, node.type)));
  if (node.items !== undefined) out.push(message(23, [message(1, schema(node.items))]));
  if (isJsonObject(node.properties)) {
    const members = Object.entries(node.properties).map(([name, one]) =>
      message(1, [...text(1, name), message(2, schema(one))]),
    );
    out.push(message(25, members));
  }
  out.push(...extensions(31, node));
  return out;
}

interface Place {
  /** The number of its message among those of parameters. */
  readonly message: number;
  readonly type: number;
  readonly uniqueItems: number;
}

/** Each place has a message of its own: in a query's one field more (`allow_empty_value`) shifts the others. */
const QUERY: Place = { message: 3, type: 6, uniqueItems: 20 };
const PATH: Place = { message: 4, type: 5, uniqueItems: 19 };

function parameter(value: JsonObject): Bytes[] {
  if (value.in === 'body') {
    return [
      message(1, [
        ...text(1, value.description),
        ...text(2, value.name),
        ...text(3, 'body'),
        ...bool(4, value.required),
        message(5, schema(value.schema)),
      ]),
    ];
  }
  const place = value.in === 'path' ? PATH : QUERY;
  const fields = [
    ...bool(1, value.required),
    ...text(2, value.in),
    ...text(3, value.description),
    ...text(4, value.name),
    ...text(place.type, value.type),
    ...bool(place.uniqueItems, value.uniqueItems),
  ];
  return [message(2, [message(place.message, fields)])];
}

/** A parameter, or a reference to one. */
function parameters(field: number, values: unknown): Bytes[] {
  if (!Array.isArray(values)) return [];
  return values
    .filter(isJsonObject)
    .map((value) =>
      message(field, value.$ref === undefined ? [message(1, parameter(value))] : [message(2, text(1, value.$ref))]),
    );
}

function response(code: string, value: JsonObject): Bytes {
  const body = [...text(1, value.description)];
  if (value.schema !== undefined) body.push(message(2, [message(1, schema(value.schema))]));
  return message(1, [...text(1, code), message(2, [message(1, body)])]);
}

function operation(value: JsonObject): Bytes[] {
  const out: Bytes[] = [...strings(1, value.tags), ...text(3, value.description), ...text(5, value.operationId)];
  out.push(...strings(6, value.produces), ...strings(7, value.consumes), ...parameters(8, value.parameters));
  if (isJsonObject(value.responses)) {
    const codes = Object.entries(value.responses).map(([code, one]) => response(code, isJsonObject(one) ? one : {}));
    out.push(message(9, codes));
  }
  out.push(...strings(10, value.schemes));
  out.push(...extensions(13, value));
  return out;
}

const METHODS: readonly (readonly [method: string, field: number])[] = [
  ['get', 2],
  ['put', 3],
  ['post', 4],
  ['delete', 5],
  ['options', 6],
  ['head', 7],
  ['patch', 8],
];

function pathItem(value: JsonObject): Bytes[] {
  const out: Bytes[] = [];
  for (const [method, field] of METHODS) {
    const one = value[method];
    if (isJsonObject(one)) out.push(message(field, operation(one)));
  }
  out.push(...parameters(9, value.parameters));
  return out;
}

/** Requirements: which definitions a client fulfils, with scopes (none for keys). */
function security(value: JsonObject): Bytes[] {
  return Object.entries(value).map(([name, scopes]) => message(1, [...text(1, name), message(2, strings(1, scopes))]));
}

function securityDefinition(value: JsonObject): Bytes[] {
  const fields = [...text(1, value.type), ...text(2, value.name), ...text(3, value.in), ...text(4, value.description)];
  return [message(2, fields)];
}

/** A map as entries with a name and a value. */
function named(field: number, map: unknown, write: (value: JsonObject) => Bytes[]): Bytes[] {
  if (!isJsonObject(map)) return [];
  const entries = Object.entries(map).map(([name, one]) =>
    message(1, [...text(1, name), message(2, write(isJsonObject(one) ? one : {}))]),
  );
  return [message(field, entries)];
}

export function encodeSwagger(document: JsonObject): Uint8Array {
  return encoded(() => parts(document));
}

function parts(document: JsonObject): Bytes[] {
  const info = isJsonObject(document.info) ? document.info : {};
  const paths = isJsonObject(document.paths) ? document.paths : {};
  const requirements = Array.isArray(document.security) ? document.security.filter(isJsonObject) : [];
  return [
    ...text(1, document.swagger),
    message(2, [...text(1, info.title), ...text(2, info.version)]),
    message(
      8,
      Object.entries(paths).map(([path, one]) =>
        message(2, [...text(1, path), message(2, pathItem(isJsonObject(one) ? one : {}))]),
      ),
    ),
    ...named(9, document.definitions, schema),
    ...named(10, document.parameters, parameter),
    ...requirements.map((one) => message(12, security(one))),
    ...named(13, document.securityDefinitions, securityDefinition),
  ];
}
