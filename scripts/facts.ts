// Reads the facts of Kubernetes' published Go types (names, tags, list topology, protobuf numbers) into src/resources/facts/*.txt.
// Usage: tsx scripts/facts.ts DIR, where DIR holds checkouts named api, apimachinery, apiextensions-apiserver, kube-aggregator and metrics.
// Only facts are taken: no sentence and no code of those sources comes over. The tables are committed; this runs when the version rises.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface GoPackage {
  /** Our short name: `core/v1`. */
  readonly key: string;
  /** Go's import path. */
  readonly path: string;
  readonly directory: string;
}

const GROUP_VERSION = /^v\d+((alpha|beta)\d+)?$/;

/** Finds the packages that hold API types. */
function findPackages(root: string): GoPackage[] {
  const found: GoPackage[] = [];
  const api = join(root, 'api');
  for (const group of readdirSync(api, { withFileTypes: true })) {
    if (!group.isDirectory()) continue;
    for (const version of readdirSync(join(api, group.name))) {
      if (!GROUP_VERSION.test(version) || !existsSync(join(api, group.name, version, 'types.go'))) continue;
      found.push({
        key: `${group.name}/${version}`,
        path: `k8s.io/api/${group.name}/${version}`,
        directory: join(api, group.name, version),
      });
    }
  }
  const machinery = 'apimachinery/pkg';
  const others: [string, string, string][] = [
    ['meta/v1', `${machinery}/apis/meta/v1`, 'types.go'],
    ['meta/v1beta1', `${machinery}/apis/meta/v1beta1`, 'types.go'],
    ['version', `${machinery}/version`, 'types.go'],
    ['apiextensions/v1', 'apiextensions-apiserver/pkg/apis/apiextensions/v1', 'types.go'],
    ['apiextensions/v1beta1', 'apiextensions-apiserver/pkg/apis/apiextensions/v1beta1', 'types.go'],
    ['apiregistration/v1', 'kube-aggregator/pkg/apis/apiregistration/v1', 'types.go'],
    ['apiregistration/v1beta1', 'kube-aggregator/pkg/apis/apiregistration/v1beta1', 'types.go'],
    ['metrics/v1beta1', 'metrics/pkg/apis/metrics/v1beta1', 'types.go'],
  ];
  for (const [key, path] of others) found.push({ key, path: `k8s.io/${path}`, directory: join(root, path) });
  return found.sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** Types that Go writes by hand: the engine knows them by these names. */
const SPECIAL: Record<string, string> = {
  'k8s.io/apimachinery/pkg/api/resource.Quantity': 'Quantity',
  'k8s.io/apimachinery/pkg/util/intstr.IntOrString': 'IntOrString',
  'k8s.io/apimachinery/pkg/runtime.RawExtension': 'RawExtension',
  'k8s.io/apimachinery/pkg/runtime.Object': 'RawExtension',
  'k8s.io/apimachinery/pkg/types.UID': 'UID',
  'k8s.io/apimachinery/pkg/types.NodeName': 'NodeName',
  'k8s.io/apimachinery/pkg/types.NamespacedName': 'NamespacedName',
  'k8s.io/apimachinery/pkg/apis/meta/v1.Time': 'Time',
  'k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime': 'MicroTime',
  'k8s.io/apimachinery/pkg/apis/meta/v1.Duration': 'Duration',
  'k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1': 'FieldsV1',
  'k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSON': 'JSON',
  'k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1.JSON': 'JSON',
};
const BASIC = new Set([
  'string',
  'bool',
  'int',
  'int32',
  'int64',
  'uint32',
  'uint64',
  'uint8',
  'byte',
  'float64',
  'float32',
  'rune',
]);

interface Scope {
  readonly own: GoPackage;
  readonly imports: ReadonlyMap<string, string>;
  readonly keys: ReadonlyMap<string, string>;
}

function typeText(text: string, scope: Scope): string {
  if (text.startsWith('*')) return `*${typeText(text.slice(1), scope)}`;
  if (text.startsWith('[]')) return `[]${typeText(text.slice(2), scope)}`;
  const map = /^map\[([^\]]+)\](.*)$/.exec(text);
  if (map !== null) return `map[${typeText(map[1] ?? '', scope)}]${typeText(map[2] ?? '', scope)}`;
  if (BASIC.has(text)) return text;
  const dot = text.indexOf('.');
  const path = dot < 0 ? scope.own.path : scope.imports.get(text.slice(0, dot));
  const name = text.slice(dot + 1);
  if (path === undefined) throw new Error(`unknown import of ${text} in ${scope.own.key}`);
  const special = SPECIAL[`${path}.${name}`];
  if (special !== undefined) return special;
  if (dot < 0) return name;
  const key = scope.keys.get(path);
  if (key === undefined) throw new Error(`no such package: ${path} (for ${text} in ${scope.own.key})`);
  return `${key}.${name}`;
}

