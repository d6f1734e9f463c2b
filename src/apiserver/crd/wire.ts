// How a custom resource is read from the wire: its metadata checked, unknown fields taken out and told, defaults filled in.
import { badRequest } from '../../machinery/errors.ts';
import { deepClone } from '../../machinery/json.ts';
import type { JsonObject } from '../../machinery/object.ts';
import {
  builtinSchema,
  DecodeError,
  decodeValue,
  dropNulls,
  fillDefaults,
  pruneUnknown,
  type SchemaNode,
} from '../../resources/schema/index.ts';

const OBJECT_META = builtinSchema('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta');

export interface ReadObject {
  readonly object: JsonObject;
  /** Unknown fields, in Kubernetes' words. */
  readonly strict: readonly string[];
}

function readMetadata(object: JsonObject): string[] {
  const { metadata } = object;
  if (metadata === undefined || metadata === null) {
    object.metadata = {};
    return [];
  }
  try {
    const { object: clean, strictErrors } = decodeValue(OBJECT_META, metadata);
    object.metadata = clean;
    return strictErrors.map((e) => e.replace('field "', 'field "metadata.'));
  } catch (error) {
    if (error instanceof DecodeError) throw badRequest(error.message);
    throw error;
  }
}

/** Takes an object as the schema of its version has it. The object is private to the caller and is changed. */
export function readCustom(schema: SchemaNode, object: JsonObject): ReadObject {
  const strict = readMetadata(object);
  strict.push(...pruneUnknown(object, schema).map((path) => `unknown field ${JSON.stringify(path)}`));
  dropNulls(object, schema);
  fillDefaults(object, schema);
  return { object, strict };
}

/** The same object in another version that differs in nothing but its name; what that version does not know is lost. */
export function renamed(object: JsonObject, apiVersion: string, schema: SchemaNode): JsonObject {
  const copy = deepClone(object);
  copy.apiVersion = apiVersion;
  pruneUnknown(copy, schema);
  return copy;
}

/** With the defaults that the schema has now, when the object lacks them; the same object when it lacks none. */
export function withDefaults(object: JsonObject, schema: SchemaNode): JsonObject {
  const copy = deepClone(object);
  fillDefaults(copy, schema);
  return copy;
}

export function hasDefaults(schema: SchemaNode): boolean {
  if (schema.default !== undefined) return true;
  if (schema.items !== undefined && hasDefaults(schema.items)) return true;
  if (schema.additionalProperties !== undefined && hasDefaults(schema.additionalProperties)) return true;
  return [...(schema.properties?.values() ?? [])].some((f) => hasDefaults(f.schema));
}
