// How large values of a schema can get in one request: what CEL rules over them are weighed by.
// Source: https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/cel/common/schemas.go
import type { SizeTree } from '../../machinery/cel/index.ts';
import { celName } from './cel-type.ts';
import type { SchemaNode } from './node.ts';

const REQUEST_BYTES = 3 * 1024 * 1024;
const DATE_BYTES = 12;
const MAX_TIME_BYTES = 37;
const MAX_DURATION_BYTES = 32;

export interface Sized {
  readonly tree: SizeTree;
  /** The fewest bytes that a value takes in JSON. */
  readonly least: number;
}

const NO_SIZE: SizeTree = { max: 0 };
const TEXT: SizeTree = { max: REQUEST_BYTES - 2 };

function textOf(node: SchemaNode): Sized {
  const { maxLength } = node.rules ?? {};
  switch (node.format as string | undefined) {
    case 'byte':
      return { tree: { max: maxLength ?? TEXT.max }, least: 2 };
    case 'duration':
      return { tree: { max: MAX_DURATION_BYTES }, least: 4 };
    case 'date':
      return { tree: { max: DATE_BYTES }, least: DATE_BYTES };
    case 'date-time':
      return { tree: { max: MAX_TIME_BYTES }, least: 22 };
    default:
  }
  // Lengths are in characters of up to four bytes.
  if (maxLength !== undefined) return { tree: { max: Math.max(0, maxLength) * 4 }, least: 2 };
  const values = (node.rules?.enum ?? []).filter((one) => typeof one === 'string');
  if (values.length > 0) return { tree: { max: Math.max(...values.map((one) => Buffer.byteLength(one))) }, least: 2 };
  return { tree: TEXT, least: 2 };
}

function objectOf(node: SchemaNode, root: boolean): Sized {
  const fields = new Map<string, SizeTree>();
  let least = 2;
  const required = new Set(node.rules?.required ?? []);
  for (const { name, schema } of node.properties?.values() ?? []) {
    const inner = sizeOfSchema(schema);
    const known = celName(name);
    if (known !== undefined) fields.set(known, inner.tree);
    if (required.has(name) && schema.default === undefined) least += name.length + inner.least + 4;
  }
  if (root) {
    for (const name of ['apiVersion', 'kind']) fields.set(name, TEXT);
    const names = new Map([['name', TEXT] as const, ['generateName', TEXT] as const]);
    fields.set('metadata', { max: 0, fields: names });
  }
  return { tree: { max: 0, fields }, least };
}

function make(node: SchemaNode, root: boolean): Sized {
  switch (node.type) {
    case 'string':
      return textOf(node);
    case 'boolean':
      return { tree: NO_SIZE, least: 4 };
    case 'integer':
    case 'number':
      return { tree: NO_SIZE, least: 1 };
    case 'array': {
      const inner = node.items === undefined ? { tree: NO_SIZE, least: 1 } : sizeOfSchema(node.items);
      const max = node.rules?.maxItems ?? Math.floor((REQUEST_BYTES - 2) / (inner.least + 1));
      return { tree: { max: Math.max(0, max), items: inner.tree }, least: 2 };
    }
    case 'object': {
      if (node.additionalProperties === undefined || root) return objectOf(node, root);
      const inner = sizeOfSchema(node.additionalProperties);
      const max = node.rules?.maxProperties ?? Math.floor((REQUEST_BYTES - 2) / (inner.least + 6));
      // Keys have no declared length.
      return { tree: { max: Math.max(0, max), keys: NO_SIZE, values: inner.tree }, least: 2 };
    }
    default: {
      const { maxLength } = node.rules ?? {};
      return { tree: { max: maxLength === undefined ? TEXT.max : maxLength * 4 }, least: 1 };
    }
  }
}

const known = new WeakMap<SchemaNode, Sized>();
const roots = new WeakMap<SchemaNode, Sized>();

export function sizeOfSchema(node: SchemaNode, isRoot = false): Sized {
  const root = isRoot || node.embeddedResource === true;
  const cache = root ? roots : known;
  let made = cache.get(node);
  if (made === undefined) {
    made = make(node, root);
    cache.set(node, made);
  }
  return made;
}

/** How many elements of the fewest bytes fit into a request: the number of items where none is declared. */
export const mostElements = ({ least }: Sized): number => Math.floor(REQUEST_BYTES / (least + 1));
