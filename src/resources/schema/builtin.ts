// Schema nodes of the built-in kinds, made of the facts when first asked for and shared from then on.
import { FACTS } from '../generated/facts.ts';
import { definitionPrefix, type FactField, type FactPackage, type FactStruct, parseFacts } from './facts-text.ts';
import type { FieldNode, SchemaFormat, SchemaNode, SchemaType } from './node.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Draft = Mutable<SchemaNode> & { properties?: Map<string, FieldNode> };

const packages = new Map<string, FactPackage>();
const nodes = new Map<string, SchemaNode>();

export function factPackage(key: string): FactPackage | undefined {
  const known = packages.get(key);
  if (known !== undefined) return known;
  const text = Object.hasOwn(FACTS, key) ? FACTS[key] : undefined;
  if (text === undefined) return undefined;
  const made = parseFacts(key, text);
  packages.set(key, made);
  return made;
}

/** All package keys (`core/v1`), in order. */
export function factPackageKeys(): readonly string[] {
  return Object.keys(FACTS);
}

function mustPackage(key: string): FactPackage {
  const found = factPackage(key);
  if (found === undefined) throw new Error(`no facts about ${key}`);
  return found;
}

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.';

function special(type: SchemaType, format: SchemaFormat | undefined, goType: string, id?: string): SchemaNode {
  return { type, goType, ...(format === undefined ? {} : { format }), ...(id === undefined ? {} : { id }) };
}

