// The operations of built-in resources: which there are, what they are called, what they take and answer.
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/
import type { KubeObject } from '../../machinery/object.ts';
import type { AnyResource, ConnectSubresource, Subresource } from '../../resources/definition.ts';
import { subresourceKind, subresourceVerbs } from '../discovery/legacy.ts';
import { capital, operationId, tagOf } from './names.ts';
import type { Options, VerbOptions } from './options.ts';
import { NAMESPACE, nameOf, PRETTY, PROXY_PATH } from './parameters.ts';
import type { Parameter, Route } from './route.ts';
import { answers, articleFor, definitionOf, META, rootOf, SCALE } from './route-words.ts';
import type { Gvk } from './schemas.ts';

const STORED = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const WATCHED = [...STORED, 'application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch'];
const PATCHES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];
const ANYTHING = ['*/*'];
/** What a deletion of many has of a list's options: it never watches. */
const NOT_FOR_DELETION: ReadonlySet<string> = new Set(['watch', 'allowWatchBookmarks']);
/** Kinds whose deletion answers with the object, although Kubernetes' documents tell of a Status. */
const TOLD_AS_STATUS: ReadonlySet<string> = new Set(['Namespace', 'CustomResourceDefinition']);
const CONNECT_METHODS: Readonly<Record<string, readonly string[]>> = {
  get: ['get'],
  create: ['post'],
  delete: ['delete'],
  patch: ['patch'],
  update: ['put'],
};

interface Verb {
  readonly method: string;
  readonly action: string;
  /** How the operation's name begins. */
  readonly word: string;
  readonly description: string;
  readonly codes: readonly string[];
  readonly options?: VerbOptions;
}

/** Everything below one object: the object itself or a view of it. */
interface Target {
  readonly path: string;
  readonly kind: Gvk;
  readonly schema: string;
  readonly deleted: string;
  readonly suffix: string;
  readonly parameters: readonly Parameter[];
}

export class ResourceRoutes {
  private readonly routes: Route[] = [];
  private readonly kind: Gvk;
  private readonly scope: string;
  private readonly inScope: readonly Parameter[];
  private readonly base: string;

  constructor(
    private readonly row: AnyResource,
    private readonly options: Options,
  ) {
    this.kind = { group: row.group, version: row.version, kind: row.kind };
    this.scope = row.namespaced ? 'Namespaced' : '';
    this.inScope = row.namespaced ? [NAMESPACE, PRETTY] : [PRETTY];
    const root = rootOf(row);
    this.base = row.namespaced ? `${root}/namespaces/{namespace}/${row.plural}` : `${root}/${row.plural}`;
  }

  all(): readonly Route[] {
    this.collection();
    this.object();
    for (const [name, sub] of Object.entries(this.row.subresources ?? {})) this.subresource(name, sub);
    return this.routes;
  }

  private serves(verb: string): boolean {
    return (this.row.verbs as readonly string[]).includes(verb);
  }

  private id(verb: string, rest: string): string {
    return operationId(verb, this.row, rest);
  }

  private add(route: Omit<Route, 'tag' | 'consumes' | 'produces'> & Partial<Route>): void {
    this.routes.push({ tag: tagOf(this.row), kind: this.kind, consumes: ANYTHING, produces: STORED, ...route });
  }

  private collection(): void {
    const { row, base } = this;
    const path = base;
    if (this.serves('list')) this.lists();
    if (this.serves('create')) {
      this.add({
        path,
        method: 'post',
        action: 'post',
        id: this.id('create', `${this.scope}${row.kind}`),
        description: `create ${articleFor(row.kind)}${row.kind}`,
        parameters: [...this.inScope, ...this.options.of('CreateOptions')],
        body: { type: row.schema, required: true },
        answers: answers(['200', '201', '202'], { type: row.schema }),
      });
    }
    if (!this.serves('deletecollection')) return;
    const selection = this.options.of('ListOptions').filter(({ name }) => !NOT_FOR_DELETION.has(name));
    this.add({
      path,
      method: 'delete',
      action: 'deletecollection',
      id: this.id('delete', `Collection${this.scope}${row.kind}`),
      description: `delete collection of ${row.kind}`,
      parameters: [...this.inScope, ...selection, ...this.options.of('DeleteOptions')],
      body: { type: `${META}DeleteOptions`, required: false },
      answers: answers(['200'], { type: `${META}Status` }),
    });
  }

