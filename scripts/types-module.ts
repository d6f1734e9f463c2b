// Writes the TypeScript interfaces of one group version.
import type { FactField, FactPackage, FactStruct } from '../src/resources/schema/facts-text.ts';
import { type Model, modelFor } from './models.ts';

const BASIC: Record<string, string> = {
  string: 'string',
  UID: 'string',
  NodeName: 'string',
  Quantity: 'string',
  Time: 'string',
  MicroTime: 'string',
  Duration: 'string',
  bool: 'boolean',
  IntOrString: 'number | string',
  RawExtension: 'Record<string, unknown>',
  FieldsV1: 'Record<string, unknown>',
  NamespacedName: '{ Namespace: string; Name: string }',
  JSON: 'unknown',
  'interface{}': 'unknown',
};
const NUMBERS = new Set(['int', 'int32', 'int64', 'uint8', 'uint32', 'uint64', 'byte', 'float32', 'float64', 'rune']);
/** Types that Go writes to JSON by hand. */
const UNIONS: Record<string, string> = {
  JSONSchemaPropsOrArray: 'JSONSchemaProps | JSONSchemaProps[]',
  JSONSchemaPropsOrBool: 'JSONSchemaProps | boolean',
  JSONSchemaPropsOrStringArray: 'JSONSchemaProps | string[]',
};
/** Taken from machinery, so that there is one of each. */
const SHARED = new Set(['ObjectMeta', 'OwnerReference', 'ManagedFieldsEntry']);

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

class Writer {
  readonly imports = new Map<string, Set<string>>();
  constructor(
    private readonly own: FactPackage,
    private readonly all: ReadonlyMap<string, FactPackage>,
  ) {}

  /** Imports a type, under another name where its own is taken; returns the name to use. */
  private import(key: string, name: string): string {
    const names = this.imports.get(key) ?? new Set<string>();
    const taken = this.own.structs.has(name) || [...this.imports].some(([k, n]) => k !== key && n.has(name));
    const local = taken ? key.split('/').map(capital).join('') + name : name;
    names.add(taken ? `${name} as ${local}` : name);
    this.imports.set(key, names);
    return local;
  }

  type(go: string, scope: FactPackage): string {
    if (go.startsWith('*')) return this.type(go.slice(1), scope);
    if (go === '[]byte' || go === '[]uint8') return 'string';
    if (go.startsWith('[]')) {
      const item = this.type(go.slice(2), scope);
      return item.includes(' ') ? `(${item})[]` : `${item}[]`;
    }
    const map = /^map\[[^\]]+\](.*)$/.exec(go);
    if (map !== null) return `Record<string, ${this.type(map[1] ?? '', scope)}>`;
    const basic = BASIC[go];
    if (basic !== undefined) return basic;
    if (go === 'int64') return 'number | bigint';
    if (NUMBERS.has(go)) return 'number';
    return this.named(go, scope);
  }

  private named(go: string, scope: FactPackage): string {
    const { pack, name } = resolve(go, scope, this.all);
    const alias = pack.aliases.get(name);
    if (alias !== undefined) return this.type(alias.type, pack);
    if (!pack.structs.has(name)) throw new Error(`unknown type ${go} in ${scope.key}`);
    if (name === 'MicroTime' || name === 'Time') return 'string';
    return pack.key === this.own.key ? name : this.import(pack.key, name);
  }

  /** The fields of a struct as JSON shows them: those of embedded structs beside its own. */
  flat(struct: FactStruct, scope: FactPackage): { field: FactField; scope: FactPackage }[] {
    return struct.fields.flatMap((field) => {
      if (field.name !== '') return [{ field, scope }];
      const { pack, name } = resolve(field.type.replace(/^\*/, ''), scope, this.all);
      const inner = pack.structs.get(name);
      if (inner !== undefined) return this.flat(inner, pack);
      const alias = pack.aliases.get(name);
      const target = alias === undefined ? undefined : resolve(alias.type, pack, this.all);
      const aliased = target?.pack.structs.get(target.name);
      if (target === undefined || aliased === undefined) throw new Error(`cannot embed ${field.type}`);
      return this.flat(aliased, target.pack);
    });
  }
}

function resolve(
  go: string,
  scope: FactPackage,
  all: ReadonlyMap<string, FactPackage>,
): { pack: FactPackage; name: string } {
  const dot = go.indexOf('.');
  if (dot < 0) return { pack: scope, name: go };
  const pack = all.get(go.slice(0, dot));
  if (pack === undefined) throw new Error(`unknown package of ${go}`);
  return { pack, name: go.slice(dot + 1) };
}

function comment(indent: string, text: string): string {
  return text === '' ? '' : `${indent}/** ${text.replaceAll('*/', '*\\/')} */\n`;
}

/** Every object and list has these; only options and the like may leave them out. */
function alwaysThere(struct: FactStruct): ReadonlySet<string> {
  const metadata = struct.fields.find((f) => f.name === 'metadata');
  const embedsType = struct.fields.some((f) => f.name === '' && f.type === 'meta/v1.TypeMeta');
  if (!embedsType || metadata === undefined) return new Set();
  return new Set(['apiVersion', 'kind', 'metadata']);
}

function property(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}

export interface TypesModule {
  readonly source: string;
  readonly fieldNames: (struct: FactStruct) => string[];
}

export function typesModule(
  facts: FactPackage,
  all: ReadonlyMap<string, FactPackage>,
  models: ReadonlyMap<string, Model>,
): TypesModule {
  const writer = new Writer(facts, all);
  const fieldNames = (struct: FactStruct): string[] => writer.flat(struct, facts).map((f) => f.field.name);
  const blocks: string[] = [];
  for (const struct of facts.structs.values()) {
    if (facts.key === 'meta/v1' && SHARED.has(struct.name)) continue;
    const model = modelFor(models, { key: facts.key, name: struct.name, fields: fieldNames(struct) });
    const union = UNIONS[struct.name];
    if (union !== undefined) {
      blocks.push(`export type ${struct.name} = ${union};\n`);
      continue;
    }
    const always = alwaysThere(struct);
    const lines = writer.flat(struct, facts).map(({ field, scope }) => {
      const optional = field.required || always.has(field.name) ? '' : '?';
      return `${comment('  ', model?.fields.get(field.name) ?? '')}  ${property(field.name)}${optional}: ${writer.type(field.type, scope)};\n`;
    });
    blocks.push(`${comment('', model?.description ?? '')}export interface ${struct.name} {\n${lines.join('')}}\n`);
  }
  const imports = [...writer.imports]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, names]) => `import type { ${[...names].sort().join(', ')} } from './${key.replace('/', '-')}.ts';\n`);
  if (facts.key === 'meta/v1') {
    const names = [...SHARED].sort().join(', ');
    imports.unshift(`import type { ${names} } from '../../machinery/object.ts';\nexport type { ${names} };\n`);
  }
  const source = `// Types of ${facts.key}, as they go over the wire.\n${imports.join('')}\n${blocks.join('\n')}`;
  return { source, fieldNames };
}
