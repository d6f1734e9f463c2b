// What the registry itself does to an object before it is written: system fields, name generation, generation, immutable metadata.
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/ and the strategies of k8s.io/apiserver/pkg/registry/rest

import { invalid } from '../../machinery/field-error.ts';
import { plus } from '../../machinery/int64.ts';
import { deepClone, deepEqual } from '../../machinery/json.ts';
import type { JsonObject, KubeObject, OwnerReference } from '../../machinery/object.ts';
import { rfc3339 } from '../../machinery/time.ts';
import { semanticEqual, validateCreate, validateUpdate } from '../../resources/index.ts';
import { settleEmptyLists } from '../../resources/schema/index.ts';
import { zeroObject } from '../apply/index.ts';
import { schemaOf } from './codec.ts';
import type { RequestContext, Target } from './context.ts';
import { strategyContext, strategyOf } from './context.ts';
import { shareUnchanged } from './unchanged.ts';

const GENERATED_SUFFIX = 5;
const MAX_GENERATED_BASE = 63 - GENERATED_SUFFIX;

function generateName(context: RequestContext, base: string): string {
  const head = base.length > MAX_GENERATED_BASE ? base.slice(0, MAX_GENERATED_BASE) : base;
  return head + context.kernel.random.suffix(GENERATED_SUFFIX);
}

/** What a draft has before admission: no name that is not sent, no UID, no time of its own. */
export function clearSystemFields(target: Target, { metadata }: KubeObject): void {
  if (target.entry.row.namespaced) metadata.namespace = target.namespace;
  else delete metadata.namespace;
  delete metadata.selfLink;
  delete metadata.uid;
  delete metadata.creationTimestamp;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
}

export function needsName({ metadata }: KubeObject): boolean {
  return (metadata.name ?? '') === '' && (metadata.generateName ?? '') !== '';
}

/** Set after mutating admission, whatever it wrote there. */
export function fillSystemFields(context: RequestContext, target: Target, draft: KubeObject): void {
  clearSystemFields(target, draft);
  const meta = draft.metadata;
  meta.uid = context.kernel.random.uuid();
  meta.creationTimestamp = rfc3339(context.kernel.clock.now());
  if (!needsName(draft)) return;
  const base = meta.generateName ?? '';
  meta.name = target.entry.row.generatedName === 'as it is' ? base : generateName(context, base);
}

/** Drops owner references that are wholly equal to an earlier one, with a warning. A PATCH is looked at after admission only. */
export function dedupeOwners(context: RequestContext, draft: KubeObject, when: 'sent' | 'admitted'): void {
  const owners = draft.metadata.ownerReferences;
  if (owners === undefined || owners.length < 2) return;
  const kept: OwnerReference[] = [];
  const twice: string[] = [];
  for (const owner of owners) {
    if (kept.some((other) => other.uid === owner.uid && deepEqual(other, owner))) twice.push(owner.uid);
    else kept.push(owner);
  }
  if (twice.length === 0) return;
  draft.metadata.ownerReferences = kept;
  const moment = when === 'sent' ? '' : ' after mutating admission happens';
  context.warnings.push(
    `.metadata.ownerReferences contains duplicate entries${moment}; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${twice.join(', ')}`,
  );
}

/** A strategy that takes a part of the object away leaves what is always sent in its place (`status: {}`). */
function fillAlwaysSent(target: Target, draft: KubeObject): void {
  const fields = draft as unknown as JsonObject;
  const zero = zeroObject(schemaOf(target.entry));
  for (const name of Object.keys(zero)) {
    if (fields[name] === undefined && zero[name] !== null) fields[name] = deepClone(zero[name]);
  }
}

