// The operations of a JSON patch: read as strictly as fields are validated.
import { type ApiError, badRequest } from '../../machinery/errors.ts';
import { getOwn, goQuote } from '../../machinery/json.ts';
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import { decodingError, tooManyOperations } from './errors.ts';
import { jsonKind } from './go-text.ts';

const MAX_OPERATIONS = 10_000;
const MEMBERS: ReadonlySet<string> = new Set(['op', 'path', 'from', 'value']);

export interface Operation {
  readonly op: string;
  readonly path: string | undefined;
  readonly from: string | undefined;
  readonly value: unknown;
}

/** What Kubernetes does not look for when fields are not validated, and the library takes. */
function readLeniently(operations: unknown): Operation[] {
  const refuse = (value: unknown, type: string): ApiError =>
    badRequest(`json: cannot unmarshal ${jsonKind(value)} into Go value of type jsonpatch.${type}`);
  if (!Array.isArray(operations)) throw refuse(operations, 'Patch');
  return operations.map((item): Operation => {
    if (item !== null && !isJsonObject(item)) throw refuse(item, 'Operation');
    const word = (field: string): string | undefined => {
      const value = item === null ? undefined : getOwn(item, field);
      return typeof value === 'string' ? value : undefined;
    };
    // An operation that is none is unknown when it is carried out.
    const value = item === null ? undefined : getOwn(item, 'value');
    return { op: word('op') ?? 'unknown', path: word('path'), from: word('from'), value };
  });
}

/** Members of operations that mean nothing, in Kubernetes' words. */
export function unknownMembers(operations: unknown): string[] {
  if (!Array.isArray(operations)) return [];
  return operations.flatMap((item, i) =>
    isJsonObject(item)
      ? Object.keys(item)
          .filter((key) => !MEMBERS.has(key))
          .map((key) => `json patch unknown field ${goQuote(`[${i}].${key}`)}`)
      : [],
  );
}

export function readOperations(operations: unknown, lenient: boolean): Operation[] {
  if (operations === null) return [];
  const list = lenient ? readLeniently(operations) : readStrictly(operations);
  if (list.length > MAX_OPERATIONS) throw tooManyOperations(MAX_OPERATIONS, list.length);
  return list;
}

function readStrictly(operations: unknown): Operation[] {
  if (!Array.isArray(operations)) {
    throw decodingError(`json: cannot unmarshal ${jsonKind(operations)} into Go value of type []handlers.jsonPatchOp`);
  }
  return operations.map(readOperation);
}

function readOperation(item: unknown): Operation {
  if (item === null) return { op: '', path: undefined, from: undefined, value: undefined };
  if (!isJsonObject(item)) {
    throw decodingError(`json: cannot unmarshal ${jsonKind(item)} into Go value of type handlers.jsonPatchOp`);
  }
  return {
    op: text(item, 'op') ?? '',
    path: text(item, 'path'),
    from: text(item, 'from'),
    value: getOwn(item, 'value'),
  };
}

function text(item: JsonObject, field: string): string | undefined {
  const value = getOwn(item, field);
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  const what = `json: cannot unmarshal ${jsonKind(value)} into Go struct field jsonPatchOp.${field} of type string`;
  throw decodingError(what);
}
