// A small API server in memory for tests of what speaks to one: objects of any kind, revisions, lists, watches, merge patches.

import { ApiError, alreadyExists, conflict, isApiError, notFound } from '../../machinery/errors.ts';
import { jsonText, parseExact } from '../../machinery/exact-json.ts';
import { matchesFields, parseFieldSelector } from '../../machinery/field-selector.ts';
import type { ByteSink, Transport, WireRequest, WireResponse } from '../../machinery/http.ts';
import { deepClone, encodeJson, getDotted } from '../../machinery/json.ts';
import { parseLabelSelector } from '../../machinery/label-selector.ts';
import { isJsonObject, type JsonObject, type KubeObject } from '../../machinery/object.ts';

interface Target {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
}

interface Change {
  readonly revision: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly collection: string;
  readonly object: KubeObject;
}

export interface FakeApi {
  readonly transport: Transport;
  /** Every request that came, as `METHOD path`. */
  readonly requests: string[];
  /** Objects of a collection (`pods`, `replicasets.apps`). */
  objects<T extends KubeObject>(collection: string): T[];
  put(collection: string, object: object): void;
  /** Ends all watches, as a server does that restarts. */
  endWatches(): void;
  /** Older revisions are answered with 410 from now on. */
  compact(): void;
  /** What answers instead, when it gives an answer. */
  intercept: ((request: WireRequest) => WireResponse | undefined) | undefined;
}

function parse(path: string): Target {
  const parts = path.split('/').slice(1).map(decodeURIComponent);
  const core = parts[0] === 'api';
  const group = core ? '' : (parts[1] ?? '');
  const version = (core ? parts[1] : parts[2]) ?? '';
  let rest = parts.slice(core ? 2 : 3);
  let namespace = '';
  if (rest[0] === 'namespaces' && rest.length > 2) {
    namespace = rest[1] ?? '';
    rest = rest.slice(2);
  }
  return { group, version, namespace, plural: rest[0] ?? '', name: rest[1] ?? '', subresource: rest[2] ?? '' };
}

function merge(target: JsonObject, patch: JsonObject): JsonObject {
  for (const [key, value] of Object.entries(patch)) {
    const old = target[key];
    if (value === null) delete target[key];
    else if (isJsonObject(value)) target[key] = merge(isJsonObject(old) ? old : {}, value);
    else if (key === 'conditions' && Array.isArray(value) && Array.isArray(old)) target[key] = mergeByType(old, value);
    else target[key] = value;
  }
  return target;
}

function mergeByType(old: readonly JsonObject[], changes: readonly JsonObject[]): JsonObject[] {
  const out = new Map(old.map((one) => [one.type, one]));
  for (const change of changes) out.set(change.type, { ...out.get(change.type), ...change });
  return [...out.values()];
}

const answer = (status: number, value: unknown): WireResponse => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: encodeJson(value),
});

