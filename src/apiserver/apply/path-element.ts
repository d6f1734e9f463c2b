// The steps of a field's path: how an item of a list is told from its siblings, and how people read a path.
import { jsonText, parseExact } from '../../machinery/exact-json.ts';
import { goQuote } from '../../machinery/json.ts';
import { isJsonObject } from '../../machinery/object.ts';
import { type FieldSet, hasChildren, isMember } from './field-set.ts';
import type { Plan } from './plan.ts';

/** An item that cannot be told from its siblings. */
export class ItemKeyError extends Error {}

/** `k:{"name":"c"}` or `v:"x"`. Throws ItemKeyError. */
export function itemKey(list: Plan, item: unknown): string {
  return list.keys === undefined ? setItemKey(item) : mapItemKey(list, item);
}

function setItemKey(item: unknown): string {
  if (item === null || item === undefined) {
    throw new ItemKeyError("associative list without keys has an element that's an explicit null");
  }
  if (Array.isArray(item)) throw new ItemKeyError('not supported: associative list with lists as elements');
  if (typeof item === 'object') {
    throw new ItemKeyError("associative list without keys has an element that's a map type");
  }
  return `v:${jsonText(item)}`;
}

function mapItemKey(list: Plan, item: unknown): string {
  if (item === null || item === undefined) {
    throw new ItemKeyError('associative list with keys may not have a null element');
  }
  if (!isJsonObject(item)) throw new ItemKeyError('associative list with keys may not have non-map elements');
  let text = '';
  for (const key of list.keys ?? []) {
    const value = Object.hasOwn(item, key.name) ? item[key.name] : key.default;
    if (value === undefined) continue;
    if (text !== '') text += ',';
    text += key.text + jsonText(value);
  }
  if (text === '') throw new ItemKeyError(omitsAllKeys(list));
  return `k:{${text}}`;
}

function omitsAllKeys(list: Plan): string {
  const names = (list.keys ?? []).map((key) => JSON.stringify(key.name)).join(' ');
  return `associative list with keys has an element that omits all key fields [${names}] (and doesn't have default values for any key fields)`;
}

/** Like `itemKey`, but undefined where that throws: for what is stored already. */
export function tryItemKey(list: Plan, item: unknown): string | undefined {
  try {
    return itemKey(list, item);
  } catch (error) {
    if (error instanceof ItemKeyError) return undefined;
    throw error;
  }
}

function valueText(value: unknown): string {
  return typeof value === 'string' ? goQuote(value) : jsonText(value);
}

/** `.name`, `[name="c"]`, `[="x"]`, `[0]`. */
export function stepText(step: string): string {
  const text = step.slice(2);
  if (step.startsWith('f:')) return `.${text}`;
  if (step.startsWith('i:')) return `[${text}]`;
  const value = parseExact(text);
  if (step.startsWith('v:')) return `[=${valueText(value)}]`;
  const pairs = Object.entries(value as Record<string, unknown>).map(([name, v]) => `${name}=${valueText(v)}`);
  return `[${pairs.join(',')}]`;
}

const ORDER = 'fkvi';

/** Names before keys before values before indexes; each kind in its own order. */
function compareSteps(a: string, b: string): number {
  const kinds = ORDER.indexOf(a[0] ?? '') - ORDER.indexOf(b[0] ?? '');
  if (kinds !== 0) return kinds;
  if (a.startsWith('f:') || a === b) return a < b ? -1 : a > b ? 1 : 0;
  return compareValues(parseExact(a.slice(2)), parseExact(b.slice(2)));
}

const isNumeric = (value: unknown): value is number | bigint => typeof value === 'number' || typeof value === 'bigint';

function compareValues(a: unknown, b: unknown): number {
  if (isJsonObject(a) && isJsonObject(b)) {
    const left = Object.entries(a);
    const right = Object.entries(b);
    for (let i = 0; i < Math.min(left.length, right.length); i++) {
      const [ln = '', lv] = left[i] ?? [];
      const [rn = '', rv] = right[i] ?? [];
      if (ln !== rn) return ln < rn ? -1 : 1;
      const values = compareValues(lv, rv);
      if (values !== 0) return values;
    }
    return left.length - right.length;
  }
  if (isNumeric(a) && isNumeric(b)) return a < b ? -1 : a > b ? 1 : 0;
  const left = String(a);
  const right = String(b);
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The paths of all members, as people read them: at each node its members first, then what is below. */
export function memberPaths(root: FieldSet): string[] {
  const paths: string[] = [];
  collect(root, '', paths);
  return paths;
}

function collect(node: FieldSet, prefix: string, paths: string[]): void {
  const steps = Object.keys(node)
    .filter((step) => step !== '.')
    .sort(compareSteps);
  for (const step of steps) {
    const below = node[step];
    if (below !== undefined && isMember(below)) paths.push(prefix + stepText(step));
  }
  for (const step of steps) {
    const below = node[step];
    if (below !== undefined && hasChildren(below)) collect(below, prefix + stepText(step), paths);
  }
}
