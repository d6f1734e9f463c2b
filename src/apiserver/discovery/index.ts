// Answers discovery paths, in the old form or aggregated, remembered until the catalog changes.
import { createHash } from 'node:crypto';
import type { WireRequest, WireResponse } from '../../machinery/http.ts';
import type { JsonObject } from '../../machinery/object.ts';
import { type MediaType, negotiateOutput, type OutputType, parseAccept } from '../http/negotiation.ts';
import { methodNotAllowed, utf8 } from '../http/responses.ts';
import { PROTOBUF } from '../protobuf/index.ts';
import type { Catalog, GroupVersions } from '../registry/catalog.ts';
import { encodeValue } from '../verbs/answer.ts';
import { aggregatedDiscovery } from './aggregated.ts';
import { apiGroup, apiGroupList, apiResourceList, apiVersions } from './legacy.ts';

const AGGREGATED: readonly MediaType[] = ['application/json', 'application/yaml', PROTOBUF];

/** In which form aggregated discovery is asked for; undefined when it is not. Clauses that ask for the old form do not count, wherever they stand. */
function aggregatedForm(accept: string | undefined): MediaType | undefined {
  if (accept === undefined || !accept.includes('apidiscovery.k8s.io')) return undefined;
  for (const { type, params } of parseAccept(accept)) {
    const form = /^(?:\*|application)\/\*$/.test(type) ? 'application/json' : AGGREGATED.find((one) => one === type);
    const asked =
      params.get('as') === 'APIGroupDiscoveryList' &&
      params.get('g') === 'apidiscovery.k8s.io' &&
      params.get('v') === 'v2';
    if (asked && form !== undefined) return form;
  }
  return undefined;
}

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.';
const AGGREGATED_LIST = 'io.k8s.api.apidiscovery.v2.APIGroupDiscoveryList';

/** Groups that other servers serve. */
export interface RemoteGroups {
  groups(): readonly { readonly group: string; readonly version: string }[];
  discover(): Promise<JsonObject[]>;
}

const FORMS = { transforms: false, list: false, stream: false, protobuf: () => true };

/** The list of groups, and a group, are answered whatever the method. */
const takesAny = ([root, group, version]: readonly string[]): boolean =>
  root === 'apis' && version === undefined && group !== 'apiregistration.k8s.io';

function answer(document: JsonObject, output: OutputType): WireResponse {
  const body = encodeValue(document, output, `${META}${String(document.kind)}`);
  return { status: 200, headers: { 'content-type': output.mediaType }, body };
}

interface Aggregated {
  readonly document: JsonObject;
  /** By media type. */
  readonly bodies: Map<MediaType, Uint8Array>;
  /** The same for all forms. */
  readonly etag: string;
}

function aggregatedOf(document: JsonObject): Aggregated {
  const body = utf8(JSON.stringify(document));
  const etag = `"${createHash('sha512').update(body).digest('hex').toUpperCase()}"`;
  return { document, bodies: new Map([['application/json', body]]), etag };
}

function bodyOf({ document, bodies }: Aggregated, mediaType: MediaType): Uint8Array {
  let body = bodies.get(mediaType);
  if (body === undefined) {
    body = encodeValue(document, { mediaType, pretty: false }, AGGREGATED_LIST);
    bodies.set(mediaType, body);
  }
  return body;
}

export class Discovery {
  private known = new Map<boolean, Aggregated>();
  private generation = 0;

  constructor(
    private readonly catalog: Catalog,
    private readonly serverAddress: () => string,
    private readonly others?: RemoteGroups,
  ) {}

  /** undefined when the path is none of discovery's. */
  async handle(request: WireRequest): Promise<WireResponse | undefined> {
    const path = request.path.endsWith('/') && request.path.length > 1 ? request.path.slice(0, -1) : request.path;
    if (path !== '/api' && path !== '/apis' && !path.startsWith('/api/') && !path.startsWith('/apis/'))
      return undefined;
    const parts = path.split('/').slice(1);
    const isRoot = path === '/api' || path === '/apis';
    const form = isRoot ? aggregatedForm(request.headers.accept) : undefined;
    if (form !== undefined) return this.aggregated(request, path === '/api', form);
    const document = this.document(parts);
    if (document === undefined) return undefined;
    const { accept } = request.headers;
    if (takesAny(parts)) {
      // `application/*` means what is first among them.
      const output = negotiateOutput(accept?.replaceAll('application/*', 'application/json'), {
        ...FORMS,
        produces: [],
      });
      return answer(document, output);
    }
    if (request.method !== 'GET') throw methodNotAllowed();
    return answer(document, negotiateOutput(accept, FORMS));
  }

  /** Our groups, then those of other servers; a group may be served in part by each. */
  private groups(): GroupVersions[] {
    const own = this.catalog.groups();
    for (const { group, version } of this.others?.groups() ?? []) {
      const at = own.findIndex((one) => one.group === group);
      const known = own[at];
      if (known === undefined) own.push({ group, versions: [version] });
      else if (!known.versions.includes(version)) own[at] = { group, versions: [...known.versions, version] };
    }
    return own;
  }

  private document(parts: readonly string[]): JsonObject | undefined {
    const [root, first, second] = parts;
    if (root === 'api') {
      if (parts.length === 1) return apiVersions(this.serverAddress());
      if (parts.length === 2 && first === 'v1') return apiResourceList(this.catalog, '', 'v1');
      return undefined;
    }
    if (parts.length === 1) return apiGroupList(this.groups());
    if (first === undefined || first === '') return undefined;
    if (parts.length === 2) {
      const versions = this.groups().find((g) => g.group === first);
      return versions === undefined ? undefined : apiGroup(versions);
    }
    if (parts.length === 3 && second !== undefined && this.catalog.hasVersion(first, second)) {
      return apiResourceList(this.catalog, first, second);
    }
    return undefined;
  }

  private async aggregated(request: WireRequest, core: boolean, form: MediaType): Promise<WireResponse> {
    if (this.generation !== this.catalog.generation) {
      this.known = new Map();
      this.generation = this.catalog.generation;
    }
    const others = core ? [] : (this.others?.groups() ?? []);
    let known = others.length > 0 ? undefined : this.known.get(core);
    if (known === undefined) {
      const document = aggregatedDiscovery(this.catalog, core);
      if (others.length > 0)
        document.items = [...(document.items as JsonObject[]), ...((await this.others?.discover()) ?? [])];
      known = aggregatedOf(document);
      if (others.length === 0) this.known.set(core, known);
    }
    const headers = {
      'content-type': `${form};g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList`,
      etag: known.etag,
      vary: 'Accept',
    };
    if (request.headers['if-none-match'] === known.etag) return { status: 304, headers, body: new Uint8Array(0) };
    return { status: 200, headers, body: bodyOf(known, form) };
  }
}
