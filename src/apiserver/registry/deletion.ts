// Deletion: preconditions, grace periods, finalizers and propagation, as Kubernetes' generic registry does it.
// Source: https://kubernetes.io/docs/concepts/architecture/garbage-collection/ and k8s.io/apiserver/pkg/registry

import { conflict, notFound } from '../../machinery/errors.ts';
import { durationOfSeconds, type Int64, plus } from '../../machinery/int64.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { parseTime, rfc3339 } from '../../machinery/time.ts';
import type { StoredValue, Write } from '../../store/index.ts';
import { isDefinition, markDefinition } from '../crd/deletion.ts';
import type { DeleteOptions } from '../verbs/delete-options.ts';
import { type Trying, tryingFor, tryUntilWritten } from './attempts.ts';
import { storageKey } from './catalog.ts';
import { groupResource, type RequestContext, type Target } from './context.ts';
import { holdsContent, isNamespace, markNamespace } from './namespaces.ts';
import { cloneObject, readObject, sentBytes, toStored, writeOf } from './objects.ts';
import { optionsDocument } from './options.ts';
import { admissionRequest } from './write.ts';

const ORPHAN = 'orphan';
const FOREGROUND = 'foregroundDeletion';

export interface Deletion {
  /** The object as it was last; with its deletion time when it is still there or went by grace. */
  readonly object: KubeObject;
  /** The object's bytes, if they exist already. */
  readonly bytes?: Uint8Array;
  /** Gone from the store. */
  readonly gone: boolean;
  /** The object was changed on the way (marked as being deleted), so that the answer shows it. */
  readonly marked: boolean;
}

