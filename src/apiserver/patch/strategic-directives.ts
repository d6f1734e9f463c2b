// The directives of a strategic merge patch: keys that say how to merge instead of what.
import { badRequest } from '../../machinery/errors.ts';
import { setOwn } from '../../machinery/json.ts';
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';

export const DIRECTIVE = '$patch';
export const RETAIN_KEYS = '$retainKeys';
export const DELETE_LIST_PREFIX = '$deleteFromPrimitiveList';
export const ORDER_PREFIX = '$setElementOrder';

/** `containers` of `$setElementOrder/containers`. */
export function directiveTarget(key: string, prefix: string): string {
  const slash = key.indexOf('/');
  if (slash >= 0 && key.slice(0, slash) === prefix) return key.slice(slash + 1);
  throw badRequest(`invalid patch format of ${prefix === ORDER_PREFIX ? 'setElementOrder' : 'primitive'} list`);
}

/** Undefined for an object that bears a directive: it is not kept at all. */
export function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((item) => item !== undefined);
  if (!isJsonObject(value)) return value;
  if (Object.hasOwn(value, DIRECTIVE)) return undefined;
  const kept: JsonObject = {};
  for (const key of Object.keys(value)) {
    const plain = value[key] === null ? undefined : withoutDirectives(value[key]);
    if (plain !== undefined) setOwn(kept, key, plain);
  }
  return kept;
}
