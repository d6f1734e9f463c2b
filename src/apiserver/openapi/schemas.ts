// OpenAPI schemas of the built-in types, made of the schema nodes and their descriptions.
// Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition
import type { JsonObject } from '../../machinery/object.ts';
import {
  builtinSchema,
  descriptionsOf,
  type FieldNode,
  findBuiltinSchema,
  type SchemaNode,
  splitDefinitionName,
  type TypeDescriptions,
} from '../../resources/schema/index.ts';
import { LIST_META, STANDARD_META } from '../crd/published-schema.ts';

export interface Gvk {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export type Dialect = 'v2' | 'v3';

const REFERENCE: Readonly<Record<Dialect, string>> = { v2: '#/definitions/', v3: '#/components/schemas/' };
const INT_FORMATS: ReadonlySet<string> = new Set(['int32', 'int64']);
const NUMBER_FORMATS: ReadonlySet<string> = new Set([...INT_FORMATS, 'uint8', 'uint32', 'uint64', 'float', 'double']);

/** What is said of a type, and of its fields. */
type TypeWords = TypeDescriptions[string];
const NO_WORDS: TypeWords = ['', {}];

/** Fields of these types mean the same wherever they are. */
const COMMON_TYPES: ReadonlyMap<string, string> = new Map([
  ['io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta', STANDARD_META],
  ['io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta', LIST_META],
]);

/** Fields that mean the same wherever they are. */
const COMMON_FIELDS: ReadonlyMap<string, string> = new Map([
  ['spec', 'What is wanted: the state that the cluster brings about and keeps.'],
  ['status', 'What is: the state as it was last observed. Written by the system.'],
  ['template', 'What each of the objects that are made from this one looks like.'],
  ['selector', 'Which objects belong to this one, by their labels.'],
]);

/** Go's zero value, as a `default`; types that Go reads and writes by hand have none, lists and maps are null. */
function zeroOf(node: SchemaNode): JsonObject {
  if (node.properties !== undefined) return { default: {} };
  if (node.format !== undefined && !NUMBER_FORMATS.has(node.format)) return {};
  switch (node.type) {
    case 'string':
      return { default: '' };
    case 'boolean':
      return { default: false };
    case 'integer':
    case 'number':
      return { default: 0 };
    default:
      return {};
  }
}

/** Which field says which of the others there is. */
function unionOf(node: SchemaNode, discriminator: string): JsonObject {
  const members = [...(node.properties?.keys() ?? [])].filter((name) => name !== discriminator).sort();
  return {
    ...(discriminator === '' ? {} : { discriminator }),
    'fields-to-discriminateBy': Object.fromEntries(
      members.map((name) => [name, name.slice(0, 1).toUpperCase() + name.slice(1)]),
    ),
  };
}

/** What is said of types that the client's models do not describe. */
const OWN_WORDS: Readonly<Record<string, string>> = {
  'io.k8s.apimachinery.pkg.apis.meta.v1.Time': 'Time is a moment, to the second, as RFC 3339 writes it.',
  'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime': 'MicroTime is version of Time with microsecond level precision.',
  'io.k8s.apimachinery.pkg.apis.meta.v1.Patch':
    'Patch is provided to give a concrete name and type to the Kubernetes PATCH request body.',
  'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1':
    "FieldsV1 is a set of fields: an object with a key for each ('f:' and its name, 'k:' and the keys of a list's item, 'v:' and a value, 'i:' and an index), and '.' for the field itself.",
  'io.k8s.apimachinery.pkg.api.resource.Quantity':
    'Quantity is a number with a suffix: of thousands (n, u, m, k, M, G, T, P, E), of 1024 (Ki, Mi, Gi, Ti, Pi, Ei), or an exponent (1e3). It is written again in the shortest form with the same kind of suffix.',
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString':
    'IntOrString is a whole number or a text, such as a port or its name, a count or a percentage.',
  'io.k8s.apimachinery.pkg.runtime.RawExtension': 'RawExtension is any object: what is in it, its kind tells.',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON': 'JSON represents any valid JSON value.',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray': 'A schema, or a list of schemas.',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool':
    'A schema, or whether anything will do.',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray':
    'A schema, or a list of names.',
};

/** Schemas of one document, gathered from the types it starts with. */
export class SchemaCollector {
  private readonly wanted: string[] = [];
  private readonly seen = new Set<string>();
  private readonly words = new Map<string, TypeWords>();

