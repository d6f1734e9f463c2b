// Reads bodies: JSON or YAML text into an object of a built-in type (or of none), with Kubernetes' refusals.
import { badRequest } from '../../machinery/errors.ts';
import { goQuote } from '../../machinery/json.ts';
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import { DecodeError, goKind } from './go-errors.ts';
import { Entries, parseJson, plain } from './json-text.ts';
import type { SchemaNode } from './node.ts';
import { Walk } from './walk.ts';
import { yamlToJson } from './yaml.ts';

export interface Decoded {
  readonly object: JsonObject;
  /** Unknown and duplicate fields in Kubernetes' words; the caller refuses, warns, or says nothing. */
  readonly strictErrors: readonly string[];
}

export interface DecodeOptions {
  /** Media type without parameters; JSON when absent. */
  readonly contentType?: string;
  /** What the path says the body is. */
  readonly kind: string;
  readonly apiVersion: string;
  /** Whether there is such a kind; without it, only the kind of the path is. */
  readonly registered?: (apiVersion: string, kind: string) => boolean;
}

/** The first bytes of a body, as Kubernetes shows them in a refusal. */
function summary(body: Uint8Array): string {
  if (body.length === 0) return '<empty>';
  const start = Buffer.from(body.subarray(0, 30));
  const text = body[0] === 0x7b ? start.toString() : start.toString('hex');
  return body.length > 30 ? `${text} ...` : text;
}

function unrecognized(options: DecodeOptions, problem: string, body: Uint8Array): Error {
  return badRequest(
    `the object provided is unrecognized (must be of type ${options.kind}): ${problem} (${summary(body)})`,
  );
}

