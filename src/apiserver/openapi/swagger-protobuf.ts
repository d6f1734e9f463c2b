// OpenAPI v2 as protobuf, which kubectl reads: definitions and paths in the message that gnostic defines.
// Source: https://github.com/google/gnostic-models/blob/main/openapiv2/OpenAPIv2.proto
import { stringify } from 'yaml';
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';

type Bytes = Uint8Array;

function varint(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    out.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  out.push(rest);
  return out;
}

function delimited(field: number, body: Bytes): Bytes {
  return Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(body.length)]), body]);
}

function text(field: number, value: unknown): Bytes[] {
  return typeof value === 'string' && value !== '' ? [delimited(field, Buffer.from(value, 'utf8'))] : [];
}

function bool(field: number, value: unknown): Bytes[] {
  return value === true ? [Buffer.from([...varint(field * 8), 1])] : [];
}

function message(field: number, parts: readonly Bytes[]): Bytes {
  return delimited(field, Buffer.concat(parts));
}

/** An Any: the value as YAML. */
function any(value: unknown): Bytes[] {
  return text(2, stringify(value));
}

function extensions(object: JsonObject, field: number): Bytes[] {
  return Object.keys(object)
    .filter((key) => key.startsWith('x-'))
    .map((key) => message(field, [...text(1, key), message(2, any(object[key]))]));
}

function strings(field: number, values: unknown): Bytes[] {
  return Array.isArray(values) ? values.flatMap((value) => text(field, value)) : [];
}

function schema(value: unknown): Bytes[] {
  const node = isJsonObject(value) ? value : {};
  const out: Bytes[] = [...text(1, node.$ref), ...text(2, node.format), ...text(4, node.description)];
  if (node.default !== undefined) out.push(message(5, any(node.default)));
  out.push(...strings(19, node.required));
  if (Array.isArray(node.enum)) for (const one of node.enum) out.push(message(20, any(one)));
  if (node.additionalProperties !== undefined) out.push(message(21, [message(1, schema(node.additionalProperties))]));
  if (typeof node.type === 'string') out.push(message(22, text(1, node.type)));
  if (node.items !== undefined) out.push(message(23, [message(1, schema(node.items))]));
  if (isJsonObject(node.properties)) {
    const members = Object.entries(node.properties).map(([name, one]) =>
      message(1, [...text(1, name), message(2, schema(one))]),
    );
    out.push(message(25, members));
  }
  out.push(...extensions(node, 31));
  return out;
}

/** The number of a query parameter's message, and of its `type` in it: each place has a message of its own. */
const PLACES = { body: 1, header: 1, formData: 2, query: 3, path: 4 } as const;

function parameter(value: JsonObject): Bytes[] {
  if (value.in === 'body') {
    const body = [
      ...text(2, value.name),
      ...text(3, 'body'),
      ...bool(4, value.required),
      message(5, schema(value.schema)),
    ];
    return [message(1, [message(1, body)])];
  }
  const where = value.in === 'path' ? 'path' : 'query';
  // In a query's message an extra field (allow_empty_value) shifts the type by one.
  const typeField = where === 'query' ? 6 : 5;
  const fields = [
    ...bool(1, value.required),
    ...text(2, where),
    ...text(4, value.name),
    ...text(typeField, value.type),
  ];
  return [message(1, [message(2, [message(PLACES[where], fields)])])];
}

function response(code: string, value: JsonObject): Bytes {
  const body = [...text(1, value.description)];
  if (value.schema !== undefined) body.push(message(2, [message(1, schema(value.schema))]));
  return message(1, [...text(1, code), message(2, [message(1, body)])]);
}

function operation(value: JsonObject): Bytes[] {
  const out: Bytes[] = [...strings(1, value.tags), ...text(3, value.description), ...text(5, value.operationId)];
  out.push(...strings(6, ['application/json']), ...strings(7, value.consumes));
  if (Array.isArray(value.parameters)) {
    for (const one of value.parameters) if (isJsonObject(one)) out.push(message(8, parameter(one)));
  }
  if (isJsonObject(value.responses)) {
    const codes = Object.entries(value.responses).map(([code, one]) => response(code, isJsonObject(one) ? one : {}));
    out.push(message(9, codes));
  }
  out.push(...extensions(value, 13));
  return out;
}

const METHODS: readonly (readonly [method: string, field: number])[] = [
  ['get', 2],
  ['put', 3],
  ['post', 4],
  ['delete', 5],
  ['patch', 8],
];

function pathItem(value: JsonObject): Bytes[] {
  const out: Bytes[] = [];
  for (const [method, field] of METHODS) {
    const one = value[method];
    if (isJsonObject(one)) out.push(message(field, operation(one)));
  }
  return out;
}

export function encodeSwagger(document: JsonObject): Uint8Array {
  const info = isJsonObject(document.info) ? document.info : {};
  const paths = isJsonObject(document.paths) ? document.paths : {};
  const definitions = isJsonObject(document.definitions) ? document.definitions : {};
  return Buffer.concat([
    ...text(1, document.swagger),
    message(2, [...text(1, info.title), ...text(2, info.version)]),
    message(
      8,
      Object.entries(paths).map(([path, one]) =>
        message(2, [...text(1, path), message(2, pathItem(isJsonObject(one) ? one : {}))]),
      ),
    ),
    message(
      9,
      Object.entries(definitions).map(([name, one]) => message(1, [...text(1, name), message(2, schema(one))])),
    ),
  ]);
}