export function beforeCreate(context: RequestContext, target: Target, draft: KubeObject, dryRun: boolean): void {
  const { row } = target.entry;
  const details = strategyContext(context, target, dryRun);
  row.strategy.prepareForCreate?.(draft, details);
  fillAlwaysSent(target, draft);
  if (!target.entry.custom) settleEmptyLists(schemaOf(target.entry), draft);
  if (row.generation !== 'none') draft.metadata.generation = 1;
  const errors = validateCreate(row, draft, details);
  if (errors.length > 0) throw invalid(row.kind, target.entry.storage.group, draft.metadata.name ?? '', errors);
  const warnings = row.strategy.warnings?.(draft, undefined, details);
  if (warnings !== undefined) context.warnings.push(...warnings);
  row.strategy.canonicalize?.(draft);
}

/** All but what `generation` never counts. */
function specOf(object: KubeObject): Record<string, unknown> {
  const {
    metadata: _metadata,
    status: _status,
    apiVersion: _version,
    kind: _kind,
    ...rest
  } = object as KubeObject & {
    status?: unknown;
  };
  return rest;
}

/** As it is read today: what was stored before a default came up has it too. */
function defaultedAnew(target: Target, old: KubeObject): KubeObject {
  const read = deepClone(old as unknown as JsonObject) as unknown as KubeObject;
  target.entry.row.strategy.applyDefaults?.(read);
  return read;
}

function specChanged(target: Target, draft: KubeObject, old: KubeObject): boolean {
  const rule = target.entry.row.generation;
  // What goes through the status is no wish, also where more than the spec counts.
  if (rule === 'none' || target.subresource === 'status') return false;
  if (rule !== 'spec') return rule.changed(draft, old);
  if (deepEqual(specOf(draft), specOf(old))) return false;
  // A custom resource has no types by which what is empty were nothing.
  if (target.entry.custom) return true;
  return (
    !semanticEqual(specOf(draft), specOf(old)) && !semanticEqual(specOf(draft), specOf(defaultedAnew(target, old)))
  );
}

function keepSystemFields(draft: KubeObject, old: KubeObject): void {
  const meta = draft.metadata;
  const was = old.metadata;
  if ((meta.uid ?? '') === '') meta.uid = was.uid;
  if ((was.creationTimestamp ?? '') !== '') meta.creationTimestamp = was.creationTimestamp;
  if (was.deletionTimestamp !== undefined) meta.deletionTimestamp = was.deletionTimestamp;
  if (was.deletionGracePeriodSeconds !== undefined && meta.deletionGracePeriodSeconds === undefined) {
    meta.deletionGracePeriodSeconds = was.deletionGracePeriodSeconds;
  }
  delete meta.selfLink;
}

export interface BeforeUpdate {
  readonly draft: KubeObject;
  readonly old: KubeObject;
  readonly dryRun: boolean;
}

export function beforeUpdate(context: RequestContext, target: Target, { draft, old, dryRun }: BeforeUpdate): void {
  const { row } = target.entry;
  const strategy = strategyOf(target);
  const details = strategyContext(context, target, dryRun);
  if (!target.entry.custom) settleEmptyLists(schemaOf(target.entry), draft);
  if (old.metadata.generation === undefined) delete draft.metadata.generation;
  else draft.metadata.generation = old.metadata.generation;
  if (!row.namespaced) delete draft.metadata.namespace;
  strategy.prepareForUpdate?.(draft, old, details);
  fillAlwaysSent(target, draft);
  shareUnchanged(draft, old);
  if (target.subresource !== 'status' && specChanged(target, draft, old))
    draft.metadata.generation = plus(old.metadata.generation ?? 0, 1);
  keepSystemFields(draft, old);
  const found = validateUpdate({ row, strategy, object: draft, old, context: details });
  for (const { field, body, isKept } of found) if (isKept === true) context.warnings.push(`${field}: ${body}`);
  const errors = found.filter(({ isKept }) => isKept !== true);
  if (errors.length > 0) throw invalid(row.kind, target.entry.storage.group, draft.metadata.name ?? '', errors);
  const warnings = strategy.warnings?.(draft, old, details);
  if (warnings !== undefined) context.warnings.push(...warnings);
  strategy.canonicalize?.(draft);
}
