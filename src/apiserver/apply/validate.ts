// Checks an applied configuration against its schema, in the words of the library that Kubernetes uses for it (structured-merge-diff).
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import { goText } from '../patch/index.ts';
import { ItemKeyError, itemKey, stepText } from './path-element.ts';
import type { Plan, ScalarKind } from './plan.ts';

interface Problem {
  readonly path: string;
  readonly message: string;
}

/** What is wrong with the object, as one text; undefined when nothing is. */
export function typingErrors(plan: Plan, object: JsonObject, allow = { duplicates: false }): string | undefined {
  const problems: Problem[] = [];
  check(plan, object, { path: '', problems, duplicates: allow.duplicates });
  const texts = problems.map((p) => (p.path === '' ? p.message : `${p.path}: ${p.message}`));
  if (texts.length === 0) return undefined;
  return texts.length === 1 ? texts[0] : ['errors:', ...texts.map((text) => `  ${text}`)].join('\n');
}

interface At {
  readonly path: string;
  readonly problems: Problem[];
  /** Whether items of a list may have the same key. */
  readonly duplicates: boolean;
}

function below(at: At, step: string): At {
  return { ...at, path: at.path + step };
}

function check(plan: Plan, value: unknown, at: At): void {
  if (value === null || value === undefined) return;
  if (plan.kind === 'map') checkMap(plan, value, at);
  else if (plan.kind === 'list') checkList(plan, value, at);
  else if (plan.kind === 'scalar') checkScalar(plan.scalar, value, at);
}

function checkMap(plan: Plan, value: unknown, at: At): void {
  if (!isJsonObject(value)) {
    at.problems.push({ path: at.path, message: `expected map, got ${shown(value)}` });
    return;
  }
  for (const name of Object.keys(value)) {
    const field = plan.at(name);
    if (field === undefined) {
      at.problems.push({ path: `${at.path}.${name}`, message: 'field not declared in schema' });
      return;
    }
    check(field, value[name], below(at, `.${name}`));
  }
}

function checkList(plan: Plan, value: unknown, at: At): void {
  if (!Array.isArray(value)) {
    at.problems.push({ path: at.path, message: `expected list, got ${shown(value)}` });
    return;
  }
  const seen = new Set<string>();
  for (const [i, item] of value.entries()) {
    let key = `i:${i}`;
    if (!plan.atomic) {
      try {
        key = itemKey(plan, item);
      } catch (error) {
        if (!(error instanceof ItemKeyError)) throw error;
        at.problems.push({ path: at.path, message: `element ${i}: ${error.message}` });
        return;
      }
      if (seen.has(key) && !at.duplicates) {
        at.problems.push({ path: at.path, message: `duplicate entries for key ${stepText(key)}` });
      }
      seen.add(key);
    }
    if (plan.items !== undefined) check(plan.items, item, below(at, stepText(key)));
  }
}

function checkScalar(kind: ScalarKind, value: unknown, at: At): void {
  const problem = scalarProblem(kind, value);
  if (problem !== undefined) at.problems.push({ path: at.path, message: problem });
}

function scalarProblem(kind: ScalarKind, value: unknown): string | undefined {
  if (kind === 'string') {
    return typeof value === 'string'
      ? undefined
      : `expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`;
  }
  if (kind === 'numeric') {
    return typeof value === 'number' || typeof value === 'bigint'
      ? undefined
      : `expected numeric (int or float), got ${goTypeName(value)}`;
  }
  if (kind === 'boolean') return typeof value === 'boolean' ? undefined : `expected boolean, got ${shown(value)}`;
  return typeof value === 'object' ? `expected any scalar, got ${shown(value)}` : undefined;
}

/** `&{5}`, as Go prints a pointer to a structure with one field. */
function shown(value: unknown): string {
  return `&{${goText(value)}}`;
}

function goSyntax(value: unknown): string {
  if (value === null || value === undefined) return 'interface {}(nil)';
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(', ')}}`;
  if (!isJsonObject(value)) return typeof value === 'string' ? JSON.stringify(value) : String(value);
  const pairs = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${goSyntax(value[key])}`);
  return `map[string]interface {}{${pairs.join(', ')}}`;
}

function goTypeName(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}';
  if (isJsonObject(value)) return 'map[string]interface {}';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
