// Answers /openapi/v3 (an index and a document for each group version) and /openapi/v2, made when first asked for.
// Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition

import { createHash } from 'node:crypto';
import { jsonText } from '../../machinery/exact-json.ts';
import type { WireRequest, WireResponse } from '../../machinery/http.ts';
import type { JsonObject } from '../../machinery/object.ts';
import { CUSTOM_REFERENCES, extendDocument } from '../crd/openapi.ts';
import { parseAccept } from '../http/negotiation.ts';
import { textResponse, utf8 } from '../http/responses.ts';
import type { Catalog, CatalogEntry } from '../registry/catalog.ts';
import { pathsOf } from './paths.ts';
import { type Gvk, SchemaCollector } from './schemas.ts';

interface Built {
  readonly body: Uint8Array;
  readonly etag: string;
}

/** Clients ask for the old name, which is no valid media type; the answer bears the new one. */
const V2_PROTOBUF_ASKED = /application\/com\.github\.proto-openapi\.spec\.v2[@.]v1\.0\+protobuf/;
const V2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

const SERVABLE = ['*/*', 'application/*', 'application/json'];

/** JSON, or one of the forms of protobuf, which are not read as media types. */
function isServable(accept: string | undefined): boolean {
  if (accept === undefined || accept === '' || accept.includes('proto-openapi')) return true;
  return parseAccept(accept).some(({ type }) => SERVABLE.includes(type));
}

function built(value: unknown): Built {
  const body = utf8(jsonText(value));
  return { body, etag: `"${createHash('sha512').update(body).digest('hex').toUpperCase()}"` };
}

/** Which kinds a type is, for the types of the rows and their lists. */
function kindsOf(entries: readonly CatalogEntry[]): Map<string, Gvk[]> {
  const kinds = new Map<string, Gvk[]>();
  const add = (id: string, gvk: Gvk): void => {
    const known = kinds.get(id);
    if (known === undefined) kinds.set(id, [gvk]);
    else if (!known.some((one) => one.group === gvk.group && one.version === gvk.version)) known.push(gvk);
  };
  for (const { row, custom } of entries) {
    if (custom) continue;
    add(row.schema, { group: row.group, version: row.version, kind: row.kind });
    add(`${row.schema}List`, { group: row.group, version: row.version, kind: row.listKind ?? `${row.kind}List` });
  }
  return kinds;
}

function addTypes(collector: SchemaCollector, entries: readonly CatalogEntry[]): void {
  for (const { row, custom } of entries) {
    if (custom) for (const id of CUSTOM_REFERENCES) collector.add(id);
    else collector.add(row.schema);
  }
}

export class OpenApi {
  private readonly known = new Map<string, Promise<Built>>();
  private generation = 0;

  constructor(
    private readonly catalog: Catalog,
    private readonly version: string,
  ) {}

  /** undefined when the path is none of OpenAPI's. */
  async handle(request: WireRequest): Promise<WireResponse | undefined> {
    if (this.generation !== this.catalog.generation) {
      this.known.clear();
      this.generation = this.catalog.generation;
    }
    if (request.path === '/openapi/v2') return this.second(request);
    if (request.path === '/openapi/v3') return this.index();
    const match = /^\/openapi\/v3\/(?:api\/([^/]+)|apis\/([^/]+)\/([^/]+))$/.exec(request.path);
    if (match === null) return undefined;
    const group = match[2] ?? '';
    const version = match[1] ?? match[3] ?? '';
    if (!this.catalog.hasVersion(group, version)) return undefined;
    return this.answer(request, await this.document(group, version), 'application/json');
  }

  private answer(request: WireRequest, { body, etag }: Built, type: string): WireResponse {
    if (!isServable(request.headers.accept)) return { status: 406, headers: {}, body: new Uint8Array(0) };
    const headers = { 'content-type': type, etag, 'cache-control': 'no-cache, private', vary: 'Accept' };
    if (request.headers['if-none-match'] === etag) return { status: 304, headers, body: new Uint8Array(0) };
    return { status: 200, headers, body };
  }

  /** The hash tells clients when to fetch anew. */
  private index(): WireResponse {
    const paths: JsonObject = {};
    for (const { group, versions } of this.catalog.groups()) {
      for (const version of versions) {
        const path = group === '' ? `api/${version}` : `apis/${group}/${version}`;
        const rows = this.catalog
          .ofVersion(group, version)
          .map(({ row, schemaHash }) => [row.plural, schemaHash ?? '']);
        const hash = createHash('sha512')
          .update(jsonText([this.version, rows]))
          .digest('hex')
          .toUpperCase();
        paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` };
      }
    }
    // Kubernetes leaves it to Go to find out what it is.
    return textResponse(200, JSON.stringify({ paths }));
  }

  private remembered(key: string, make: () => Promise<unknown>): Promise<Built> {
    let known = this.known.get(key);
    if (known === undefined) {
      known = make().then(built);
      this.known.set(key, known);
      known.catch(() => this.known.delete(key));
    }
    return known;
  }

  private document(group: string, version: string): Promise<Built> {
    return this.remembered(`v3 ${group}/${version}`, async () => {
      const entries = this.catalog.ofVersion(group, version);
      const collector = new SchemaCollector('v3', kindsOf(entries));
      addTypes(collector, entries);
      const paths = pathsOf({ collector, dialect: 'v3', entries });
      const document: JsonObject = {
        openapi: '3.0.0',
        info: { title: 'Kubernetes', version: this.version },
        paths,
        components: { schemas: await collector.schemas() },
      };
      extendDocument(
        entries.filter((entry) => entry.custom),
        document,
        'v3',
      );
      return document;
    });
  }

  private async second(request: WireRequest): Promise<WireResponse> {
    const accept = request.headers.accept ?? '';
    const json = await this.remembered('v2', () => this.secondDocument());
    if (V2_PROTOBUF_ASKED.test(accept) && !accept.includes('application/json')) {
      const { encodeSwagger } = await import('./swagger-protobuf.ts');
      const bytes = await this.bytes('v2 protobuf', async () =>
        encodeSwagger(JSON.parse(Buffer.from(json.body).toString('utf8')) as JsonObject),
      );
      return this.answer(request, bytes, V2_PROTOBUF);
    }
    return this.answer(request, json, 'application/json');
  }

  private bytes(key: string, make: () => Promise<Uint8Array>): Promise<Built> {
    let known = this.known.get(key);
    if (known === undefined) {
      known = make().then((body) => ({
        body,
        etag: `"${createHash('sha512').update(body).digest('hex').toUpperCase()}"`,
      }));
      this.known.set(key, known);
    }
    return known;
  }

  private async secondDocument(): Promise<JsonObject> {
    const entries = this.catalog.all();
    const collector = new SchemaCollector('v2', kindsOf(entries));
    addTypes(collector, entries);
    const paths = pathsOf({ collector, dialect: 'v2', entries });
    const document: JsonObject = {
      swagger: '2.0',
      info: { title: 'Kubernetes', version: this.version },
      paths,
      definitions: await collector.schemas(),
    };
    extendDocument(
      entries.filter((entry) => entry.custom),
      document,
      'v2',
    );
    return document;
  }
}
