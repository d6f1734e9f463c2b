// What CEL rules see of a schema: declared types, with names escaped where they are no identifiers.
// Source: https://kubernetes.io/docs/reference/using-api/cel/#type-system-integration
import {
  BOOL,
  BYTES,
  type CelField,
  type CelType,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  type ListKind,
  listOf,
  mapOf,
  STRING,
  TIMESTAMP,
} from '../../machinery/cel/index.ts';
import type { SchemaNode } from './node.ts';

const RESERVED: ReadonlySet<string> = new Set([
  'var',
  'void',
  'while',
  'true',
  'false',
  'null',
  'in',
  'as',
  'break',
  'const',
  'continue',
  'else',
  'for',
  'function',
  'if',
  'import',
  'let',
  'loop',
  'package',
  'namespace',
  'return',
]);
const ESCAPES: Readonly<Record<string, string>> = {
  __: '__underscores__',
  '.': '__dot__',
  '-': '__dash__',
  '/': '__slash__',
};

/** The name of a property in an expression; undefined for names that cannot be written. */
export function celName(name: string): string | undefined {
  if (RESERVED.has(name)) return `__${name}__`;
  const escaped = name.replace(/__|[./-]/g, (c) => ESCAPES[c] ?? c);
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(escaped) ? escaped : undefined;
}

function stringType(format: string | undefined): CelType {
  if (format === 'byte') return BYTES;
  if (format === 'int-or-string') return DYN;
  if (format === 'duration') return DURATION;
  return format === 'date' || format === 'date-time' ? TIMESTAMP : STRING;
}

const META: CelType = {
  kind: 'object',
  name: 'object.metadata',
  fields: new Map(['name', 'generateName'].map((name) => [name, { json: name, type: STRING }])),
};

const types = new WeakMap<SchemaNode, CelType>();
const roots = new WeakMap<SchemaNode, CelType>();
let count = 0;

function objectType(node: SchemaNode, root: boolean): CelType {
  const fields = new Map<string, CelField>();
  if (root) {
    for (const name of ['apiVersion', 'kind']) fields.set(name, { json: name, type: STRING });
    fields.set('metadata', { json: 'metadata', type: META });
  }
  for (const field of node.properties?.values() ?? []) {
    const name = celName(field.name);
    if (name !== undefined && !(root && fields.has(name)) && isTyped(field.schema))
      fields.set(name, { json: field.name, type: celTypeOf(field.schema) });
  }
  return { kind: 'object', name: `object.${++count}`, fields };
}

/** Values of schemas without a type are not known to rules, those of numbers or texts are; quantities have no type in Kubernetes' schemas. */
function isTyped(node: SchemaNode): boolean {
  if (node.type === 'any') return node.format !== undefined;
  if (node.format === 'quantity') return false;
  if (node.type === 'array') return node.items === undefined || isTyped(node.items);
  const { additionalProperties: values } = node;
  return node.type !== 'object' || values === undefined || isTyped(values);
}

function listKind({ listType, listMapKeys = [] }: SchemaNode): ListKind | undefined {
  return listType === 'set' || listType === 'map' ? { type: listType, keys: listMapKeys } : undefined;
}

function makeType(node: SchemaNode, root: boolean): CelType {
  switch (node.type) {
    case 'boolean':
      return BOOL;
    case 'integer':
      return INT;
    case 'number':
      return DOUBLE;
    case 'string':
      return stringType(node.format);
    case 'array':
      return listOf(node.items === undefined ? DYN : celTypeOf(node.items), listKind(node));
    case 'object':
      if (node.additionalProperties !== undefined && !root) return mapOf(STRING, celTypeOf(node.additionalProperties));
      if (node.properties === undefined && node.preserveUnknown === true && !root && node.embeddedResource !== true)
        return DYN;
      return objectType(node, root || node.embeddedResource === true);
    default:
      return DYN;
  }
}

/** One type for one node: `self` and `oldSelf` must be of the same. */
export function celTypeOf(node: SchemaNode, root = false): CelType {
  const cache = root ? roots : types;
  const known = cache.get(node);
  if (known !== undefined) return known;
  const made = makeType(node, root);
  cache.set(node, made);
  return made;
}
