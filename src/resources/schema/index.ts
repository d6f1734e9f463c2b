// The face of the schema engine.
export {
  builtinSchema,
  descriptionsOf,
  factPackage,
  factPackageKeys,
  findBuiltinSchema,
  splitDefinitionName,
  type TypeDescriptions,
} from './builtin.ts';
export { mostElements, sizeOfSchema } from './cel-size.ts';
export { celTypeOf } from './cel-type.ts';
export {
  type Decoded,
  type DecodeOptions,
  decode,
  decodeCustom,
  decodeFree,
  decodeValue,
  normalize,
  strictWarnings,
} from './decode.ts';
export { validateEmbedded } from './embedded-objects.ts';
export { settleEmptyLists } from './empty-lists.ts';
export { definitionPrefix, type FactField, type FactPackage, type FactStruct } from './facts-text.ts';
export { isKnownFormat } from './formats.ts';
export { DecodeError } from './go-errors.ts';
export type { CelRule, FieldNode, SchemaFormat, SchemaNode, SchemaType, ValueRules } from './node.ts';
export { dropNulls, fillDefaults, pruneUnknown } from './prune.ts';
export { type CompiledRule, compileRule, hasRules, validateRules } from './rules.ts';
export { structuralSchema } from './structural.ts';
export { typedNumbers } from './typed-numbers.ts';
export {
  compilePattern,
  openApiType,
  validateChangedValues,
  validateListKeys,
  validateValues,
} from './values.ts';
export { isPlainYaml, yamlToJson } from './yaml.ts';
