// How the values of a schema node are owned and merged: worked out once per node, so that walks need no look-ups by name.
// Rules: https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
import { builtinSchema, type FieldNode, type SchemaNode } from '../../resources/schema/index.ts';

export type ScalarKind = 'string' | 'numeric' | 'boolean' | 'untyped';

/** - `scalar`: one value
 *  - `map`: an object or a map; `list`: a list; both are one value when atomic
 *  - `deduced`: known by its value only: objects are merged key by key, everything else is one value
 *  - `opaque`: anything, one value */
export type PlanKind = 'scalar' | 'map' | 'list' | 'deduced' | 'opaque';

/** A key field of list items. */
export interface KeyPlan {
  readonly name: string;
  /** `"name":`, as it stands in a path element. */
  readonly text: string;
  readonly default: unknown;
}

export class FieldPlan {
  /** `f:name`, as it stands in FieldsV1. */
  readonly key: string;
  private made: Plan | undefined;

  constructor(private readonly field: FieldNode) {
    this.key = `f:${field.name}`;
  }

  /** Made when first asked for: schemas may contain themselves. */
  get plan(): Plan {
    this.made ??= makeFieldPlan(this.field);
    return this.made;
  }
}

interface PlanInit {
  readonly kind: PlanKind;
  readonly scalar?: ScalarKind;
  readonly atomic?: boolean;
  readonly fields?: ReadonlyMap<string, FieldPlan>;
  readonly rest?: () => Plan;
  readonly items?: () => Plan;
  readonly set?: boolean;
  readonly keys?: readonly KeyPlan[];
}

export class Plan {
  readonly kind: PlanKind;
  readonly scalar: ScalarKind;
  readonly atomic: boolean;
  /** The declared fields of an object. */
  readonly fields: ReadonlyMap<string, FieldPlan> | undefined;
  /** Items are told apart by their value. */
  readonly set: boolean;
  /** Items are told apart by these fields, in order of their names. */
  readonly keys: readonly KeyPlan[] | undefined;
  private restPlan: Plan | (() => Plan) | undefined;
  private itemPlan: Plan | (() => Plan) | undefined;

  constructor(init: PlanInit) {
    this.kind = init.kind;
    this.scalar = init.scalar ?? 'untyped';
    this.atomic = init.atomic ?? false;
    this.fields = init.fields;
    this.set = init.set ?? false;
    this.keys = init.keys;
    this.restPlan = init.rest;
    this.itemPlan = init.items;
  }

  /** For keys that are not declared. */
  get rest(): Plan | undefined {
    if (typeof this.restPlan === 'function') this.restPlan = this.restPlan();
    return this.restPlan;
  }

  get items(): Plan | undefined {
    if (typeof this.itemPlan === 'function') this.itemPlan = this.itemPlan();
    return this.itemPlan;
  }

  /** For the value under `name`, declared or not. */
  at(name: string): Plan | undefined {
    return this.fields?.get(name)?.plan ?? this.rest;
  }
}

export const OPAQUE: Plan = new Plan({ kind: 'opaque' });
export const DEDUCED: Plan = new Plan({ kind: 'deduced', rest: () => DEDUCED });

const SCALARS: Record<ScalarKind, Plan> = {
  string: new Plan({ kind: 'scalar', scalar: 'string' }),
  numeric: new Plan({ kind: 'scalar', scalar: 'numeric' }),
  boolean: new Plan({ kind: 'scalar', scalar: 'boolean' }),
  untyped: new Plan({ kind: 'scalar', scalar: 'untyped' }),
};

const plans = new WeakMap<SchemaNode, Plan>();

export function planOf(schema: SchemaNode): Plan {
  let plan = plans.get(schema);
  if (plan === undefined) {
    plan = makePlan(schema);
    plans.set(schema, plan);
  }
  return plan;
}