function fieldOf(value: unknown, name: string): unknown {
  if (value instanceof Entries) return value.list.findLast(([key]) => key === name)?.[1];
  return isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

const TYPE_META =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

interface KindAndVersion {
  readonly kind: string;
  readonly apiVersion: string;
}

/** Kind and version of a parsed body. Throws DecodeError. */
function interpret(value: unknown): KindAndVersion {
  const start = "couldn't get version/kind; json parse error: json: cannot unmarshal";
  if (value === null) return { kind: '', apiVersion: '' };
  if (!isJsonObject(value)) throw new DecodeError(`${start} ${goKind(value)} into Go value of type ${TYPE_META}`);
  const text = (name: string): string => {
    const found = fieldOf(value, name) ?? '';
    if (typeof found !== 'string')
      throw new DecodeError(`${start} ${goKind(plain(found))} into Go struct field .${name} of type string`);
    return found;
  };
  const apiVersion = text('apiVersion');
  if (apiVersion.split('/').length > 2) throw new DecodeError(`unexpected GroupVersion string: ${apiVersion}`);
  return { apiVersion, kind: text('kind') };
}

/** `apps/v1` → `v1`. */
function versionOf(apiVersion: string): string {
  return apiVersion.slice(apiVersion.lastIndexOf('/') + 1);
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
}

function cannotBeHandled(sent: KindAndVersion, options: DecodeOptions, problem: string): Error {
  return badRequest(
    `${sent.kind} in version ${goQuote(versionOf(sent.apiVersion))} cannot be handled as a ${options.kind}: ${problem}`,
  );
}

/** `core` for the group without a name, else the first part of the name: what Go calls the package. */
function internalName(apiVersion: string): string {
  const group = groupOf(apiVersion);
  return group === '' ? 'core' : group.slice(0, group.indexOf('.') < 0 ? undefined : group.indexOf('.'));
}

const SCHEME = 'pkg/api/legacyscheme/scheme.go:30';

function checkKind(sent: KindAndVersion, options: DecodeOptions): void {
  if (sent.kind === options.kind && sent.apiVersion === options.apiVersion) return;
  const registered = options.registered?.(sent.apiVersion, sent.kind) ?? false;
  if (!registered) {
    const problem = `no kind ${goQuote(sent.kind)} is registered for version ${goQuote(sent.apiVersion)} in scheme ${JSON.stringify(SCHEME)}`;
    throw cannotBeHandled(sent, options, problem);
  }
  if (sent.kind === options.kind && groupOf(sent.apiVersion) === groupOf(options.apiVersion)) {
    throw badRequest(
      `the API version in the data (${sent.apiVersion}) does not match the expected API version (${options.apiVersion})`,
    );
  }
  const from = `(v${versionOf(sent.apiVersion).slice(1)}.${sent.kind})`;
  const problem = `converting ${from} to (${internalName(options.apiVersion)}.${options.kind}): unknown conversion`;
  throw cannotBeHandled(sent, options, problem);
}

function parseBody(body: Uint8Array, options: DecodeOptions): { value: unknown; yamlErrors: readonly string[] } {
  try {
    if (options.contentType?.includes('yaml') === true) return yamlToJson(body);
    return { value: parseJson(body), yamlErrors: [] };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    const yaml = options.contentType?.includes('yaml') === true;
    throw unrecognized(
      options,
      yaml ? error.message : `couldn't get version/kind; json parse error: ${error.message}`,
      body,
    );
  }
}

/** Kind and version as sent, with what the path says where the body is silent. */
function kindOf(value: unknown, body: Uint8Array, options: DecodeOptions): KindAndVersion {
  try {
    const sent = interpret(value);
    return {
      kind: sent.kind === '' ? options.kind : sent.kind,
      apiVersion: sent.apiVersion === '' ? options.apiVersion : sent.apiVersion,
    };
  } catch (error) {
    if (error instanceof DecodeError) throw unrecognized(options, error.message, body);
    throw error;
  }
}

/** The body of a write to a built-in kind, as a round trip through Go's types leaves it. Throws a BadRequest in Kubernetes' words. */
export function decode(schema: SchemaNode, body: Uint8Array, options: DecodeOptions): Decoded {
  const { value, yamlErrors } = parseBody(body, options);
  const sent = kindOf(value, body, options);
  checkKind(sent, options);
  try {
    const { object, strictErrors } = decodeValue(schema, value ?? {});
    return { object: withKind(object, sent), strictErrors: [...yamlErrors, ...strictErrors] };
  } catch (error) {
    if (error instanceof DecodeError) throw cannotBeHandled(sent, options, error.message);
    throw error;
  }
}

function withKind(object: JsonObject, sent: KindAndVersion): JsonObject {
  if (object.kind === sent.kind && object.apiVersion === sent.apiVersion) return object;
  return { ...object, apiVersion: sent.apiVersion, kind: sent.kind };
}

function free(body: Uint8Array, options: DecodeOptions): Decoded & { readonly own: KindAndVersion } {
  const { value, yamlErrors } = parseBody(body, options);
  const sent = kindOf(value, body, options);
  const walk = new Walk();
  const kept = walk.free(value);
  const object = withKind(isJsonObject(kept) ? kept : {}, sent);
  return { object, strictErrors: [...yamlErrors, ...walk.strict], own: interpret(value) };
}

/** A body that is kept as sent; duplicate keys are told. Kind and version may be absent in it. */
export function decodeFree(body: Uint8Array, options: DecodeOptions): Decoded {
  const { object, strictErrors } = free(body, options);
  return { object, strictErrors };
}

/** The body of a write to a custom resource: as `decodeFree`, but nothing is known of its kind and version but what it says itself. */
export function decodeCustom(body: Uint8Array, options: DecodeOptions): Decoded {
  const { object, strictErrors, own } = free(body, options);
  if (own.kind === '')
    throw unrecognized(options, `Object 'Kind' is missing in '${Buffer.from(body).toString()}'`, body);
  return { object: withKind(object, own), strictErrors };
}

/** A JSON value (the result of a patch) as a round trip through Go's types leaves it. Throws DecodeError. The value is not changed;
 *  parts that need no change are shared with it. */
export function decodeValue(schema: SchemaNode, value: unknown): Decoded {
  const walk = new Walk();
  const object = walk.value(schema, value);
  if (walk.mismatch !== undefined) throw new DecodeError(walk.mismatch);
  return { object: isJsonObject(object) ? object : {}, strictErrors: walk.strict };
}

/** What a round trip through Go's types leaves of an object: unknown fields and zero values dropped, fields that are always sent
 *  added, quantities and times canonical. Throws DecodeError for values of a wrong type. */
export function normalize<T extends object>(schema: SchemaNode, object: T): T {
  return decodeValue(schema, object).object as T;
}

/** How strict errors are sent as warnings: those of YAML come as one text with a line for each. */
export function strictWarnings(errors: readonly string[]): string[] {
  return errors.flatMap((error) => {
    const lines = /^(?:error converting YAML to JSON: )?yaml: unmarshal errors:\n(.*)$/s.exec(error)?.[1];
    return lines === undefined ? [error] : lines.split('\n').map((l) => l.trim());
  });
}
