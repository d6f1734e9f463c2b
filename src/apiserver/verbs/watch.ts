// WATCH: where it starts (resourceVersion, initial events), and the frames of its stream.
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-watch

import { ApiError, badRequest } from '../../machinery/errors.ts';
import { jsonText } from '../../machinery/exact-json.ts';
import { escapeFieldValue } from '../../machinery/field-selector.ts';
import type { WireResponse } from '../../machinery/http.ts';
import type { JsonObject, KubeObject, WatchEventType } from '../../machinery/object.ts';
import { apiVersionOf } from '../../resources/definition.ts';
import { CompactedError, FutureRevisionError, type StoredValue } from '../../store/index.ts';
import type { OutputType } from '../http/negotiation.ts';
import { toApiError, utf8 } from '../http/responses.ts';
import { encodeWatchEvent, PROTOBUF } from '../protobuf/index.ts';
import type { CatalogEntry } from '../registry/catalog.ts';
import type { RequestContext, Target } from '../registry/context.ts';
import { cloneObject, objectText, readObject, sendsStoredBytes } from '../registry/objects.ts';
import {
  type ListOptions,
  parseListOptions,
  parseResourceVersion,
  tooLargeResourceVersion,
} from '../registry/options.ts';
import { parseSelection, type Selection } from '../registry/selection.ts';
import type { FrameMaker } from '../registry/watch-hub.ts';
import { PARTIAL_SCHEMA } from './answer.ts';
import { listPrefix, outputOfList } from './list.ts';
import { partialMetadata } from './partial.ts';
import { tableOf } from './table.ts';

const END = Buffer.from('}\n');
const HEADS: Readonly<Record<WatchEventType, Buffer>> = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
  BOOKMARK: Buffer.from('{"type":"BOOKMARK","object":'),
  ERROR: Buffer.from('{"type":"ERROR","object":'),
};

function frameOf(type: WatchEventType, object: Uint8Array): Uint8Array {
  return Buffer.concat([HEADS[type], object, END]);
}

/** A value that was not stored: an object as it was, with another revision in it. */
function withRevision(entry: CatalogEntry, value: StoredValue, revision: number): StoredValue {
  const object = cloneObject(readObject(entry, value));
  object.metadata.resourceVersion = String(revision);
  return { ...value, value: utf8(objectText(object)), modRevision: revision };
}