function makePlan(schema: SchemaNode): Plan {
  if (schema.format === 'raw') return OPAQUE;
  switch (schema.type) {
    case 'object':
      return makeMapPlan(schema);
    case 'array':
      return makeListPlan(schema, schema.listType, schema.listMapKeys);
    case 'any':
      // Of numbers or texts no type is published.
      return schema.preserveUnknown === true || schema.format === 'int-or-string' ? DEDUCED : OPAQUE;
    case 'boolean':
      return SCALARS.boolean;
    case 'integer':
    case 'number':
      return SCALARS.numeric;
    case 'string':
      return schema.format === undefined || schema.format === 'byte' ? SCALARS.string : SCALARS.untyped;
  }
}

let head: readonly FieldNode[] | undefined;

/** What every object has, also one inside of another. */
function headOfObjects(): readonly FieldNode[] {
  const field = (name: string, schema: SchemaNode): FieldNode => ({
    name,
    schema,
    required: false,
    omitEmpty: true,
    pointer: true,
  });
  const text: SchemaNode = { type: 'string' };
  head ??= [
    field('apiVersion', text),
    field('kind', text),
    field('metadata', builtinSchema('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta')),
  ];
  return head;
}

function makeMapPlan(schema: SchemaNode): Plan {
  const { properties, additionalProperties } = schema;
  const fields = new Map<string, FieldPlan>();
  if (schema.embeddedResource === true)
    for (const field of headOfObjects()) fields.set(field.name, new FieldPlan(field));
  for (const [name, field] of properties ?? []) if (!fields.has(name)) fields.set(name, new FieldPlan(field));
  const open = schema.preserveUnknown === true;
  let rest: (() => Plan) | undefined;
  if (additionalProperties !== undefined) rest = () => planOf(additionalProperties);
  else if (open || properties === undefined) rest = () => DEDUCED;
  return new Plan({
    kind: 'map',
    atomic: schema.mapType === 'atomic',
    fields: fields.size === 0 && properties === undefined ? undefined : fields,
    rest,
  });
}

function makeListPlan(
  schema: SchemaNode,
  listType: SchemaNode['listType'],
  names: readonly string[] | undefined,
): Plan {
  const itemSchema = schema.items;
  const items = itemSchema === undefined ? (): Plan => OPAQUE : (): Plan => planOf(itemSchema);
  if (listType === 'set') return new Plan({ kind: 'list', items, set: true });
  if (listType !== 'map' || names === undefined || names.length === 0) {
    return new Plan({ kind: 'list', items, atomic: true });
  }
  const keys = [...names].sort().map((name) => ({
    name,
    text: `${JSON.stringify(name)}:`,
    default: keyDefault(itemSchema, name),
  }));
  return new Plan({ kind: 'list', items, keys });
}

/** Without a list type, the facts of strategic merge patches tell how a list is merged. */
function makeFieldPlan(field: FieldNode): Plan {
  const { schema } = field;
  if (schema.type !== 'array' || schema.listType !== undefined || field.patchStrategy?.includes('merge') !== true) {
    return planOf(schema);
  }
  if (field.patchMergeKey === undefined) return makeListPlan(schema, 'set', undefined);
  return makeListPlan(schema, 'map', [field.patchMergeKey]);
}

/** What a missing key field counts as: its default, and for Go structs the zero value of a field that is always sent. */
function keyDefault(item: SchemaNode | undefined, name: string): unknown {
  const field = item?.properties?.get(name);
  if (item === undefined || field === undefined) return undefined;
  if (field.default !== undefined) return field.default;
  if (field.schema.default !== undefined) return field.schema.default;
  const isGo = item.goName !== undefined || item.id !== undefined;
  if (!isGo || field.omitEmpty || field.pointer) return undefined;
  if (field.schema.type === 'string') return '';
  if (field.schema.type === 'integer' || field.schema.type === 'number') return 0;
  return field.schema.type === 'boolean' ? false : undefined;
}
