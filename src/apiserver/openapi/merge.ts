// Joins the OpenAPI v2 of another server to ours: its paths and what they lead to; types that we describe otherwise get another name.
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';

const KINDS = 'x-kubernetes-group-version-kind';
type Part = 'definitions' | 'parameters';

function partOf(document: JsonObject, part: Part): JsonObject {
  const found = document[part];
  return isJsonObject(found) ? found : {};
}

/** All references in a value, once each. */
function referencesIn(value: unknown, into: Set<string>): void {
  if (Array.isArray(value)) for (const one of value) referencesIn(one, into);
  else if (isJsonObject(value)) {
    if (typeof value.$ref === 'string') into.add(value.$ref);
    for (const one of Object.values(value)) referencesIn(one, into);
  }
}

function target(reference: string): [part: Part, name: string] | undefined {
  const match = /^#\/(definitions|parameters)\/(.+)$/.exec(reference);
  return match === null ? undefined : [match[1] as Part, match[2] ?? ''];
}

/** Whatever the paths lead to, over any number of steps. */
function reached(document: JsonObject): Set<string> {
  const all = new Set<string>();
  referencesIn(document.paths, all);
  // A set that grows is walked to its new end.
  for (const reference of all) {
    const at = target(reference);
    if (at !== undefined) referencesIn(partOf(document, at[0])[at[1]], all);
  }
  return all;
}

/** The same value with keys in order, for comparing; the kinds of a type are added up, not compared. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (!isJsonObject(value)) return value;
  const keys = Object.keys(value)
    .filter((key) => key !== KINDS)
    .sort();
  return Object.fromEntries(keys.map((key) => [key, plain(value[key])]));
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(plain(a)) === JSON.stringify(plain(b));
}

function renamed(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((one) => renamed(one, names));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) =>
      key === '$ref' && typeof one === 'string' ? [key, names.get(one) ?? one] : [key, renamed(one, names)],
    ),
  );
}

/** A name that nobody has: `_v2`, `_v3` … after it. */
function freeName(name: string, taken: JsonObject): string {
  for (let i = 2; ; i++) if (!Object.hasOwn(taken, `${name}_v${i}`)) return `${name}_v${i}`;
}

function withKindsOf(ours: JsonObject, theirs: JsonObject): JsonObject {
  const known = Array.isArray(ours[KINDS]) ? ours[KINDS] : [];
  const more = Array.isArray(theirs[KINDS]) ? theirs[KINDS] : [];
  const added = more.filter((one) => !known.some((own) => same(own, one)));
  return added.length === 0 ? ours : { ...ours, [KINDS]: [...known, ...added] };
}

/** A document that says what both say. Paths that both have stay as the first has them. */
export function joined(ours: JsonObject, theirs: JsonObject): JsonObject {
  const parts = { definitions: { ...partOf(ours, 'definitions') }, parameters: { ...partOf(ours, 'parameters') } };
  const names = new Map<string, string>();
  const added: [Part, string, unknown][] = [];
  for (const reference of reached(theirs)) {
    const at = target(reference);
    if (at === undefined) continue;
    const [part, name] = at;
    const value = partOf(theirs, part)[name];
    const known = parts[part][name];
    if (isJsonObject(known) && isJsonObject(value) && same(known, value)) {
      parts[part][name] = withKindsOf(known, value);
      continue;
    }
    const own = known === undefined ? name : freeName(name, parts[part]);
    if (own !== name) names.set(reference, `#/${part}/${own}`);
    parts[part][own] = value;
    added.push([part, own, value]);
  }
  for (const [part, name, value] of added) parts[part][name] = renamed(value, names);
  const more = renamed(theirs.paths, names) as JsonObject;
  return { ...ours, ...parts, paths: { ...more, ...(isJsonObject(ours.paths) ? ours.paths : {}) } };
}
