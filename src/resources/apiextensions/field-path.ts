// Finds the schema that a path like `.spec.a['b.c']` leads to.
import type { JSONSchemaProps } from '../generated/apiextensions-v1.ts';

/** The schema at `.a.b['c.d']`; undefined when the path leads nowhere. */
export function findPath(
  schema: JSONSchemaProps,
  path: string,
): { schema: JSONSchemaProps; keys: string[] } | undefined {
  const part = /\.([A-Za-z_][A-Za-z0-9_-]*)|\['((?:[^'\\]|\\.)*)'\]/y;
  const keys: string[] = [];
  let at: JSONSchemaProps | undefined = schema;
  let position = 0;
  while (position < path.length) {
    part.lastIndex = position;
    const match = part.exec(path);
    if (match === null || at === undefined) return undefined;
    const key = match[1] ?? (match[2] ?? '').replace(/\\(.)/g, '$1');
    keys.push(key);
    const properties: Record<string, JSONSchemaProps> = at.properties ?? {};
    const more: JSONSchemaProps | undefined =
      typeof at.additionalProperties === 'object' ? at.additionalProperties : undefined;
    at = Object.hasOwn(properties, key) ? properties[key] : more;
    position = part.lastIndex;
  }
  return at === undefined || keys.length === 0 ? undefined : { schema: at, keys };
}
