// Makes schema nodes of the OpenAPI schemas of CustomResourceDefinitions.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
import { isInt64, nearest } from '../../machinery/int64.ts';
import type { JSONSchemaProps } from '../generated/apiextensions-v1.ts';
import type { CelRule, FieldNode, SchemaNode, SchemaType, ValueRules } from './node.ts';

const TYPES: ReadonlySet<string> = new Set(['object', 'array', 'string', 'integer', 'number', 'boolean']);

function typeOf(props: JSONSchemaProps): SchemaType {
  const type = props.type ?? '';
  return TYPES.has(type) ? (type as SchemaType) : 'any';
}

function isListType(value: string | undefined): value is 'atomic' | 'set' | 'map' {
  return value === 'atomic' || value === 'set' || value === 'map';
}

/** A default of null is none. */
function hasDefault(props: JSONSchemaProps): boolean {
  return props.default !== undefined && props.default !== null;
}

function celRules(props: JSONSchemaProps): readonly CelRule[] | undefined {
  const rules = props['x-kubernetes-validations'];
  if (rules === undefined || rules === null || rules.length === 0) return undefined;
  return rules.map((r) => ({
    rule: r.rule,
    ...(r.message === undefined ? {} : { message: r.message }),
    ...(r.messageExpression === undefined ? {} : { messageExpression: r.messageExpression }),
    ...(r.reason === undefined ? {} : { reason: r.reason }),
    ...(r.fieldPath === undefined ? {} : { fieldPath: r.fieldPath }),
    ...(r.optionalOldSelf === undefined ? {} : { optionalOldSelf: r.optionalOldSelf }),
  }));
}

const NUMBER_RULES = [
  'maximum',
  'minimum',
  'multipleOf',
  'maxLength',
  'minLength',
  'maxItems',
  'minItems',
  'maxProperties',
  'minProperties',
] as const;

function rulesOf(props: JSONSchemaProps): ValueRules | undefined {
  const rules: { -readonly [K in keyof ValueRules]: ValueRules[K] } = {};
  for (const name of NUMBER_RULES) {
    const value = props[name];
    if (isInt64(value)) rules[name] = nearest(value);
  }
  if (props.enum !== undefined && props.enum !== null) rules.enum = props.enum;
  if ((props.required?.length ?? 0) > 0) rules.required = props.required ?? [];
  if ((props.pattern ?? '') !== '') rules.pattern = props.pattern ?? '';
  if (props.exclusiveMaximum === true) rules.exclusiveMaximum = true;
  if (props.exclusiveMinimum === true) rules.exclusiveMinimum = true;
  if (props.uniqueItems === true) rules.uniqueItems = true;
  for (const name of ['allOf', 'anyOf', 'oneOf'] as const) {
    const list = props[name];
    if (list !== undefined && list !== null && list.length > 0) rules[name] = list.map((p) => structuralSchema(p));
  }
  if (props.not !== undefined && props.not !== null) rules.not = structuralSchema(props.not);
  const cel = celRules(props);
  if (cel !== undefined) rules.cel = cel;
  return Object.keys(rules).length === 0 ? undefined : rules;
}

function propertyNodes(props: JSONSchemaProps): ReadonlyMap<string, FieldNode> | undefined {
  if (props.properties === undefined || props.properties === null) return undefined;
  const required = new Set(props.required ?? []);
  const fields = new Map<string, FieldNode>();
  for (const [name, property] of Object.entries(props.properties)) {
    const schema = structuralSchema(property);
    fields.set(name, {
      name,
      schema,
      required: required.has(name),
      omitEmpty: true,
      pointer: true,
      ...(schema.default === undefined ? {} : { default: schema.default }),
      ...(schema.description === undefined ? {} : { description: schema.description }),
    });
  }
  return fields.size === 0 ? undefined : fields;
}

/** The schema of a custom resource, or of a part of one. */
export function structuralSchema(props: JSONSchemaProps): SchemaNode {
  const node: { -readonly [K in keyof SchemaNode]: SchemaNode[K] } = { type: typeOf(props) };
  const intOrString = props['x-kubernetes-int-or-string'] === true;
  if (intOrString) {
    node.type = 'any';
    node.format = 'int-or-string';
  } else if ((props.format ?? '') !== '') node.format = props.format ?? '';
  if ((props.description ?? '') !== '') node.description = props.description ?? '';
  const properties = propertyNodes(props);
  if (properties !== undefined) node.properties = properties;
  const more = props.additionalProperties;
  if (more === true) node.additionalProperties = { type: 'any' };
  else if (typeof more === 'object' && more !== null) node.additionalProperties = structuralSchema(more);
  const items = Array.isArray(props.items) ? props.items[0] : props.items;
  if (items !== undefined && items !== null) node.items = structuralSchema(items);
  const listType = props['x-kubernetes-list-type'];
  if (isListType(listType)) node.listType = listType;
  const keys = props['x-kubernetes-list-map-keys'];
  if (keys !== undefined && keys !== null && keys.length > 0) node.listMapKeys = keys;
  const mapType = props['x-kubernetes-map-type'];
  if (mapType === 'atomic' || mapType === 'granular') node.mapType = mapType;
  if (props['x-kubernetes-preserve-unknown-fields'] === true) node.preserveUnknown = true;
  if (props['x-kubernetes-embedded-resource'] === true) node.embeddedResource = true;
  if (props.nullable === true) node.nullable = true;
  const rules = rulesOf(props);
  if (rules !== undefined) node.rules = rules;
  if (hasDefault(props)) node.default = props.default;
  return node;
}
