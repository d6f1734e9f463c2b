// The guarded writes behind create, update, patch and delete: compare-and-swap on the store, repeated while others are faster.
import { ApiError, alreadyExists, conflict, notFound, noUniqueName } from '../../machinery/errors.ts';
import { FieldPath, fieldErrors, invalid } from '../../machinery/field-error.ts';
import { deepEqual } from '../../machinery/json.ts';
import type { JsonObject, KubeObject } from '../../machinery/object.ts';
import { resourceKey } from '../../resources/definition.ts';
import { type StoredValue, StoreWriteError } from '../../store/index.ts';
import type { AdmissionRequest, Operation } from '../admission/plugin.ts';
import { checkDeadline } from '../http/deadline.ts';
import { plainError } from '../http/responses.ts';
import type { Reservation } from './allocator.ts';
import { tryingFor, tryUntilWritten } from './attempts.ts';
import { beforeCreate, beforeUpdate, clearSystemFields, dedupeOwners, fillSystemFields, needsName } from './before.ts';
import { storageKey } from './catalog.ts';
import { groupResource, type RequestContext, type Target } from './context.ts';
import { holdsContent } from './namespaces.ts';
import { cloneObject, readObject, sentBytes, toStored, writeOf } from './objects.ts';
import { checkSize } from './size.ts';

export const MODIFIED_MESSAGE =
  'the object has been modified; please apply your changes to the latest version and try again';

const NAME_ATTEMPTS = 8;

export interface WriteResult {
  readonly object: KubeObject;
  /** The bytes to answer with, when the stored ones serve. */
  readonly bytes?: Uint8Array;
  readonly created: boolean;
}

export interface AdmissionInput {
  readonly operation: Operation;
  readonly object: KubeObject | undefined;
  readonly old: KubeObject | undefined;
  readonly dryRun: boolean;
  readonly options: JsonObject | null;
}

export function admissionRequest(context: RequestContext, target: Target, input: AdmissionInput): AdmissionRequest {
  return {
    operation: input.operation,
    entry: target.entry,
    subresource: target.subresource,
    namespace: target.namespace,
    name: target.name === '' ? (input.object?.metadata.name ?? '') : target.name,
    object: input.object,
    old: input.old,
    user: context.user,
    dryRun: input.dryRun,
    options: input.options,
    warn: (text) => void context.warnings.push(text),
    ...(context.annotate === undefined ? {} : { annotate: context.annotate }),
  };
}

function admissionInput(
  operation: Operation,
  object: KubeObject,
  old: KubeObject | undefined,
  plan: { readonly dryRun: boolean; readonly options: JsonObject },
): AdmissionInput {
  return { operation, object, old, dryRun: plan.dryRun, options: plan.options };
}

/** A full disk and the like: the client may try again. */
function storeFailure(error: unknown): unknown {
  if (!(error instanceof StoreWriteError)) return error;
  return new ApiError({ reason: 'InternalError', message: `Internal error occurred: ${error.message}`, cause: error });
}

interface Put {
  readonly key: string;
  readonly expected: number;
  readonly object: KubeObject;
  /** How long the object is that this one takes the place of. */
  readonly replaces?: number;
}

/** undefined when the key was not at the expected revision. */
async function put(
  context: RequestContext,
  target: Target,
  { key, expected, object, replaces = 0 }: Put,
): Promise<StoredValue | undefined> {
  checkDeadline(context.request);
  const hint = (context.request.body?.length ?? 0) + replaces;
  checkSize(target, object, { hint, update: expected !== 0 });
  const stored = toStored(target.entry, object);
  try {
    const result = await context.kernel.store.txn([writeOf('put', { key, expected, object: stored })]);
    if (!result.ok) return undefined;
    const value = result.values[0];
    if (value === undefined) throw new Error(`the store gave no value for ${key}`);
    return value;
  } catch (error) {
    throw storeFailure(error);
  }
}

function written(target: Target, value: StoredValue, created: boolean): WriteResult {
  return { object: readObject(target.entry, value), bytes: sentBytes(target.entry, value), created };
}

export interface CreatePlan {
  readonly dryRun: boolean;
  readonly options: JsonObject;
}

interface TakenName {
  readonly key: string;
  readonly draft: KubeObject;
}

/** The name is taken; perhaps by an object that is about to go. */
async function taken(context: RequestContext, target: Target, { key, draft }: TakenName): Promise<ApiError> {
  const { row } = target.entry;
  const current = await context.kernel.store.get(key);
  const object = current === undefined ? undefined : readObject(target.entry, current);
  const name = object?.metadata.name ?? key.slice(key.lastIndexOf('/') + 1);
  const generates = (draft.metadata.generateName ?? '') !== '';
  const error = (generates ? noUniqueName : alreadyExists)(groupResource(target), name);
  if (object?.metadata.deletionTimestamp === undefined || row.plural === 'namespaces') return error;
  return new ApiError({
    reason: 'AlreadyExists',
    message: `object is being deleted: ${error.message}`,
    ...(error.details === undefined ? {} : { details: error.details }),
  });
}