function bookmarkObject(entry: CatalogEntry, revision: number, initialEventsEnd: boolean): KubeObject {
  return {
    kind: entry.row.kind,
    apiVersion: apiVersionOf(entry.row),
    metadata: {
      resourceVersion: String(revision),
      creationTimestamp: null,
      ...(initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
    },
  };
}

/** How one reader's frames look: objects, tables or metadata. */
function frameMaker(
  context: RequestContext,
  entry: CatalogEntry,
  form: { output: OutputType; selection?: Selection },
): FrameMaker {
  const { output, selection } = form;
  let tables = 0;
  const shown = (type: WatchEventType, object: KubeObject): JsonObject => {
    if (output.as === 'Table') {
      const withoutColumns = tables > 0;
      // A bookmark has no row, and the first row brings the columns.
      if (type !== 'BOOKMARK') tables++;
      return tableOf(context, entry, { objects: [object], output, list: undefined, withoutColumns });
    }
    return partialMetadata(object, output.metaVersion ?? 'v1');
  };
  const read = (value: StoredValue): KubeObject =>
    value.key === '' ? (JSON.parse(Buffer.from(value.value).toString('utf8')) as KubeObject) : readObject(entry, value);
  const protobuf = output.mediaType === PROTOBUF;
  const stored = !protobuf && output.as === undefined && sendsStoredBytes(entry);
  const encode = (type: WatchEventType, object: KubeObject, text: () => string): Uint8Array => {
    if (protobuf && output.as !== undefined) return encodeWatchEvent(type, PARTIAL_SCHEMA, shown(type, object));
    if (protobuf) return encodeWatchEvent(type, entry.row.schema, object);
    return frameOf(type, utf8(output.as === undefined ? text() : jsonText(shown(type, object))));
  };
  return {
    shareKey:
      output.as === 'Table'
        ? ''
        : `${protobuf ? 'p' : ''}${apiVersionOf(entry.row)} ${output.as ?? ''} ${output.metaVersion ?? ''}`,
    ...(stored ? { pieces: (type: WatchEventType, { value }: StoredValue) => [HEADS[type], value, END] } : {}),
    make(type, value) {
      const object = read(value);
      return encode(type, object, () => objectText(object));
    },
    bookmark(revision, initialEventsEnd) {
      const object = bookmarkObject(entry, revision, initialEventsEnd);
      return encode('BOOKMARK', object, () => JSON.stringify(object));
    },
    ...(protobuf || output.as !== undefined ? {} : { object: read }),
    ...(selection === undefined
      ? {}
      : { selects: (value: StoredValue) => selection.matches(readObject(entry, value)) }),
    left: (previous, revision) => withRevision(entry, previous, revision),
  };
}

interface Start {
  readonly afterRevision: number;
  readonly initial: readonly StoredValue[];
}

/** With initial events a watch begins with the present state, which must not be older than what is asked for. */
async function startOf(context: RequestContext, target: Target, options: ListOptions): Promise<Start | ApiError> {
  const wanted = parseResourceVersion(options.resourceVersion);
  const { store } = context.kernel;
  if (options.sendInitialEvents !== true) {
    if (wanted > 0) return { afterRevision: wanted, initial: [] };
    return { afterRevision: await store.revision(), initial: [] };
  }
  const found = await store.list({ prefix: listPrefix(target) });
  if (wanted > found.revision) return tooLargeResourceVersion(wanted, found.revision);
  return { afterRevision: found.revision, initial: found.items };
}

const STREAMED = 'application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch';

/** YAML documents are not told apart in a stream. */
function outputOfWatch(context: RequestContext, entry: CatalogEntry): OutputType {
  const output = outputOfList(context, entry, 'watch');
  if (output.mediaType !== 'application/yaml') return output;
  const message = `only the following media types are accepted: ${STREAMED}`;
  throw new ApiError({ reason: 'NotAcceptable', message });
}

/** A watch of one object, by its path, is one of all that is narrowed to its name. */
function selectionOf({ entry, name }: Target, options: ListOptions): Selection | undefined {
  const selection = parseSelection(entry, options.labelSelector, options.fieldSelector);
  if (name === '') return selection;
  if (options.fieldSelector !== '') {
    if (selection?.name !== name) throw badRequest("fieldSelector metadata.name doesn't match requested name");
    return selection;
  }
  return parseSelection(entry, options.labelSelector, `metadata.name=${escapeFieldValue(name)}`);
}

const MIN_TIMEOUT_MS = 1_800_000;
const MAX_TIMEOUT_SECONDS = 1_000_000;

function errorStream(error: ApiError): WireResponse {
  const frame = frameOf('ERROR', utf8(JSON.stringify(error.toStatus())));
  return { status: 200, headers: { 'content-type': 'application/json' }, body: frame };
}

/** Definitions of custom resources change and go, and what watches their objects begins anew. */
function onReplaced({ kernel: { catalog } }: RequestContext, entry: CatalogEntry, end: () => void): () => void {
  const { group, version, plural } = entry.row;
  return catalog.onChange(() => {
    if (catalog.find(group, version, plural)?.form !== entry.form) end();
  });
}

export async function watchVerb(context: RequestContext, target: Target): Promise<WireResponse> {
  const { entry } = target;
  const { kernel } = context;
  const output = outputOfWatch(context, entry);
  const contentType = output.mediaType === PROTOBUF ? `${PROTOBUF};stream=watch` : 'application/json';
  const options = parseListOptions(context.request.query, true);
  const selection = selectionOf(target, options);
  const start = await startOf(context, target, options);
  if (start instanceof ApiError) return errorStream(start);
  const frames = frameMaker(context, entry, { output, ...(selection === undefined ? {} : { selection }) });
  const selected =
    selection === undefined ? start.initial : start.initial.filter((v) => selection.matches(readObject(entry, v)));
  const seconds = Math.min(options.timeoutSeconds ?? 0, MAX_TIMEOUT_SECONDS);
  const timeoutMs = seconds > 0 ? seconds * 1000 : Math.round(MIN_TIMEOUT_MS * (1 + kernel.random.float()));
  const plan = {
    prefix: listPrefix(target),
    initial: selected,
    announceEnd: options.sendInitialEvents === true && options.allowWatchBookmarks,
    bookmarks: options.allowWatchBookmarks,
    timeoutMs,
    frames,
    ...(entry.custom ? { onStale: (end: () => void) => onReplaced(context, entry, end) } : {}),
  };
  try {
    const body = await kernel.watches.start({ ...plan, afterRevision: start.afterRevision });
    return { status: 200, headers: { 'content-type': contentType }, body };
  } catch (error) {
    if (error instanceof CompactedError) {
      const message = `too old resource version: ${error.requested} (${error.compacted})`;
      return errorStream(new ApiError({ reason: 'Expired', message }));
    }
    // A revision from the future: the changes from now on, as far as they are newer.
    if (error instanceof FutureRevisionError) {
      const body = await kernel.watches.start({ ...plan, afterRevision: error.current });
      return { status: 200, headers: { 'content-type': contentType }, body };
    }
    throw toApiError(error);
  }
}
