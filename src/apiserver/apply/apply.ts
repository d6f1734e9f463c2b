// Server-side apply: merges what a manager wants into the live object, unless that takes fields from others.
// https://kubernetes.io/docs/reference/using-api/server-side-apply/
import { ApiError, badRequest } from '../../machinery/errors.ts';
import { isJsonObject, type JsonObject, type ManagedFieldsEntry } from '../../machinery/object.ts';
import { isSame } from './compare.ts';
import { conflictError } from './conflict.ts';
import { decodeEntries, encodeEntries, identity, type Managed, type ManagedMap } from './entries.ts';
import { extract } from './extract.ts';
import { difference, type FieldSet, isEmpty, recursiveDifference } from './field-set.ts';
import { allowedByLastApplied, KUBECTL, withLastApplied } from './last-applied.ts';
import { mergeObjects } from './merge.ts';
import { planOf } from './plan.ts';
import { prune } from './prune.ts';
import { entriesOf, recordUpdate, withoutEntries } from './update.ts';
import { Change, compareAt, type Frame, reconcileManaged, resetSet, strip } from './updater.ts';
import { typingErrors } from './validate.ts';
import { zeroObject } from './zero.ts';

export interface ApplyRequest extends Frame {
  readonly kind: string;
  /** The live object in the version of the request; undefined when there is none yet. */
  readonly live: JsonObject | undefined;
  /** The body. */
  readonly applied: JsonObject;
  readonly manager: string;
  readonly subresource?: string | undefined;
  readonly force: boolean;
  /** RFC 3339, to the second. */
  readonly time: string;
}

export interface Applied {
  /** Undefined when the live object is as it is wanted already (who owns what may have changed all the same). Not yet defaulted; fields
   *  may hold null where the applied object does. */
  readonly object: JsonObject | undefined;
  readonly managedFields: ManagedFieldsEntry[] | undefined;
}

/** Who owned the fields of an object that nobody was followed on. */
const BEFORE_FIRST_APPLY = 'before-first-apply';

export function applyPatch(request: ApplyRequest): Applied {
  checkBody(request);
  const zero = zeroObject(request.schema);
  const live = withoutEntries(request.live ?? zero);
  const managed = managedBefore(request, live, zero);
  const plan = planOf(request.schema);
  const problem = typingErrors(plan, request.applied);
  if (problem !== undefined) throw typingError(request, problem);
  reconcileManaged(request, managed, live);

  const self: Managed = {
    manager: request.manager === '' ? 'unknown' : request.manager,
    operation: 'Apply',
    apiVersion: request.apiVersion,
    subresource: request.subresource ?? '',
    time: undefined,
    set: recursiveDifference(extract(plan, request.applied), resetSet(request.resetFields)),
  };
  const id = identity(self);
  const before = managed.get(id);
  managed.set(id, { ...self, time: before?.time });
  const merged = prune(request, mergeObjects(plan, live, request.applied), { managed, last: before });
  const changed = settle(request, { managed, id, live, merged });
  finish(managed, id, changed ? request.time : undefined);
  let object = changed ? merged : undefined;
  if (request.manager === KUBECTL) object = withLastApplied(object ?? live, request.applied) ?? object;
  return { object, managedFields: encodeEntries(managed) };
}

