// The operations of resources, as OpenAPI tells them: what clients read to learn which verbs and parameters there are.
import type { JsonObject, KubeObject } from '../../machinery/object.ts';
import type { AnyResource, Subresource } from '../../resources/definition.ts';
import { subresourceKind, subresourceVerbs } from '../discovery/legacy.ts';
import type { CatalogEntry } from '../registry/catalog.ts';
import type { Dialect, Gvk, SchemaCollector } from './schemas.ts';

type Method = 'get' | 'put' | 'post' | 'delete' | 'patch';

interface Operation {
  readonly method: Method;
  readonly action: string;
  readonly verb: string;
}

const COLLECTION: readonly Operation[] = [
  { method: 'get', action: 'list', verb: 'list' },
  { method: 'post', action: 'post', verb: 'create' },
  { method: 'delete', action: 'deletecollection', verb: 'deletecollection' },
];
const NAMED: readonly Operation[] = [
  { method: 'get', action: 'get', verb: 'get' },
  { method: 'put', action: 'put', verb: 'update' },
  { method: 'patch', action: 'patch', verb: 'patch' },
  { method: 'delete', action: 'delete', verb: 'delete' },
];

const PATCH_TYPES = [
  'application/apply-patch+yaml',
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
];

/** Custom kinds know no strategic merge, and kubectl believes what stands here. */
const CUSTOM_PATCH_TYPES = PATCH_TYPES.filter((type) => !type.includes('strategic'));

const WRITE_PARAMETERS = ['dryRun', 'fieldManager', 'fieldValidation'];
const LIST_PARAMETERS = [
  'allowWatchBookmarks',
  'continue',
  'fieldSelector',
  'labelSelector',
  'limit',
  'resourceVersion',
  'resourceVersionMatch',
  'sendInitialEvents',
  'timeoutSeconds',
  'watch',
];
const DELETE_PARAMETERS = ['dryRun', 'gracePeriodSeconds', 'orphanDependents', 'propagationPolicy'];
const TYPES: Readonly<Record<string, 'boolean' | 'integer'>> = {
  allowWatchBookmarks: 'boolean',
  sendInitialEvents: 'boolean',
  watch: 'boolean',
  force: 'boolean',
  orphanDependents: 'boolean',
  limit: 'integer',
  timeoutSeconds: 'integer',
  gracePeriodSeconds: 'integer',
};

function parametersOf(operation: Operation): readonly string[] {
  switch (operation.action) {
    case 'list':
    case 'deletecollection':
      return operation.action === 'list' ? LIST_PARAMETERS : [...LIST_PARAMETERS, ...DELETE_PARAMETERS];
    case 'post':
    case 'put':
      return WRITE_PARAMETERS;
    case 'patch':
      return [...WRITE_PARAMETERS, 'force'];
    case 'delete':
      return DELETE_PARAMETERS;
    default:
      return [];
  }
}

export interface PathsRequest {
  readonly collector: SchemaCollector;
  readonly dialect: Dialect;
  readonly entries: readonly CatalogEntry[];
}

class PathBuilder {
  readonly paths: JsonObject = {};

  constructor(private readonly request: PathsRequest) {}

  addResource({ row, custom }: CatalogEntry): void {
    const root = row.group === '' ? `/api/${row.version}` : `/apis/${row.group}/${row.version}`;
    const base = row.namespaced ? `${root}/namespaces/{namespace}/${row.plural}` : `${root}/${row.plural}`;
    const gvk = { group: row.group, version: row.version, kind: row.kind };
    const serves = (operation: Operation): boolean => (row.verbs as readonly string[]).includes(operation.verb);
    const patches = custom ? CUSTOM_PATCH_TYPES : PATCH_TYPES;
    const about = { row, gvk, schema: row.schema, suffix: '', patches };
    this.add(base, COLLECTION.filter(serves), about);
    if (row.namespaced && (row.verbs as readonly string[]).includes('list')) {
      this.add(`${root}/${row.plural}`, COLLECTION.slice(0, 1), { ...about, suffix: 'ForAllNamespaces' });
    }
    this.add(`${base}/{name}`, NAMED.filter(serves), about);
    for (const [name, sub] of Object.entries(row.subresources ?? {}))
      this.addSubresource(`${base}/{name}/${name}`, about, name, sub);
  }

