// The typed client: turns calls into requests over whatever transport it was given.
import type { Clock } from '../host/clock.ts';
import type { Transport, UserInfo, WireRequest, WireResponse } from '../machinery/http.ts';
import { encodeJson } from '../machinery/json.ts';
import type { KubeList, KubeObject, WatchEvent } from '../machinery/object.ts';
import { patient } from './patience.ts';
import type {
  Client,
  DeleteOptions,
  ListOptions,
  PatchType,
  ResourceClient,
  ResourceRef,
  WriteOptions,
} from './port.ts';
import { readWatch } from './watch-reader.ts';
import { collect, decodeAnswer, errorOf, isStream, listQuery, PATCH_CONTENT_TYPES, resourcePath } from './wire.ts';

export interface ClientOptions {
  readonly transport: Transport;
  readonly userAgent: string;
  /** Who asks, over the in-process transport. Over HTTPS the credentials say it. */
  readonly user?: UserInfo;
  /** For requests that a busy server puts off; the system's own when absent. */
  readonly clock?: Clock;
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly query?: URLSearchParams;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

export function createClient(options: ClientOptions): Client {
  const transport = patient(options.transport, options.clock);
  const send = (call: Call): Promise<WireResponse> => {
    const headers: Record<string, string> = { accept: 'application/json', 'user-agent': options.userAgent };
    if (call.body !== undefined) headers['content-type'] = call.contentType ?? 'application/json';
    const request: WireRequest = {
      method: call.method,
      path: call.path,
      query: call.query ?? new URLSearchParams(),
      headers,
      ...(call.body === undefined ? {} : { body: encodeJson(call.body) }),
      ...(options.user === undefined ? {} : { user: options.user }),
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    };
    return transport(request);
  };
  const ask = async (call: Call): Promise<unknown> => decodeAnswer(await send(call));
  return {
    resource: (ref) => new HttpResource(ref, ask, send),
    raw(method, target, body) {
      const mark = target.indexOf('?');
      const path = mark < 0 ? target : target.slice(0, mark);
      const query = new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1));
      return ask({ method, path, query, ...(body === undefined ? {} : { body }) });
    },
  };
}

function writeQuery(options: WriteOptions | undefined): URLSearchParams {
  const query = new URLSearchParams();
  if (options?.fieldManager !== undefined) query.set('fieldManager', options.fieldManager);
  if (options?.dryRun === true) query.set('dryRun', 'All');
  return query;
}

function deleteBody(options: DeleteOptions | undefined): unknown {
  if (options === undefined) return undefined;
  const { gracePeriodSeconds, propagationPolicy, preconditions } = options;
  if (gracePeriodSeconds === undefined && propagationPolicy === undefined && preconditions === undefined) return;
  return { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds, propagationPolicy, preconditions };
}

class HttpResource<T extends KubeObject> implements ResourceClient<T> {
  constructor(
    private readonly ref: ResourceRef<T>,
    private readonly ask: (call: Call) => Promise<unknown>,
    private readonly send: (call: Call) => Promise<WireResponse>,
  ) {}

  get(namespace: string, name: string): Promise<T> {
    return this.answer({ method: 'GET', path: this.path(namespace, name) });
  }

  async list(namespace: string, options: ListOptions = {}): Promise<KubeList<T>> {
    const list = (await this.ask({
      method: 'GET',
      path: this.path(namespace),
      query: listQuery(options),
    })) as KubeList<T>;
    // Items of a list carry no kind on the wire; readers of single objects rely on it.
    const apiVersion = this.ref.group === '' ? this.ref.version : `${this.ref.group}/${this.ref.version}`;
    list.items ??= [];
    for (const item of list.items) {
      item.kind ??= this.ref.kind;
      item.apiVersion ??= apiVersion;
    }
    return list;
  }

  create(namespace: string, object: T, options?: WriteOptions): Promise<T> {
    return this.answer({ method: 'POST', path: this.path(namespace), query: writeQuery(options), body: object });
  }

  update(object: T, options?: WriteOptions): Promise<T> {
    return this.put(object, [], options);
  }

  updateStatus(object: T, options?: WriteOptions): Promise<T> {
    return this.put(object, ['status'], options);
  }

  patch(
    namespace: string,
    name: string,
    type: PatchType,
    body: unknown,
    options?: WriteOptions & { readonly subresource?: string; readonly force?: boolean },
  ): Promise<T> {
    const query = writeQuery(options);
    if (options?.force === true) query.set('force', 'true');
    const rest = options?.subresource === undefined ? [] : [options.subresource];
    const path = this.path(namespace, name, ...rest);
    return this.answer({ method: 'PATCH', path, query, body, contentType: PATCH_CONTENT_TYPES[type] });
  }

  async delete(namespace: string, name: string, options?: DeleteOptions): Promise<void> {
    await this.ask({ method: 'DELETE', path: this.path(namespace, name), body: deleteBody(options) });
  }

  async deleteCollection(namespace: string, options: DeleteOptions & ListOptions = {}): Promise<void> {
    const query = listQuery(options);
    await this.ask({ method: 'DELETE', path: this.path(namespace), query, body: deleteBody(options) });
  }

  async createSubresource<R>(namespace: string, name: string, subresource: string, body: unknown): Promise<R> {
    return (await this.ask({ method: 'POST', path: this.path(namespace, name, subresource), body })) as R;
  }

  async *watch(
    namespace: string,
    options: ListOptions & { readonly allowBookmarks?: boolean },
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>> {
    const query = listQuery(options);
    query.set('watch', 'true');
    if (options.allowBookmarks === true) query.set('allowWatchBookmarks', 'true');
    // Ends with the caller's loop, not only with the caller's signal.
    const own = new AbortController();
    const stop = (): void => own.abort();
    signal.addEventListener('abort', stop, { once: true });
    try {
      if (signal.aborted) return;
      const response = await this.send({ method: 'GET', path: this.path(namespace), query, signal: own.signal });
      if (response.status !== 200 || !isStream(response.body))
        throw errorOf(response.status, Buffer.from(await collect(response.body)).toString('utf8'));
      yield* readWatch<T>(response.body, own.signal);
    } finally {
      signal.removeEventListener('abort', stop);
      own.abort();
    }
  }

  private put(object: T, rest: readonly string[], options: WriteOptions | undefined): Promise<T> {
    const path = this.path(object.metadata.namespace ?? '', object.metadata.name ?? '', ...rest);
    return this.answer({ method: 'PUT', path, query: writeQuery(options), body: object });
  }

  private path(namespace: string, ...rest: readonly string[]): string {
    return resourcePath(this.ref, namespace, ...rest);
  }

  private async answer(call: Call): Promise<T> {
    return (await this.ask(call)) as T;
  }
}
