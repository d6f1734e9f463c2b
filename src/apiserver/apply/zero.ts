// What an object of a Go type looks like on the wire before anything is set: the state from which a create starts.
import type { JsonObject } from '../../machinery/object.ts';
import { normalize, type SchemaNode } from '../../resources/schema/index.ts';

const zeros = new WeakMap<SchemaNode, JsonObject>();

/** For a custom resource nothing is there. */
export function zeroObject(schema: SchemaNode): JsonObject {
  let zero = zeros.get(schema);
  if (zero === undefined) {
    const isCustom = schema.goName === undefined && schema.id === undefined;
    zero = isCustom ? {} : (normalize(schema, {}) as JsonObject);
    zeros.set(schema, zero);
  }
  return zero;
}