  private addSubresource(path: string, about: About, name: string, sub: Subresource<KubeObject>): void {
    const { row } = about;
    const verbs = subresourceVerbs(sub);
    const gvk = subresourceKind(row, sub);
    const operations = NAMED.filter((operation) => verbs.includes(operation.verb));
    if (verbs.includes('create')) operations.push({ method: 'post', action: 'post', verb: 'create' });
    const schema = sub.type === 'object' ? row.schema : sub.type === 'scale' ? 'io.k8s.api.autoscaling.v1.Scale' : '';
    const suffix = name.charAt(0).toUpperCase() + name.slice(1);
    this.add(path, operations, { ...about, gvk, schema, suffix });
  }

  private add(path: string, operations: readonly Operation[], about: About): void {
    if (operations.length === 0) return;
    const item: JsonObject = {};
    for (const operation of operations) item[operation.method] = this.operation(operation, about);
    const names = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '');
    Object.assign(item, this.parameters(names, 'path'));
    this.paths[path] = item;
  }

  /** Without any the field is left out: clients that read and write the document again must find it the same. */
  private parameters(names: readonly string[], where: 'path' | 'query'): JsonObject {
    return names.length === 0 ? {} : { parameters: names.map((name) => this.parameter(name, where)) };
  }

  private parameter(name: string, where: 'path' | 'query'): JsonObject {
    const type = TYPES[name] ?? 'string';
    const required = where === 'path' ? { required: true } : {};
    const shape = this.request.dialect === 'v3' ? { schema: { type, uniqueItems: true } } : { type, uniqueItems: true };
    return { name, in: where, ...required, ...shape };
  }

  private operation(operation: Operation, about: About): JsonObject {
    const { row, gvk, schema, suffix } = about;
    const group = row.group === '' ? 'core' : row.group;
    const title = group.split('.')[0] ?? '';
    const tag = `${title}_${row.version}`;
    const scope = row.namespaced ? 'Namespaced' : '';
    const verb = operation.action === 'post' ? 'create' : operation.action === 'put' ? 'replace' : operation.action;
    const id = `${verb}${title.charAt(0).toUpperCase()}${title.slice(1)}${row.version.toUpperCase().slice(0, 1)}${row.version.slice(1)}${scope}${row.kind}${suffix}`;
    return {
      operationId: id,
      description: `${verb} ${row.kind}`,
      tags: [tag],
      ...this.parameters(parametersOf(operation), 'query'),
      ...this.body(operation, about),
      responses: this.responses(operation, schema),
      'x-kubernetes-action': operation.action,
      'x-kubernetes-group-version-kind': gvk,
    };
  }

  private body(operation: Operation, { schema, patches }: About): JsonObject {
    const sends = operation.method === 'post' || operation.method === 'put' || operation.method === 'patch';
    if (!sends || schema === '') return {};
    const patch = operation.method === 'patch';
    const type = patch
      ? { $ref: this.request.collector.reference('io.k8s.apimachinery.pkg.apis.meta.v1.Patch').$ref }
      : this.request.collector.reference(schema);
    const shape = patch ? { type: 'object' } : type;
    if (this.request.dialect === 'v2') {
      return {
        consumes: patch ? patches : ['*/*'],
        parameters: [
          { name: 'body', in: 'body', required: true, schema: shape },
          ...parametersOf(operation).map((name) => this.parameter(name, 'query')),
        ],
      };
    }
    const types = patch ? patches : ['*/*'];
    return { requestBody: { required: true, content: Object.fromEntries(types.map((t) => [t, { schema: shape }])) } };
  }

  private responses(operation: Operation, schema: string): JsonObject {
    const description = 'OK';
    if (schema === '') return { '200': { description }, '401': { description: 'Unauthorized' } };
    const id = operation.action === 'list' ? `${schema}List` : schema;
    const reference = this.request.collector.reference(id);
    const content =
      this.request.dialect === 'v3'
        ? { content: { 'application/json': { schema: reference } } }
        : { schema: reference };
    return { '200': { description, ...content }, '401': { description: 'Unauthorized' } };
  }
}

interface About {
  readonly row: AnyResource;
  readonly gvk: Gvk;
  readonly schema: string;
  readonly suffix: string;
  /** The media types of patches that it takes. */
  readonly patches: readonly string[];
}

export function pathsOf(request: PathsRequest): JsonObject {
  const builder = new PathBuilder(request);
  for (const entry of request.entries) builder.addResource(entry);
  return builder.paths;
}
