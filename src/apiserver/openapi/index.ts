// Answers /openapi/v3 (an index and a document for each group version) and /openapi/v2, made when first asked for.
// Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition

import { createHash } from 'node:crypto';
import type { Clock } from '../../host/clock.ts';
import { jsonText } from '../../machinery/exact-json.ts';
import type { WireRequest, WireResponse } from '../../machinery/http.ts';
import type { JsonObject } from '../../machinery/object.ts';
import { parseAccept } from '../http/negotiation.ts';
import { textResponse, utf8 } from '../http/responses.ts';
import type { NonResourcePaths } from '../non-resource.ts';
import type { Catalog } from '../registry/catalog.ts';
import { Documents } from './documents.ts';
import { joined } from './merge.ts';
import { PeerDocuments, type Peers } from './peers.ts';

interface Built {
  readonly body: Uint8Array;
  readonly etag: string;
}

/** Clients ask for the old name, which is no valid media type; the answer bears the new one. */
const V2_PROTOBUF_ASKED = /application\/com\.github\.proto-openapi\.spec\.v2[@.]v1\.0\+protobuf/;
const V2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

const SERVABLE = ['*/*', 'application/*', 'application/json'];

/** JSON, or v2's form of protobuf, which is not read as a media type. That of v3 is not made. */
function isServable(accept: string | undefined): boolean {
  if (accept === undefined || accept === '' || V2_PROTOBUF_ASKED.test(accept)) return true;
  return parseAccept(accept).some(({ type }) => SERVABLE.includes(type));
}

function built(value: unknown): Built {
  const body = utf8(jsonText(value));
  return { body, etag: `"${createHash('sha512').update(body).digest('hex').toUpperCase()}"` };
}

class OpenApi {
  private readonly known = new Map<string, Promise<Built>>();
  private readonly documents: Documents;
  private generation = 0;
  /** What the joined document of v2 has of other servers. */
  private others: readonly JsonObject[] = [];

  constructor(
    private readonly catalog: Catalog,
    private readonly version: string,
    private readonly peers: PeerDocuments,
  ) {
    this.documents = new Documents(catalog, { title: 'Kubernetes', version });
  }

  /** undefined when the path is none of OpenAPI's. */
  async handle(request: WireRequest): Promise<WireResponse | undefined> {
    if (this.generation !== this.catalog.generation) {
      this.known.clear();
      this.generation = this.catalog.generation;
    }
    if (request.path === '/openapi/v2') return this.second(request);
    if (request.path === '/openapi/v3') return this.index();
    const name = request.path.slice('/openapi/v3/'.length);
    if (!request.path.startsWith('/openapi/v3/')) return undefined;
    if (this.documents.has(name)) return this.answer(request, await this.third(name), 'application/json');
    const elsewhere = await this.peers.third(name);
    return elsewhere === undefined ? undefined : this.answer(request, built(elsewhere), 'application/json');
  }

  private third(name: string): Promise<Built> {
    return this.remembered(`v3 ${name}`, () => this.documents.third(name));
  }

  private answer(request: WireRequest, { body, etag }: Built, type: string): WireResponse {
    if (!isServable(request.headers.accept)) return { status: 406, headers: {}, body: new Uint8Array(0) };
    const headers = { 'content-type': type, etag, 'cache-control': 'no-cache, private', vary: 'Accept' };
    if (request.headers['if-none-match'] === etag) return { status: 304, headers, body: new Uint8Array(0) };
    return { status: 200, headers, body };
  }

  /** The hash tells clients when to fetch anew. */
  private async index(): Promise<WireResponse> {
    const paths: JsonObject = {};
    for (const name of this.documents.names()) {
      const at = this.documents.versionOf(name);
      const rows =
        at === undefined
          ? this.catalog.groups()
          : this.catalog.ofVersion(at.group, at.version).map(({ row, schemaHash }) => [row.plural, schemaHash ?? '']);
      const hash = createHash('sha512')
        .update(jsonText([this.version, rows]))
        .digest('hex')
        .toUpperCase();
      paths[name] = { serverRelativeURL: `/openapi/v3/${name}?hash=${hash}` };
    }
    const all = Object.entries({ ...(await this.peers.index()), ...paths }).sort(([a], [b]) => (a < b ? -1 : 1));
    // Kubernetes leaves it to Go to find out what it is.
    return textResponse(200, JSON.stringify({ paths: Object.fromEntries(all) }));
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

  private async second(request: WireRequest): Promise<WireResponse> {
    const accept = request.headers.accept ?? '';
    const json = await this.secondBuilt();
    if (V2_PROTOBUF_ASKED.test(accept) && !accept.includes('application/json')) {
      const { encodeSwagger } = await import('./swagger-protobuf.ts');
      const bytes = await this.bytes(`v2 protobuf ${json.etag}`, async () =>
        encodeSwagger(JSON.parse(Buffer.from(json.body).toString('utf8')) as JsonObject),
      );
      return this.answer(request, bytes, V2_PROTOBUF);
    }
    return this.answer(request, json, 'application/json');
  }

  /** Made anew when another server says something else. */
  private async secondBuilt(): Promise<Built> {
    const others = await this.peers.second();
    if (others.some((one, i) => one !== this.others[i]) || others.length !== this.others.length) {
      this.others = others;
      for (const key of this.known.keys()) if (key.startsWith('v2')) this.known.delete(key);
    }
    return this.remembered('v2', async () => others.reduce(joined, await this.documents.second()));
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
}

export interface OpenApiParts {
  readonly catalog: Catalog;
  /** What the documents say they are of. */
  readonly version: string;
  readonly peers: Peers;
  readonly clock: Clock;
}

export function addOpenApi(paths: NonResourcePaths, { catalog, version, peers, clock }: OpenApiParts): void {
  const openApi = new OpenApi(catalog, version, new PeerDocuments(peers, () => clock.now()));
  paths.add('/openapi/v2', (request) => openApi.handle(request));
  paths.add('/openapi/v3', (request) => openApi.handle(request));
  paths.addPrefix('/openapi/v3/', (request) => openApi.handle(request));
}
