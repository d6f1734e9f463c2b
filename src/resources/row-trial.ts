// For tests: takes an object through a row alone, as the registry would, without a server or a store.
import { type FieldError, invalid } from '../machinery/field-error.ts';
import { deepClone } from '../machinery/json.ts';
import type { KubeObject } from '../machinery/object.ts';
import { type AnyResource, apiVersionOf, type Strategy, type StrategyContext } from './definition.ts';
import { builtinSchema, decode, normalize, settleEmptyLists } from './schema/index.ts';
import { findKind } from './table.ts';
import { validateCreate, validateUpdate } from './validate.ts';

export const TRIAL_TIME = new Date('2026-01-01T12:00:00Z');
export const TRIAL_UID = '00000000-0000-0000-0000-000000000000';
const CONTEXT: StrategyContext = {
  now: TRIAL_TIME,
  user: { username: 'jane', uid: 'u1', groups: ['team'], extra: { scopes: ['a'] } },
  dryRun: false,
  namespace: 'default',
};

export interface Trial {
  readonly object: KubeObject;
  readonly errors: readonly FieldError[];
  readonly warnings: readonly string[];
}

function isRegistered(apiVersion: string, kind: string): boolean {
  const slash = apiVersion.indexOf('/');
  return findKind(apiVersion.slice(0, Math.max(slash, 0)), apiVersion.slice(slash + 1), kind) !== undefined;
}

/** Decoded, with the metadata that the registry sets, and defaults. Throws what decoding throws. */
export function readObject(row: AnyResource, body: string, contentType?: string): KubeObject {
  const decoded = decode(builtinSchema(row.schema), Buffer.from(body), {
    kind: row.kind,
    apiVersion: apiVersionOf(row),
    registered: isRegistered,
    ...(contentType === undefined ? {} : { contentType }),
  });
  const draft = deepClone(decoded.object) as unknown as KubeObject;
  draft.metadata ??= {};
  const { metadata } = draft;
  if (row.namespaced) metadata.namespace ??= CONTEXT.namespace;
  if (metadata.generateName && !metadata.name) metadata.name = `${metadata.generateName}abcde`;
  metadata.uid = TRIAL_UID;
  row.strategy.applyDefaults?.(draft);
  return draft;
}

function settled(row: AnyResource, strategy: Strategy<KubeObject>, draft: KubeObject): KubeObject {
  strategy.canonicalize?.(draft);
  const schema = builtinSchema(row.schema);
  const object = normalize(schema, draft);
  settleEmptyLists(schema, object);
  return object as unknown as KubeObject;
}

export function tryCreate(row: AnyResource, draft: KubeObject): Trial {
  row.strategy.prepareForCreate?.(draft, CONTEXT);
  const errors = validateCreate(row, draft, CONTEXT);
  const warnings = row.strategy.warnings?.(draft, undefined, CONTEXT) ?? [];
  return { object: settled(row, row.strategy, draft), errors, warnings };
}

/** As the registry does: these are not the client's to change. */
function keepTimes({ metadata }: KubeObject, { metadata: was }: KubeObject): void {
  if (was.creationTimestamp) metadata.creationTimestamp ??= was.creationTimestamp;
  if (was.deletionTimestamp) metadata.deletionTimestamp = was.deletionTimestamp;
}

/** `door` names a subresource; without one it is the object itself that is updated. */
export function tryUpdate(row: AnyResource, draft: KubeObject, given: { old: KubeObject; door?: string }): Trial {
  const { status } = given.old as { status?: object };
  const { object: old } = tryCreate(row, given.old);
  // A create clears it; what is stored has one.
  if (status !== undefined) Object.assign(old, { status });
  const opened = given.door === undefined ? undefined : row.subresources?.[given.door];
  const strategy = opened?.type === 'object' ? opened.strategy : row.strategy;
  for (const one of [old, draft]) one.metadata.resourceVersion = '1';
  const kept = deepClone(old);
  strategy.prepareForUpdate?.(draft, kept, CONTEXT);
  keepTimes(draft, old);
  const errors = validateUpdate({ row, strategy, object: draft, old: kept, context: CONTEXT });
  const warnings = strategy.warnings?.(draft, kept, CONTEXT) ?? [];
  return { object: settled(row, strategy, draft), errors, warnings };
}

/** The answer's message for findings, as a client reads it. */
export function refusal(row: AnyResource, trial: Trial): ReturnType<typeof invalid> | undefined {
  if (trial.errors.length === 0) return undefined;
  return invalid(row.kind, row.group, trial.object.metadata.name ?? '', trial.errors);
}
