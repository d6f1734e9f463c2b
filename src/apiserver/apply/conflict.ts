// The answer to an apply that would take fields from others: who owns them, and which they are.
import { ApiError, type StatusCause } from '../../machinery/errors.ts';
import { goQuote } from '../../machinery/json.ts';
import type { ManagedMap } from './entries.ts';
import type { FieldSet } from './field-set.ts';
import { memberPaths } from './path-element.ts';

interface Conflict {
  readonly id: string;
  readonly owner: string;
  readonly path: string;
}

/** https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts */
export function conflictError(managed: ManagedMap, conflicts: ReadonlyMap<string, FieldSet>): ApiError {
  const list: Conflict[] = [];
  for (const id of [...conflicts.keys()].sort()) {
    const owner = ownerText(managed, id);
    for (const path of memberPaths(conflicts.get(id) ?? {})) list.push({ id, owner, path });
  }
  const causes: StatusCause[] = list.map((conflict) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${conflict.owner}`,
    field: conflict.path,
  }));
  return new ApiError({ reason: 'Conflict', message: message(list), details: { causes } });
}

function message(list: readonly Conflict[]): string {
  const [first] = list;
  if (list.length === 1 && first !== undefined) {
    return `Apply failed with 1 conflict: conflict with ${first.owner}: ${first.path}`;
  }
  const lines: string[] = [];
  let last: string | undefined;
  for (const conflict of list) {
    if (conflict.id !== last) lines.push(`conflicts with ${conflict.owner}:`);
    last = conflict.id;
    lines.push(`- ${conflict.path}`);
  }
  return `Apply failed with ${list.length} conflicts: ${lines.join('\n')}`;
}

function ownerText(managed: ManagedMap, id: string): string {
  const entry = managed.get(id);
  if (entry === undefined) return goQuote(id);
  let text = goQuote(entry.manager);
  if (entry.subresource !== '') text += ` with subresource ${goQuote(entry.subresource)}`;
  return entry.operation === 'Update' ? `${text} using ${entry.apiVersion}` : text;
}