/** Whether a type's package is one of ours (or its type one that the engine knows). */
function isKnown(text: string, scope: Scope): boolean {
  const match = /(\w+)\.(\w+)$/.exec(text);
  if (match === null) return true;
  const path = scope.imports.get(match[1] ?? '');
  return path !== undefined && (scope.keys.has(path) || SPECIAL[`${path}.${match[2]}`] !== undefined);
}

interface Markers {
  readonly has: (name: string) => boolean;
  readonly all: (name: string) => string[];
}

function markersOf(comments: readonly string[]): Markers {
  const lines = comments.map((c) => c.replace(/^\s*\/\/\s?/, '').trim()).filter((c) => c.startsWith('+'));
  return {
    has: (name) => lines.includes(`+${name}`),
    all: (name) => lines.filter((l) => l.startsWith(`+${name}=`)).map((l) => l.slice(name.length + 2)),
  };
}

function tagOf(tags: string, name: string): string | undefined {
  return new RegExp(`(?:^|\\s)${name}:"([^"]*)"`).exec(tags)?.[1];
}

function defaultText(raw: string | undefined, constants: ReadonlyMap<string, string>): string | undefined {
  if (raw === undefined) return undefined;
  const ref = /^ref\((\w+)\)$/.exec(raw);
  return ref === null ? raw : JSON.stringify(constants.get(ref[1] ?? '') ?? '');
}

/** One line for one field: `name number type flags facts…`. */
function fieldLine(options: {
  type: string;
  tags: string;
  markers: Markers;
  constants: ReadonlyMap<string, string>;
}): string | undefined {
  const { type, tags, markers, constants } = options;
  const json = tagOf(tags, 'json');
  if (json === undefined || json === '-') return undefined;
  const [name = '', ...modes] = json.split(',');
  const inline = name === '' && modes.includes('inline');
  const number = /^\w+,(\d+)/.exec(tagOf(tags, 'protobuf') ?? '')?.[1] ?? '-';
  const parts = [inline ? '~' : name, number, type];
  let flags = '';
  if (modes.includes('omitempty')) flags += 'o';
  if (modes.includes('omitzero')) flags += 'z';
  if (markers.has('optional') || markers.has('k8s:optional')) flags += '?';
  if (markers.has('required') || markers.has('k8s:required')) flags += '!';
  if (flags !== '') parts.push(flags);
  const listType = markers.all('listType')[0];
  const keys = markers.all('listMapKey');
  if (listType !== undefined) parts.push(`list=${listType}${keys.length === 0 ? '' : `:${keys.join(',')}`}`);
  const mapType = markers.all('mapType')[0] ?? markers.all('structType')[0];
  if (mapType !== undefined) parts.push(`map=${mapType}`);
  const strategy = tagOf(tags, 'patchStrategy');
  const mergeKey = tagOf(tags, 'patchMergeKey');
  if (strategy !== undefined) parts.push(`patch=${strategy}${mergeKey === undefined ? '' : `:${mergeKey}`}`);
  const fallback = defaultText(markers.all('default')[0], constants);
  if (fallback !== undefined) parts.push(`default=${fallback}`);
  return parts.join(' ');
}

interface Source {
  readonly lines: readonly string[];
  readonly scope: Scope;
}

function importsOf(text: string): Map<string, string> {
  const imports = new Map<string, string>();
  const block = /^import \(([\s\S]*?)^\)/m.exec(text)?.[1] ?? /^import (.*)$/m.exec(text)?.[1] ?? '';
  for (const line of block.split('\n')) {
    const match = /^\s*(\w+)?\s*"([^"]+)"/.exec(line);
    if (match === null) continue;
    const path = match[2] ?? '';
    imports.set(match[1] ?? path.slice(path.lastIndexOf('/') + 1), path);
  }
  return imports;
}

/** String constants by name, and by the type that they belong to. */
function constantsOf(sources: readonly Source[]): { byName: Map<string, string>; byType: Map<string, string[]> } {
  const byName = new Map<string, string>();
  const byType = new Map<string, string[]>();
  for (const source of sources) {
    for (const line of source.lines) {
      const match = /^(?:const|\t)\s*(\w+)\s+(\w+)?\s*=\s*"([^"]*)"/.exec(line);
      if (match === null) continue;
      const [, name = '', type, value = ''] = match;
      byName.set(name, value);
      if (type !== undefined) byType.set(type, [...(byType.get(type) ?? []), value]);
    }
  }
  return { byName, byType };
}

