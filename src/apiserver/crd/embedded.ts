// The metadata of objects inside custom resources: read like the metadata of any object, unknown fields taken out and told.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#rawextension
import { jsonText } from '../../machinery/exact-json.ts';
import { canonicalJson, getOwn } from '../../machinery/json.ts';
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import { builtinSchema, DecodeError, decodeValue, type SchemaNode } from '../../resources/schema/index.ts';
import { jsonKind } from '../patch/index.ts';

const OBJECT_META = builtinSchema('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta');

/** Reads `metadata` of an object in place; `path` is where the object is (`spec.template.`, or empty for the root). Throws a DecodeError. */
export function readMetadata(object: JsonObject, path: string): string[] {
  const { metadata } = object;
  try {
    const { object: clean, strictErrors } = decodeValue(OBJECT_META, metadata);
    // Texts that are null are empty; empty ones are not kept.
    if (clean.namespace === null) delete clean.namespace;
    object.metadata = clean;
    return strictErrors.map((error) => error.replace('field "', () => `field "${path}metadata.`));
  } catch (error) {
    if (!(error instanceof DecodeError) || path === '') throw error;
    throw new DecodeError(`${path}metadata: Invalid value: ${canonicalJson(metadata)}: ${error.message}`);
  }
}

function holdsEmbedded(schema: SchemaNode): boolean {
  if (schema.embeddedResource === true) return true;
  if (schema.items !== undefined && holds(schema.items)) return true;
  if (schema.additionalProperties !== undefined && holds(schema.additionalProperties)) return true;
  for (const { schema: inner } of schema.properties?.values() ?? []) if (holds(inner)) return true;
  return false;
}

const known = new WeakMap<SchemaNode, boolean>();

function holds(schema: SchemaNode): boolean {
  let answer = known.get(schema);
  if (answer === undefined) {
    answer = holdsEmbedded(schema);
    known.set(schema, answer);
  }
  return answer;
}

function readEmbeddedHead(object: JsonObject, path: string): string[] {
  for (const name of ['apiVersion', 'kind']) {
    const value = getOwn(object, name);
    if (value !== undefined && value !== null && typeof value !== 'string')
      throw new DecodeError(`${path}.${name}: Invalid value: ${jsonText(value)}: must be a string`);
  }
  const metadata = getOwn(object, 'metadata');
  if (metadata === undefined) return [];
  if (metadata === null) object.metadata = {};
  if (metadata === null) return [];
  if (isJsonObject(metadata)) return readMetadata(object, `${path}.`);
  const kind = jsonKind(metadata);
  throw new DecodeError(
    `${path}.metadata: Invalid value: ${jsonText(metadata)}: json: cannot unmarshal ${kind} into Go value of type v1.ObjectMeta`,
  );
}

/** Reads the metadata of all objects inside a value, in place; returns what was unknown. */
export function readEmbedded(value: unknown, schema: SchemaNode, path = ''): string[] {
  if (!holds(schema)) return [];
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined ? [] : value.flatMap((item, i) => readEmbedded(item, items, `${path}[${i}]`));
  }
  if (!isJsonObject(value)) return [];
  const found: string[] = [];
  if (schema.embeddedResource === true) found.push(...readEmbeddedHead(value, path));
  for (const key of Object.keys(value)) {
    const inner = schema.properties?.get(key)?.schema ?? schema.additionalProperties;
    if (inner === undefined) continue;
    found.push(...readEmbedded(value[key], inner, path === '' ? key : `${path}.${key}`));
  }
  return found;
}
