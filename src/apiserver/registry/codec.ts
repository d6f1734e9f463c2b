// Reads objects from the wire over the schema engine: bodies, results of patches, and what strict checking found in them.

import { ApiError, badRequest, isApiError } from '../../machinery/errors.ts';
import { parseExact, parseSpelled } from '../../machinery/exact-json.ts';
import { deepClone, goQuote } from '../../machinery/json.ts';
import { isJsonObject, type JsonObject, type KubeObject } from '../../machinery/object.ts';
import { apiVersionOf } from '../../resources/definition.ts';
import {
  builtinSchema,
  DecodeError,
  decode,
  decodeCustom,
  decodeFree,
  decodeValue,
  findBuiltinSchema,
  type SchemaNode,
  strictWarnings,
} from '../../resources/schema/index.ts';
import { readCustom } from '../crd/wire.ts';
import type { MediaType } from '../http/negotiation.ts';
import { holdsLarge, jsonKind, restoreError, restoreIntegers, unknownMembers } from '../patch/index.ts';
import { decodeObject, hasProtobuf, PROTOBUF } from '../protobuf/index.ts';
import { checkYamlSize } from '../verbs/body.ts';
import type { Catalog, CatalogEntry } from './catalog.ts';
import type { FieldValidation } from './options.ts';
import { untouched } from './unchanged.ts';

export interface Decoded {
  readonly object: KubeObject;
  /** What strict checking found, in Kubernetes' words. */
  readonly strict: readonly string[];
}

export function schemaOf(entry: CatalogEntry): SchemaNode {
  return entry.schema ?? builtinSchema(entry.row.schema);
}

function withMetadata(object: Record<string, unknown>): KubeObject {
  if (object.metadata === undefined) object.metadata = {};
  return object as unknown as KubeObject;
}

/** The body of a write. Throws a BadRequest in Kubernetes' words. */
export function decodeBody(entry: CatalogEntry, catalog: Catalog, body: Uint8Array, contentType: MediaType): Decoded {
  const decoded = decodeAny(entry, catalog, body, contentType);
  const problem = entry.row.unreadable?.(decoded.object);
  if (problem !== undefined) throw notHandled({ kind: entry.row.kind, apiVersion: apiVersionOf(entry.row) }, problem);
  return decoded;
}

function decodeAny(entry: CatalogEntry, catalog: Catalog, body: Uint8Array, contentType: MediaType): Decoded {
  if (contentType === PROTOBUF) return decodeProtobuf(entry, body);
  if (contentType === 'application/yaml') checkYamlSize(body);
  const options = {
    contentType,
    kind: entry.row.kind,
    apiVersion: apiVersionOf(entry.row),
    registered: (apiVersion: string, kind: string) => isRegistered(catalog, apiVersion, kind),
  };
  if (entry.custom) {
    const free = decodeCustom(body, options);
    if (free.object.apiVersion !== options.apiVersion) {
      throw badRequest(
        `the API version in the data (${String(free.object.apiVersion)}) does not match the expected API version (${options.apiVersion})`,
      );
    }
    return readOr(
      (problem) => notHandled(options, problem),
      () => customDecoded(entry, free.object, free.strictErrors),
    );
  }
  const decoded = decode(schemaOf(entry), body, options);
  return { object: withMetadata(decoded.object), strict: decoded.strictErrors };
}

function notHandled(to: { kind: string; apiVersion: string }, problem: string): ApiError {
  const version = goQuote(to.apiVersion.slice(to.apiVersion.indexOf('/') + 1));
  return badRequest(`${to.kind} in version ${version} cannot be handled as a ${to.kind}: ${problem}`);
}

function readOr(refuse: (problem: string) => ApiError, read: () => Decoded): Decoded {
  try {
    return read();
  } catch (error) {
    throw error instanceof DecodeError ? refuse(error.message) : error;
  }
}

/** A custom resource as the schema of its version has it. The object is private and is changed. */
function customDecoded(entry: CatalogEntry, object: Record<string, unknown>, strict: readonly string[]): Decoded {
  const read = readCustom(schemaOf(entry), object);
  return { object: withMetadata(read.object), strict: [...strict, ...read.strict] };
}

