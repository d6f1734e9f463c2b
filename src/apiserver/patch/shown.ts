// The object that a patch made, as refusals show it: Go's encoders sort the keys of what the patch opened, and leave the rest in the order of its types.
import { NumberText } from '../../machinery/exact-json.ts';
import { goJson, setOwn } from '../../machinery/json.ts';
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import type { SchemaNode } from '../../resources/schema/index.ts';

/** The objects that a patch looked into, as a tree of their names. */
type Opened = JsonObject;

const unescaped = (step: string): string => step.replaceAll('~1', '/').replaceAll('~0', '~');

function openedBy(patch: unknown): Opened {
  if (!Array.isArray(patch)) return isJsonObject(patch) ? patch : {};
  const opened: Opened = {};
  for (const operation of patch) {
    const paths = isJsonObject(operation) ? [operation.path, operation.from] : [];
    for (const path of paths) {
      let at = opened;
      for (const step of typeof path === 'string' ? path.split('/').slice(1, -1).map(unescaped) : []) {
        const next = at[step];
        const inner = isJsonObject(next) ? next : {};
        setOwn(at, step, inner);
        at = inner;
      }
    }
  }
  return opened;
}

function inOrder(value: unknown, schema: SchemaNode | undefined, opened: Opened | undefined): unknown {
  if (Array.isArray(value)) return value.map((item) => inOrder(item, schema?.items, undefined));
  if (!isJsonObject(value) || value instanceof NumberText) return value;
  const declared = opened === undefined ? [...(schema?.properties?.keys() ?? [])] : [];
  const names = [...declared.filter((name) => Object.hasOwn(value, name))];
  for (const name of Object.keys(value).sort()) if (!declared.includes(name)) names.push(name);
  const out: JsonObject = {};
  for (const name of names) {
    const inner = schema?.properties?.get(name)?.schema ?? schema?.additionalProperties;
    const below = opened?.[name];
    setOwn(out, name, inOrder(value[name], inner, isJsonObject(below) ? below : undefined));
  }
  return out;
}

export function shownResult(result: unknown, schema: SchemaNode, patch: unknown): string {
  return goJson(inOrder(result, schema, openedBy(patch)));
}
