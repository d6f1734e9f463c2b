// PATCH: JSON patch, merge patch, strategic merge patch and server-side apply.
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#patch-and-update

import { ApiError, notFound } from '../../machinery/errors.ts';
import type { WireResponse } from '../../machinery/http.ts';
import { isJsonObject, type JsonObject, type KubeObject } from '../../machinery/object.ts';
import { apiVersionOf } from '../../resources/definition.ts';
import { bareType } from '../http/negotiation.ts';
import { plainError } from '../http/responses.ts';
import {
  checkRestorable,
  goText,
  goType,
  invalidPatch,
  jsonPatch,
  mergePatch,
  restoreIntegers,
  shownResult,
  strategicMergePatch,
} from '../patch/index.ts';
import type { CatalogEntry } from '../registry/catalog.ts';
import { clearsOwners, decodePatchOf, kindProblem, parsePatch, reportStrict, schemaOf } from '../registry/codec.ts';
import { groupResource, type RequestContext, type Target } from '../registry/context.ts';
import { trackOwnership } from '../registry/managed.ts';
import { cloneObject } from '../registry/objects.ts';
import { optionsDocument, parseWriteOptions, type WriteOptions } from '../registry/options.ts';
import { untouched } from '../registry/unchanged.ts';
import { type UpdatePlan, updateObject } from '../registry/write.ts';
import { objectAnswer, outputOfObject } from './answer.ts';
import { applyPlan } from './apply.ts';
import { bodyOf, checkName, checkNamespace } from './body.ts';

export type PatchKind = 'json' | 'merge' | 'strategic' | 'apply';

const TYPES: Readonly<Record<string, PatchKind>> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
};

/** Custom resources know no strategic merge. */
export function patchKindOf(entry: CatalogEntry, contentType: string | undefined): PatchKind {
  const bare = bareType(contentType);
  const kind = Object.hasOwn(TYPES, bare) ? TYPES[bare] : undefined;
  if (kind === undefined) {
    throw new ApiError({ reason: 'UnsupportedMediaType', message: '415: Unsupported Media Type', details: {} });
  }
  if (kind === 'strategic' && entry.custom) {
    const known = Object.keys(TYPES).filter((type) => TYPES[type] !== 'strategic');
    throw new ApiError({
      reason: 'UnsupportedMediaType',
      message: `the body of the request was in an unknown format - accepted media types include: ${known.join(', ')}`,
    });
  }
  return kind;
}

interface ParsedPatch {
  readonly kind: 'json' | 'merge' | 'strategic';
  readonly value: unknown;
  /** Duplicate keys and unknown members in the patch itself. */
  readonly strict: readonly string[];
  /** Fields are not validated. */
  readonly lenient: boolean;
}

function patched(entry: CatalogEntry, old: KubeObject, patch: ParsedPatch): unknown {
  const document = old as unknown as JsonObject;
  if (patch.kind === 'json') return jsonPatch(document, patch.value, patch.lenient);
  if (patch.kind === 'merge') return mergePatch(document, patch.value, patch.lenient);
  const schema = schemaOf(entry);
  const result = strategicMergePatch(document, patch.value, schema);
  checkRestorable(result, patch.value, schema);
  return restoreIntegers(result, patch.value, schema);
}

/** Bytes of a strategic patch are decoded on a way of their own. */
function wordsOf(kind: ParsedPatch['kind'], problem: string): string {
  return kind === 'strategic' && problem.startsWith('illegal base64')
    ? `error decoding from json: ${problem}`
    : problem;
}

export interface PatchStep {
  readonly patch: ParsedPatch;
  readonly options: WriteOptions;
}

export interface PatchedObject {
  /** Decoded and defaulted, private. */
  readonly draft: KubeObject;
  /** The old object's parts that the patch did not touch. */
  readonly kept: JsonObject;
}