/** What an apply made, as its type takes it; `refuse` words what it does not take. */
export function decodeApplied(
  entry: CatalogEntry,
  { applied, merged }: { readonly applied: JsonObject; readonly merged: JsonObject },
  refuse: (problem: string) => ApiError,
): KubeObject {
  if (!entry.custom) {
    const schema = schemaOf(entry);
    const problem = holdsLarge(applied) ? restoreError(merged, schema) : undefined;
    if (problem !== undefined) throw refuse(problem);
    return decodePatched(entry, restoreIntegers(merged, applied, schema), refuse).object;
  }
  return readOr(refuse, () => {
    const read = readCustom(schemaOf(entry), deepClone(merged), 'keep');
    return { object: withMetadata(read.object), strict: [] };
  }).object;
}

function decodeProtobuf(entry: CatalogEntry, body: Uint8Array): Decoded {
  const { kind } = entry.row;
  if (entry.custom || !hasProtobuf(entry.row.schema)) {
    throw new ApiError({
      reason: 'UnsupportedMediaType',
      message:
        'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml',
    });
  }
  try {
    const decoded = decodeObject(entry.row.schema, body);
    const sent = decoded.kind === '' ? kind : decoded.kind;
    const apiVersion = decoded.apiVersion === '' ? apiVersionOf(entry.row) : decoded.apiVersion;
    if (sent !== kind || apiVersion !== apiVersionOf(entry.row)) {
      const problem = `no kind ${goQuote(sent)} is registered for version ${goQuote(apiVersion)} in scheme "pkg/api/legacyscheme/scheme.go:30"`;
      throw badRequest(`${sent} in version ${goQuote(apiVersion)} cannot be handled as a ${kind}: ${problem}`);
    }
    return { object: withMetadata({ ...decoded.object, kind, apiVersion }), strict: [] };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw badRequest(`the object provided is unrecognized (must be of type ${kind}): ${error.message}`);
  }
}

/** Old versions are known to Kubernetes' scheme long after they stopped being served. */
function isRegistered(catalog: Catalog, apiVersion: string, kind: string): boolean {
  const slash = apiVersion.indexOf('/');
  const group = slash < 0 ? '' : apiVersion.slice(0, slash);
  const version = apiVersion.slice(slash + 1);
  const entry = catalog.findKind(group, version, kind.endsWith('List') ? kind.slice(0, -4) : kind);
  if (entry !== undefined) return !entry.custom || catalog.findKind(group, version, kind) !== undefined;
  const name = group === '' ? 'core' : (group.split('.')[0] ?? '');
  return findBuiltinSchema(`io.k8s.api.${name}.${version}.${kind}`) !== undefined;
}

const NO_KIND = "couldn't get version/kind; json parse error: json: cannot unmarshal";
const TYPE_META =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

/** Why the kind that a patch gave an object cannot be its kind; undefined when it can. */
export function kindProblem(entry: CatalogEntry, catalog: Catalog, value: unknown): string | undefined {
  if (!isJsonObject(value)) return `${NO_KIND} ${jsonKind(value)} into Go value of type ${TYPE_META}`;
  const { row } = entry;
  const { kind = '', apiVersion = '' } = value;
  if (kind === row.kind && apiVersion === apiVersionOf(row)) return undefined;
  for (const [name, one] of Object.entries({ apiVersion, kind })) {
    if (typeof one === 'string' || one === null) continue;
    return `${NO_KIND} ${jsonKind(one)} into Go struct field .${name} of type string`;
  }
  const version = typeof apiVersion === 'string' && apiVersion !== '' ? apiVersion : apiVersionOf(row);
  if (version.split('/').length > 2) return `unexpected GroupVersion string: ${version}`;
  const named = typeof kind === 'string' && kind !== '' ? kind : row.kind;
  if (named === row.kind && version === apiVersionOf(row)) return undefined;
  if (!isRegistered(catalog, version, named))
    return `no kind ${JSON.stringify(named)} is registered for version ${JSON.stringify(version)} in scheme "pkg/api/legacyscheme/scheme.go:30"`;
  const group = row.group === '' ? 'core' : (row.group.split('.')[0] ?? '');
  return `converting (${version.slice(version.indexOf('/') + 1)}.${named}) to (${group}.${row.kind}): unknown conversion`;
}

/** `managedFields: []`, which clears the owners, where decoding leaves nothing. */
export function clearsOwners(value: unknown): boolean {
  const metadata = isJsonObject(value) ? value.metadata : undefined;
  return isJsonObject(metadata) && Array.isArray(metadata.managedFields) && metadata.managedFields.length === 0;
}

