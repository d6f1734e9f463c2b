// Which resources are served now: the built-in table, and the rows that CustomResourceDefinitions add and take away.

import type { JsonObject, KubeObject } from '../../machinery/object.ts';
import { type AnyResource, resourceKey, type Subresource } from '../../resources/definition.ts';
import type { SchemaNode } from '../../resources/schema/index.ts';
import type { Store } from '../../store/index.ts';

export interface GroupVersions {
  readonly group: string;
  /** Preferred first. */
  readonly versions: readonly string[];
}

/** Rows that are not built in know where they come from. */
export interface CatalogEntry {
  readonly row: AnyResource;
  /** A row of a CustomResourceDefinition: other wire rules (lists carry kinds, strictness of patches). */
  readonly custom: boolean;
  /** The row under which objects are stored. */
  readonly storage: AnyResource;
  /** Prefix of the store's keys, with a slash at the end. */
  readonly prefix: string;
  /** The schema of a custom row; built-in rows name theirs. */
  readonly schema?: SchemaNode;
  /** Changes whenever the schema of a custom row does. */
  readonly schemaHash?: string;
  /** The store as the version of this row sees it, when a webhook converts. */
  readonly view?: Store;
  /** What the definition of a custom row says, as text: another text, another row. */
  readonly form?: string;
  /** Objects into another version, when a webhook converts. */
  readonly convert?: Converter;
}

/** Objects of one kind into another version; in their order. */
export type Converter = (objects: readonly JsonObject[], apiVersion: string) => Promise<JsonObject[]>;

/** A row that a CustomResourceDefinition adds. */
export interface CustomRow {
  readonly row: AnyResource;
  readonly schema: SchemaNode;
  /** Changes whenever the schema does. */
  readonly schemaHash: string;
  readonly served: boolean;
  readonly view?: Store;
  /** What the definition of a custom row says, as text: another text, another row. */
  readonly form?: string;
  readonly convert?: Converter;
}

/** Kubernetes stores built-in kinds under their plural, custom ones under group and plural. */
function rowPrefix(row: AnyResource, custom: boolean): string {
  return custom ? `/registry/${row.group}/${row.plural}/` : `/registry/${row.plural}/`;
}

/** Newer and more stable versions first. Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#version-priority */
export function compareVersions(a: string, b: string): number {
  const pa = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(a);
  const pb = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(b);
  if (pa === null || pb === null) {
    if (pa !== null) return -1;
    if (pb !== null) return 1;
    return a < b ? -1 : a > b ? 1 : 0;
  }
  const level = (m: RegExpExecArray) => (m[2] === undefined ? 2 : m[2] === 'beta' ? 1 : 0);
  if (level(pa) !== level(pb)) return level(pb) - level(pa);
  if (pa[1] !== pb[1]) return Number(pb[1]) - Number(pa[1]);
  return Number(pb[3] ?? 0) - Number(pa[3] ?? 0);
}

export class Catalog {
  private readonly entries = new Map<string, CatalogEntry>();
  private readonly order: CatalogEntry[] = [];
  private readonly unserved: CatalogEntry[] = [];
  private readonly listeners = new Set<() => void>();
  /** Grows with every change; what is derived from the catalog is remembered by it. */
  generation = 1;

  /** Rows that are not served are there for the versions that are stored as theirs. */
  constructor(rows: readonly AnyResource[], served: (row: AnyResource) => boolean = () => true) {
    for (const row of rows) {
      const entry = this.entryOf(row, false, rows);
      if (served(row)) this.add(entry);
      else this.unserved.push(entry);
    }
  }

  private entryOf(row: AnyResource, custom: boolean, peers: readonly AnyResource[]): CatalogEntry {
    const of = row.storedAs?.of;
    const storage = of === undefined ? row : (peers.find((r) => resourceKey(r) === of) ?? this.entries.get(of)?.row);
    if (storage === undefined) throw new Error(`${resourceKey(row)} is stored as ${of}, which is not in the table`);
    return { row, custom, storage, prefix: rowPrefix(storage, custom) };
  }

  private add(entry: CatalogEntry): void {
    const { row } = entry;
    this.entries.set(resourceKey(row), entry);
    this.order.push(entry);
  }

  find(group: string, version: string, plural: string): CatalogEntry | undefined {
    return this.entries.get(`${group}/${version}/${plural}`);
  }

  /** The row of a kind in a group and version. */
  findKind(group: string, version: string, kind: string): CatalogEntry | undefined {
    return this.order.find((e) => e.row.group === group && e.row.version === version && e.row.kind === kind);
  }

  /** As findKind, also of versions that are not served: objects may have been written in them. */
  findKnownKind(group: string, version: string, kind: string): CatalogEntry | undefined {
    const is = ({ row }: CatalogEntry): boolean => row.group === group && row.version === version && row.kind === kind;
    return this.order.find(is) ?? this.unserved.find(is);
  }

  all(): readonly CatalogEntry[] {
    return this.order;
  }

  hasVersion(group: string, version: string): boolean {
    return this.order.some((e) => e.row.group === group && e.row.version === version);
  }

  /** Whether something of the group is served that no definition made. */
  isBuiltInGroup(group: string): boolean {
    return this.order.some((e) => e.row.group === group && !e.custom);
  }

  hasGroup(group: string): boolean {
    return this.order.some((e) => e.row.group === group);
  }

  ofVersion(group: string, version: string): CatalogEntry[] {
    return this.order.filter((e) => e.row.group === group && e.row.version === version);
  }

  /** Groups in the order of the table, custom ones last. */
  groups(): GroupVersions[] {
    const seen = new Map<string, string[]>();
    for (const { row } of this.order) {
      const versions = seen.get(row.group);
      if (versions === undefined) seen.set(row.group, [row.version]);
      else if (!versions.includes(row.version)) versions.push(row.version);
    }
    return [...seen].map(([group, versions]) => ({ group, versions: versions.sort(compareVersions) }));
  }

  /** Puts the rows of one owner (a CustomResourceDefinition) in place of those it had. Rows that are not served are there for storage. */
  replaceCustom(plural: string, group: string, rows: readonly CustomRow[]): void {
    for (let i = this.order.length - 1; i >= 0; i--) {
      const entry = this.order[i];
      if (entry === undefined || !entry.custom) continue;
      if (entry.row.plural !== plural || entry.row.group !== group) continue;
      this.order.splice(i, 1);
      this.entries.delete(resourceKey(entry.row));
    }
    const peers = rows.map(({ row }) => row);
    for (const { row, served, ...rest } of rows) {
      if (served) this.add({ ...this.entryOf(row, true, peers), ...rest });
    }
    this.generation++;
    for (const listener of this.listeners) listener();
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

export function subresourceOf(entry: CatalogEntry, name: string): Subresource<KubeObject> | undefined {
  const all = entry.row.subresources;
  return all !== undefined && Object.hasOwn(all, name) ? all[name] : undefined;
}

export function storageKey(entry: CatalogEntry, namespace: string, name: string): string {
  return entry.row.namespaced ? `${entry.prefix}${namespace}/${name}` : entry.prefix + name;
}

/** The keys of a namespace, or all of a kind for ''. */
export function storagePrefix(entry: CatalogEntry, namespace: string): string {
  return entry.row.namespaced && namespace !== '' ? `${entry.prefix}${namespace}/` : entry.prefix;
}
