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

export interface Gvk {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export type Dialect = 'v2' | 'v3';

const REFERENCE: Readonly<Record<Dialect, string>> = { v2: '#/definitions/', v3: '#/components/schemas/' };
const INT_FORMATS: ReadonlySet<string> = new Set(['int32', 'int64']);

/** What is said of a type, and of its fields. */
type TypeWords = TypeDescriptions[string];
const NO_WORDS: TypeWords = ['', {}];

/** Fields that mean the same wherever they are. */
const COMMON_FIELDS: ReadonlyMap<string, string> = new Map([
  ['metadata', 'What identifies the object: its name, namespace, labels, annotations and owners.'],
  ['spec', 'What is wanted: the state that the cluster brings about and keeps.'],
  ['status', 'What is: the state as it was last observed. Written by the system.'],
  ['template', 'What each of the objects that are made from this one looks like.'],
  ['selector', 'Which objects belong to this one, by their labels.'],
]);

/** Schemas of one document, gathered from the types it starts with. */
export class SchemaCollector {
  private readonly wanted: string[] = [];
  private readonly seen = new Set<string>();
  private readonly words = new Map<string, TypeWords>();

  constructor(
    private readonly dialect: Dialect,
    private readonly kinds: ReadonlyMap<string, readonly Gvk[]>,
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
    const words: TypeWords = Object.hasOwn(all, name) ? (all[name] ?? NO_WORDS) : NO_WORDS;
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
    };
  }

  /** The models say nothing of a field that is an object of another type: then what begins the words about that type is told. */
  private wordsFor(name: string, { schema }: FieldNode): string {
    const ofType = schema.id === undefined ? '' : (this.words.get(schema.id)?.[0] ?? '');
    if (ofType === '') return '';
    return COMMON_FIELDS.get(name) ?? /^.*?\.(?=\s|$)/s.exec(ofType)?.[0] ?? ofType;
  }

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
    if (schema.id === undefined && schema.mapType === 'atomic') extensions['x-kubernetes-map-type'] = 'atomic';
    if (field.patchStrategy !== undefined && field.patchStrategy.length > 0) {
      extensions['x-kubernetes-patch-strategy'] = field.patchStrategy.join(',');
    }
    if (field.patchMergeKey !== undefined) extensions['x-kubernetes-patch-merge-key'] = field.patchMergeKey;
    const told: JsonObject = {
      ...(description === '' ? {} : { description }),
      ...(field.default === undefined ? {} : { default: field.default }),
      ...extensions,
    };
    const use = this.use(schema);
    if (!Object.hasOwn(use, '$ref')) return { ...use, ...told };
    // Beside a reference nothing else counts in OpenAPI 3.0.
    return this.dialect === 'v3' && Object.keys(told).length > 0 ? { allOf: [use], ...told } : { ...told, ...use };
  }

  /** How a type is spoken of where it is used. */
  private use(node: SchemaNode): JsonObject {
    if (node.id !== undefined && findBuiltinSchema(node.id) !== undefined) return this.reference(node.id);
    return this.special(node) ?? this.plain(node);
  }

  private plain(node: SchemaNode): JsonObject {
    switch (node.type) {
      case 'array':
        return { type: 'array', items: node.items === undefined ? {} : this.use(node.items) };
      case 'object':
        return {
          type: 'object',
          ...(node.additionalProperties === undefined
            ? {}
            : { additionalProperties: this.use(node.additionalProperties) }),
        };
      case 'integer':
        return { type: 'integer', format: INT_FORMATS.has(node.format ?? '') ? node.format : 'int64' };
      case 'number':
        return { type: 'number', format: 'double' };
      case 'string':
        return {
          type: 'string',
          ...(node.format === 'byte' ? { format: 'byte' } : {}),
          ...(node.knownValues === undefined ? {} : { enum: [...node.knownValues] }),
        };
      case 'boolean':
        return { type: 'boolean' };
      default:
        return {};
    }
  }
}
