// DeleteOptions, from the body or the query.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/delete-options/

import { badRequest } from '../../machinery/errors.ts';
import { type FieldError, FieldPath, fieldErrors, invalid } from '../../machinery/field-error.ts';
import type { WireRequest } from '../../machinery/http.ts';
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import { yamlToJson } from '../../resources/schema/index.ts';
import { bareType } from '../http/negotiation.ts';
import { checkDryRun, parseBool, parseInt64 } from '../registry/options.ts';
import { bodyOf, checkYamlSize } from './body.ts';

export interface DeleteOptions {
  readonly gracePeriodSeconds: number | undefined;
  readonly propagationPolicy: string | undefined;
  readonly orphanDependents: boolean | undefined;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly dryRun: boolean;
}

const POLICIES = ['Foreground', 'Background', 'Orphan'];

function goKind(value: unknown): string {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'number') return 'number';
  if (typeof value === 'boolean') return 'bool';
  return Array.isArray(value) ? 'array' : 'object';
}

function mismatch(value: unknown, field: string, type: string): Error {
  return badRequest(
    `DeleteOptions in version "v1" cannot be handled as a DeleteOptions: json: cannot unmarshal ${goKind(value)} into Go struct field DeleteOptions.${field} of type ${type}`,
  );
}

type Reader<T> = (value: unknown, field: string) => T;

const asText: Reader<string> = (value, field) => {
  if (typeof value !== 'string') throw mismatch(value, field, 'string');
  return value;
};
const asInt: Reader<number> = (value, field) => {
  if (typeof value !== 'number' || !Number.isInteger(value)) throw mismatch(value, field, 'int64');
  return value;
};
const asBool: Reader<boolean> = (value, field) => {
  if (typeof value !== 'boolean') throw mismatch(value, field, 'bool');
  return value;
};

function optional<T>(object: JsonObject, field: string, read: Reader<T>): T | undefined {
  const value = Object.hasOwn(object, field) ? object[field] : undefined;
  return value === undefined || value === null ? undefined : read(value, field);
}

function parseBody(request: WireRequest): JsonObject | undefined {
  const body = bodyOf(request);
  if (body.length === 0) return undefined;
  const text = Buffer.from(body).toString('utf8');
  const yaml = bareType(request.headers['content-type']) === 'application/yaml';
  if (yaml) checkYamlSize(body);
  let value: unknown;
  try {
    value = yaml ? yamlToJson(body).value : JSON.parse(text);
  } catch (error) {
    throw badRequest(
      `couldn't get version/kind; json parse error: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const object = isJsonObject(value) ? value : {};
  const kind = object.kind ?? 'DeleteOptions';
  if (kind !== 'DeleteOptions') {
    throw badRequest(
      `${String(kind)} in version "v1" cannot be handled as a DeleteOptions: converting (v1.${String(kind)}) to (v1.DeleteOptions): unknown conversion`,
    );
  }
  return object;
}

function fromBody(body: JsonObject): DeleteOptions {
  const preconditions = isJsonObject(body.preconditions) ? body.preconditions : {};
  const dryRun = Array.isArray(body.dryRun) ? body.dryRun.map(String) : [];
  check(dryRun, optional(body, 'propagationPolicy', asText), optional(body, 'orphanDependents', asBool));
  return {
    gracePeriodSeconds: optional(body, 'gracePeriodSeconds', asInt),
    propagationPolicy: optional(body, 'propagationPolicy', asText),
    orphanDependents: optional(body, 'orphanDependents', asBool),
    uid: optional(preconditions, 'uid', asText),
    resourceVersion: optional(preconditions, 'resourceVersion', asText),
    dryRun: dryRun.length > 0,
  };
}

function fromQuery(query: URLSearchParams): DeleteOptions {
  const grace = query.get('gracePeriodSeconds');
  const orphan = query.get('orphanDependents');
  const policy = query.get('propagationPolicy') ?? undefined;
  const dryRun = query.getAll('dryRun').filter((v) => v !== '');
  const orphanDependents = orphan === null ? undefined : parseBool(orphan);
  const gracePeriodSeconds = grace === null || grace === '' ? undefined : parseInt64(grace);
  check(dryRun, policy, orphanDependents);
  return {
    gracePeriodSeconds,
    propagationPolicy: policy,
    orphanDependents,
    uid: undefined,
    resourceVersion: undefined,
    dryRun: dryRun.length > 0,
  };
}

function check(dryRun: readonly string[], policy: string | undefined, orphan: boolean | undefined): void {
  const errors: FieldError[] = [];
  const path = FieldPath.of('propagationPolicy');
  if (policy !== undefined && orphan !== undefined) {
    errors.push(fieldErrors.invalid(path, policy, 'orphanDependents and deletionPropagation cannot be both set'));
  }
  if (policy !== undefined && !POLICIES.includes(policy)) {
    errors.push(fieldErrors.notSupported(path, policy, [...POLICIES, 'nil']));
  }
  errors.push(...checkDryRun(dryRun));
  if (errors.length > 0) throw invalid('DeleteOptions', 'meta.k8s.io', '', errors);
}

const PLAIN: DeleteOptions = {
  gracePeriodSeconds: undefined,
  propagationPolicy: undefined,
  orphanDependents: undefined,
  uid: undefined,
  resourceVersion: undefined,
  dryRun: false,
};

export function parseDeleteOptions(request: WireRequest): DeleteOptions {
  const body = parseBody(request);
  if (body !== undefined) return fromBody(body);
  return request.query.size === 0 ? PLAIN : fromQuery(request.query);
}
