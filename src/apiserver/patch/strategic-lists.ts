// How a strategic merge patch merges lists: items of scalars by value, items of objects by their merge key, and in which order.

import { ApiError } from '../../machinery/errors.ts';
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import type { SchemaNode } from '../../resources/schema/index.ts';
import { plainError } from './errors.ts';
import { goKind, goText, goType } from './go-text.ts';
import { DIRECTIVE, withoutDirectives } from './strategic-directives.ts';
import type { PatchMeta } from './strategic-meta.ts';

type MergeItem = (original: JsonObject, patch: JsonObject, schema: SchemaNode | undefined) => JsonObject;
type Identify = (item: unknown) => unknown;

/** A list of objects or a list of scalars; undefined when there is no item at all. Mixed lists are refused. */
function itemKind(...lists: readonly unknown[][]): 'object' | 'scalar' | undefined {
  let type: string | undefined;
  for (const item of lists.flat()) {
    const kind = goKind(item);
    if (type === undefined && kind === 'slice') throw listOfLists();
    if (type !== undefined && kind !== type) {
      throw plainError(`list element types are not identical: ${goText(lists)}`);
    }
    type = kind;
  }
  if (type === undefined) return undefined;
  return type === 'map' ? 'object' : 'scalar';
}

function listOfLists(): ApiError {
  return new ApiError({
    reason: 'Invalid',
    message: 'the server rejected our request due to an error in our request',
    details: {},
    cause: new Error('lists of lists are not supported'),
  });
}

function noMergeKey(item: unknown, mergeKey: string): ApiError {
  return plainError(`map: ${goText(item)} does not contain declared merge key: ${mergeKey}`);
}

/** What tells items of a list apart: the value of the merge key, or the item itself. */
function identifier(mergeKey: string): Identify {
  if (mergeKey === '') return (item) => item;
  return (item) => {
    if (!isJsonObject(item)) throw plainError(`expected a map[string]interface {}, but received a ${goType(item)}`);
    if (!Object.hasOwn(item, mergeKey)) throw noMergeKey(item, mergeKey);
    return item[mergeKey];
  };
}

/** Place of the first item of each identity. */
function places(list: readonly unknown[], identify: Identify): Map<unknown, number> {
  const found = new Map<unknown, number>();
  list.forEach((item, i) => {
    const id = identify(item);
    if (!found.has(id)) found.set(id, i);
  });
  return found;
}

/** `$deleteFromPrimitiveList`. */
export function deleteItems(current: unknown[], gone: unknown[], meta: PatchMeta): unknown[] {
  const kind = itemKind(current, gone);
  if (kind === undefined) return current;
  if (kind === 'object') throw plainError(`cannot merge lists without merge key for ${meta.schema?.goName ?? ''}`);
  const set = new Set(gone);
  return current.filter((item) => !set.has(item));
}

interface Merged {
  readonly items: unknown[];
  /** The lists whose order counts. */
  readonly original: unknown[];
  readonly patch: unknown[];
}

/** Merges two lists of one kind, and puts the result in order: the patch's order before that of the original. */
export function mergeLists(original: unknown[], patch: unknown[], meta: PatchMeta, mergeItem: MergeItem): unknown[] {
  const merged = mergeItems(original, patch, meta, mergeItem);
  if (merged === undefined) return original;
  return arrange(merged.items, merged.patch, merged.original, identifier(meta.mergeKey));
}

function mergeItems(original: unknown[], patch: unknown[], meta: PatchMeta, mergeItem: MergeItem): Merged | undefined {
  const kind = itemKind(original, patch);
  if (kind === undefined) return undefined;
  if (kind === 'scalar') return { items: [...new Set([...original, ...patch])], original, patch };
  if (meta.mergeKey === '') throw plainError(`cannot merge lists without merge key for ${meta.schema?.goName ?? ''}`);
  const plain = takeDirectives(original, patch, meta.mergeKey);
  const items = mergeObjectsByKey(plain.original, plain.patch, meta, mergeItem);
  return { items, original: plain.original, patch: plain.patch };
}