/** The result of a patch, as its type takes it; `refuse` words what it does not take. */
export function decodePatched(entry: CatalogEntry, value: unknown, refuse: (problem: string) => ApiError): Decoded {
  return readOr(refuse, () => {
    if (entry.custom) return customDecoded(entry, deepClone(value as Record<string, unknown>), []);
    const decoded = decodeValue(schemaOf(entry), value);
    const object = withMetadata(decoded.object);
    const problem = entry.row.unreadable?.(object);
    if (problem !== undefined) throw new DecodeError(problem);
    return { object, strict: decoded.strictErrors };
  });
}

/** The same for a patch of `old`; what it did not touch was read when it was written. */
export function decodePatchOf(
  entry: CatalogEntry,
  { old, result }: { readonly old: KubeObject; readonly result: unknown },
  refuse: (problem: string) => ApiError,
): Decoded {
  const kept = entry.custom ? {} : untouched(result, old);
  if (!isJsonObject(result) || Object.keys(kept).length === 0) return decodePatched(entry, result, refuse);
  const touched = Object.fromEntries(Object.entries(result).filter(([name]) => kept[name] === undefined));
  const { object, strict } = decodePatched(entry, touched, refuse);
  const parts = { ...object, ...kept } as unknown as JsonObject;
  const names = new Set([...Object.keys(result), ...Object.keys(parts)]);
  const whole: JsonObject = {};
  for (const name of names) if (parts[name] !== undefined) whole[name] = parts[name];
  return { object: whole as unknown as KubeObject, strict };
}

type PatchKind = 'json' | 'merge' | 'strategic';

/** The JSON of a patch, and the duplicate keys and unknown members in it. */
export function parsePatch(
  body: Uint8Array,
  kind: PatchKind,
  { validation, custom }: { readonly validation: FieldValidation; readonly custom: boolean },
): { value: unknown; strict: readonly string[]; lenient: boolean } {
  const lenient = validation === 'Ignore';
  let value: unknown;
  try {
    const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
    // What a strategic patch or a custom resource has are numbers; the others are spliced into JSON for a type.
    value = custom || kind === 'strategic' ? parseExact(text) : parseSpelled(text);
  } catch {
    throw badRequest(malformedPatch(body, kind, lenient));
  }
  if (lenient) return { value, strict: [], lenient };
  if (kind === 'json') return { value, strict: [...unknownMembers(value), ...duplicateMembers(body)], lenient };
  return { value, strict: isJsonObject(value) ? duplicatesIn(body) : [], lenient };
}

/** A patch need not say of what kind it is, and what it says may be wrong: that is told of what it makes. */
function duplicatesIn(body: Uint8Array): readonly string[] {
  try {
    return decodeFree(body, { kind: 'Patch', apiVersion: 'v1', registered: () => true }).strictErrors;
  } catch (error) {
    if (isApiError(error)) return [];
    throw error;
  }
}

/** Those in the operations of a JSON patch. */
function duplicateMembers(body: Uint8Array): string[] {
  const wrapped = Buffer.concat([Buffer.from('{"_":'), body, Buffer.from('}')]);
  return duplicatesIn(wrapped).map((problem) => `json patch ${problem.replace('"_[', '"[')}`);
}

function malformedPatch(body: Uint8Array, kind: PatchKind, lenient: boolean): string {
  const problem = syntaxProblem(body);
  if (lenient && kind === 'merge') return 'Invalid JSON Patch';
  return lenient || kind === 'strategic' ? problem : `error decoding patch: ${problem}`;
}

/** The syntax error in Go's words, as the schema engine finds it. */
export function syntaxProblem(body: Uint8Array): string {
  try {
    decodeFree(body, { kind: '', apiVersion: '' });
  } catch (error) {
    const found = error instanceof Error ? /json parse error: (.*) \(.*\)$/s.exec(error.message)?.[1] : undefined;
    if (found !== undefined) return found;
  }
  return 'invalid JSON';
}

/** Warns or refuses, as `fieldValidation` says. */
export function reportStrict(
  decoded: Decoded,
  validation: FieldValidation,
  out: { readonly warnings: string[]; readonly refuse: (text: string) => ApiError },
): KubeObject {
  if (decoded.strict.length === 0 || validation === 'Ignore') return decoded.object;
  if (validation === 'Strict') throw out.refuse(`strict decoding error: ${decoded.strict.join(', ')}`);
  out.warnings.push(...strictWarnings(decoded.strict));
  return decoded.object;
}
