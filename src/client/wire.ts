// Puts calls into requests and answers into objects or ApiErrors.

import { ApiError, type Status } from '../machinery/errors.ts';
import { parseExact } from '../machinery/exact-json.ts';
import type { ByteSink, StreamBody, WireResponse } from '../machinery/http.ts';
import { isJsonObject, type KubeObject } from '../machinery/object.ts';
import type { ListOptions, PatchType, ResourceRef } from './port.ts';

const decoder = new TextDecoder();

export const PATCH_CONTENT_TYPES: Readonly<Record<PatchType, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

/** The path of a collection, of one object in it, or of a subresource. */
export function resourcePath(ref: ResourceRef<KubeObject>, namespace: string, ...rest: readonly string[]): string {
  const root = ref.group === '' ? `/api/${ref.version}` : `/apis/${ref.group}/${ref.version}`;
  const space = ref.namespaced && namespace !== '' ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return [`${root}${space}/${ref.plural}`, ...rest.map(encodeURIComponent)].join('/');
}

export function listQuery(options: ListOptions): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options) as [keyof ListOptions, string | number | undefined][]) {
    if (LIST_OPTIONS.has(name) && value !== undefined && value !== '') query.set(name, String(value));
  }
  return query;
}

const LIST_OPTIONS = new Set<keyof ListOptions>([
  'labelSelector',
  'fieldSelector',
  'limit',
  'continue',
  'resourceVersion',
  'resourceVersionMatch',
]);

export function isStream(body: Uint8Array | StreamBody): body is StreamBody {
  return !(body instanceof Uint8Array);
}

/** Reads a streamed body to its end. */
export function collect(body: Uint8Array | StreamBody): Promise<Uint8Array> {
  if (!isStream(body)) return Promise.resolve(body);
  if (body.whole !== undefined) return Promise.resolve(body.whole.bytes());
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    const onClose: (() => void)[] = [];
    const sink: ByteSink = {
      write(chunk) {
        chunks.push(chunk);
        return true;
      },
      buffered: 0,
      end() {
        resolve(Buffer.concat(chunks));
        for (const callback of onClose.splice(0)) callback();
      },
      onDrain() {},
      onClose: (callback) => onClose.push(callback),
    };
    body.start(sink);
  });
}

/** The JSON of a good answer; throws the ApiError of a bad one. Text that is no JSON is given as it is. */
export async function decodeAnswer(response: WireResponse): Promise<unknown> {
  const text = decoder.decode(await collect(response.body));
  if (response.status >= 200 && response.status < 300) {
    if (text === '') return undefined;
    const type = String(response.headers['content-type'] ?? 'application/json');
    return type.includes('json') ? parseExact(text) : text;
  }
  throw errorOf(response.status, text);
}

export function errorOf(status: number, text: string): ApiError {
  try {
    const body: unknown = JSON.parse(text);
    if (isJsonObject(body) && body.kind === 'Status') return ApiError.fromStatus(body as Partial<Status>, status);
  } catch {
    // Not every server (a proxy, say) answers with JSON.
  }
  return ApiError.fromStatus({ message: text.trim() === '' ? `the server answered ${status}` : text.trim() }, status);
}
