// LIST: stored bytes put side by side, selectors, pages that stay consistent, and the rules of resourceVersion.
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions

import { ApiError, badRequest } from '../../machinery/errors.ts';
import { jsonText, parseExact } from '../../machinery/exact-json.ts';
import type { StreamBody, WireResponse } from '../../machinery/http.ts';
import type { JsonObject, KubeObject } from '../../machinery/object.ts';
import { apiVersionOf } from '../../resources/definition.ts';
import { CompactedError, FutureRevisionError, type RangeResult, type StoredValue } from '../../store/index.ts';
import { isPretty, negotiateOutput, type OutputType } from '../http/negotiation.ts';
import { bodyOfPieces, type Pieces } from '../http/portions.ts';
import { encodeObject as encodeMessage, PROTOBUF } from '../protobuf/index.ts';
import { type CatalogEntry, storageKey } from '../registry/catalog.ts';
import type { RequestContext, Target } from '../registry/context.ts';
import { decodeContinue, encodeContinue, expiredContinue } from '../registry/continue-token.ts';
import { objectText, readObject, sendsStoredBytes, typePrefix } from '../registry/objects.ts';
import {
  type ListOptions,
  parseListOptions,
  parseListVersion,
  parseResourceVersion,
  tooLargeResourceVersion,
} from '../registry/options.ts';
import { parseSelection, type Selection } from '../registry/selection.ts';
import { encodeValue, goName, PARTIAL_SCHEMA, speaksProtobuf } from './answer.ts';
import { partialMetadataList } from './partial.ts';
import { tableOf } from './table.ts';

export interface ListPage {
  readonly items: readonly StoredValue[];
  readonly revision: number;
  readonly continue: string;
  readonly remaining: number | undefined;
}

/** `collection`: of a deletecollection, which is never streamed. */
export function outputOfList(
  context: RequestContext,
  entry: CatalogEntry,
  answer: 'list' | 'watch' | 'collection' = 'list',
): OutputType {
  const { headers, query } = context.request;
  return negotiateOutput(
    headers.accept,
    {
      transforms: true,
      list: answer !== 'watch',
      stream: answer !== 'collection',
      protobuf: () => speaksProtobuf(entry),
      goName: () => goName(entry, 'List'),
    },
    query.size === 0 && headers['user-agent'] === undefined ? false : isPretty(query, headers['user-agent']),
  );
}

/** The namespace's part of the keys, under the resource's prefix. */
export function listPrefix(target: Target): string {
  return target.entry.row.namespaced && target.namespace !== ''
    ? `${target.entry.prefix}${target.namespace}/`
    : target.entry.prefix;
}

const EXPIRED_LIST = 'The resourceVersion for the provided list is too old.';

interface Start {
  readonly revision: number | undefined;
  readonly after: string | undefined;
}

async function startOf(context: RequestContext, options: ListOptions): Promise<Start> {
  if (options.continue !== '') {
    const token = decodeContinue(options.continue);
    if (options.resourceVersion !== '' && options.resourceVersion !== '0') {
      throw badRequest('specifying resource version is not allowed when using continue');
    }
    return { revision: token.revision < 0 ? undefined : token.revision, after: token.after };
  }
  const exact = options.resourceVersionMatch === 'Exact' || (options.resourceVersionMatch === '' && options.limit > 0);
  const wanted = (exact ? parseListVersion : parseResourceVersion)(options.resourceVersion);
  if (wanted === 0) return { revision: undefined, after: undefined };
  if (exact) return { revision: wanted, after: undefined };
  const current = await context.kernel.store.revision();
  if (wanted > current) throw tooLargeResourceVersion(wanted, current);
  return { revision: undefined, after: undefined };
}

function listError(error: unknown, options: ListOptions, after: string | undefined): unknown {
  if (error instanceof CompactedError) {
    if (options.continue === '') return new ApiError({ reason: 'Expired', message: EXPIRED_LIST });
    return expiredContinue(encodeContinue({ revision: -1, after: after ?? '' }));
  }
  if (error instanceof FutureRevisionError) return tooLargeResourceVersion(error.requested, error.current);
  return error;
}

const SELECT_PORTION = 500;