/** Types that the facts name without describing them. */
const BASICS: ReadonlyMap<string, SchemaNode> = new Map(
  Object.entries({
    string: special('string', undefined, 'string'),
    bool: special('boolean', undefined, 'bool'),
    int: special('integer', 'int64', 'int'),
    int32: special('integer', 'int32', 'int32'),
    int64: special('integer', 'int64', 'int64'),
    uint8: special('integer', 'uint8', 'uint8'),
    byte: special('integer', 'uint8', 'uint8'),
    rune: special('integer', 'int32', 'int32'),
    uint32: special('integer', 'uint32', 'uint32'),
    uint64: special('integer', 'uint64', 'uint64'),
    float32: special('number', 'float', 'float32'),
    float64: special('number', 'double', 'float64'),
    UID: special('string', undefined, 'types.UID'),
    NodeName: special('string', undefined, 'types.NodeName'),
    NamespacedName: special('object', 'raw', 'types.NamespacedName'),
    Time: special('string', 'date-time', 'v1.Time', `${META}Time`),
    MicroTime: special('string', 'micro-time', 'v1.MicroTime', `${META}MicroTime`),
    Duration: special('string', 'duration', 'v1.Duration', `${META}Duration`),
    Quantity: special('string', 'quantity', 'resource.Quantity', 'io.k8s.apimachinery.pkg.api.resource.Quantity'),
    IntOrString: special(
      'string',
      'int-or-string',
      'intstr.IntOrString',
      'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
    ),
    RawExtension: special('object', 'raw', 'runtime.RawExtension', 'io.k8s.apimachinery.pkg.runtime.RawExtension'),
    FieldsV1: special('object', 'raw', 'v1.FieldsV1', `${META}FieldsV1`),
    JSON: special('any', 'raw', 'v1.JSON', 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON'),
    'interface{}': special('any', 'raw', 'interface {}'),
  }),
);

const BYTES: SchemaNode = { type: 'string', format: 'byte', goType: '[]uint8' };

/** Types that Go reads and writes by hand: a schema, or something simpler. */
const SCHEMA_UNIONS: Readonly<Record<string, SchemaFormat>> = {
  JSONSchemaPropsOrBool: 'schema-or-bool',
  JSONSchemaPropsOrArray: 'schema-or-array',
  JSONSchemaPropsOrStringArray: 'schema-or-strings',
};

/** `core/v1` → `v1`: the name by which Go's errors call the package. */
function goPackageName(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

interface Resolved {
  readonly pack: FactPackage;
  readonly name: string;
}

function resolve(type: string, scope: FactPackage): Resolved {
  const dot = type.indexOf('.');
  return dot < 0 ? { pack: scope, name: type } : { pack: mustPackage(type.slice(0, dot)), name: type.slice(dot + 1) };
}

/** The node of a Go type as the facts write it. */
function nodeOfType(type: string, scope: FactPackage): SchemaNode {
  if (type.startsWith('*')) return nodeOfType(type.slice(1), scope);
  const basic = BASICS.get(type);
  if (basic !== undefined) return basic;
  if (type === '[]byte' || type === '[]uint8') return BYTES;
  if (type.startsWith('[]')) {
    const items = nodeOfType(type.slice(2), scope);
    return { type: 'array', items, goType: `[]${goText(items, type.slice(2))}` };
  }
  const map = /^map\[([^\]]+)\](.*)$/.exec(type);
  if (map !== null) {
    const values = nodeOfType(map[2] ?? '', scope);
    const key = nodeOfType(map[1] ?? '', scope);
    return {
      type: 'object',
      additionalProperties: values,
      goType: `map[${key.goType}]${goText(values, map[2] ?? '')}`,
    };
  }
  const { pack, name } = resolve(type, scope);
  return namedNode(pack, name);
}

function goText(node: SchemaNode, type: string): string {
  return `${type.startsWith('*') ? '*' : ''}${node.goType ?? ''}`;
}

function namedNode(pack: FactPackage, name: string): SchemaNode {
  const key = `${pack.key}.${name}`;
  const known = nodes.get(key);
  if (known !== undefined) return known;
  const goType = `${goPackageName(pack.key)}.${name}`;
  const alias = pack.aliases.get(name);
  if (alias !== undefined) {
    const { id, ...base } = nodeOfType(alias.type, pack);
    const own = alias.same
      ? { id }
      : { id: definitionPrefix(pack.key) + name, ...(base.goName === undefined ? {} : { goName: name }) };
    const made: SchemaNode = {
      ...base,
      ...(id === undefined ? {} : own),
      goType: alias.same ? (base.goType ?? goType) : goType,
      ...(alias.enum === undefined ? {} : { knownValues: alias.enum }),
    };
    nodes.set(key, made);
    return made;
  }
  const struct = pack.structs.get(name);
  if (struct === undefined) throw new Error(`no facts about the type ${key}`);
  return structNode(pack, struct, key);
}

function structNode(pack: FactPackage, struct: FactStruct, key: string): SchemaNode {
  const properties = new Map<string, FieldNode>();
  const node: Draft = {
    type: 'object',
    id: definitionPrefix(pack.key) + struct.name,
    goName: struct.name,
    goType: `${goPackageName(pack.key)}.${struct.name}`,
    properties,
  };
  if (struct.atomic) node.mapType = 'atomic';
  if (struct.union !== undefined) node.union = struct.union;
  // Before the fields: types may hold themselves.
  nodes.set(key, node);
  const union = SCHEMA_UNIONS[struct.name];
  if (union !== undefined) {
    node.type = 'any';
    node.format = union;
    node.items = namedNode(pack, 'JSONSchemaProps');
    delete node.properties;
    return node;
  }
  addFields(properties, struct, { pack, way: '' });
  return node;
}

interface Embedding {
  readonly pack: FactPackage;
  /** What Go calls the way to it. */
  readonly way: string;
}

function addFields(into: Map<string, FieldNode>, struct: FactStruct, { pack, way }: Embedding): void {
  for (const field of struct.fields) {
    if (field.name !== '') {
      const node = fieldNode(field, pack);
      into.set(field.name, way === '' ? node : { ...node, embedded: way });
      continue;
    }
    const { pack: innerPack, name } = resolve(field.type.replace(/^\*/, ''), pack);
    const alias = innerPack.aliases.get(name);
    const target = alias === undefined ? { pack: innerPack, name } : resolve(alias.type, innerPack);
    const inner = target.pack.structs.get(target.name);
    if (inner === undefined) throw new Error(`cannot embed ${field.type}`);
    addFields(into, inner, { pack: target.pack, way: `${way}${name}.` });
  }
}

function isListType(value: string | undefined): value is 'atomic' | 'set' | 'map' {
  return value === 'atomic' || value === 'set' || value === 'map';
}

/** Lists for which `[]` is not the same as none: Go's conversion keeps the difference, and validation asks for it. */
const EMPTY_LISTS_COUNT: ReadonlySet<string> = new Set(['autoscaling/v2 policies']);

function fieldNode(field: FactField, pack: FactPackage): FieldNode {
  let schema = nodeOfType(field.type, pack);
  if (isListType(field.listType)) {
    schema = {
      ...schema,
      listType: field.listType,
      ...(field.listMapKeys === undefined ? {} : { listMapKeys: field.listMapKeys }),
    };
  }
  if (field.mapType === 'atomic' || field.mapType === 'granular') schema = { ...schema, mapType: field.mapType };
  const strategies = field.patchStrategy as ('merge' | 'replace' | 'retainKeys')[] | undefined;
  return {
    name: field.name,
    schema,
    required: field.required,
    omitEmpty: field.omitEmpty,
    pointer: field.type.startsWith('*') || EMPTY_LISTS_COUNT.has(`${pack.key} ${field.name}`),
    ...(field.omitZero ? { omitZero: true } : {}),
    ...(field.number === undefined ? {} : { proto: field.number }),
    ...(strategies === undefined ? {} : { patchStrategy: strategies }),
    ...(field.patchMergeKey === undefined ? {} : { patchMergeKey: field.patchMergeKey }),
    ...(field.default === undefined ? {} : { default: JSON.parse(field.default) as unknown }),
  };
}

const byId = new Map<string, SchemaNode>(
  [...BASICS.values()].flatMap((node): [string, SchemaNode][] => (node.id === undefined ? [] : [[node.id, node]])),
);

/** `io.k8s.api.core.v1.Pod` → its package key and name. */
export function splitDefinitionName(id: string): { key: string; name: string } | undefined {
  const match =
    /^io\.k8s\.(?:api|apimachinery\.pkg\.apis|apiextensions-apiserver\.pkg\.apis|kube-aggregator\.pkg\.apis|metrics\.pkg\.apis)\.([^.]+)\.([^.]+)\.([^.]+)$/.exec(
      id,
    );
  if (match !== null) return { key: `${match[1]}/${match[2]}`, name: match[3] ?? '' };
  const version = /^io\.k8s\.apimachinery\.pkg\.version\.([^.]+)$/.exec(id);
  return version === null ? undefined : { key: 'version', name: version[1] ?? '' };
}

export function findBuiltinSchema(id: string): SchemaNode | undefined {
  const known = byId.get(id);
  if (known !== undefined) return known;
  const at = splitDefinitionName(id);
  const pack = at === undefined ? undefined : factPackage(at.key);
  if (at === undefined || pack === undefined) return undefined;
  if (!pack.structs.has(at.name) && !pack.aliases.has(at.name)) return undefined;
  const node = namedNode(pack, at.name);
  byId.set(id, node);
  return node;
}

/** The schema of a built-in type by its OpenAPI definition name (`io.k8s.api.core.v1.Pod`). Throws for a name that is none. */
export function builtinSchema(id: string): SchemaNode {
  const node = findBuiltinSchema(id);
  if (node === undefined) throw new Error(`no built-in schema ${id}`);
  return node;
}

export type TypeDescriptions = Readonly<Record<string, readonly [string, Readonly<Record<string, string>>]>>;

const descriptions = new Map<string, TypeDescriptions>();

/** What the types of a package and their fields are for. Loaded when first asked for: a running server mostly never is. */
export async function descriptionsOf(key: string): Promise<TypeDescriptions> {
  const known = descriptions.get(key);
  if (known !== undefined) return known;
  const { DESCRIPTIONS } = await import('../generated/descriptions.ts');
  const made = JSON.parse(
    (Object.hasOwn(DESCRIPTIONS, key) ? DESCRIPTIONS[key] : undefined) ?? '{}',
  ) as TypeDescriptions;
  descriptions.set(key, made);
  return made;
}