function checkPreconditions(target: Target, object: KubeObject, options: DeleteOptions): void {
  const { row } = target.entry;
  const kind = { group: row.group, resource: row.kind };
  const name = object.metadata.name ?? '';
  const { uid, resourceVersion } = object.metadata;
  if (options.uid !== undefined && options.uid !== uid) {
    throw conflict(
      kind,
      name,
      `the UID in the precondition (${options.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
    );
  }
  if (options.resourceVersion !== undefined && options.resourceVersion !== resourceVersion) {
    throw conflict(
      kind,
      name,
      `the ResourceVersion in the precondition (${options.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`,
    );
  }
}

function shouldOrphan(target: Target, finalizers: readonly string[], options: DeleteOptions): boolean {
  if (options.orphanDependents !== undefined) return options.orphanDependents;
  if (options.propagationPolicy !== undefined) return options.propagationPolicy === 'Orphan';
  if (finalizers.includes(ORPHAN)) return true;
  if (finalizers.includes(FOREGROUND)) return false;
  return target.entry.row.defaultPropagation === 'Orphan';
}

function shouldBlock(finalizers: readonly string[], options: DeleteOptions): boolean {
  if (options.orphanDependents !== undefined) return false;
  if (options.propagationPolicy !== undefined) return options.propagationPolicy === 'Foreground';
  return !finalizers.includes(ORPHAN) && finalizers.includes(FOREGROUND);
}

/** The finalizers by which the garbage collector is told what to do with the dependents. */
function finalizersFor(target: Target, object: KubeObject, options: DeleteOptions): string[] {
  const finalizers = object.metadata.finalizers ?? [];
  const out = finalizers.filter((f) => f !== ORPHAN && f !== FOREGROUND);
  if (shouldOrphan(target, finalizers, options)) out.push(ORPHAN);
  if (shouldBlock(finalizers, options)) out.push(FOREGROUND);
  return out;
}

function sameItems(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}

type Grace = { readonly kind: 'none' | 'pending' } | { readonly kind: 'graceful'; readonly seconds: Int64 };

function bumpGeneration(draft: KubeObject): void {
  const { generation = 0 } = draft.metadata;
  if (generation > 0) draft.metadata.generation = plus(generation, 1);
}

/** Marks the draft for a graceful end, where its kind has one. */
function markGraceful(target: Target, draft: KubeObject, now: number, options: DeleteOptions): Grace {
  const { row } = target.entry;
  const meta = draft.metadata;
  if (row.gracePeriod === undefined) return { kind: 'none' };
  if (meta.deletionTimestamp !== undefined) {
    const current = meta.deletionGracePeriodSeconds;
    // Its time is over: whether it goes is up to its finalizers alone.
    if (current === undefined || current === 0) return { kind: 'none' };
    const asked = options.gracePeriodSeconds;
    const wanted = asked !== undefined && asked < 0 ? 1 : asked;
    if (wanted === undefined || wanted >= current) return { kind: 'pending' };
    // Only a shorter period may still be asked for, and none that is over already.
    const ends = (parseTime(meta.deletionTimestamp) ?? now) - durationOfSeconds(current) + durationOfSeconds(wanted);
    const seconds = ends < now && wanted > 0 ? 1 : wanted;
    meta.deletionTimestamp = rfc3339(Math.max(ends, now));
    meta.deletionGracePeriodSeconds = seconds;
    return { kind: 'graceful', seconds };
  }
  const seconds = row.gracePeriod(draft, options.gracePeriodSeconds);
  meta.deletionTimestamp = rfc3339(now + durationOfSeconds(seconds));
  meta.deletionGracePeriodSeconds = seconds;
  bumpGeneration(draft);
  return { kind: 'graceful', seconds };
}

function markFinalizing(draft: KubeObject, now: number): void {
  const meta = draft.metadata;
  if (meta.deletionTimestamp === undefined) {
    bumpGeneration(draft);
    meta.deletionTimestamp = rfc3339(now);
  }
  meta.deletionGracePeriodSeconds = 0;
}

interface Step {
  readonly draft: KubeObject;
  readonly action: 'nothing' | 'remove' | 'mark' | 'mark-and-remove';
}

function planDeletion(target: Target, object: KubeObject, now: number, options: DeleteOptions): Step {
  const draft = cloneObject(object);
  const grace = markGraceful(target, draft, now, options);
  if (grace.kind === 'pending') return { draft: object, action: 'nothing' };
  const finalizers = finalizersFor(target, object, options);
  if (!sameItems(finalizers, object.metadata.finalizers ?? [])) {
    if (finalizers.length === 0) delete draft.metadata.finalizers;
    else draft.metadata.finalizers = finalizers;
  }
  if (isDefinition(draft)) {
    return { draft, action: markDefinition(draft, now) ? 'mark' : 'remove' };
  }
  if (isNamespace(draft)) {
    const marked = markNamespace(draft, now);
    if (!marked) return { draft, action: 'mark' };
    return { draft, action: holdsContent(draft) || finalizers.length > 0 ? 'mark' : 'remove' };
  }
  const held = finalizers.length > 0;
  if (grace.kind === 'graceful') {
    return { draft, action: !held && grace.seconds === 0 ? 'mark-and-remove' : 'mark' };
  }
  if (!held) return { draft, action: 'remove' };
  markFinalizing(draft, now);
  return { draft, action: 'mark' };
}

function markWrite(target: Target, { key, modRevision }: StoredValue, draft: KubeObject): Write {
  return writeOf('put', { key, expected: modRevision, object: toStored(target.entry, draft) });
}

function removeWrite(target: Target, { key, modRevision }: StoredValue, last: KubeObject): Write {
  const shared = toStored(target.entry, last);
  // Only the revision in it will be another.
  return writeOf('delete', { key, expected: modRevision, object: { ...shared, metadata: { ...shared.metadata } } });
}

async function mark(
  { kernel }: RequestContext,
  target: Target,
  current: StoredValue,
  draft: KubeObject,
): Promise<StoredValue | undefined> {
  const result = await kernel.store.txn([markWrite(target, current, draft)]);
  return result.ok ? result.values[0] : undefined;
}

async function remove(
  { kernel }: RequestContext,
  target: Target,
  current: StoredValue,
  last: KubeObject,
): Promise<boolean> {
  return (await kernel.store.txn([removeWrite(target, current, last)])).ok;
}

/** The mark is a change of its own, which watchers see before the end. */
async function markAndRemove(
  { kernel }: RequestContext,
  target: Target,
  current: StoredValue,
  draft: KubeObject,
): Promise<Deletion | undefined> {
  let marked = current;
  const result = await kernel.store.txn([markWrite(target, current, draft)], ({ values: [value] }) => {
    marked = value ?? current;
    return [removeWrite(target, marked, readObject(target.entry, marked))];
  });
  return result.ok ? shown(target, marked, true) : undefined;
}

function alreadyMarked(a: KubeObject, b: KubeObject): boolean {
  return (
    a.metadata.deletionTimestamp !== undefined &&
    a.metadata.deletionTimestamp === b.metadata.deletionTimestamp &&
    a.metadata.deletionGracePeriodSeconds === b.metadata.deletionGracePeriodSeconds &&
    sameItems(a.metadata.finalizers ?? [], b.metadata.finalizers ?? [])
  );
}

const tryingOf = ({ kernel, request }: RequestContext): Trying => tryingFor(kernel.clock, request);

function shown(target: Target, value: StoredValue, gone: boolean): Deletion {
  return { object: readObject(target.entry, value), bytes: sentBytes(target.entry, value), gone, marked: true };
}

/** Removes what has been marked, whatever others write to it meanwhile, unless they hold it by a finalizer. */
async function finish(context: RequestContext, target: Target, value: StoredValue): Promise<Deletion> {
  let current: StoredValue | undefined = value;
  let object = readObject(target.entry, value);
  return tryUntilWritten(tryingOf(context), async () => {
    if (current === undefined) return { object, gone: true, marked: true };
    object = readObject(target.entry, current);
    if ((object.metadata.finalizers?.length ?? 0) > 0) return { object, gone: false, marked: true };
    if (await remove(context, target, current, object)) return { object, gone: true, marked: true };
    current = await context.kernel.store.get(value.key);
    return undefined;
  });
}

/** undefined: someone was faster, try again. */
async function attempt(
  context: RequestContext,
  target: Target,
  current: StoredValue,
  options: DeleteOptions,
): Promise<Deletion | undefined> {
  const object = readObject(target.entry, current);
  checkPreconditions(target, object, options);
  const { draft, action } = planDeletion(target, object, context.kernel.clock.now(), options);
  await context.kernel.admission.validate(
    admissionRequest(context, target, {
      operation: 'DELETE',
      object: undefined,
      old: object,
      dryRun: options.dryRun,
      options: optionsDocument('DeleteOptions', options),
    }),
  );
  if (action === 'nothing') return shown(target, current, false);
  if (options.dryRun)
    return { object: action === 'remove' ? object : draft, gone: action !== 'mark', marked: action !== 'remove' };
  if (action === 'remove')
    return (await remove(context, target, current, object)) ? { object, gone: true, marked: false } : undefined;
  if (alreadyMarked(object, draft))
    return action === 'mark' ? shown(target, current, false) : finish(context, target, current);
  if (action === 'mark-and-remove') return markAndRemove(context, target, current, draft);
  const value = await mark(context, target, current, draft);
  return value === undefined ? undefined : shown(target, value, false);
}

export async function deleteObject(context: RequestContext, target: Target, options: DeleteOptions): Promise<Deletion> {
  const key = storageKey(target.entry, target.namespace, target.name);
  return tryUntilWritten(tryingOf(context), async () => {
    const current = await context.kernel.store.get(key);
    if (current === undefined) throw notFound(groupResource(target), target.name);
    return attempt(context, target, current, options);
  });
}
