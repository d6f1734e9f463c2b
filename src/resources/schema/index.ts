// The face of the schema engine.
export type { CelRule, FieldNode, SchemaFormat, SchemaNode, SchemaType, ValueRules } from './node.ts';
