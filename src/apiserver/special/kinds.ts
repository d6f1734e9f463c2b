// Kinds that are sent or answered but not stored (Binding, Eviction, TokenRequest, reviews): decoded and checked like any other.
import { badRequest } from '../../machinery/errors.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { defineResource } from '../../resources/definition.ts';
import { inputType } from '../http/negotiation.ts';
import type { CatalogEntry } from '../registry/catalog.ts';
import { decodeBody, reportStrict } from '../registry/codec.ts';
import type { RequestContext } from '../registry/context.ts';
import { parseWriteOptions, type WriteOptions } from '../registry/options.ts';
import { bodyOf, cannotBeHandled } from '../verbs/body.ts';

export interface KindFacts {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Of the schema's name: `io.k8s.api.core.v1`. */
  readonly package: string;
}

/** A row of a kind that is served nowhere by itself. */
export function kindEntry(facts: KindFacts): CatalogEntry {
  const row = defineResource({
    group: facts.group,
    version: facts.version,
    kind: facts.kind,
    plural: `${facts.kind.toLowerCase()}s`,
    singular: facts.kind.toLowerCase(),
    namespaced: true,
    verbs: [],
    schema: `${facts.package}.${facts.kind}`,
    strategy: {},
    generation: 'none',
    columns: [],
  });
  return { row, custom: false, storage: row, prefix: '' };
}

export interface Posted<T> {
  readonly object: T & KubeObject;
  readonly options: WriteOptions;
}

/** The object that was posted, with the options of the request. */
export function readPosted<T>(context: RequestContext, entry: CatalogEntry): Posted<T> {
  const { request, kernel } = context;
  const type = inputType(request.headers['content-type']);
  const options = parseWriteOptions({
    kind: 'CreateOptions',
    query: request.query,
    userAgent: request.headers['user-agent'],
    apply: false,
  });
  const decoded = decodeBody(entry, kernel.catalog, bodyOf(request), type);
  const object = reportStrict(decoded, options.fieldValidation, {
    warnings: context.warnings,
    refuse: (text) => badRequest(cannotBeHandled(entry, decoded.object, text)),
  });
  return { object: object as T & KubeObject, options };
}
