// The zero values of Go: what stands in JSON where a field that is always sent was not set.
import type { FieldNode, SchemaNode } from './node.ts';

/** Structs that are held by value are never empty to Go, whatever `omitempty` says; so are the types it writes by hand. */
function isStruct(node: SchemaNode): boolean {
  if (node.properties !== undefined) return true;
  switch (node.format) {
    case 'date-time':
    case 'micro-time':
    case 'int-or-string':
    case 'quantity':
    case 'duration':
      return true;
    case 'raw':
      return node.goType !== 'interface {}';
    default:
      return false;
  }
}

/** Whether a field stands in JSON even when it was not set. */
export function alwaysSent(field: FieldNode): boolean {
  if (field.omitZero === true) return false;
  if (field.pointer) return !field.omitEmpty;
  return !field.omitEmpty || isStruct(field.schema);
}

function zeroOfFormat(node: SchemaNode): unknown {
  switch (node.format) {
    case 'int-or-string':
      return 0;
    case 'quantity':
      return '0';
    case 'duration':
      return '0s';
    case 'date-time':
    case 'micro-time':
    case 'raw':
    case 'byte':
      return null;
    default:
      return undefined;
  }
}

/** A fresh zero value of a type. */
export function zeroOf(node: SchemaNode): unknown {
  const special = zeroOfFormat(node);
  if (special !== undefined) return special;
  if (node.properties !== undefined) return zeroStruct(node, node.properties);
  switch (node.type) {
    case 'string':
      return '';
    case 'integer':
    case 'number':
      return 0;
    case 'boolean':
      return false;
    default:
      return null;
  }
}

const OBJECT_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

/** Metadata inside an object (of a template) shows that it was never created. */
export function isObjectMeta(node: SchemaNode): boolean {
  return node.id === OBJECT_META;
}

function zeroStruct(node: SchemaNode, properties: ReadonlyMap<string, FieldNode>): Record<string, unknown> {
  const out: Record<string, unknown> = isObjectMeta(node) ? { creationTimestamp: null } : {};
  for (const field of properties.values()) if (alwaysSent(field)) out[field.name] = zeroOfField(field);
  return out;
}

export function zeroOfField(field: FieldNode): unknown {
  return field.pointer ? null : zeroOf(field.schema);
}
