// POST on a collection.
import { badRequest } from '../../machinery/errors.ts';
import type { WireResponse } from '../../machinery/http.ts';
import { resourceKey } from '../../resources/definition.ts';
import { inputType } from '../http/negotiation.ts';
import { dedupeOwners } from '../registry/before.ts';
import { decodeBody, reportStrict } from '../registry/codec.ts';
import type { RequestContext, Target } from '../registry/context.ts';
import { trackOwnership } from '../registry/managed.ts';
import { optionsDocument, parseWriteOptions } from '../registry/options.ts';
import { createObject } from '../registry/write.ts';
import { objectAnswer, outputOfObject } from './answer.ts';
import { bodyOf, cannotBeHandled, checkNamespace, wipeSystemFields } from './body.ts';

export async function createVerb(context: RequestContext, target: Target): Promise<WireResponse> {
  const output = outputOfObject(context, target);
  const { request, kernel } = context;
  const type = inputType(request.headers['content-type']);
  const body = bodyOf(request);
  const options = parseWriteOptions({
    kind: 'CreateOptions',
    query: request.query,
    userAgent: request.headers['user-agent'],
    apply: false,
  });
  const { entry } = target;
  const decoded = decodeBody(entry, kernel.catalog, body, type);
  let draft = reportStrict(decoded, options.fieldValidation, {
    warnings: context.warnings,
    refuse: (text) => badRequest(cannotBeHandled(entry, decoded.object, text)),
  });
  checkNamespace(target, draft);
  wipeSystemFields(draft);
  entry.row.strategy.applyDefaults?.(draft);
  dedupeOwners(context, draft, 'sent');
  draft = trackOwnership(context, target, { old: undefined, next: draft, manager: options.fieldManager });
  const result = await createObject(context, target, draft, {
    dryRun: options.dryRun,
    options: optionsDocument('CreateOptions', options),
  });
  if (!options.dryRun) await kernel.afterCreation.get(resourceKey(entry.row))?.(result.object.metadata.name ?? '');
  const bytes = result.bytes === undefined ? {} : { bytes: result.bytes };
  return objectAnswer(context, target, { status: 201, object: result.object, ...bytes, output });
}
