// PUT on an object or on a subresource that is a view of it.
import { badRequest } from '../../machinery/errors.ts';
import type { WireResponse } from '../../machinery/http.ts';
import { inputType } from '../http/negotiation.ts';
import { dedupeOwners } from '../registry/before.ts';
import { clearsOwners, decodeBody, reportStrict } from '../registry/codec.ts';
import type { RequestContext, Target } from '../registry/context.ts';
import { trackOwnership } from '../registry/managed.ts';
import { cloneObject } from '../registry/objects.ts';
import { optionsDocument, parseWriteOptions } from '../registry/options.ts';
import { updateObject } from '../registry/write.ts';
import { objectAnswer, outputOfObject } from './answer.ts';
import { bodyOf, cannotBeHandled, checkName, checkNamespace } from './body.ts';

/** Few bodies speak of owners at all, and a reader's copy speaks of them without an empty list. */
function mayClearOwners(body: Uint8Array): boolean {
  if (!Buffer.from(body.buffer, body.byteOffset, body.byteLength).includes('"managedFields":[]')) return false;
  try {
    return clearsOwners(JSON.parse(Buffer.from(body).toString('utf8')));
  } catch {
    return false;
  }
}

export async function updateVerb(context: RequestContext, target: Target): Promise<WireResponse> {
  const output = outputOfObject(context, target);
  const { request, kernel } = context;
  const type = inputType(request.headers['content-type']);
  const body = bodyOf(request);
  const options = parseWriteOptions({
    kind: 'UpdateOptions',
    query: request.query,
    userAgent: request.headers['user-agent'],
    apply: false,
  });
  const { entry } = target;
  const decoded = decodeBody(entry, kernel.catalog, body, type);
  const sent = reportStrict(decoded, options.fieldValidation, {
    warnings: context.warnings,
    refuse: (text) => badRequest(cannotBeHandled(entry, decoded.object, text)),
  });
  checkNamespace(target, sent);
  checkName(target, sent);
  entry.row.strategy.applyDefaults?.(sent);
  dedupeOwners(context, sent, 'sent');
  if (mayClearOwners(body)) sent.metadata.managedFields ??= [];
  const uid = sent.metadata.uid;
  const result = await updateObject(context, target, {
    dryRun: options.dryRun,
    options: optionsDocument('UpdateOptions', options),
    allowCreate: entry.row.createOnUpdate === true && target.subresource === '',
    ...(uid === undefined ? {} : { uid }),
    next(old) {
      const next = cloneObject(sent);
      if (entry.row.namespaced) next.metadata.namespace = target.namespace;
      return trackOwnership(context, target, { old, next, manager: options.fieldManager });
    },
  });
  const bytes = result.bytes === undefined ? {} : { bytes: result.bytes };
  return objectAnswer(context, target, { status: result.created ? 201 : 200, object: result.object, ...bytes, output });
}
