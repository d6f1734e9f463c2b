// What OpenAPI says of custom resources: the schemas as their definitions give them, with kind, version and metadata put in.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#publish-validation-schema-in-openapi
import { setOwn } from '../../machinery/json.ts';
import type { JsonObject } from '../../machinery/object.ts';
import type { AnyResource } from '../../resources/definition.ts';
import type { JSONSchemaProps } from '../../resources/generated/apiextensions-v1.ts';
import type { CatalogEntry } from '../registry/catalog.ts';

export type Dialect = 'v2' | 'v3';

const ROOT: Readonly<Record<Dialect, string>> = { v2: '#/definitions/', v3: '#/components/schemas/' };
const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.';
/** What the schemas of custom resources refer to. */
export const CUSTOM_REFERENCES: readonly string[] = [`${META}ObjectMeta`, `${META}ListMeta`];

const API_VERSION =
  'APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources';
const KIND =
  'Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds';
const STANDARD_META =
  "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";
const LIST_META =
  'Standard list metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds';

const schemas = new WeakMap<AnyResource, JSONSchemaProps>();

/** Remembers the schema that a row was made of. */
export function rememberSchema(row: AnyResource, schema: JSONSchemaProps | undefined): void {
  if (schema !== undefined) schemas.set(row, schema);
}

/** OpenAPI v2 knows less: what it cannot say is left out. */
function olderForm(schema: JSONSchemaProps): JsonObject {
  const {
    anyOf: _any,
    oneOf: _one,
    allOf: _all,
    not: _not,
    nullable,
    properties,
    items,
    additionalProperties,
    ...rest
  } = schema;
  const out: JsonObject = { ...rest };
  delete out['x-kubernetes-validations'];
  if (
    nullable === true ||
    schema['x-kubernetes-preserve-unknown-fields'] === true ||
    schema['x-kubernetes-int-or-string'] === true
  ) {
    delete out.type;
    return out;
  }
  if (properties !== undefined) {
    const fields: JsonObject = {};
    for (const [name, property] of Object.entries(properties)) setOwn(fields, name, olderForm(property));
    out.properties = fields;
  }
  if (items !== undefined && !Array.isArray(items)) out.items = olderForm(items);
  if (typeof additionalProperties === 'object') out.additionalProperties = olderForm(additionalProperties);
  else if (additionalProperties !== undefined) out.additionalProperties = additionalProperties;
  return out;
}

function reference(dialect: Dialect, id: string, description: string): JsonObject {
  const ref = { $ref: `${ROOT[dialect]}${id}` };
  return dialect === 'v3' ? { allOf: [ref], description, default: {} } : { description, ...ref };
}

function objectSchema(row: AnyResource, dialect: Dialect): JsonObject {
  const given = schemas.get(row) ?? {};
  const base: JsonObject = dialect === 'v3' ? ({ ...given } as unknown as JsonObject) : olderForm(given);
  return {
    ...base,
    type: 'object',
    properties: {
      ...(base.properties as JsonObject | undefined),
      apiVersion: { description: API_VERSION, type: 'string' },
      kind: { description: KIND, type: 'string' },
      metadata: reference(dialect, `${META}ObjectMeta`, STANDARD_META),
    },
    'x-kubernetes-group-version-kind': [{ group: row.group, kind: row.kind, version: row.version }],
  };
}

function listSchema(row: AnyResource, dialect: Dialect): JsonObject {
  const listKind = row.listKind ?? `${row.kind}List`;
  const items = { $ref: `${ROOT[dialect]}${row.schema}` };
  return {
    description: `${listKind} is a list of ${row.kind}`,
    type: 'object',
    required: ['items'],
    properties: {
      apiVersion: { description: API_VERSION, type: 'string' },
      items: {
        description: `List of ${row.plural}. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md`,
        type: 'array',
        items: dialect === 'v3' ? { allOf: [items], default: {} } : items,
      },
      kind: { description: KIND, type: 'string' },
      metadata: reference(dialect, `${META}ListMeta`, LIST_META),
    },
    'x-kubernetes-group-version-kind': [{ group: row.group, kind: listKind, version: row.version }],
  };
}

function schemasIn(document: JsonObject, dialect: Dialect): JsonObject {
  if (dialect === 'v2') return document.definitions as JsonObject;
  return (document.components as JsonObject).schemas as JsonObject;
}

/** Adds the schemas of custom rows to a document. */
export function extendDocument(entries: readonly CatalogEntry[], document: JsonObject, dialect: Dialect): void {
  const target = schemasIn(document, dialect);
  for (const { row } of entries) {
    setOwn(target, row.schema, objectSchema(row, dialect));
    setOwn(target, `${row.schema}List`, listSchema(row, dialect));
  }
}