function reserveFor(
  context: RequestContext,
  target: Target,
  draft: KubeObject,
  reservation: Reservation,
): (() => void) | undefined {
  if (target.subresource !== '') return undefined;
  return context.kernel.allocators.get(resourceKey(target.entry.row))?.reserve(draft, reservation);
}

/** What is no number is not looked at. The storage refuses it, after admission; a dry run asks the storage for the name alone. */
function refuseVersion({ metadata: { resourceVersion = '' } }: KubeObject): void {
  if (/^\d+$/.test(resourceVersion) && Number(resourceVersion) !== 0)
    throw plainError('resourceVersion should not be set on objects to be created');
}

async function createOnce(
  context: RequestContext,
  target: Target,
  draft: KubeObject,
  plan: CreatePlan,
): Promise<WriteResult> {
  fillSystemFields(context, target, draft);
  beforeCreate(context, target, draft, plan.dryRun);
  await context.kernel.admission.validate(
    admissionRequest(context, target, admissionInput('CREATE', draft, undefined, plan)),
  );
  if (!plan.dryRun) refuseVersion(draft);
  const name = draft.metadata.name ?? '';
  const key = storageKey(target.entry, target.namespace, name);
  const undo = reserveFor(context, target, draft, { key, dryRun: plan.dryRun });
  if (plan.dryRun) {
    undo?.();
    if ((await context.kernel.store.get(key)) !== undefined) throw await taken(context, target, { key, draft });
    return { object: draft, created: true };
  }
  try {
    const value = await put(context, target, { key, expected: 0, object: draft });
    if (value === undefined) throw await taken(context, target, { key, draft });
    return written(target, value, true);
  } catch (error) {
    undo?.();
    throw error;
  }
}

/** Writes a new object. `draft` is decoded, defaulted, has its managed fields, and becomes the registry's. */
export async function createObject(
  context: RequestContext,
  target: Target,
  draft: KubeObject,
  plan: CreatePlan,
): Promise<WriteResult> {
  clearSystemFields(target, draft);
  await context.kernel.admission.admit(
    admissionRequest(context, target, admissionInput('CREATE', draft, undefined, plan)),
  );
  dedupeOwners(context, draft, 'admitted');
  const pristine = needsName(draft) ? cloneObject(draft) : undefined;
  for (let attempt = 1; ; attempt++) {
    try {
      return await createOnce(context, target, draft, plan);
    } catch (error) {
      const taken = error instanceof ApiError && error.reason === 'AlreadyExists';
      if (!taken || pristine === undefined || attempt >= NAME_ATTEMPTS) throw error;
      draft = cloneObject(pristine);
    }
  }
}

export interface UpdatePlan {
  readonly dryRun: boolean;
  readonly options: JsonObject;
  /** The object to write, made of the one that is there; a fresh draft for each attempt. */
  readonly next: (existing: KubeObject | undefined) => KubeObject | Promise<KubeObject>;
  readonly allowCreate: boolean;
  /** The UID that the client expects. */
  readonly uid?: string;
}

export function checkUid(target: Target, uid: string | undefined, actual: string): void {
  if (uid === undefined || uid === '' || uid === actual) return;
  const { row } = target.entry;
  const key = row.namespaced
    ? `/registry/${row.plural}/${target.namespace}/${target.name}`
    : `/registry/${row.plural}/${target.name}`;
  throw conflict(
    groupResource(target),
    target.name,
    `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${uid}, UID in object meta: ${actual}`,
  );
}

function noNumber(resourceVersion: string): ApiError {
  return plainError(`strconv.ParseUint: parsing ${JSON.stringify(resourceVersion)}: invalid syntax`);
}

/** Conflict comes before validation. */
function checkVersion(target: Target, draft: KubeObject, old: KubeObject): void {
  const { row } = target.entry;
  const sent = draft.metadata.resourceVersion ?? '';
  if (sent === '' || sent === '0') {
    if (row.unconditionalUpdate === false) {
      throw invalid(row.plural, row.group, target.name, [
        fieldErrors.invalid(FieldPath.of('metadata', 'resourceVersion'), 0, 'must be specified for an update'),
      ]);
    }
    draft.metadata.resourceVersion = old.metadata.resourceVersion;
  } else if (!/^\d+$/.test(sent)) {
    throw noNumber(sent);
  } else if (sent !== old.metadata.resourceVersion) {
    throw conflict(groupResource(target), target.name, MODIFIED_MESSAGE);
  }
}

