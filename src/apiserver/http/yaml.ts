// YAML answers, byte for byte as sigs.k8s.io/yaml writes them: sorted keys, lists not indented.
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import { hasBreaks, yamlNumber, yamlText } from './yaml-scalars.ts';

const STEP = 2;
/** Longer keys are written apart from their values. */
const LONGEST_KEY = 128;
const isLetter = (one: string): boolean => /\p{L}/u.test(one);
const isDigit = (one: string): boolean => /\p{Nd}/u.test(one);

/** Where the digits at `from` end, and what they are worth; `lead` when more of the number stands before. */
function numberAt(runes: readonly string[], from: number, lead: number): { end: number; value: number } {
  let end = from;
  let value = lead;
  while (end < runes.length && isDigit(runes[end] ?? '')) value = value * 10 + Number(runes[end++]);
  return { end, value };
}

/** Two keys from the first character on in which they differ. */
function compareFrom(a: readonly string[], b: readonly string[], at: number): number {
  const x = a[at] ?? '';
  const y = b[at] ?? '';
  const byCode = (x.codePointAt(0) ?? 0) - (y.codePointAt(0) ?? 0);
  const letters = [isLetter(x), isLetter(y)];
  if (letters[0] === true && letters[1] === true) return byCode;
  if (letters[0] === true || letters[1] === true) {
    const afterDigit = at > 0 && isDigit(a[at - 1] ?? '');
    return (letters[0] === true) === afterDigit ? -1 : 1;
  }
  let lead = 0;
  if (x === '0' || y === '0') for (let i = at - 1; i >= 0 && isDigit(a[i] ?? ''); i--) if (a[i] !== '0') lead = 1;
  const left = numberAt(a, at, lead);
  const right = numberAt(b, at, lead);
  return left.value - right.value || left.end - right.end || byCode;
}

/** Numbers in keys count as numbers: `a2` comes before `a10`. */
function compareKeys(a: string, b: string): number {
  const left = [...a];
  const right = [...b];
  for (let i = 0; i < left.length && i < right.length; i++)
    if (left[i] !== right[i]) return compareFrom(left, right, i);
  return left.length - right.length;
}

/** A scalar or something empty, on the line that has begun. */
function inline(value: unknown, column: number, indent: number): string {
  if (typeof value === 'string') return yamlText(value, { column, indent, isKey: false });
  if (typeof value === 'number') return yamlNumber(value);
  if (Array.isArray(value)) return '[]';
  return isJsonObject(value) ? '{}' : String(value);
}

const keysOf = (value: JsonObject): string[] => Object.keys(value).filter((key) => value[key] !== undefined);

function isInline(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return !isJsonObject(value) || keysOf(value).length === 0;
}

/** A list or a map whose first line begins at the column `indent`, where something may stand already. */
function block(value: unknown, indent: number): string {
  const start = `\n${' '.repeat(indent)}`;
  if (Array.isArray(value)) return value.map((item) => `- ${nested(item, indent + STEP, indent)}`).join(start);
  const object = value as JsonObject;
  return keysOf(object)
    .sort(compareKeys)
    .map((key) => member(key, object[key], indent))
    .join(start);
}

/** The item of a list, or the value after a long key's colon. */
function nested(value: unknown, column: number, indent: number): string {
  return isInline(value) ? inline(value, column, indent + STEP) : block(value, column);
}

function member(key: string, value: unknown, indent: number): string {
  const isLong = Buffer.byteLength(key) > LONGEST_KEY || hasBreaks(key);
  const name = yamlText(key, { column: indent, indent: indent + STEP, isKey: !isLong });
  if (isLong) return `? ${name}\n${' '.repeat(indent)}: ${nested(value, indent + STEP, indent)}`;
  if (isInline(value)) return `${name}: ${inline(value, indent + [...name].length + 2, indent + STEP)}`;
  // The items of a list stand below the first letter of its name.
  const at = Array.isArray(value) ? indent : indent + STEP;
  return `${name}:\n${' '.repeat(at)}${block(value, at)}`;
}

export function encodeYaml(value: unknown): string {
  return `${isInline(value) ? inline(value, 0, STEP) : block(value, 0)}\n`;
}
