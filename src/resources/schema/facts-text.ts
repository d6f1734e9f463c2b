// Reads the lines of src/resources/facts: which types a group version has, which fields, and the facts of their wire form.

export interface FactField {
  /** JSON name; '' for a struct that Go embeds (its fields appear beside the others in JSON, but as a message of their own in protobuf). */
  readonly name: string;
  /** Field number in protobuf; undefined for what protobuf does not carry. */
  readonly number: number | undefined;
  /** Go's type, with our package keys: `[]Container`, `*meta/v1.LabelSelector`, `map[string]Quantity`. */
  readonly type: string;
  readonly omitEmpty: boolean;
  readonly omitZero: boolean;
  readonly required: boolean;
  readonly listType: string | undefined;
  readonly listMapKeys: readonly string[] | undefined;
  readonly mapType: string | undefined;
  readonly patchStrategy: readonly string[] | undefined;
  readonly patchMergeKey: string | undefined;
  /** As JSON. */
  readonly default: string | undefined;
}

export interface FactStruct {
  readonly name: string;
  readonly atomic: boolean;
  /** At most one of its fields is set; the field that says which, or '' when none does. */
  readonly union: string | undefined;
  readonly fields: readonly FactField[];
}

export interface FactAlias {
  readonly name: string;
  readonly type: string;
  /** The other type under another name (`type X = Y`), not a type of its own. */
  readonly same: boolean;
  readonly enum: readonly string[] | undefined;
}

export interface FactPackage {
  /** `core/v1`. */
  readonly key: string;
  /** The API group's name; '' for core. */
  readonly group: string;
  readonly structs: ReadonlyMap<string, FactStruct>;
  readonly aliases: ReadonlyMap<string, FactAlias>;
}

/** The value of `prefix` among the words of a line. */
function word(words: readonly string[], prefix: string): string | undefined {
  for (const w of words) if (w.startsWith(prefix)) return w.slice(prefix.length);
  return undefined;
}

function split(text: string | undefined): [string | undefined, string | undefined] {
  if (text === undefined) return [undefined, undefined];
  const colon = text.indexOf(':');
  return colon < 0 ? [text, undefined] : [text.slice(0, colon), text.slice(colon + 1)];
}

function parseField(line: string): FactField {
  const [name = '', number = '-', type = '', ...rest] = line.split(' ');
  const flags = rest[0] !== undefined && /^[oz?!]+$/.test(rest[0]) ? rest[0] : '';
  const [listType, keys] = split(word(rest, 'list='));
  const [strategy, mergeKey] = split(word(rest, 'patch='));
  const at = line.indexOf(' default=');
  return {
    name: name === '~' ? '' : name,
    number: number === '-' ? undefined : Number(number),
    type,
    omitEmpty: flags.includes('o'),
    omitZero: flags.includes('z'),
    required: flags.includes('!') || !(flags.includes('o') || flags.includes('?')),
    listType,
    listMapKeys: keys?.split(','),
    mapType: word(rest, 'map='),
    patchStrategy: strategy?.split(','),
    patchMergeKey: mergeKey,
    default: at < 0 ? undefined : line.slice(at + ' default='.length),
  };
}

export function parseFacts(key: string, text: string): FactPackage {
  const structs = new Map<string, FactStruct>();
  const aliases = new Map<string, FactAlias>();
  let group = '';
  let fields: FactField[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('  ')) {
      fields.push(parseField(line.slice(2)));
      continue;
    }
    const [what, name = '', ...rest] = line.split(' ');
    if (what === 'group') group = name === '-' ? '' : name;
    else if (what === 'struct') {
      fields = [];
      structs.set(name, { name, atomic: rest.includes('atomic'), union: word(rest, 'union='), fields });
    } else if (what === 'alias' || what === 'same') {
      const values = word(rest, 'enum=');
      aliases.set(name, {
        name,
        type: rest[0] ?? '',
        same: what === 'same',
        enum: values === undefined ? undefined : values.split(','),
      });
    }
  }
  return { key, group, structs, aliases };
}

/** `io.k8s.api.core.v1.` for `core/v1`: what OpenAPI definition names begin with. */
export function definitionPrefix(key: string): string {
  if (key.startsWith('meta/')) return `io.k8s.apimachinery.pkg.apis.${key.replace('/', '.')}.`;
  if (key === 'version') return 'io.k8s.apimachinery.pkg.version.';
  if (key.startsWith('apiextensions/')) {
    return `io.k8s.apiextensions-apiserver.pkg.apis.${key.replace('/', '.')}.`;
  }
  if (key.startsWith('apiregistration/')) return `io.k8s.kube-aggregator.pkg.apis.${key.replace('/', '.')}.`;
  if (key.startsWith('metrics/')) return `io.k8s.metrics.pkg.apis.${key.replace('/', '.')}.`;
  return `io.k8s.api.${key.replace('/', '.')}.`;
}