/** Carries out items that bear `$patch`: deletes what they name, or empties the original. */
function takeDirectives(
  original: unknown[],
  patch: unknown[],
  mergeKey: string,
): { original: unknown[]; patch: unknown[] } {
  const rest: unknown[] = [];
  const deleted = new Set<unknown>();
  let replace = false;
  for (const item of patch) {
    if (!isJsonObject(item) || !Object.hasOwn(item, DIRECTIVE)) rest.push(item);
    else if (item[DIRECTIVE] === 'delete') {
      if (!Object.hasOwn(item, mergeKey)) throw noMergeKey(item, mergeKey);
      deleted.add(item[mergeKey]);
    } else if (item[DIRECTIVE] === 'replace') replace = true;
    else if (item[DIRECTIVE] === 'merge') throw plainError('merging lists cannot yet be specified in the patch');
    else throw plainError(`unknown patch type: ${goText(item[DIRECTIVE])} in map: ${goText(item)}`);
  }
  if (replace) return { original: rest, patch: [] };
  if (deleted.size === 0) return { original, patch: rest };
  const kept = original.filter(
    (item) => !(isJsonObject(item) && Object.hasOwn(item, mergeKey) && deleted.has(item[mergeKey])),
  );
  return { original: kept, patch: rest };
}

function mergeObjectsByKey(original: unknown[], patch: unknown[], meta: PatchMeta, mergeItem: MergeItem): unknown[] {
  const items = [...original];
  const identify = identifier(meta.mergeKey);
  const where = places(original, (item) =>
    isJsonObject(item) && Object.hasOwn(item, meta.mergeKey) ? item[meta.mergeKey] : item,
  );
  for (const item of patch) {
    const id = identify(item);
    const at = where.get(id);
    const found = at === undefined ? undefined : items[at];
    if (at !== undefined && isJsonObject(found) && isJsonObject(item)) items[at] = mergeItem(found, item, meta.schema);
    else {
      where.set(id, items.length);
      items.push(item);
    }
  }
  return items;
}

/** Items that `order` names come in its order, the rest in the original's; between the two the original decides where it can. */
function arrange(items: unknown[], order: unknown[], original: unknown[], identify: Identify): unknown[] {
  const inOrder = places(order, identify);
  const inOriginal = places(original, identify);
  const named = sortBy(
    items.filter((item) => inOrder.has(identify(item))),
    inOrder,
    identify,
  );
  const others = sortBy(
    items.filter((item) => !inOrder.has(identify(item))),
    inOriginal,
    identify,
  );
  return interleave(others, named, (item) => inOriginal.get(identify(item)));
}

/** By place; items without a place come first, the last of them foremost, as Kubernetes' sort leaves them. */
function sortBy(items: unknown[], order: Map<unknown, number>, identify: Identify): unknown[] {
  const unknown = items.filter((item) => !order.has(identify(item))).reverse();
  const known = items.filter((item) => order.has(identify(item)));
  known.sort((a, b) => (order.get(identify(a)) ?? 0) - (order.get(identify(b)) ?? 0));
  return [...unknown, ...known];
}

function interleave(left: unknown[], right: unknown[], place: (item: unknown) => number | undefined): unknown[] {
  const all: unknown[] = [];
  let i = 0;
  let j = 0;
  while (i < left.length && j < right.length) {
    const l = place(left[i]);
    const r = place(right[j]);
    if (l !== undefined && r !== undefined && l < r) all.push(left[i++]);
    else all.push(right[j++]);
  }
  return [...all, ...left.slice(i), ...right.slice(j)];
}

export interface OrderedLists {
  readonly order: unknown[];
  readonly original: unknown[] | undefined;
  readonly patch: unknown[] | undefined;
}

/** Carries out `$setElementOrder`: merges the patch's list, if there is one, and sorts. Undefined when there is nothing to sort. */
export function orderList(lists: OrderedLists, meta: PatchMeta, mergeItem: MergeItem): unknown[] | undefined {
  const { order, original, patch } = lists;
  checkOrder(patch ?? [], order, meta.mergeKey);
  if (original === undefined && patch === undefined) return undefined;
  let items: unknown[];
  if (original === undefined) items = withoutDirectives(patch) as unknown[];
  else if (patch === undefined) items = original;
  else if (meta.strategy !== 'merge') items = patch;
  else items = mergeLists(original, patch, meta, mergeItem);
  if (itemKind(original ?? [], patch ?? []) === undefined) {
    throw plainError('no elements in any of the given slices');
  }
  return arrange(items, order, original ?? [], identifier(meta.mergeKey));
}

/** The patch may name only items that the order names, and in that order. */
function checkOrder(patch: unknown[], order: unknown[], mergeKey: string): void {
  if (order.length === 0 || patch.length === 0) return;
  const identify = identifier(mergeKey);
  const plain = patch.filter((item) => !isJsonObject(item) || !Object.hasOwn(item, DIRECTIVE));
  let at = 0;
  for (const item of order) {
    if (at < plain.length && identify(plain[at]) === identify(item)) at++;
  }
  if (at >= plain.length) return;
  throw plainError(
    `The order in patch list:\n${goText(patch)}\n doesn't match $setElementOrder list:\n${goText(order)}\n`,
  );
}
