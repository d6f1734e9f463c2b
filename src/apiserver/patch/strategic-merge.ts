// Strategic merge patch: JSON merge patch that merges lists by key and knows directives.
// https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
import { badRequest } from '../../machinery/errors.ts';
import { getOwn, setOwn } from '../../machinery/json.ts';
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import type { SchemaNode } from '../../resources/schema/index.ts';
import { plainError } from './errors.ts';
import { goText, goType, jsonKind } from './go-text.ts';
import {
  DELETE_LIST_PREFIX,
  DIRECTIVE,
  directiveTarget,
  ORDER_PREFIX,
  RETAIN_KEYS,
  withoutDirectives,
} from './strategic-directives.ts';
import { deleteItems, mergeLists, orderList } from './strategic-lists.ts';
import { fieldMeta } from './strategic-meta.ts';

/** Applies `patch` (decoded JSON) to `document` by the facts in `schema` and returns the new one; neither input is changed. */
export function strategicMergePatch(document: JsonObject, patch: unknown, schema: SchemaNode): JsonObject {
  if (patch === null) return document;
  if (!isJsonObject(patch)) {
    throw badRequest(`json: cannot unmarshal ${jsonKind(patch)} into Go value of type map[string]interface {}`);
  }
  return mergeObjects(document, patch, schema);
}

function unknownDirective(directive: unknown, patch: JsonObject): Error {
  return plainError(`unknown patch type: ${goText(directive)} in map: ${goText(patch)}`);
}

/** The object with `patch` merged into it. Also handed to the merging of lists, for their items. */
export function mergeObjects(original: JsonObject, patch: JsonObject, schema: SchemaNode | undefined): JsonObject {
  if (Object.hasOwn(patch, DIRECTIVE)) return wholeObject(patch);
  const merged: JsonObject = { ...original };
  if (Object.hasOwn(patch, RETAIN_KEYS)) retainKeys(merged, patch);
  const done = mergeOrderedLists(merged, patch, schema);
  for (const key of Object.keys(patch)) {
    if (key === RETAIN_KEYS || key.startsWith(ORDER_PREFIX) || done.has(key)) continue;
    mergeField(merged, { key, value: patch[key] }, schema);
  }
  return merged;
}

/** `$patch: replace` takes the patch as it stands, `$patch: delete` leaves an empty object. */
function wholeObject(patch: JsonObject): JsonObject {
  const directive = patch[DIRECTIVE];
  if (directive === 'delete') return {};
  if (directive !== 'replace') throw unknownDirective(directive, patch);
  const { [DIRECTIVE]: _, ...rest } = patch;
  return rest;
}

/** Drops what `$retainKeys` does not name; the patch may set nothing else. */
function retainKeys(merged: JsonObject, patch: JsonObject): void {
  const list = patch[RETAIN_KEYS];
  const bad = (): Error => badRequest('invalid patch format of retainKeys');
  if (!Array.isArray(list)) throw bad();
  const kept = new Set<unknown>(list);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null || key === RETAIN_KEYS) continue;
    if (key.startsWith(DELETE_LIST_PREFIX) || key.startsWith(ORDER_PREFIX)) continue;
    if (!kept.has(key)) throw bad();
  }
  for (const key of Object.keys(merged)) if (!kept.has(key)) delete merged[key];
}

/** Carries out every `$setElementOrder/x`, together with the patch of `x`; returns the fields that are thereby done. */
function mergeOrderedLists(merged: JsonObject, patch: JsonObject, schema: SchemaNode | undefined): Set<string> {
  const done = new Set<string>();
  for (const key of Object.keys(patch)) {
    if (!key.startsWith(ORDER_PREFIX)) continue;
    const field = directiveTarget(key, ORDER_PREFIX);
    const lists = {
      order: needList(patch[key]),
      original: Object.hasOwn(merged, field) ? needList(merged[field]) : undefined,
      patch: Object.hasOwn(patch, field) ? needList(patch[field]) : undefined,
    };
    const ordered = orderList(lists, fieldMeta(schema, field), mergeObjects);
    if (ordered === undefined) continue;
    setOwn(merged, field, ordered);
    done.add(field);
  }
  return done;
}

function needList(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  throw plainError(`expected a []interface {}, but received a ${goType(value)}`);
}

interface FieldPatch {
  readonly key: string;
  readonly value: unknown;
}

function mergeField(merged: JsonObject, patch: FieldPatch, schema: SchemaNode | undefined): void {
  const { key, value } = patch;
  if (key.startsWith(DELETE_LIST_PREFIX)) {
    const field = directiveTarget(key, DELETE_LIST_PREFIX);
    const current = getOwn(merged, field);
    if (value === null) delete merged[field];
    else if (Array.isArray(current) && Array.isArray(value)) {
      setOwn(merged, field, deleteItems(current, value, fieldMeta(schema, field)));
    }
    return;
  }
  if (value === null) {
    delete merged[key];
    return;
  }
  const current = getOwn(merged, key);
  if (isJsonObject(current) && isJsonObject(value)) {
    const meta = fieldMeta(schema, key);
    setOwn(merged, key, meta.strategy === 'replace' ? value : mergeObjects(current, value, meta.schema));
  } else if (Array.isArray(current) && Array.isArray(value)) {
    const meta = fieldMeta(schema, key);
    setOwn(merged, key, meta.strategy === 'merge' ? mergeLists(current, value, meta, mergeObjects) : value);
  } else {
    take(merged, key, value);
  }
}

/** A field that has no counterpart: the patch's value, without nulls and directives. */
function take(merged: JsonObject, key: string, value: unknown): void {
  const plain = withoutDirectives(value);
  if (plain === undefined) delete merged[key];
  else setOwn(merged, key, plain);
}
