// PATCH with apply: parses the wanted fields, merges them into the live object, and creates it when it is not there.
// Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/
import { type ApiError, badRequest, conflict } from '../../machinery/errors.ts';
import { isJsonObject, type JsonObject, type KubeObject } from '../../machinery/object.ts';
import { rfc3339 } from '../../machinery/time.ts';
import { apiVersionOf } from '../../resources/definition.ts';
import { DecodeError, decodeFree, strictWarnings, yamlToJson } from '../../resources/schema/index.ts';
import { applyPatch, conversionProblem } from '../apply/index.ts';
import { plainError } from '../http/responses.ts';
import { decodeApplied } from '../registry/codec.ts';
import { groupResource, type RequestContext, type Target } from '../registry/context.ts';
import { frameOf } from '../registry/managed.ts';
import { cloneObject } from '../registry/objects.ts';
import { optionsDocument, type WriteOptions } from '../registry/options.ts';
import type { UpdatePlan } from '../registry/write.ts';
import { bodyOf, checkName, checkNamespace, checkYamlSize } from './body.ts';

interface Applied {
  readonly applied: JsonObject;
  readonly yamlErrors: readonly string[];
}

function parseApplied(context: RequestContext): Applied {
  const { value, yamlErrors } = readYaml(bodyOf(context.request));
  if (value === null) return { applied: {}, yamlErrors };
  if (!isJsonObject(value)) {
    const kind = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
    throw badRequest(
      `error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal ${kind} into Go value of type map[string]interface {}`,
    );
  }
  return { applied: value, yamlErrors };
}

/** Only what could be applied is looked at so closely. */
function checkYaml(context: RequestContext, options: WriteOptions, yamlErrors: readonly string[]): void {
  if (yamlErrors.length > 0 && options.fieldValidation === 'Strict')
    throw badRequest(`error strict decoding YAML: ${yamlErrors.join(', ')}`);
  if (options.fieldValidation === 'Warn') context.warnings.push(...strictWarnings(yamlErrors));
}

const OPEN_BRACE = 0x7b;

/** Clients mostly send JSON, which is YAML too, and read in a fraction of the time. What is odd about it is left to the YAML reader. */
function readJson(body: Uint8Array): JsonObject | undefined {
  if (body[0] !== OPEN_BRACE) return undefined;
  try {
    const { object, strictErrors } = decodeFree(body, { kind: '', apiVersion: '', registered: () => true });
    return strictErrors.length === 0 ? object : undefined;
  } catch {
    return undefined;
  }
}

function readYaml(body: Uint8Array): { value: unknown; yamlErrors: readonly string[] } {
  const json = readJson(body);
  if (json !== undefined) return { value: json, yamlErrors: [] };
  checkYamlSize(body);
  try {
    return yamlToJson(body);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw badRequest(`error decoding YAML: error converting YAML to JSON: ${error.message}`);
  }
}

/** The merged object in the shape of its kind, with defaults. */
function finished(target: Target, merged: JsonObject, applied: JsonObject): KubeObject {
  const { row, custom } = target.entry;
  const asked = { applied, apiVersion: apiVersionOf(row), kind: row.kind };
  const refuse = (problem: string): ApiError => plainError(custom ? problem : conversionProblem(asked, problem));
  const object = decodeApplied(target.entry, { applied, merged }, refuse);
  const draft = cloneObject(object);
  target.entry.row.strategy.applyDefaults?.(draft);
  return draft;
}

export function applyPlan(context: RequestContext, target: Target, options: WriteOptions): UpdatePlan {
  const { applied, yamlErrors } = parseApplied(context);
  const { entry } = target;
  return {
    dryRun: options.dryRun,
    options: optionsDocument('UpdateOptions', options),
    allowCreate: target.subresource === '',
    next(live) {
      const result = applyPatch({
        ...frameOf(context, target),
        kind: entry.row.kind,
        live: live as unknown as JsonObject | undefined,
        applied,
        manager: options.fieldManager,
        subresource: target.subresource,
        force: options.force,
        time: rfc3339(context.kernel.clock.now()),
      });
      checkYaml(context, options, yamlErrors);
      const draft =
        result.object === undefined && live !== undefined
          ? cloneObject(live)
          : finished(target, result.object ?? applied, applied);
      checkName(target, draft);
      checkNamespace(target, draft);
      if (live === undefined) checkNew(target, draft);
      if (result.managedFields === undefined) delete draft.metadata.managedFields;
      else draft.metadata.managedFields = result.managedFields;
      return draft;
    },
  };
}

/** An apply that names a UID means an object that is there. */
function checkNew(target: Target, draft: KubeObject): void {
  const { uid } = draft.metadata;
  if (uid === undefined || uid === '') return;
  throw conflict(
    groupResource(target),
    target.name,
    `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
  );
}
