// DeleteOptions, from the body or the query.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/delete-options/

import { badRequest, isApiError } from '../../machinery/errors.ts';
import { type FieldError, FieldPath, fieldErrors, invalid } from '../../machinery/field-error.ts';
import type { WireRequest } from '../../machinery/http.ts';
import type { Int64 } from '../../machinery/int64.ts';
import type { JsonObject } from '../../machinery/object.ts';
import type { DeleteOptions as SentOptions } from '../../resources/generated/meta-v1.ts';
import { builtinSchema, DecodeError, decode, decodeFree } from '../../resources/schema/index.ts';
import { inputType } from '../http/negotiation.ts';
import { decodeObject, PROTOBUF } from '../protobuf/index.ts';
import { checkDryRun, parseBool, parseInt64 } from '../registry/options.ts';
import { bodyOf, checkYamlSize } from './body.ts';

export interface DeleteOptions {
  readonly gracePeriodSeconds: Int64 | undefined;
  readonly propagationPolicy: string | undefined;
  readonly orphanDependents: boolean | undefined;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly dryRun: boolean;
  /** What was said, as admission is told of it. */
  readonly sent: JsonObject;
}

const POLICIES = ['Foreground', 'Background', 'Orphan'];

const SCHEMA = 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions';
const WRAPPED =
  /^(?:the object provided is unrecognized \(must be of type DeleteOptions\): (.*) \(.*\)|DeleteOptions in version "[^"]*" cannot be handled as a DeleteOptions: (.*))$/s;

/** Options are read before anybody knows what they are for: what is wrong with them is told as it is. */
function bare(error: unknown): unknown {
  if (!isApiError(error, 'BadRequest')) return error;
  const found = WRAPPED.exec(error.message);
  return found === null ? error : badRequest(found[1] ?? found[2] ?? '');
}

/** Every group has DeleteOptions of its own, all alike. */
function checkKind(object: JsonObject): void {
  const { kind, apiVersion } = object;
  if (kind === 'DeleteOptions') return;
  const shown = `${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`;
  throw badRequest(
    `no kind ${shown} in scheme "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27"`,
  );
}

function parseBody(request: WireRequest): JsonObject | undefined {
  const body = bodyOf(request);
  if (body.length === 0) return undefined;
  const contentType = inputType(request.headers['content-type']);
  if (contentType === PROTOBUF) return readProtobuf(body);
  if (contentType === 'application/yaml') checkYamlSize(body);
  try {
    const options = { kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/v1', contentType, registered: () => true };
    const free = decodeFree(body, options).object;
    checkKind(free);
    const typed = decode(builtinSchema(SCHEMA), body, { ...options, apiVersion: String(free.apiVersion) }).object;
    return { ...typed, apiVersion: options.apiVersion };
  } catch (error) {
    throw bare(error);
  }
}

function readProtobuf(body: Uint8Array): JsonObject {
  try {
    return decodeObject(SCHEMA, body).object;
  } catch (error) {
    throw error instanceof DecodeError ? badRequest(error.message) : error;
  }
}

function fromBody(body: JsonObject): DeleteOptions {
  const sent = body as unknown as SentOptions;
  const dryRun = sent.dryRun ?? [];
  checkDeleteOptions(dryRun, sent.propagationPolicy, sent.orphanDependents);
  return {
    gracePeriodSeconds: sent.gracePeriodSeconds,
    propagationPolicy: sent.propagationPolicy,
    orphanDependents: sent.orphanDependents,
    uid: sent.preconditions?.uid,
    resourceVersion: sent.preconditions?.resourceVersion,
    dryRun: dryRun.length > 0,
    sent: body,
  };
}

function fromQuery(query: URLSearchParams): DeleteOptions {
  const grace = query.get('gracePeriodSeconds');
  const orphan = query.get('orphanDependents');
  const policy = query.get('propagationPolicy') ?? undefined;
  const dryRun = query.getAll('dryRun');
  const orphanDependents = orphan === null ? undefined : parseBool(orphan);
  const gracePeriodSeconds = grace === null ? undefined : parseInt64(grace);
  checkDeleteOptions(dryRun, policy, orphanDependents);
  const uid = query.get('uid') ?? undefined;
  const resourceVersion = query.get('resourceVersion') ?? undefined;
  const preconditions = {
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
  return {
    gracePeriodSeconds,
    propagationPolicy: policy,
    orphanDependents,
    uid,
    resourceVersion,
    dryRun: dryRun.length > 0,
    sent: {
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
      ...(Object.keys(preconditions).length === 0 ? {} : { preconditions }),
      ...(orphanDependents === undefined ? {} : { orphanDependents }),
      ...(policy === undefined ? {} : { propagationPolicy: policy }),
      ...(dryRun.length === 0 ? {} : { dryRun }),
    },
  };
}

/** Also for the options in an eviction. */
export function checkDeleteOptions(
  dryRun: readonly string[],
  policy: string | undefined,
  orphan: boolean | undefined,
): void {
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
  sent: {},
};

export function parseDeleteOptions(request: WireRequest): DeleteOptions {
  const body = parseBody(request);
  if (body !== undefined) return fromBody(body);
  return request.query.size === 0 ? PLAIN : fromQuery(request.query);
}
