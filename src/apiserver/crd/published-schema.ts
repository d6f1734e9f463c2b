// How a definition's schema is published: whole in OpenAPI v3, and in v2 without what that (and the kubectl that reads it) cannot say.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#publish-validation-schema-in-openapi
import { setOwn } from '../../machinery/json.ts';
import type { JsonObject } from '../../machinery/object.ts';
import type { JSONSchemaProps } from '../../resources/generated/apiextensions-v1.ts';

export type Dialect = 'v2' | 'v3';

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.';
const ROOT: Readonly<Record<Dialect, string>> = { v2: '#/definitions/', v3: '#/components/schemas/' };
export const STANDARD_META =
  "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";
export const LIST_META =
  'Standard list metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds';
const EMBEDDED_VERSION =
  'apiVersion defines the versioned schema of this representation of an object. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources';
const EMBEDDED_KIND =
  'kind is a string value representing the type of this object. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds';

const INT_OR_STRING = [{ type: 'integer' }, { type: 'string' }];

/** Refers to a type of meta/v1. */
export function metaReference(dialect: Dialect, type: string, description: string): JsonObject {
  const ref = { $ref: `${ROOT[dialect]}${META}${type}` };
  return dialect === 'v3' ? { description, allOf: [ref] } : { description, ...ref };
}

export function objectMetaReference(dialect: Dialect): JsonObject {
  return metaReference(dialect, 'ObjectMeta', STANDARD_META);
}

/** A schema below the root, or the root itself, as the dialect has it. */
export function publishedSchema(given: JSONSchemaProps, dialect: Dialect): JsonObject {
  const { properties, items, additionalProperties, ...rest } = dialect === 'v2' ? olderForm(given) : given;
  const out: JsonObject = { ...rest } as unknown as JsonObject;
  if (dialect === 'v3' && given['x-kubernetes-int-or-string'] === true) out.anyOf ??= INT_OR_STRING;
  if (properties !== undefined) {
    const fields: JsonObject = {};
    for (const [name, property] of Object.entries(properties)) setOwn(fields, name, publishedSchema(property, dialect));
    out.properties = fields;
  }
  if (items !== undefined && !Array.isArray(items)) out.items = publishedSchema(items as JSONSchemaProps, dialect);
  if (typeof additionalProperties === 'object')
    out.additionalProperties = publishedSchema(additionalProperties as JSONSchemaProps, dialect);
  else if (additionalProperties !== undefined) out.additionalProperties = additionalProperties;
  return given['x-kubernetes-embedded-resource'] === true ? withObjectFields(out, given, dialect) : out;
}

/** An object inside has kind, version and metadata, unless that would make an old kubectl refuse its other fields. */
function withObjectFields(out: JsonObject, given: JSONSchemaProps, dialect: Dialect): JsonObject {
  if (dialect === 'v2' && keepsUnknown(given)) return out;
  const required = new Set(given.required ?? []).add('kind').add('apiVersion');
  return {
    ...out,
    required: [...required],
    properties: {
      ...(out.properties as JsonObject | undefined),
      apiVersion: { description: EMBEDDED_VERSION, type: 'string' },
      kind: { description: EMBEDDED_KIND, type: 'string' },
      metadata: objectMetaReference(dialect),
    },
  };
}

function keepsUnknown(schema: JSONSchemaProps): boolean {
  return schema['x-kubernetes-preserve-unknown-fields'] === true;
}

/** One node, without what OpenAPI v2 has no words for; kubectl breaks on types, items and properties of nodes that are open. */
function olderForm(schema: JSONSchemaProps): JSONSchemaProps {
  const { anyOf: _any, oneOf: _one, allOf: _all, not: _not, nullable, ...out } = schema;
  const open = keepsUnknown(schema);
  if (nullable === true || open) {
    delete out.items;
    delete out.properties;
  }
  const untyped =
    nullable === true ||
    schema['x-kubernetes-int-or-string'] === true ||
    (open && out.type === 'object') ||
    (out.type === 'array' && out.items === undefined);
  if (untyped) delete out.type;
  const required = requiredIn(out);
  if (required.length === 0) delete out.required;
  else out.required = required;
  return out;
}

/** What may be null cannot be required: v2 knows no null. */
function requiredIn({ required = [], properties = {}, additionalProperties }: JSONSchemaProps): string[] {
  if (typeof additionalProperties === 'object' && (additionalProperties as JSONSchemaProps).nullable === true)
    return [];
  return required.filter((name) => !Object.hasOwn(properties, name) || properties[name]?.nullable !== true);
}
