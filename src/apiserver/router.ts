// From a request to the verb that answers it: looks the resource up, checks the method, and words 404 and 405 as Kubernetes does.
import { notFound } from '../machinery/errors.ts';
import type { WireResponse } from '../machinery/http.ts';
import type { KubeObject } from '../machinery/object.ts';
import type { Subresource, Verb } from '../resources/definition.ts';
import type { RequestInfo } from './http/request-info.ts';
import { genericNotFound, methodNotAllowed, methodNotSupported } from './http/responses.ts';
import { type Catalog, type CatalogEntry, subresourceOf } from './registry/catalog.ts';
import { groupResource, type RequestContext, type Target } from './registry/context.ts';
import type { SpecialHandlers } from './special/handlers.ts';
import { scaleVerb } from './special/scale.ts';
import { createVerb } from './verbs/create.ts';
import { deleteCollectionVerb, deleteVerb } from './verbs/delete.ts';
import { getVerb } from './verbs/get.ts';
import { listVerb } from './verbs/list.ts';
import { patchVerb } from './verbs/patch.ts';
import { updateVerb } from './verbs/update.ts';
import { watchVerb } from './verbs/watch.ts';

type VerbHandler = (context: RequestContext, target: Target) => Promise<WireResponse>;

const VERBS: Readonly<Record<Verb, VerbHandler>> = {
  create: createVerb,
  get: getVerb,
  list: listVerb,
  watch: watchVerb,
  update: updateVerb,
  patch: patchVerb,
  delete: deleteVerb,
  deletecollection: deleteCollectionVerb,
};

/** Paths over all namespaces can only be read. */
const ACROSS_NAMESPACES: ReadonlySet<string> = new Set(['list', 'watch']);

function isVerb(verb: string): verb is Verb {
  return Object.hasOwn(VERBS, verb);
}

export interface Route {
  readonly target: Target;
  readonly handler: VerbHandler;
}

function subresourceVerbs(sub: Subresource<KubeObject>): readonly string[] {
  return sub.type === 'scale' ? ['get', 'update', 'patch'] : sub.verbs;
}

function routeSubresource(info: RequestInfo, entry: CatalogEntry, special: SpecialHandlers): Route {
  const sub = subresourceOf(entry, info.subresource);
  if (sub === undefined) throw entry.custom ? notFound(groupResource({ entry }), info.name) : genericNotFound();
  const target: Target = { entry, namespace: info.namespace, name: info.name, subresource: info.subresource, sub };
  if (sub.type === 'connect') {
    const handler = special.subresource(entry.row, info.subresource);
    // Only a proxy leads on.
    const leadsOn = info.rest.length > 1 && info.subresource !== 'proxy';
    if (handler === undefined || leadsOn) throw genericNotFound();
    if (!handler.methods.includes(info.verb)) throw methodNotAllowed();
    return { target, handler: handler.handle };
  }
  if (info.rest !== '') throw genericNotFound();
  if (!subresourceVerbs(sub).includes(info.verb) || !isVerb(info.verb)) {
    throw entry.custom ? methodNotSupported(groupResource({ entry }), info.verb) : methodNotAllowed();
  }
  return { target, handler: sub.type === 'scale' ? scaleVerb : VERBS[info.verb] };
}

function routeVirtual(info: RequestInfo, entry: CatalogEntry, special: SpecialHandlers): Route {
  const handler = special.resource(entry.row);
  // What cannot be read one by one, like a review, has no names.
  if (handler === undefined || (info.name !== '' && !entry.row.verbs.includes('get'))) throw genericNotFound();
  if (!handler.methods.includes(info.verb)) throw methodNotAllowed();
  return {
    target: { entry, namespace: info.namespace, name: info.name, subresource: '' },
    handler: handler.handle,
  };
}

function routeResource(info: RequestInfo, entry: CatalogEntry, special: SpecialHandlers): Route {
  const { row } = entry;
  if (row.namespaced) {
    // A virtual kind that cannot be listed, like a review, may be namespaced too; its collection over all namespaces does not exist.
    if (info.namespace === '' && (info.name !== '' || (row.virtual === true && !row.verbs.includes('list'))))
      throw genericNotFound();
    if (info.namespace === '' && !ACROSS_NAMESPACES.has(info.verb)) throw methodNotAllowed();
  } else if (info.namespace !== '' && row.plural !== 'namespaces') throw genericNotFound();
  if (info.subresource !== '') return routeSubresource(info, entry, special);
  if (row.virtual === true) return routeVirtual(info, entry, special);
  if (info.verb === 'create' && info.name !== '') {
    // Custom resources are less strict than the built-in ones here.
    if (!entry.custom) throw methodNotAllowed();
  }
  if ((info.verb === 'update' || info.verb === 'patch') && info.name === '') throw methodNotAllowed();
  if (!isVerb(info.verb) || !row.verbs.includes(info.verb)) throw methodNotAllowed();
  return {
    target: {
      entry,
      namespace: row.namespaced ? info.namespace : '',
      name: info.verb === 'create' ? '' : info.name,
      subresource: '',
    },
    handler: VERBS[info.verb],
  };
}

/** undefined: the path is under no group version that is served. */
export function routeOf(catalog: Catalog, info: RequestInfo, special: SpecialHandlers): Route | undefined {
  const entry = catalog.find(info.group, info.version, info.resource);
  if (entry === undefined) {
    if (!catalog.hasVersion(info.group, info.version)) return undefined;
    // Groups that only definitions made know nothing but their resources.
    if (catalog.ofVersion(info.group, info.version).every((e) => e.custom)) return undefined;
    throw genericNotFound();
  }
  if (entry.custom && !entry.row.namespaced && info.namespace !== '') return undefined;
  if (info.prefix === 'apis' && info.group === '') return undefined;
  return routeResource(info, entry, special);
}
