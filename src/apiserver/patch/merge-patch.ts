// JSON merge patch (RFC 7386) as Kubernetes carries it out.

import { badRequest } from '../../machinery/errors.ts';
import { NumberText } from '../../machinery/exact-json.ts';
import { getOwn, setOwn } from '../../machinery/json.ts';
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import { decodingError } from './errors.ts';
import { jsonKind } from './go-text.ts';

/** Applies `patch` (decoded JSON) to `document` and returns the new one; neither input is changed. `lenient`: fields are not validated. */
export function mergePatch(document: JsonObject, patch: unknown, lenient = false): unknown {
  if (patch === null) throw badRequest('Invalid JSON Patch');
  if (!isContainer(patch)) {
    // A list takes the document's place, and is refused there.
    if (lenient && Array.isArray(patch)) return patch.map(withoutNulls);
    if (lenient) throw badRequest('Invalid JSON Patch');
    throw decodingError(`json: cannot unmarshal ${jsonKind(patch)} into Go value of type map[string]interface {}`);
  }
  return mergeObjects(document, patch);
}

function mergeObjects(current: JsonObject, patch: JsonObject): JsonObject {
  const merged: JsonObject = { ...current };
  for (const key of Object.keys(patch)) {
    const value = patch[key];
    if (value === null) delete merged[key];
    else setOwn(merged, key, mergeValues(getOwn(merged, key), value));
  }
  return merged;
}

const isContainer = (value: unknown): value is JsonObject => isJsonObject(value) && !(value instanceof NumberText);

function mergeValues(current: unknown, patch: unknown): unknown {
  if (isContainer(current) && isContainer(patch)) return mergeObjects(current, patch);
  return withoutNulls(patch);
}

/** A null in a patch removes; where there was nothing to remove it leaves nothing. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isContainer(value)) return value;
  const kept: JsonObject = {};
  for (const key of Object.keys(value)) {
    if (value[key] !== null) setOwn(kept, key, withoutNulls(value[key]));
  }
  return kept;
}