  constructor(
    private readonly dialect: Dialect,
    private readonly kinds: ReadonlyMap<string, readonly Gvk[]>,
    /** What the elements of lists and maps are by themselves: not told in v2, nor by who speaks of custom kinds. */
    private readonly elementDefaults = dialect === 'v3',
  ) {}

  add(id: string): void {
    if (this.seen.has(id) || findBuiltinSchema(id) === undefined) return;
    this.seen.add(id);
    this.wanted.push(id);
  }

  reference(id: string): JsonObject {
    this.add(id);
    return { $ref: `${REFERENCE[this.dialect]}${id}` };
  }

  /** All schemas, those that others lead to as well. */
  async schemas(): Promise<JsonObject> {
    const made = new Map<string, JsonObject>();
    for (let i = 0; i < this.wanted.length; i++) {
      const id = this.wanted[i] ?? '';
      for (const { schema } of builtinSchema(id).properties?.values() ?? []) {
        if (schema.id !== undefined) await this.learn(schema.id);
      }
      made.set(id, this.definition(id, await this.learn(id)));
    }
    const out: JsonObject = {};
    for (const id of [...made.keys()].sort()) out[id] = made.get(id);
    return out;
  }

  /** What is said of a type and its fields. */
  private async learn(id: string): Promise<TypeWords> {
    const known = this.words.get(id);
    if (known !== undefined) return known;
    const at = splitDefinitionName(id);
    const all = at === undefined ? {} : await descriptionsOf(at.key);
    const name = at?.name ?? '';
    const own = OWN_WORDS[id];
    const words: TypeWords = Object.hasOwn(all, name)
      ? (all[name] ?? NO_WORDS)
      : own === undefined
        ? NO_WORDS
        : [own, {}];
    this.words.set(id, words);
    return words;
  }

  private definition(id: string, [description, fields]: TypeWords): JsonObject {
    const node = builtinSchema(id);
    const out: JsonObject = { ...(description === '' ? {} : { description }), ...this.body(node, fields) };
    const gvks = this.kinds.get(id);
    if (gvks !== undefined) out['x-kubernetes-group-version-kind'] = gvks;
    return out;
  }

  /** The type itself, not a reference to it. */
  private body(node: SchemaNode, fields: Readonly<Record<string, string>>): JsonObject {
    const special = this.special(node);
    if (special !== undefined) return special;
    if (node.properties === undefined) return this.plain(node);
    const properties: JsonObject = {};
    const required: string[] = [];
    for (const [name, field] of node.properties) {
      const own = Object.hasOwn(fields, name) ? (fields[name] ?? '') : '';
      properties[name] = this.field(field, own === '' ? this.wordsFor(name, field) : own);
      if (field.required) required.push(name);
    }
    return {
      type: 'object',
      ...(Object.keys(properties).length === 0 ? {} : { properties }),
      ...(required.length === 0 ? {} : { required }),
      ...(node.mapType === 'atomic' ? { 'x-kubernetes-map-type': 'atomic' } : {}),
      ...(node.union === undefined ? {} : { 'x-kubernetes-unions': [unionOf(node, node.union)] }),
    };
  }

  /** The models say nothing of a field that is an object of another type: then what begins the words about that type is told. */
  private wordsFor(name: string, { schema }: FieldNode): string {
    const ofType = schema.id === undefined ? '' : (this.words.get(schema.id)?.[0] ?? '');
    if (ofType === '') return '';
    return (
      COMMON_TYPES.get(schema.id ?? '') ?? COMMON_FIELDS.get(name) ?? /^.*?\.(?=\s|$)/s.exec(ofType)?.[0] ?? ofType
    );
  }

