// JSONPath as printer columns and `kubectl -o jsonpath` fields use it. Source: https://kubernetes.io/docs/reference/kubectl/jsonpath/
import { getOwn } from './json.ts';
import { isJsonObject } from './object.ts';

type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'index'; readonly at: number }
  | {
      readonly kind: 'slice';
      readonly from: number | undefined;
      readonly to: number | undefined;
      readonly step: number;
    }
  | { readonly kind: 'all' }
  | { readonly kind: 'deep' }
  | { readonly kind: 'filter'; readonly left: readonly Step[]; readonly operator: string; readonly right: unknown };

export class JsonPathError extends Error {}

const FIELD = /\.?((?:[^.[\]\\\s]|\\.)+)/y;
const QUOTED = /\[\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*\]/y;
const INDEX = /\[\s*(-?\d+)\s*\]/y;
const SLICE = /\[\s*(-?\d*)\s*:\s*(-?\d*)\s*(?::\s*(-?\d+)\s*)?\]/y;
const ALL = /\[\s*\*\s*\]|\.\*/y;
const FILTER = /\[\?\(\s*@((?:[^=!<>]|\\.)*?)\s*(?:(==|!=|<=|>=|<|>)\s*(.+?))?\s*\)\]/y;

function unquote(text: string): string {
  return text.replace(/\\(.)/g, '$1');
}

function literal(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  const quoted = /^(['"])(.*)\1$/s.exec(text);
  if (quoted !== null) return unquote(quoted[2] ?? '');
  if (text === 'true' || text === 'false') return text === 'true';
  const number = Number(text);
  return Number.isNaN(number) ? text : number;
}

function bound(part: string | undefined): number | undefined {
  return part === undefined || part === '' ? undefined : Number(part);
}

/** What a path may be made of, in the order in which it is tried. */
const PARTS: readonly (readonly [RegExp, (match: RegExpExecArray) => Step])[] = [
  [/\.\.(?=[^.])|\.(?=\.)/y, () => ({ kind: 'deep' })],
  [ALL, () => ({ kind: 'all' })],
  [QUOTED, (m) => ({ kind: 'field', name: unquote(m[1] ?? m[2] ?? '') })],
  [INDEX, (m) => ({ kind: 'index', at: Number(m[1]) })],
  [SLICE, (m) => ({ kind: 'slice', from: bound(m[1]), to: bound(m[2]), step: bound(m[3]) ?? 1 })],
  [FILTER, (m) => ({ kind: 'filter', left: parse(m[1] ?? ''), operator: m[2] ?? '', right: literal(m[3]) })],
  [FIELD, (m) => ({ kind: 'field', name: unquote(m[1] ?? '') })],
];

function stepAt(text: string, at: number): { step: Step; next: number } {
  for (const [pattern, make] of PARTS) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) {
      const next = pattern.lastIndex;
      return { step: make(match), next };
    }
  }
  throw new JsonPathError(`unrecognized character in path: ${text.slice(at)}`);
}

function parse(text: string): Step[] {
  const steps: Step[] = [];
  let at = text.startsWith('$') ? 1 : 0;
  while (at < text.length && text.slice(at) !== '.') {
    const { step, next } = stepAt(text, at);
    steps.push(step);
    at = next;
  }
  return steps;
}

function children(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  return isJsonObject(value) ? Object.values(value) : [];
}

function deep(value: unknown): unknown[] {
  return [value, ...children(value).flatMap(deep)];
}

function slice(list: readonly unknown[], step: Extract<Step, { kind: 'slice' }>): unknown[] {
  const bound = (n: number): number => (n < 0 ? list.length + n : n);
  const part = list.slice(bound(step.from ?? 0), bound(step.to ?? list.length));
  return part.filter((_, i) => i % step.step === 0);
}

function passes(item: unknown, step: Extract<Step, { kind: 'filter' }>): boolean {
  const left = walk(step.left, [item]);
  if (step.operator === '') return left.length > 0;
  const value = left[0];
  const { right } = step;
  switch (step.operator) {
    case '==':
      return value === right;
    case '!=':
      return left.length > 0 && value !== right;
    default:
      return typeof value === typeof right && compare(value as number, right as number, step.operator);
  }
}

function compare(a: number, b: number, operator: string): boolean {
  if (operator === '<') return a < b;
  if (operator === '>') return a > b;
  return operator === '<=' ? a <= b : a >= b;
}

function take(step: Step, value: unknown): unknown[] {
  switch (step.kind) {
    case 'field': {
      const found = isJsonObject(value) ? getOwn(value, step.name) : undefined;
      return found === undefined ? [] : [found];
    }
    case 'index': {
      if (!Array.isArray(value)) return [];
      const at = step.at < 0 ? value.length + step.at : step.at;
      return at >= 0 && at < value.length ? [value[at]] : [];
    }
    case 'slice':
      return Array.isArray(value) ? slice(value, step) : [];
    case 'all':
      return children(value);
    case 'deep':
      return deep(value);
    case 'filter':
      return Array.isArray(value) ? value.filter((item) => passes(item, step)) : [];
  }
}

function walk(steps: readonly Step[], start: readonly unknown[]): unknown[] {
  let values: unknown[] = [...start];
  for (const step of steps) values = values.flatMap((value) => take(step, value));
  return values;
}

/** Compiles `.spec.list[?(@.type=="Ready")].status`; the function gives all values found, none for missing keys. Throws JsonPathError. */
export function compileJsonPath(text: string): (value: unknown) => unknown[] {
  const steps = parse(text.trim().replace(/^\{(.*)\}$/s, '$1'));
  return (value) => walk(steps, [value]);
}
