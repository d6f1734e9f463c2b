// The operations of custom resources, which another server of Kubernetes' tells: fewer words, fewer media types, no watches of their own.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#publish-validation-schema-in-openapi
import type { AnyResource } from '../../resources/definition.ts';
import { capital, operationId, tagOf } from './names.ts';
import type { Options, VerbOptions } from './options.ts';
import { NAMESPACE, nameOf, PRETTY } from './parameters.ts';
import type { Parameter, Route } from './route.ts';
import { answers, articleFor, META, rootOf, SCALE } from './route-words.ts';

const TEXTS = ['application/json', 'application/yaml'];
/** Custom kinds know no strategic merge, and kubectl believes what stands here. */
const PATCHES = ['application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml'];
const OPTIONS: Readonly<Record<string, VerbOptions>> = {
  get: 'GetOptions',
  list: 'ListOptions',
  deletecollection: 'ListOptions',
  post: 'CreateOptions',
  put: 'UpdateOptions',
  patch: 'PatchOptions',
  delete: 'DeleteOptions',
};
const CODES: Readonly<Record<string, readonly string[]>> = {
  post: ['200', '201', '202'],
  put: ['200', '201'],
  delete: ['200', '202'],
};

interface Place {
  readonly path: string;
  readonly schema: string;
  readonly parameters: readonly Parameter[];
  readonly sub: string;
}

type Operation = readonly [method: string, action: string, word: string];

const COLLECTION: readonly Operation[] = [
  ['get', 'list', 'list'],
  ['post', 'post', 'create'],
  ['delete', 'deletecollection', 'delete'],
];
const OBJECT: readonly Operation[] = [
  ['get', 'get', 'read'],
  ['put', 'put', 'replace'],
  ['delete', 'delete', 'delete'],
  ['patch', 'patch', 'patch'],
];
const VIEW = OBJECT.filter(([method]) => method !== 'delete');

function describe(action: string, word: string, { kind, sub }: { kind: string; sub: string }): string {
  const of = sub === '' ? '' : `${sub} of `;
  switch (action) {
    case 'list':
      return `list objects of kind ${kind}`;
    case 'deletecollection':
      return `delete collection of ${kind}`;
    case 'post':
    case 'delete':
      return `${word} ${articleFor(kind)}${kind}`;
    case 'patch':
      return `partially update ${of}the specified ${kind}`;
    default:
      return `${word} ${of}the specified ${kind}`;
  }
}

function bodyOf(action: string, schema: string): Pick<Route, 'body'> {
  if (action === 'post' || action === 'put') return { body: { type: schema, required: true } };
  if (action === 'patch') return { body: { type: `${META}Patch`, required: true } };
  return action === 'delete' ? { body: { type: `${META}DeleteOptions`, required: false } } : {};
}

function answerOf(action: string, schema: string): string {
  if (action === 'list') return `${schema}List`;
  return action === 'delete' || action === 'deletecollection' ? `${META}Status` : schema;
}

function routeOf(row: AnyResource, options: Options, [at, operation]: [Place, Operation]): Route {
  const [method, action, word] = operation;
  const scope = row.namespaced ? 'Namespaced' : '';
  const name = `${action === 'deletecollection' ? 'Collection' : ''}${scope}${row.kind}${capital(at.sub)}`;
  const taken = OPTIONS[action];
  return {
    path: at.path,
    method,
    action,
    // Also of `scale`: the kind that is scaled.
    kind: { group: row.group, version: row.version, kind: row.kind },
    id: operationId(word, row, name),
    description: describe(action, word, { kind: row.kind, sub: at.sub }),
    tag: tagOf(row),
    parameters: [...at.parameters, PRETTY, ...(taken === undefined ? [] : options.of(taken))],
    ...bodyOf(action, at.schema),
    consumes: action === 'patch' ? PATCHES : TEXTS,
    produces: TEXTS,
    answers: answers(CODES[action] ?? ['200'], { type: answerOf(action, at.schema) }),
  };
}

export function customRoutes(row: AnyResource, options: Options): readonly Route[] {
  const root = rootOf(row);
  const base = row.namespaced ? `${root}/namespaces/{namespace}/${row.plural}` : `${root}/${row.plural}`;
  const scope = row.namespaced ? [NAMESPACE] : [];
  const collection: Place = { path: base, schema: row.schema, parameters: scope, sub: '' };
  const object: Place = { ...collection, path: `${base}/{name}`, parameters: [...scope, nameOf(row.kind)] };
  const routes: Route[] = [];
  const add = (place: Place, operations: readonly Operation[]): void => {
    for (const operation of operations) routes.push(routeOf(row, options, [place, operation]));
  };
  if (row.namespaced) {
    const everywhere: Place = { ...collection, path: `${root}/${row.plural}`, parameters: [] };
    const list = routeOf(row, options, [everywhere, ['get', 'list', 'list']]);
    routes.push({ ...list, id: operationId('list', row, `${row.kind}ForAllNamespaces`) });
  }
  add(collection, COLLECTION);
  add(object, OBJECT);
  for (const [name, sub] of Object.entries(row.subresources ?? {})) {
    const schema = sub.type === 'scale' ? SCALE : row.schema;
    add({ ...object, path: `${base}/{name}/${name}`, schema, sub: name }, VIEW);
  }
  return routes;
}
