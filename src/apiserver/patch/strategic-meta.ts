// What a strategic merge patch needs to know of a field: its schema, how it is patched, and by which key its items are told apart.
import type { SchemaNode } from '../../resources/schema/index.ts';
import { plainError } from './errors.ts';

export interface PatchMeta {
  /** Schema of the value; of the items when the value is a list. Undefined where nothing is known. */
  readonly schema: SchemaNode | undefined;
  readonly strategy: 'merge' | 'replace' | '';
  readonly mergeKey: string;
}

const NOTHING_KNOWN: PatchMeta = { schema: undefined, strategy: '', mergeKey: '' };

/** Facts about the field `key` of an object that `schema` describes. */
export function fieldMeta(schema: SchemaNode | undefined, key: string): PatchMeta {
  if (schema === undefined || schema.type === 'any') return NOTHING_KNOWN;
  const field = schema.properties?.get(key);
  if (field === undefined) {
    if (schema.additionalProperties !== undefined) {
      return { schema: schema.additionalProperties, strategy: '', mergeKey: '' };
    }
    const id = schema.goName ?? schema.id ?? '';
    const name = id.slice(id.lastIndexOf('.') + 1);
    throw plainError(`unable to find api field in struct ${name} for the json field ${JSON.stringify(key)}`);
  }
  const strategies = field.patchStrategy ?? [];
  const strategy = strategies.includes('merge') ? 'merge' : strategies.includes('replace') ? 'replace' : '';
  const described = field.schema.type === 'array' ? field.schema.items : field.schema;
  return { schema: described, strategy, mergeKey: field.patchMergeKey ?? '' };
}
