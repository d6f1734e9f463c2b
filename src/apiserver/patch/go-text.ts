// Prints JSON values as Go's `%v` prints them, because some answers of Kubernetes carry such text.
import { NumberText } from '../../machinery/exact-json.ts';
import { isJsonObject } from '../../machinery/object.ts';

/** `map[a:1 b:[x y]]`, `<nil>`: maps by sorted key. */
export function goText(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (isJsonObject(value) && !(value instanceof NumberText)) {
    const keys = Object.keys(value).sort();
    return `map[${keys.map((key) => `${key}:${goText(value[key])}`).join(' ')}]`;
  }
  return value instanceof NumberText ? value.text : String(value);
}

/** The name of the Go type that decoded JSON has. */
export function goType(value: unknown): string {
  if (value === null || value === undefined) return '%!s(<nil>)';
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  if (typeof value === 'bigint') return 'int64';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'string';
  return 'map[string]interface {}';
}

/** The kind of that type, as reflection names it. */
export function goKind(value: unknown): string {
  if (Array.isArray(value)) return 'slice';
  return isJsonObject(value) ? 'map' : goType(value);
}

/** How encoding/json names a value that did not fit. */
export function jsonKind(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'bigint' || value instanceof NumberText ? 'number' : typeof value;
}