/** `apps/v1, Kind=Deployment`, `/v1, Kind=Pod`. */
function gvkText(apiVersion: string, kind: string): string {
  return `${apiVersion.includes('/') ? apiVersion : `/${apiVersion}`}, Kind=${kind}`;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function checkBody(request: ApplyRequest): void {
  const { applied } = request;
  if (applied.apiVersion !== request.apiVersion || applied.kind !== request.kind) {
    // Go reads a version that is none as no kind at all.
    const isNone = text(applied.apiVersion).split('/').length > 2;
    const shown = isNone ? '/, Kind=' : gvkText(text(applied.apiVersion), text(applied.kind));
    throw badRequest(`invalid object type: ${shown}`);
  }
  const metadata = applied.metadata;
  if (isJsonObject(metadata) && (metadata.managedFields ?? null) !== null) {
    throw badRequest('metadata.managedFields must be nil');
  }
}

/** The applied object as errors name it. */
function nameOf({ applied, apiVersion, kind }: Pick<ApplyRequest, 'applied' | 'apiVersion' | 'kind'>): string {
  const metadata = isJsonObject(applied.metadata) ? applied.metadata : {};
  return `${text(metadata.namespace)}/${text(metadata.name)}; ${gvkText(apiVersion, kind)}`;
}

function typingError(request: ApplyRequest, problem: string): ApiError {
  return new ApiError({
    reason: '',
    code: 500,
    message: `failed to create typed patch object (${nameOf(request)}): ${problem}`,
  });
}

/** What was merged is no object of the kind: a text that should be a quantity, a time or base64. */
export function conversionProblem(
  request: Pick<ApplyRequest, 'applied' | 'apiVersion' | 'kind'>,
  problem: string,
): string {
  if (problem.startsWith('strconv.')) return `failed to convert to unversioned (${nameOf(request)}): ${problem}`;
  const told = problem.startsWith('illegal base64 data') ? `error decoding from json: ${problem}` : problem;
  const kind = gvkText(request.apiVersion, request.kind);
  return `failed to convert new object (${nameOf(request)}) to proper version: unable to convert unstructured object to ${kind}: ${told}`;
}

function managedBefore(request: ApplyRequest, live: JsonObject, zero: JsonObject): ManagedMap {
  const entries = entriesOf(request.live) ?? [];
  let managed: ManagedMap;
  try {
    managed = decodeEntries(entries, entries);
  } catch (cause) {
    throw new ApiError({ reason: '', code: 500, message: 'failed to decode managed fields', cause });
  }
  if (managed.size === 0) recordUpdate({ ...request, next: live, manager: BEFORE_FIRST_APPLY }, managed, zero);
  return managed;
}

interface Outcome {
  readonly managed: ManagedMap;
  readonly id: string;
  readonly live: JsonObject;
  readonly merged: JsonObject;
}

/** Takes from others what the apply changed; refuses to unless forced. False when nothing changed: the order of keyed items alone is
 *  no change. */
function settle(request: ApplyRequest, outcome: Outcome): boolean {
  const { managed, id } = outcome;
  const change = new Change(request, outcome.live, outcome.merged);
  const conflicts = change.conflicts(managed, id);
  if (conflicts.size > 0 && !request.force) refuseConflicts(request, outcome, conflicts);
  change.takeFromOthers(managed, id, conflicts);
  const comparison = change.at(request.apiVersion);
  if (comparison === undefined || !isSame(comparison)) return true;
  // Fields that nobody can own through this door (the status) are a change all the same, until the strategy resets them.
  if (isEmpty(resetSet(request.resetFields))) return false;
  const whole = compareAt({ ...request, resetFields: [] }, request.apiVersion, outcome.live, outcome.merged);
  return whole === undefined || !isSame(whole);
}

/** Fields that kubectl set itself, by client-side apply, are no conflict for it. */
function refuseConflicts(request: ApplyRequest, outcome: Outcome, conflicts: ReadonlyMap<string, FieldSet>): void {
  let real = conflicts;
  if (request.manager === KUBECTL) {
    const allowed = allowedByLastApplied(request, outcome.live);
    const rest = [...conflicts].map(([id, set]) => [id, difference(set, allowed)] as const);
    real = new Map(rest.filter(([, set]) => !isEmpty(set)));
  }
  if (real.size > 0) throw conflictError(outcome.managed, real);
}

function finish(managed: ManagedMap, id: string, time: string | undefined): void {
  const entry = managed.get(id);
  if (entry === undefined) return;
  const set = strip(entry.set);
  if (isEmpty(set)) managed.delete(id);
  else managed.set(id, { ...entry, set, time: time ?? entry.time });
}