/** The type of the patched object is known, but what a strategic patch says of it must be text. */
function kindOfPatch({ kind, value }: ParsedPatch): string | undefined {
  if (kind !== 'strategic' || !isJsonObject(value)) return undefined;
  for (const one of [value.apiVersion, value.kind])
    if (one !== undefined && one !== null && typeof one !== 'string') return `cannot convert ${goType(one)} to string`;
  return undefined;
}

export function patchObject(
  context: RequestContext,
  target: Target,
  old: KubeObject,
  { patch, options }: PatchStep,
): PatchedObject {
  const { entry } = target;
  const result = patched(entry, old, patch);
  const shown = (): string =>
    patch.kind === 'strategic' ? goText(patch.value) : shownResult(result, schemaOf(entry), patch.value);
  // A strategic patch is merged into the Go type, which knows its own kind.
  const typed = entry.custom || patch.kind === 'strategic';
  const problem = typed ? kindOfPatch(patch) : kindProblem(entry, context.kernel.catalog, result);
  if (problem !== undefined) throw invalidPatch(shown(), problem);
  // What a strategic patch made is of its type already when it turns out not to be readable.
  const late = (problem: string): boolean => patch.kind === 'strategic' && problem.startsWith('strconv.');
  const refuse = (problem: string): ApiError =>
    late(problem) ? plainError(problem) : invalidPatch(shown(), wordsOf(patch.kind, problem));
  const decoded = decodePatchOf(entry, { old, result }, refuse);
  const all = { object: decoded.object, strict: [...patch.strict, ...decoded.strict] };
  const draft = cloneObject(
    reportStrict(all, options.fieldValidation, {
      warnings: context.warnings,
      refuse: (text) => invalidPatch(shown(), text),
    }),
  );
  if (!entry.custom) Object.assign(draft, { kind: entry.row.kind, apiVersion: apiVersionOf(entry.row) });
  if (clearsOwners(result)) draft.metadata.managedFields = [];
  checkName(target, draft);
  checkNamespace(target, draft);
  if (entry.row.namespaced) draft.metadata.namespace = target.namespace;
  const before = { ...draft } as unknown as JsonObject;
  entry.row.strategy.applyDefaults?.(draft);
  const kept = untouched(result, old);
  // Defaults may write into a part that the patch left alone: a Secret's `stringData` becomes `data`.
  for (const name of Object.keys(kept)) if ((draft as unknown as JsonObject)[name] !== before[name]) delete kept[name];
  return { draft, kept };
}

function planPatch(
  context: RequestContext,
  target: Target,
  kind: 'json' | 'merge' | 'strategic',
  options: WriteOptions,
): UpdatePlan {
  const how = { validation: options.fieldValidation, custom: target.entry.custom };
  const patch: ParsedPatch = { kind, ...parsePatch(bodyOf(context.request), kind, how) };
  return {
    dryRun: options.dryRun,
    options: optionsDocument('UpdateOptions', options),
    allowCreate: false,
    next(old) {
      if (old === undefined) throw notFound(groupResource(target), target.name);
      const { draft, kept } = patchObject(context, target, old, { patch, options });
      return trackOwnership(context, target, { old, next: draft, kept, manager: options.fieldManager });
    },
  };
}

export async function patchVerb(context: RequestContext, target: Target): Promise<WireResponse> {
  const { request } = context;
  const kind = patchKindOf(target.entry, request.headers['content-type']);
  const output = outputOfObject(context, target);
  bodyOf(request);
  const options = parseWriteOptions({
    kind: 'PatchOptions',
    query: request.query,
    userAgent: request.headers['user-agent'],
    apply: kind === 'apply',
  });
  const plan = kind === 'apply' ? applyPlan(context, target, options) : planPatch(context, target, kind, options);
  const result = await updateObject(context, target, plan);
  const bytes = result.bytes === undefined ? {} : { bytes: result.bytes };
  return objectAnswer(context, target, { status: result.created ? 201 : 200, object: result.object, ...bytes, output });
}
