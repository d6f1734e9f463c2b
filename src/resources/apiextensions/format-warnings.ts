// Formats in the schemas of a CustomResourceDefinition that nothing knows, and that therefore check nothing.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation
import type { CustomResourceDefinition, JSONSchemaProps } from '../generated/apiextensions-v1.ts';
import { isKnownFormat } from '../schema/index.ts';

function isRecognized(type: string, format: string): boolean {
  switch (type) {
    case '':
    case 'string':
      return isKnownFormat(format);
    case 'integer':
      return format === 'int32' || format === 'int64';
    case 'number':
      return format === 'float' || format === 'double';
    default:
      return false;
  }
}

function isSchema(value: unknown): value is JSONSchemaProps {
  return typeof value === 'object' && value !== null;
}

function collect(schema: JSONSchemaProps | undefined, found: Set<string>): void {
  if (schema === undefined) return;
  if (schema.format && !isRecognized(schema.type ?? '', schema.format)) found.add(schema.format);
  const { items, allOf, anyOf, oneOf, not, properties, additionalProperties } = schema;
  const inner: unknown[] = [items, allOf, anyOf, oneOf, not].flat();
  for (const one of [...inner, ...Object.values(properties ?? {}), additionalProperties])
    if (isSchema(one)) collect(one, found);
}

function unknownFormats(crd: CustomResourceDefinition): Set<string> {
  const found = new Set<string>();
  for (const version of crd.spec.versions ?? []) collect(version.schema?.openAPIV3Schema, found);
  return found;
}

/** On update, of those that are new. */
export function formatWarnings(crd: CustomResourceDefinition, old?: CustomResourceDefinition): string[] {
  const before = old === undefined ? new Set<string>() : unknownFormats(old);
  return [...unknownFormats(crd)]
    .filter((format) => !before.has(format))
    .map((format) => `unrecognized format ${JSON.stringify(format)}`);
}