interface StructState {
  readonly out: string[];
  readonly source: Source;
  readonly constants: ReadonlyMap<string, string>;
  /** Fields that say which of a union's members there is; only the last struct's matter. */
  readonly discriminators: string[];
}

/** Writes the fields of the struct that begins after line `start`; returns the line after its end. */
function readStruct(state: StructState, start: number): number {
  let comments: string[] = [];
  for (let i = start; i < state.source.lines.length; i++) {
    const line = state.source.lines[i] ?? '';
    if (line.startsWith('}')) return i;
    if (/^\s*\/\//.test(line)) {
      comments.push(line);
      continue;
    }
    const field = /^\t(?:(\w+)\s+)?(\S+)\s+`(.*)`/.exec(line);
    if (field !== null) {
      const type = typeText(field[2] ?? '', state.source.scope);
      const markers = markersOf(comments);
      const text = fieldLine({ type, tags: field[3] ?? '', markers, constants: state.constants });
      if (text !== undefined) state.out.push(`  ${text}`);
      if (markers.has('unionDiscriminator')) state.discriminators.push(text?.split(' ')[0] ?? '');
    }
    comments = [];
  }
  throw new Error('a struct without an end');
}

function readPackage(pack: GoPackage, keys: ReadonlyMap<string, string>): string {
  const files = readdirSync(pack.directory).filter(
    (f) => /^(types.*|group_version|watch|doc|register)\.go$/.test(f) && !/_test|swagger|_proto/.test(f),
  );
  const sources = files.sort().map((file): Source => {
    const text = readFileSync(join(pack.directory, file), 'utf8');
    return { lines: text.split('\n'), scope: { own: pack, imports: importsOf(text), keys } };
  });
  const constants = constantsOf(sources);
  const groupName = constants.byName.get('GroupName') ?? '';
  const out = [`group ${groupName === '' ? '-' : groupName}`];
  for (const source of sources) {
    let comments: string[] = [];
    for (let i = 0; i < source.lines.length; i++) {
      const line = source.lines[i] ?? '';
      const open = /^type (\w+) struct ?\{(\})?/.exec(line);
      const named = /^type (\w+)\s+=?\s*([[\]*\w.]+)\s*(?:\/\/.*)?$/.exec(line);
      // Types of packages that are not part of the API (`watch.Event`) never reach the wire.
      const alias = named !== null && isKnown(named[2] ?? '', source.scope) ? named : null;
      if (open !== null && SPECIAL[`${pack.path}.${open[1]}`] === undefined) {
        const markers = markersOf(comments);
        const head = out.push(`struct ${open[1]}${markers.all('structType')[0] === 'atomic' ? ' atomic' : ''}`) - 1;
        const discriminators: string[] = [];
        if (open[2] === undefined) i = readStruct({ out, source, constants: constants.byName, discriminators }, i + 1);
        if (markers.has('union')) out[head] += ` union=${discriminators[0] ?? ''}`;
      } else if (alias !== null && SPECIAL[`${pack.path}.${alias[1]}`] === undefined) {
        const isEnum = markersOf(comments).has('enum');
        const values = isEnum ? [...new Set(constants.byType.get(alias[1] ?? '') ?? [])].sort() : [];
        out.push(
          [
            // `type X = Y` is Y under another name; `type X Y` is a type of its own.
            /^type \w+\s+=/.test(line) ? 'same' : 'alias',
            alias[1],
            typeText(alias[2] ?? '', source.scope),
            ...(isEnum ? [`enum=${values.join(',')}`] : []),
          ].join(' '),
        );
      }
      if (/^\s*\/\//.test(line)) comments.push(line);
      else if (line.trim() !== '') comments = [];
    }
  }
  return `${out.join('\n')}\n`;
}

function main(): void {
  const root = process.argv[2];
  if (root === undefined) throw new Error('usage: tsx scripts/facts.ts DIR');
  const target = new URL('../src/resources/facts/', import.meta.url).pathname;
  mkdirSync(target, { recursive: true });
  const packages = findPackages(root);
  const keys = new Map(packages.map((p) => [p.path, p.key]));
  for (const pack of packages)
    writeFileSync(join(target, `${pack.key.replace('/', '.')}.txt`), readPackage(pack, keys));
  console.log(`${packages.length} packages`);
}

main();
