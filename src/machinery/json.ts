// Safe handling of JSON values: keys like `__proto__` are data, copies are deep, comparison is by value.
import { jsonText } from './exact-json.ts';
import { isJsonObject, type JsonObject } from './object.ts';

const encoder = new TextEncoder();

/** Sets an own property, whatever its name: plain assignment to `__proto__` would change the prototype. */
export function setOwn(object: object, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  else (object as Record<string, unknown>)[key] = value;
}

/** An own property, or undefined: never something inherited (`constructor`, `toString`). */
export function getOwn(object: object, key: string): unknown {
  return Object.hasOwn(object, key) ? (object as Record<string, unknown>)[key] : undefined;
}

export function deepClone<T>(value: T): T {
  return clone(value) as T;
}

function clone(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  // Not pushed one by one: such a list keeps room for sixteen more.
  if (Array.isArray(value)) return value.map(clone);
  const out: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const item = clone((value as Record<string, unknown>)[key]);
    if (key === '__proto__') setOwn(out, key, item);
    else out[key] = item;
  }
  return out;
}

/** Equality of JSON values; a key that holds undefined counts as absent. */
export function deepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    for (let i = 0; i < a.length; i++) if (!deepEqual(a[i], b[i])) return false;
    return true;
  }
  if (Array.isArray(b)) return false;
  return equalObjects(a as JsonObject, b as JsonObject);
}

function equalObjects(a: JsonObject, b: JsonObject): boolean {
  let count = 0;
  for (const key of Object.keys(a)) {
    if (a[key] === undefined) continue;
    count++;
    if (!Object.hasOwn(b, key) || !deepEqual(a[key], b[key])) return false;
  }
  for (const key of Object.keys(b)) if (b[key] !== undefined) count--;
  return count === 0;
}

/** Makes a value and all in it unchangeable. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const item of Object.values(value)) deepFreeze(item);
  }
  return value;
}

/** JSON text as UTF-8 bytes. */
export function encodeJson(value: unknown): Uint8Array {
  return encoder.encode(jsonText(value));
}

/** The value at a path of keys, or undefined. */
export function getPath(value: unknown, path: readonly (string | number)[]): unknown {
  let at: unknown = value;
  for (const part of path) {
    if (typeof part === 'number') at = Array.isArray(at) ? at[part] : undefined;
    else at = isJsonObject(at) ? getOwn(at, part) : undefined;
    if (at === undefined) return undefined;
  }
  return at;
}

/** The value at a dotted path (`spec.replicas`); keys that hold dots cannot be named so. */
export function getDotted(value: unknown, path: string): unknown {
  return getPath(
    value,
    path.split('.').filter((p) => p !== ''),
  );
}

/** Sets the value at a path of keys, making the objects on the way; undefined takes the key away. */
export function setPath(target: JsonObject, path: readonly string[], value: unknown): void {
  const last = path[path.length - 1];
  if (last === undefined) return;
  let at: JsonObject = target;
  for (const part of path.slice(0, -1)) {
    const next = getOwn(at, part);
    if (isJsonObject(next)) {
      at = next;
      continue;
    }
    if (value === undefined) return;
    const made: JsonObject = {};
    setOwn(at, part, made);
    at = made;
  }
  if (value === undefined) delete at[last];
  else setOwn(at, last, value);
}

export function setDotted(target: JsonObject, path: string, value: unknown): void {
  setPath(
    target,
    path.split('.').filter((p) => p !== ''),
    value,
  );
}

/** JSON with the keys of every object in order: equal values give equal texts. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((v) => canonicalJson(v ?? null)).join(',')}]`;
  if (!isJsonObject(value)) return jsonText(value) ?? 'null';
  const parts = Object.keys(value)
    .filter((k) => value[k] !== undefined)
    .sort()
    .map((k) => `${JSON.stringify(k)}:${canonicalJson(value[k])}`);
  return `{${parts.join(',')}}`;
}

/** A value as Go's JSON encoder writes it: fit for HTML. */
export function goJson(value: unknown): string {
  return jsonText(value).replace(/[<>&\u2028\u2029]/g, (ch) => `\\u${ch.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A string as Go's %q prints it. */
export function goQuote(text: string): string {
  if (/^[ !#-[\]-~]*$/.test(text)) return `"${text}"`;
  let out = '"';
  for (const ch of text) out += quoteRune(ch);
  return `${out}"`;
}

const ESCAPES: Record<string, string> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '"': '\\"',
  '\\': '\\\\',
};

function quoteRune(ch: string): string {
  const known = ESCAPES[ch];
  if (known !== undefined) return known;
  const code = ch.codePointAt(0) ?? 0;
  if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code < 0x7f || /[\p{L}\p{M}\p{N}\p{P}\p{S}]/u.test(ch)) return ch;
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`;
}
