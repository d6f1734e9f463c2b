// How a custom resource is read from the wire: its metadata checked, unknown fields taken out and told, defaults filled in.
import { deepClone } from '../../machinery/json.ts';
import type { JsonObject } from '../../machinery/object.ts';
import { dropNulls, fillDefaults, pruneUnknown, type SchemaNode } from '../../resources/schema/index.ts';
import { readEmbedded, readMetadata } from './embedded.ts';

export interface ReadObject {
  readonly object: JsonObject;
  /** Unknown fields, in Kubernetes' words. */
  readonly strict: readonly string[];
}

function readRootMetadata(object: JsonObject): string[] {
  if (object.metadata !== undefined && object.metadata !== null) return readMetadata(object, '');
  object.metadata = {};
  return [];
}

/** Takes an object as the schema of its version has it. The object is private to the caller and is changed. What was applied keeps
 *  its nulls: where they are not allowed, they are refused. */
export function readCustom(schema: SchemaNode, object: JsonObject, nulls: 'drop' | 'keep' = 'drop'): ReadObject {
  const strict = readRootMetadata(object);
  strict.push(...pruneUnknown(object, schema).map((path) => `unknown field ${JSON.stringify(path)}`));
  strict.push(...readEmbedded(object, schema));
  if (nulls === 'drop') dropNulls(object, schema);
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

/** A stored object as a version shows it: what its schema does not know, or does not take any more, is left out, and defaults come. */
export function shownIn(object: JsonObject, apiVersion: string, schema: SchemaNode): JsonObject {
  const copy = renamed(object, apiVersion, schema);
  dropNulls(copy, schema);
  fillDefaults(copy, schema);
  return copy;
}

export function hasDefaults(schema: SchemaNode): boolean {
  if (schema.default !== undefined) return true;
  if (schema.items !== undefined && hasDefaults(schema.items)) return true;
  if (schema.additionalProperties !== undefined && hasDefaults(schema.additionalProperties)) return true;
  return [...(schema.properties?.values() ?? [])].some((f) => hasDefaults(f.schema));
}
