// What OpenAPI says of custom resources: the schemas as their definitions give them, with kind, version and metadata put in.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#publish-validation-schema-in-openapi
import { setOwn } from '../../machinery/json.ts';
import type { JsonObject } from '../../machinery/object.ts';
import type { AnyResource } from '../../resources/definition.ts';
import type { JSONSchemaProps } from '../../resources/generated/apiextensions-v1.ts';
import type { CatalogEntry } from '../registry/catalog.ts';
import { type Dialect, LIST_META, metaReference, objectMetaReference, publishedSchema } from './published-schema.ts';

const ROOT: Readonly<Record<Dialect, string>> = { v2: '#/definitions/', v3: '#/components/schemas/' };
const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.';
/** What the schemas of custom resources refer to. */
export const CUSTOM_REFERENCES: readonly string[] = [`${META}ObjectMeta`, `${META}ListMeta`];

const API_VERSION =
  'APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources';
const KIND =
  'Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds';

const schemas = new WeakMap<AnyResource, JSONSchemaProps>();

/** Remembers the schema that a row was made of. */
export function rememberSchema(row: AnyResource, schema: JSONSchemaProps | undefined): void {
  if (schema !== undefined) schemas.set(row, schema);
}

/** The fields that objects can be selected by, as clients find them. */
function selectableFields(row: AnyResource): JsonObject {
  const paths = row.selectableFields?.labels ?? [];
  return paths.length === 0 ? {} : { 'x-kubernetes-selectable-fields': paths.map((fieldPath) => ({ fieldPath })) };
}

function objectSchema(row: AnyResource, dialect: Dialect): JsonObject {
  const given = schemas.get(row) ?? {};
  const marks = {
    'x-kubernetes-group-version-kind': [{ group: row.group, kind: row.kind, version: row.version }],
    ...selectableFields(row),
  };
  // kubectl would refuse every field beside those that are named.
  if (dialect === 'v2' && given['x-kubernetes-preserve-unknown-fields'] === true) return { type: 'object', ...marks };
  const base = publishedSchema(given, dialect);
  return {
    ...base,
    type: 'object',
    properties: {
      ...(base.properties as JsonObject | undefined),
      apiVersion: { description: API_VERSION, type: 'string' },
      kind: { description: KIND, type: 'string' },
      metadata: objectMetaReference(dialect),
    },
    ...marks,
  };
}

function listSchema(row: AnyResource, dialect: Dialect): JsonObject {
  const listKind = row.listKind ?? `${row.kind}List`;
  return {
    description: `${listKind} is a list of ${row.kind}`,
    type: 'object',
    required: ['items'],
    properties: {
      apiVersion: { description: API_VERSION, type: 'string' },
      items: {
        description: `List of ${row.plural}. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md`,
        type: 'array',
        items: { $ref: `${ROOT[dialect]}${row.schema}` },
      },
      kind: { description: KIND, type: 'string' },
      metadata: metaReference(dialect, 'ListMeta', LIST_META),
    },
    'x-kubernetes-group-version-kind': [{ group: row.group, kind: listKind, version: row.version }],
    ...selectableFields(row),
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