/** Reads portions until the page is full: a selector may leave out much of what the store gives. */
async function selectPage(
  read: Read,
  start: Start,
  request: { readonly entry: CatalogEntry; readonly limit: number; readonly selection: Selection },
): Promise<RangeResult> {
  const items: StoredValue[] = [];
  let { after, revision } = start;
  for (;;) {
    const portion = await read(after, SELECT_PORTION, revision);
    revision = portion.revision;
    for (const [i, value] of portion.items.entries()) {
      if (!request.selection.matches(readObject(request.entry, value))) continue;
      items.push(value);
      if (request.limit > 0 && items.length === request.limit) {
        const left = portion.items.length - i - 1 + portion.remaining;
        return { items, revision, more: left > 0, remaining: left };
      }
    }
    after = portion.items[portion.items.length - 1]?.key;
    if (!portion.more) return { items, revision, more: false, remaining: 0 };
    // Long scans let others have their turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The watch cache, from which any version is answered, knows no pages; events are not in it. */
function limitOf({ entry: { row } }: Target, options: ListOptions): number {
  return options.resourceVersion === '0' && row.plural !== 'events' ? 0 : options.limit;
}

type Read = (
  after: string | undefined,
  limit: number | undefined,
  revision: number | undefined,
) => Promise<RangeResult>;

function readerOf({ kernel: { store } }: RequestContext, prefix: string): Read {
  return (after, limit, revision) =>
    store.list({
      prefix,
      ...(after === undefined ? {} : { startAfter: after }),
      ...(limit === undefined ? {} : { limit }),
      ...(revision === undefined ? {} : { revision }),
    });
}

/** The key that a selection of one name leaves; undefined where that name may be in several namespaces. */
function onlyKey({ entry, namespace }: Target, options: ListOptions, selection: Selection): string | undefined {
  if (selection.name === undefined || options.continue !== '') return undefined;
  return entry.row.namespaced && namespace === '' ? undefined : storageKey(entry, namespace, selection.name);
}

interface Reading {
  readonly target: Target;
  readonly options: ListOptions;
  readonly start: Start;
  readonly selection: Selection | undefined;
}

async function found(context: RequestContext, { target, options, start, selection }: Reading): Promise<RangeResult> {
  const { entry } = target;
  const prefix = listPrefix(target);
  const first = { revision: start.revision, after: start.after === undefined ? undefined : prefix + start.after };
  const read = readerOf(context, prefix);
  if (selection === undefined) return read(first.after, options.limit > 0 ? options.limit : undefined, first.revision);
  const key = onlyKey(target, options, selection);
  if (key === undefined) return selectPage(read, first, { entry, limit: options.limit, selection });
  // Whoever asks for one name is spared the others, and never sent on to another page.
  const { items, revision } = await readerOf(context, key)(undefined, 1, first.revision);
  const only = items.filter((value) => value.key === key && selection.matches(readObject(entry, value)));
  return { items: only, revision, more: false, remaining: 0 };
}

export async function readPage(context: RequestContext, target: Target, asked: ListOptions): Promise<ListPage> {
  const options = { ...asked, limit: limitOf(target, asked) };
  const selection = parseSelection(target.entry, options.labelSelector, options.fieldSelector);
  const start = await startOf(context, options);
  try {
    const { items, revision, ...left } = await found(context, { target, options, start, selection });
    const last = items[items.length - 1];
    const more = options.limit > 0 && left.more && last !== undefined;
    const after = last?.key.slice(listPrefix(target).length) ?? '';
    return {
      items,
      revision,
      continue: more ? encodeContinue({ revision, after }) : '',
      remaining: more && selection === undefined ? left.remaining : undefined,
    };
  } catch (error) {
    throw listError(error, options, start.after);
  }
}

function listMetadata(entry: CatalogEntry, page: ListPage): JsonObject {
  const metadata: JsonObject = { resourceVersion: String(page.revision) };
  if (page.continue !== '' || entry.custom) metadata.continue = page.continue;
  if (page.remaining !== undefined && page.remaining > 0) metadata.remainingItemCount = page.remaining;
  return metadata;
}

/** Only lists of custom resources themselves carry an empty `continue`. */
function withoutContinue(metadata: JsonObject): JsonObject {
  if (metadata.continue !== '') return metadata;
  const { continue: _none, ...rest } = metadata;
  return rest;
}

export function listKind(entry: CatalogEntry): string {
  return entry.row.listKind ?? `${entry.row.kind}List`;
}

/** `io.k8s.api.core.v1.PodList` */
function listSchema(entry: CatalogEntry): string {
  const { schema } = entry.row;
  return schema.slice(0, schema.lastIndexOf('.') + 1) + listKind(entry);
}

const COMMA = 0x2c;
const OPEN = 0x7b;
const CLOSE = Buffer.from(']}');

/** The list's JSON, made of the stored bytes; items of built-in kinds leave kind and apiVersion out. */
function storedItems(entry: CatalogEntry, items: readonly StoredValue[], head: Uint8Array): Pieces {
  const skip = entry.custom ? 0 : typePrefix(entry).length;
  // A comma before all but the first, and a brace where the beginning is left out.
  const extra = skip === 0 ? 0 : 1;
  const itemAt = (i: number): Uint8Array => items[i - 1]?.value ?? CLOSE;
  const last = items.length + 1;
  return {
    count: items.length + 2,
    sizeOf(i) {
      if (i === 0) return head.length;
      return i === last ? CLOSE.length : itemAt(i).length - skip + extra + (i === 1 ? 0 : 1);
    },
    write(i, target, at) {
      if (i === 0 || i === last) {
        target.set(i === 0 ? head : CLOSE, at);
        return at + (i === 0 ? head : CLOSE).length;
      }
      let to = at;
      if (i > 1) target[to++] = COMMA;
      if (skip > 0) target[to++] = OPEN;
      const rest = itemAt(i).subarray(skip);
      target.set(rest, to);
      return to + rest.length;
    },
  };
}

function itemText(entry: CatalogEntry, object: KubeObject): string {
  if (entry.custom) return objectText(object);
  const { kind: _kind, apiVersion: _version, ...rest } = object;
  return jsonText(rest);
}

function listBody(entry: CatalogEntry, page: ListPage): Uint8Array | StreamBody {
  const head = `{"kind":${JSON.stringify(listKind(entry))},"apiVersion":${JSON.stringify(apiVersionOf(entry.row))},"metadata":${JSON.stringify(listMetadata(entry, page))},"items":[`;
  if (sendsStoredBytes(entry)) return bodyOfPieces(storedItems(entry, page.items, Buffer.from(head)));
  const items = page.items.map((value) => itemText(entry, readObject(entry, value)));
  return Buffer.from(`${head}${items.join(',')}]}`);
}

export function listAnswer(
  context: RequestContext,
  entry: CatalogEntry,
  page: ListPage,
  output: OutputType,
): WireResponse {
  const headers = { 'content-type': output.mediaType };
  const metadata = listMetadata(entry, page);
  if (output.as === 'Table') {
    const objects = page.items.map((value) => readObject(entry, value));
    return {
      status: 200,
      headers,
      body: encodeValue(tableOf(context, entry, { objects, output, list: withoutContinue(metadata) }), output),
    };
  }
  if (output.as === 'PartialObjectMetadataList') {
    const objects = page.items.map((value) => readObject(entry, value));
    const list = partialMetadataList(objects, withoutContinue(metadata), output.metaVersion ?? 'v1');
    return { status: 200, headers, body: encodeValue(list, output, `${PARTIAL_SCHEMA}List`) };
  }
  if (output.mediaType === PROTOBUF) {
    const list = {
      kind: listKind(entry),
      apiVersion: apiVersionOf(entry.row),
      metadata,
      items: page.items.map((value) => readObject(entry, value)),
    };
    return { status: 200, headers, body: encodeMessage(listSchema(entry), list) };
  }
  const body = listBody(entry, page);
  if (output.mediaType === 'application/json' && !output.pretty) return { status: 200, headers, body };
  const bytes = body instanceof Uint8Array ? body : (body.whole?.bytes() ?? new Uint8Array(0));
  return { status: 200, headers, body: encodeValue(parseExact(Buffer.from(bytes).toString('utf8')), output) };
}

export async function listVerb(context: RequestContext, target: Target): Promise<WireResponse> {
  const output = outputOfList(context, target.entry);
  const options = parseListOptions(context.request.query, false);
  const page = await readPage(context, target, options);
  return listAnswer(context, target.entry, page, output);
}