  /** Lists and their old watches, in one namespace and in all. */
  private lists(): void {
    const { row } = this;
    const root = rootOf(row);
    this.list(this.base, `${this.scope}${row.kind}`, this.inScope);
    if (row.namespaced) this.list(`${root}/${row.plural}`, `${row.kind}ForAllNamespaces`, [PRETTY]);
    if (!this.serves('watch')) return;
    const below = this.base.slice(root.length);
    this.watch(`${root}/watch${below}`, `${this.scope}${row.kind}List`, this.inScope);
    if (row.namespaced) this.watch(`${root}/watch/${row.plural}`, `${row.kind}ListForAllNamespaces`, [PRETTY]);
    const named = [...this.inScope, nameOf(row.kind), ...this.options.of('ListOptions')];
    this.add({
      ...this.watched(`${this.scope}${row.kind}`, named),
      path: `${root}/watch${below}/{name}`,
      action: 'watch',
      description: `watch changes to an object of kind ${row.kind}. deprecated: use the 'watch' parameter with a list operation instead, filtered to a single item with the 'fieldSelector' parameter.`,
    });
  }

  private list(path: string, name: string, parameters: readonly Parameter[]): void {
    const { row } = this;
    this.add({
      path,
      method: 'get',
      action: 'list',
      id: this.id('list', name),
      description: `list ${this.serves('watch') ? 'or watch ' : ''}objects of kind ${row.kind}`,
      parameters: [...parameters, ...this.options.of('ListOptions')],
      produces: WATCHED,
      answers: answers(['200'], { type: `${row.schema}List` }),
    });
  }

  private watched(name: string, parameters: readonly Parameter[]) {
    return {
      method: 'get',
      id: this.id('watch', name),
      parameters,
      produces: WATCHED,
      answers: answers(['200'], { type: `${META}WatchEvent` }),
    };
  }

  private watch(path: string, name: string, parameters: readonly Parameter[]): void {
    this.add({
      ...this.watched(name, [...parameters, ...this.options.of('ListOptions')]),
      path,
      action: 'watchlist',
      description: `watch individual changes to a list of ${this.row.kind}. deprecated: use the 'watch' parameter with a list operation instead.`,
    });
  }

  private object(): void {
    const { row, kind, base } = this;
    const shown = row.deleteAnswersObject === true && !TOLD_AS_STATUS.has(row.kind);
    const deleted = shown ? row.schema : `${META}Status`;
    const parameters = [...this.inScope, nameOf(row.kind)];
    const target = { path: `${base}/{name}`, kind, schema: row.schema, deleted, suffix: '', parameters };
    this.views(target, row.verbs, '');
  }

  /** What can be done with an object, or with a view of it (`sub`: its name). */
  private views(target: Target, verbs: readonly string[], sub: string): void {
    const words = sub === '' ? 'the specified ' : `${sub} of the specified `;
    const { kind } = this.row;
    const all: readonly (Verb & { verb: string })[] = [
      { verb: 'get', method: 'get', action: 'get', word: 'read', description: `read ${words}${kind}`, codes: ['200'] },
      {
        verb: 'update',
        method: 'put',
        action: 'put',
        word: 'replace',
        description: `replace ${words}${kind}`,
        codes: ['200', '201'],
        options: 'UpdateOptions',
      },
      {
        verb: 'delete',
        method: 'delete',
        action: 'delete',
        word: 'delete',
        description: `delete ${articleFor(kind)}${kind}`,
        codes: ['200', '202'],
        options: 'DeleteOptions',
      },
      {
        verb: 'patch',
        method: 'patch',
        action: 'patch',
        word: 'patch',
        description: `partially update ${words}${kind}`,
        codes: ['200', '201'],
        options: 'PatchOptions',
      },
    ];
    for (const one of all) if (verbs.includes(one.verb)) this.view(target, one);
  }

