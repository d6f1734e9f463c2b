// GET of one object: the stored bytes, unparsed, where the client takes JSON.
import { notFound } from '../../machinery/errors.ts';
import type { WireResponse } from '../../machinery/http.ts';
import { storageKey } from '../registry/catalog.ts';
import { groupResource, type RequestContext, type Target } from '../registry/context.ts';
import { readObject, sendsStoredBytes } from '../registry/objects.ts';
import { parseResourceVersion, tooLargeResourceVersion } from '../registry/options.ts';
import { objectAnswer, outputOfObject } from './answer.ts';

const JSON_HEADERS: Readonly<Record<string, string>> = { 'content-type': 'application/json' };

export async function getVerb(context: RequestContext, target: Target): Promise<WireResponse> {
  const { store } = context.kernel;
  const output = outputOfObject(context, target);
  const version = context.request.query.size === 0 ? null : context.request.query.get('resourceVersion');
  if (version !== null) await checkNotOlder(context, version);
  const value = await store.get(storageKey(target.entry, target.namespace, target.name));
  if (value === undefined) throw notFound(groupResource(target), target.name);
  if (
    output.mediaType === 'application/json' &&
    output.as === undefined &&
    !output.pretty &&
    sendsStoredBytes(target.entry)
  ) {
    return { status: 200, headers: JSON_HEADERS, body: value.value };
  }
  return objectAnswer(context, target, { status: 200, object: readObject(target.entry, value), output });
}

/** "Not older than": all reads are of the newest state, so only a revision from the future is refused. */
async function checkNotOlder(context: RequestContext, text: string): Promise<void> {
  const wanted = parseResourceVersion(text);
  const current = await context.kernel.store.revision();
  if (wanted > current) throw tooLargeResourceVersion(wanted, current);
}
