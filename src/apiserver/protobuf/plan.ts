// The field numbers and wire kinds of the built-in types, compiled from the facts when first asked for.
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding
import { type FactField, type FactPackage, factPackage, splitDefinitionName } from '../../resources/schema/index.ts';

export type Scalar =
  | 'string'
  | 'bool'
  | 'int32'
  | 'int64'
  | 'double'
  | 'bytes'
  | 'time'
  | 'micro-time'
  | 'duration'
  | 'quantity'
  | 'int-or-string'
  /** JSON text inside a message of one field. */
  | 'raw';

/** Types that are messages in protobuf, and a choice in JSON. */
export type Union = 'schema-or-bool' | 'schema-or-array' | 'schema-or-strings';

export type Kind =
  | { readonly is: 'scalar'; readonly scalar: Scalar }
  | { readonly is: 'message'; readonly plan: MessagePlan }
  /** A named list of strings: a message with the items in field 1. */
  | { readonly is: 'strings' }
  | { readonly is: 'union'; readonly union: Union; readonly schema: MessagePlan };

export interface FieldPlan {
  readonly number: number;
  /** JSON name; '' for an embedded struct, whose fields stand beside the others in JSON. */
  readonly name: string;
  readonly kind: Kind;
  readonly shape: 'one' | 'list' | 'map';
  /** May be absent; the others are always written, even when zero. */
  readonly pointer: boolean;
}

export interface MessagePlan {
  readonly id: string;
  /** By number, rising. */
  readonly fields: FieldPlan[];
  readonly byNumber: Map<number, FieldPlan>;
}

const SCALARS: Readonly<Record<string, Scalar>> = {
  string: 'string',
  UID: 'string',
  NodeName: 'string',
  bool: 'bool',
  int: 'int64',
  int32: 'int32',
  int64: 'int64',
  uint8: 'int32',
  uint32: 'int64',
  uint64: 'int64',
  rune: 'int32',
  float32: 'double',
  float64: 'double',
  Time: 'time',
  MicroTime: 'micro-time',
  Duration: 'duration',
  Quantity: 'quantity',
  IntOrString: 'int-or-string',
  RawExtension: 'raw',
  FieldsV1: 'raw',
  JSON: 'raw',
};

const UNIONS: Readonly<Record<string, Union>> = {
  JSONSchemaPropsOrBool: 'schema-or-bool',
  JSONSchemaPropsOrArray: 'schema-or-array',
  JSONSchemaPropsOrStringArray: 'schema-or-strings',
};
const STRING_LISTS: ReadonlySet<string> = new Set(['ExtraValue', 'Verbs']);

const plans = new Map<string, MessagePlan>();

interface Shape {
  readonly kind: Kind;
  readonly shape: FieldPlan['shape'];
}

function mustPackage(key: string): FactPackage {
  const pack = factPackage(key);
  if (pack === undefined) throw new Error(`no facts about ${key}`);
  return pack;
}

function one(kind: Kind): Shape {
  return { kind, shape: 'one' };
}

function shapeOf(type: string, scope: FactPackage): Shape {
  if (type.startsWith('*')) return shapeOf(type.slice(1), scope);
  if (type === '[]byte' || type === '[]uint8') return one({ is: 'scalar', scalar: 'bytes' });
  if (type.startsWith('[]')) return { kind: shapeOf(type.slice(2), scope).kind, shape: 'list' };
  const map = /^map\[[^\]]+\](.*)$/.exec(type);
  if (map !== null) return { kind: shapeOf(map[1] ?? '', scope).kind, shape: 'map' };
  const scalar = Object.hasOwn(SCALARS, type) ? SCALARS[type] : undefined;
  if (scalar !== undefined) return one({ is: 'scalar', scalar });
  const dot = type.indexOf('.');
  const pack = dot < 0 ? scope : mustPackage(type.slice(0, dot));
  return namedShape(pack, type.slice(dot + 1));
}

function namedShape(pack: FactPackage, name: string): Shape {
  const union = Object.hasOwn(UNIONS, name) ? UNIONS[name] : undefined;
  if (union !== undefined) return one({ is: 'union', union, schema: structPlan(pack, 'JSONSchemaProps') });
  const alias = pack.aliases.get(name);
  if (alias === undefined) return one({ is: 'message', plan: structPlan(pack, name) });
  if (STRING_LISTS.has(name)) return one({ is: 'strings' });
  return shapeOf(alias.type, pack);
}

function fieldPlan(field: FactField, number: number, pack: FactPackage): FieldPlan {
  const { kind, shape } = shapeOf(field.type, pack);
  const nilable = kind.is === 'strings' || (kind.is === 'scalar' && kind.scalar === 'bytes');
  return { number, name: field.name, kind, shape, pointer: field.type.startsWith('*') || nilable };
}

function structPlan(pack: FactPackage, name: string): MessagePlan {
  const id = `${pack.key}.${name}`;
  const known = plans.get(id);
  if (known !== undefined) return known;
  const struct = pack.structs.get(name);
  if (struct === undefined) throw new Error(`no facts about the type ${id}`);
  const plan: MessagePlan = { id, fields: [], byNumber: new Map() };
  // Before the fields: types may hold themselves.
  plans.set(id, plan);
  for (const field of struct.fields) {
    if (field.number === undefined) continue;
    const made = fieldPlan(field, field.number, pack);
    plan.fields.push(made);
    plan.byNumber.set(made.number, made);
  }
  plan.fields.sort((a, b) => a.number - b.number);
  return plan;
}

/** The plan of a type by its OpenAPI definition name; undefined for types that have none (custom resources, Table). */
export function messagePlan(id: string): MessagePlan | undefined {
  const at = splitDefinitionName(id);
  const pack = at === undefined ? undefined : factPackage(at.key);
  if (at === undefined || pack === undefined) return undefined;
  const alias = pack.aliases.get(at.name);
  if (alias !== undefined) {
    const { kind, shape } = shapeOf(at.name, pack);
    return shape === 'one' && kind.is === 'message' ? kind.plan : undefined;
  }
  if (!pack.structs.has(at.name)) return undefined;
  const plan = structPlan(pack, at.name);
  // Types that only JSON carries have no numbers at all.
  return plan.fields.length === 0 ? undefined : plan;
}
