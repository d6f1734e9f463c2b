// DELETE of one object, and of a collection.

import type { StatusDetails } from '../../machinery/errors.ts';
import { forbidden, isApiError } from '../../machinery/errors.ts';
import type { WireResponse } from '../../machinery/http.ts';
import { successStatus } from '../http/responses.ts';
import { groupResource, type RequestContext, type Target } from '../registry/context.ts';
import { type Deletion, deleteObject } from '../registry/deletion.ts';
import { readObject } from '../registry/objects.ts';
import { parseListOptions } from '../registry/options.ts';
import { objectAnswer, outputOfObject, valueAnswer } from './answer.ts';
import { type DeleteOptions, parseDeleteOptions } from './delete-options.ts';
import { listAnswer, outputOfList, readPage } from './list.ts';

function deletedDetails(target: Target, deletion: Deletion): StatusDetails {
  const { row } = target.entry;
  const { uid, name } = deletion.object.metadata;
  return {
    ...(name === undefined ? {} : { name }),
    ...(row.group === '' ? {} : { group: row.group }),
    kind: row.plural,
    ...(uid === undefined ? {} : { uid }),
  };
}

function warnOfDefault(context: RequestContext, { entry }: Target, options: DeleteOptions): void {
  const unsaid = options.propagationPolicy === undefined && options.orphanDependents === undefined;
  if (entry.row.deleteWarning !== undefined && unsaid) context.warnings.push(entry.row.deleteWarning);
}

export async function deleteVerb(context: RequestContext, target: Target): Promise<WireResponse> {
  const output = outputOfObject(context, target);
  const options = parseDeleteOptions(context.request);
  const { row } = target.entry;
  const refused = row.refuseDelete?.(target.name);
  if (refused !== undefined) throw forbidden(groupResource(target), target.name, refused);
  warnOfDefault(context, target, options);
  const deletion = await deleteObject(context, target, options);
  const accepted = !deletion.gone && options.orphanDependents === false;
  const status = accepted ? 202 : 200;
  const showsObject = target.entry.row.deleteAnswersObject === true || (deletion.marked && !deletion.gone);
  if (showsObject) return objectAnswer(context, target, { status, ...deletion, output });
  return valueAnswer(status, successStatus(undefined, deletedDetails(target, deletion)), { ...output, pretty: false });
}

const AT_ONCE = 16;

async function deleteAll(context: RequestContext, targets: readonly Target[], options: DeleteOptions): Promise<void> {
  for (let i = 0; i < targets.length; i += AT_ONCE) {
    await Promise.all(
      targets.slice(i, i + AT_ONCE).map(async (target) => {
        try {
          await deleteObject(context, target, options);
        } catch (error) {
          if (!isApiError(error, 'NotFound')) throw error;
        }
      }),
    );
  }
}

/** Answers with the items as they were. */
export async function deleteCollectionVerb(context: RequestContext, target: Target): Promise<WireResponse> {
  const { entry } = target;
  const output = outputOfList(context, entry, 'collection');
  const options = parseDeleteOptions(context.request);
  const selected = parseListOptions(context.request.query, false);
  warnOfDefault(context, target, options);
  const page = await readPage(context, target, selected);
  const targets = page.items.map((value): Target => {
    const { name, namespace } = readObject(entry, value).metadata;
    return { entry, namespace: namespace ?? '', name: name ?? '', subresource: '' };
  });
  await deleteAll(context, targets, options);
  return listAnswer(context, entry, page, output);
}