export function fakeApi(): FakeApi {
  const objects = new Map<string, KubeObject>();
  let log: Change[] = [];
  let revision = 100;
  let compacted = 0;
  let uids = 0;
  const sinks = new Set<{ sink: ByteSink; wants: (change: Change) => void }>();

  const collectionOf = (t: { group: string; plural: string }): string =>
    t.group === '' ? t.plural : `${t.plural}.${t.group}`;
  const keyOf = (collection: string, namespace: string, name: string): string => `${collection}|${namespace}|${name}`;

  function record(type: Change['type'], collection: string, object: KubeObject): KubeObject {
    revision++;
    const stored = deepClone(object);
    stored.metadata.resourceVersion = String(revision);
    const key = keyOf(collection, stored.metadata.namespace ?? '', stored.metadata.name ?? '');
    if (type === 'DELETED') objects.delete(key);
    else objects.set(key, stored);
    const change: Change = { revision, type, collection, object: stored };
    log.push(change);
    for (const one of sinks) one.wants(change);
    return stored;
  }

  function create(target: Target, body: KubeObject): KubeObject {
    const collection = collectionOf(target);
    const object = deepClone(body);
    object.metadata ??= {};
    if (target.namespace !== '') object.metadata.namespace = target.namespace;
    if (object.metadata.name === undefined) object.metadata.name = `${object.metadata.generateName ?? ''}${++uids}`;
    const gr = { group: target.group, resource: target.plural };
    if (objects.has(keyOf(collection, object.metadata.namespace ?? '', object.metadata.name)))
      throw alreadyExists(gr, object.metadata.name);
    object.metadata.uid ??= `uid-${++uids}`;
    object.metadata.creationTimestamp ??= new Date().toISOString().replace(/\.\d+/, '');
    return record('ADDED', collection, object);
  }

  function change(target: Target, old: KubeObject, next: KubeObject): KubeObject {
    const collection = collectionOf(target);
    const given = next.metadata.resourceVersion;
    if (given !== undefined && given !== old.metadata.resourceVersion)
      throw conflict(
        { group: target.group, resource: target.plural },
        target.name,
        'the object has been modified; please apply your changes to the latest version and try again',
      );
    const before = old as unknown as JsonObject;
    const after = deepClone(next) as unknown as JsonObject;
    after.metadata = { ...next.metadata, uid: old.metadata.uid, creationTimestamp: old.metadata.creationTimestamp };
    if (target.subresource === 'status') after.spec = before.spec;
    else if ('status' in before && target.subresource === '' && !('eventTime' in before)) after.status = before.status;
    const made = after as unknown as KubeObject;
    if (made.metadata.deletionTimestamp !== undefined && (made.metadata.finalizers ?? []).length === 0)
      return record('DELETED', collection, made);
    return record('MODIFIED', collection, made);
  }

  function remove(target: Target, old: KubeObject): KubeObject {
    const gone = deepClone(old);
    if ((old.metadata.finalizers ?? []).length === 0) return record('DELETED', collectionOf(target), gone);
    gone.metadata.deletionTimestamp ??= new Date().toISOString();
    return record('MODIFIED', collectionOf(target), gone);
  }

  function wanted(target: Target, query: URLSearchParams): (collection: string, object: KubeObject) => boolean {
    const labels = parseLabelSelector(query.get('labelSelector') ?? '');
    const fields = parseFieldSelector(query.get('fieldSelector') ?? '');
    const collection = collectionOf(target);
    return (from, object) =>
      from === collection &&
      (target.namespace === '' || object.metadata.namespace === target.namespace) &&
      labels.matches(object.metadata.labels) &&
      matchesFields(fields, Object.fromEntries(fields.map((f) => [f.path, String(getDotted(object, f.path) ?? '')])));
  }

  function watch(target: Target, request: WireRequest): WireResponse {
    const accepts = wanted(target, request.query);
    const from = Number(request.query.get('resourceVersion') ?? '0');
    return {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: {
        start(sink) {
          if (from < compacted) {
            const error = new ApiError({ reason: 'Expired', message: 'too old resource version' });
            sink.write(Buffer.concat([encodeJson({ type: 'ERROR', object: error.toStatus() }), Buffer.from('\n')]));
            sink.end();
            return;
          }
          const wants = (one: Change): void => {
            if (one.revision > from && accepts(one.collection, one.object))
              sink.write(Buffer.from(`${jsonText({ type: one.type, object: one.object })}\n`));
          };
          const entry = { sink, wants };
          sinks.add(entry);
          sink.onClose(() => sinks.delete(entry));
          for (const one of log) wants(one);
        },
      },
    };
  }

  function list(target: Target, request: WireRequest): WireResponse {
    const accepts = wanted(target, request.query);
    const items = [...objects].filter(([key, o]) => accepts(key.split('|')[0] ?? '', o)).map(([, o]) => o);
    return answer(200, { kind: 'List', apiVersion: 'v1', metadata: { resourceVersion: String(revision) }, items });
  }

  function serve(request: WireRequest): WireResponse {
    const target = parse(request.path);
    const body = request.body === undefined ? undefined : (parseExact(Buffer.from(request.body).toString()) as never);
    if (target.name === '') {
      if (request.method === 'POST') return answer(201, create(target, body as unknown as KubeObject));
      if (request.query.get('watch') === 'true') return watch(target, request);
      return list(target, request);
    }
    const old = objects.get(keyOf(collectionOf(target), target.namespace, target.name));
    if (old === undefined) throw notFound({ group: target.group, resource: target.plural }, target.name);
    if (request.method === 'GET') return answer(200, old);
    if (request.method === 'DELETE') return answer(200, remove(target, old));
    if (request.method === 'PUT') return answer(200, change(target, old, body as unknown as KubeObject));
    if (request.method === 'PATCH') {
      const next = merge(deepClone(old) as unknown as JsonObject, body as unknown as JsonObject);
      return answer(200, change(target, old, next as unknown as KubeObject));
    }
    if (target.subresource === 'binding') {
      const binding = body as unknown as { target: { name: string } };
      const pod = deepClone(old) as KubeObject & { spec: JsonObject; status?: JsonObject };
      pod.spec.nodeName = binding.target.name;
      merge(pod as unknown as JsonObject, { status: { conditions: [{ type: 'PodScheduled', status: 'True' }] } });
      record('MODIFIED', collectionOf(target), pod);
      return answer(201, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 });
    }
    throw new ApiError({ reason: 'MethodNotAllowed', message: `no ${request.method} of ${request.path}` });
  }

  const api: FakeApi = {
    requests: [],
    intercept: undefined,
    async transport(request) {
      api.requests.push(`${request.method} ${request.path}`);
      const instead = api.intercept?.(request);
      if (instead !== undefined) return instead;
      try {
        return serve(request);
      } catch (error) {
        if (isApiError(error)) return answer(error.code, error.toStatus());
        throw error;
      }
    },
    objects: <T extends KubeObject>(collection: string) =>
      [...objects].filter(([key]) => key.startsWith(`${collection}|`)).map(([, object]) => object as T),
    put(collection, object) {
      const one = deepClone(object) as KubeObject;
      const known = objects.get(keyOf(collection, one.metadata.namespace ?? '', one.metadata.name ?? ''));
      one.metadata.uid ??= known?.metadata.uid ?? `uid-${++uids}`;
      record(known === undefined ? 'ADDED' : 'MODIFIED', collection, one);
    },
    endWatches() {
      for (const { sink } of [...sinks]) sink.end();
    },
    compact() {
      compacted = revision;
      log = [];
    },
  };
  return api;
}
