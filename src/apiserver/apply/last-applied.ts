// The way from client-side apply to server-side apply: kubectl may take over what its last-applied annotation says it set.
// https://kubernetes.io/docs/reference/using-api/server-side-apply/#upgrading-from-client-side-apply-to-server-side-apply
import { parseExact } from '../../machinery/exact-json.ts';
import { canonicalJson, getOwn } from '../../machinery/json.ts';
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import { compare } from './compare.ts';
import { extract } from './extract.ts';
import { difference, EMPTY, type FieldSet } from './field-set.ts';
import { type Plan, planOf } from './plan.ts';
import type { Frame } from './updater.ts';
import { typingErrors } from './validate.ts';

const ANNOTATION = 'kubectl.kubernetes.io/last-applied-configuration';

/** The one manager that this is for; others choose another name to be left alone. */
export const KUBECTL = 'kubectl';

function annotationOf(object: JsonObject): string {
  const metadata = getOwn(object, 'metadata');
  const annotations = isJsonObject(metadata) ? getOwn(metadata, 'annotations') : undefined;
  const text = isJsonObject(annotations) ? getOwn(annotations, ANNOTATION) : undefined;
  return typeof text === 'string' ? text : '';
}

function lastApplied(live: JsonObject, frame: Frame, plan: Plan): JsonObject | undefined {
  try {
    const object = parseExact(annotationOf(live));
    if (!isJsonObject(object) || object.apiVersion !== frame.apiVersion) return undefined;
    return typingErrors(plan, object) === undefined ? object : undefined;
  } catch {
    return undefined;
  }
}

/** What client-side apply set the last time and is still as it was set. */
export function allowedByLastApplied(frame: Frame, live: JsonObject): FieldSet {
  const plan = planOf(frame.schema);
  const applied = lastApplied(live, frame, plan);
  if (applied === undefined) return EMPTY;
  const { added, modified, removed } = compare(plan, applied, live);
  return difference(difference(difference(extract(plan, applied), modified), added), removed);
}

function withAnnotation(object: JsonObject, text: string | undefined): JsonObject {
  const metadata = isJsonObject(object.metadata) ? object.metadata : {};
  const annotations = isJsonObject(metadata.annotations) ? { ...metadata.annotations } : {};
  if (text === undefined) delete annotations[ANNOTATION];
  else annotations[ANNOTATION] = text;
  return { ...object, metadata: { ...metadata, annotations } };
}

/** Keeps the annotation in step for clients that still apply on their side; undefined when there is nothing to change. */
export function withLastApplied(object: JsonObject, applied: JsonObject): JsonObject | undefined {
  const before = annotationOf(object);
  if (before === '') return undefined;
  const own = annotationOf(applied) === '' ? applied : withAnnotation(applied, undefined);
  const text = `${canonicalJson(own)}\n`;
  return text === before ? undefined : withAnnotation(object, text);
}