  private view(target: Target, { method, action, word, description, codes, options }: Verb): void {
    const payload = { type: action === 'delete' ? target.deleted : target.schema };
    const body =
      action === 'put'
        ? { type: target.schema, required: true }
        : action === 'patch'
          ? { type: `${META}Patch`, required: true }
          : action === 'delete'
            ? { type: `${META}DeleteOptions`, required: false }
            : undefined;
    this.add({
      path: target.path,
      method,
      action,
      kind: target.kind,
      id: this.id(word, `${this.scope}${this.row.kind}${target.suffix}`),
      description,
      parameters: [...target.parameters, ...(options === undefined ? [] : this.options.of(options))],
      ...(body === undefined ? {} : { body }),
      ...(action === 'patch' ? { consumes: PATCHES } : {}),
      answers: answers(codes, payload),
    });
  }

  private subresource(name: string, sub: Subresource<KubeObject>): void {
    const path = `${this.base}/{name}/${name}`;
    const suffix = capital(name);
    const kind = subresourceKind(this.row, sub);
    if (sub.type === 'connect') {
      this.special({ path, kind, suffix, name }, sub);
      return;
    }
    const schema = sub.type === 'scale' ? SCALE : this.row.schema;
    const parameters = [...this.inScope, nameOf(kind.kind)];
    this.views({ path, kind, schema, deleted: schema, suffix, parameters }, subresourceVerbs(sub), name);
  }

  /** Logs; what is created below an object (evictions, bindings, tokens); what is connected to. */
  private special(at: { path: string; kind: Gvk; suffix: string; name: string }, sub: ConnectSubresource): void {
    const { path, kind, suffix, name } = at;
    const { row } = this;
    const named = nameOf(kind.kind);
    if (sub.kind.endsWith('Options')) {
      this.connections(at, sub);
    } else if (sub.verbs.includes('create')) {
      const type = definitionOf(kind);
      this.add({
        path,
        method: 'post',
        action: 'post',
        kind,
        id: this.id('create', `${this.scope}${row.kind}${suffix}`),
        description: `create ${name} of ${articleFor(row.kind)}${row.kind}`,
        parameters: [...this.inScope, named, ...this.options.of('CreateOptions')],
        body: { type, required: true },
        answers: answers(['200', '201', '202'], { type }),
      });
    } else {
      this.add({
        path,
        method: 'get',
        action: 'get',
        kind,
        id: this.id('read', `${this.scope}${row.kind}${suffix}`),
        description: `read ${name} of the specified ${row.kind}`,
        parameters: [...this.inScope, named, ...this.options.ofKind('PodLogOptions')],
        produces: ['text/plain', ...STORED],
        answers: answers(['200'], 'text'),
      });
    }
  }

  private connections(at: { path: string; kind: Gvk; suffix: string; name: string }, sub: ConnectSubresource): void {
    const { path, kind, suffix, name } = at;
    const { row } = this;
    const proxied = name === 'proxy';
    const parameters = [...(row.namespaced ? [NAMESPACE] : []), nameOf(kind.kind), ...this.options.ofKind(kind.kind)];
    const methods = sub.verbs.flatMap((verb) => CONNECT_METHODS[verb] ?? []);
    const places: [string, string, readonly Parameter[]][] = [[path, suffix, parameters]];
    if (proxied) places.push([`${path}/{path}`, `${suffix}WithPath`, [...parameters, PROXY_PATH]]);
    for (const [where, ending, taken] of places) {
      for (const method of [...methods, ...(proxied ? ['head', 'options'] : [])]) {
        this.add({
          path: where,
          method,
          action: 'connect',
          kind,
          id: this.id('connect', `${capital(method)}${this.scope}${row.kind}${ending}`),
          description: `connect ${method.toUpperCase()} requests to ${name} of ${row.kind}`,
          parameters: taken,
          produces: ANYTHING,
          answers: answers(['200'], 'text'),
        });
      }
    }
  }
}
