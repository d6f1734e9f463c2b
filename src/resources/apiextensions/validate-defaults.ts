// Validation of the defaults in the schema of a CustomResourceDefinition.
import { type FieldError, type FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import { deepClone, deepEqual } from '../../machinery/json.ts';
import { isJsonObject } from '../../machinery/object.ts';
import type { JSONSchemaProps } from '../generated/apiextensions-v1.ts';
import { fillDefaults, pruneUnknown, structuralSchema, validateValues } from '../schema/index.ts';

/** Defaults must be what the schema itself allows, and hold nothing that it would take out. */
export function validateDefaults(schema: JSONSchemaProps, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const value = schema.default;
  if (value !== undefined && value !== null) {
    const node = structuralSchema(schema);
    const at = path.child('default');
    const pruned = deepClone(value);
    if (isJsonObject(pruned)) pruneUnknown(pruned, { ...node, embeddedResource: false });
    if (!deepEqual(pruned, value)) errors.push(fieldErrors.invalid(at, value, 'must not have unknown fields'));
    else {
      fillDefaults(pruned, node);
      errors.push(...validateValues(node, pruned, { path: at.toString() }));
    }
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    errors.push(...validateDefaults(property, path.child('properties').key(name)));
  }
  const items = Array.isArray(schema.items) ? undefined : schema.items;
  if (items !== undefined) errors.push(...validateDefaults(items, path.child('items')));
  if (typeof schema.additionalProperties === 'object') {
    errors.push(...validateDefaults(schema.additionalProperties, path.child('additionalProperties')));
  }
  return errors;
}