  /** Types that are read and written by hand. */
  private special(node: SchemaNode): JsonObject | undefined {
    switch (node.format) {
      case 'date-time':
      case 'micro-time':
        return { type: 'string', format: 'date-time' };
      case 'quantity':
        return this.dialect === 'v3' ? { oneOf: [{ type: 'string' }, { type: 'number' }] } : { type: 'string' };
      case 'int-or-string':
        return this.dialect === 'v3'
          ? { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] }
          : { type: 'string', format: 'int-or-string' };
      case 'duration':
        return { type: 'string' };
      case 'raw':
        return node.type === 'object' ? { type: 'object' } : {};
      case 'schema-or-bool':
      case 'schema-or-array':
      case 'schema-or-strings':
        return {};
      default:
        return undefined;
    }
  }

  private field(field: FieldNode, description: string): JsonObject {
    const { schema } = field;
    const extensions: JsonObject = {};
    if (schema.listType !== undefined) extensions['x-kubernetes-list-type'] = schema.listType;
    if (schema.listMapKeys !== undefined) extensions['x-kubernetes-list-map-keys'] = schema.listMapKeys;
    if (schema.mapType === 'granular' || (schema.id === undefined && schema.mapType === 'atomic'))
      extensions['x-kubernetes-map-type'] = schema.mapType;
    if (field.patchStrategy !== undefined && field.patchStrategy.length > 0) {
      extensions['x-kubernetes-patch-strategy'] = field.patchStrategy.join(',');
    }
    if (field.patchMergeKey !== undefined) extensions['x-kubernetes-patch-merge-key'] = field.patchMergeKey;
    const told: JsonObject = {
      ...(description === '' ? {} : { description }),
      ...this.defaultOf(field),
      ...extensions,
    };
    const use = this.use(schema);
    if (!Object.hasOwn(use, '$ref')) return { ...use, ...told };
    // Beside a reference nothing else counts in OpenAPI 3.0.
    return this.dialect === 'v3' && Object.keys(told).length > 0 ? { allOf: [use], ...told } : { ...told, ...use };
  }

  /** v2 tells none. In v3 also what Go fills in by itself: the zero value of what is always sent, and of objects held by value. */
  private defaultOf(field: FieldNode): JsonObject {
    if (this.dialect === 'v2') return {};
    if (field.default !== undefined) return { default: field.default };
    if (field.pointer || (field.omitEmpty && field.schema.properties === undefined)) return {};
    return zeroOf(field.schema);
  }

  /** The elements of lists and maps, which are never left out. */
  private element(node: SchemaNode, pointer: boolean): JsonObject {
    const use = this.use(node);
    if (!this.elementDefaults || pointer) return use;
    const zero = zeroOf(node);
    if (!Object.hasOwn(zero, 'default')) return use;
    return Object.hasOwn(use, '$ref') ? { allOf: [use], ...zero } : { ...use, ...zero };
  }

  /** How a type is spoken of where it is used. */
  private use(node: SchemaNode): JsonObject {
    if (node.id !== undefined && findBuiltinSchema(node.id) !== undefined) return this.reference(node.id);
    return this.special(node) ?? this.plain(node);
  }

  private plain(node: SchemaNode): JsonObject {
    switch (node.type) {
      case 'array':
        return {
          type: 'array',
          items: node.items === undefined ? {} : this.element(node.items, node.goType?.startsWith('[]*') === true),
        };
      case 'object':
        return {
          type: 'object',
          ...(node.additionalProperties === undefined
            ? {}
            : { additionalProperties: this.element(node.additionalProperties, node.goType?.includes(']*') === true) }),
        };
      case 'integer':
        return { type: 'integer', format: INT_FORMATS.has(node.format ?? '') ? node.format : 'int64' };
      case 'number':
        return { type: 'number', format: 'double' };
      case 'string':
        return {
          type: 'string',
          ...(node.format === 'byte' ? { format: 'byte' } : {}),
          // v2 names no values.
          ...(node.knownValues === undefined || this.dialect === 'v2' ? {} : { enum: [...node.knownValues] }),
        };
      case 'boolean':
        return { type: 'boolean' };
      default:
        return {};
    }
  }
}