function withoutTimes(object: KubeObject): unknown {
  const { managedFields, ...metadata } = object.metadata;
  if (managedFields === undefined) return { ...object, metadata };
  return { ...object, metadata: { ...metadata, managedFields: managedFields.map(({ time: _time, ...rest }) => rest) } };
}

/** True when nothing but times of managed fields would change: then nothing is written, and the resourceVersion stays. */
function changesNothing(draft: KubeObject, old: KubeObject): boolean {
  return deepEqual(withoutTimes(draft), withoutTimes(old));
}

async function removeFinished(
  context: RequestContext,
  key: string,
  value: StoredValue,
  object: KubeObject,
): Promise<boolean> {
  try {
    const result = await context.kernel.store.txn([writeOf('delete', { key, expected: value.modRevision, object })]);
    return result.ok;
  } catch (error) {
    throw storeFailure(error);
  }
}

/** The last finalizer went from an object that is being deleted: it goes now. */
function endsDeletion(draft: KubeObject, old: KubeObject): boolean {
  if (old.metadata.deletionTimestamp === undefined) return false;
  if ((draft.metadata.finalizers?.length ?? 0) > 0 || holdsContent(draft)) return false;
  return (draft.metadata.deletionGracePeriodSeconds ?? 0) === 0;
}

async function updateOnce(
  context: RequestContext,
  target: Target,
  current: StoredValue,
  plan: UpdatePlan,
): Promise<WriteResult | undefined> {
  const old = readObject(target.entry, current);
  checkUid(target, plan.uid, old.metadata.uid ?? '');
  const draft = await plan.next(old);
  checkVersion(target, draft, old);
  await context.kernel.admission.admit(admissionRequest(context, target, admissionInput('UPDATE', draft, old, plan)));
  dedupeOwners(context, draft, 'admitted');
  beforeUpdate(context, target, { draft, old, dryRun: plan.dryRun });
  await context.kernel.admission.validate(
    admissionRequest(context, target, admissionInput('UPDATE', draft, old, plan)),
  );
  draft.metadata.resourceVersion = old.metadata.resourceVersion;
  const key = current.key;
  if (endsDeletion(draft, old)) {
    if (plan.dryRun) return { object: draft, created: false };
    const gone = await removeFinished(context, key, current, toStored(target.entry, draft));
    return gone ? { object: draft, created: false } : undefined;
  }
  const undo = reserveFor(context, target, draft, { key, dryRun: plan.dryRun });
  if (plan.dryRun || changesNothing(draft, old)) {
    undo?.();
    return plan.dryRun && !changesNothing(draft, old)
      ? { object: draft, created: false }
      : written(target, current, false);
  }
  try {
    const value = await put(context, target, {
      key,
      expected: current.modRevision,
      object: draft,
      replaces: current.value.length,
    });
    if (value !== undefined) return written(target, value, false);
    undo?.();
    return undefined;
  } catch (error) {
    undo?.();
    throw error;
  }
}

async function createByUpdate(context: RequestContext, target: Target, plan: UpdatePlan): Promise<WriteResult> {
  if (!plan.allowCreate) throw notFound(groupResource(target), target.name);
  checkUid(target, plan.uid, '');
  const draft = await plan.next(undefined);
  const { resourceVersion = '' } = draft.metadata;
  if (resourceVersion !== '' && !/^\d+$/.test(resourceVersion)) throw noNumber(resourceVersion);
  // A dry run gives it back as it was sent; what is stored has one of its own.
  if (!plan.dryRun) delete draft.metadata.resourceVersion;
  return createObject(context, target, draft, {
    dryRun: plan.dryRun,
    options: { ...plan.options, kind: 'CreateOptions' },
  });
}

/** Writes a change to an object, anew on what others wrote meanwhile until it succeeds. */
export async function updateObject(context: RequestContext, target: Target, plan: UpdatePlan): Promise<WriteResult> {
  const key = storageKey(target.entry, target.namespace, target.name);
  const warned = context.warnings.length;
  return tryUntilWritten(tryingFor(context.kernel.clock, context.request), async () => {
    context.warnings.length = warned;
    const current = await context.kernel.store.get(key);
    try {
      return current === undefined
        ? await createByUpdate(context, target, plan)
        : await updateOnce(context, target, current, plan);
    } catch (error) {
      const raced = current === undefined && error instanceof ApiError && error.reason === 'AlreadyExists';
      if (raced) return undefined;
      throw error;
    }
  });
}
