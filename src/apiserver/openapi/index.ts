// Answers /openapi/v3 (an index and a document for each group version) and /openapi/v2, made when first asked for.
// Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition

import { createHash } from 'node:crypto';
import type { Clock } from '../../host/clock.ts';
import { jsonText, parseExact } from '../../machinery/exact-json.ts';
import type { WireRequest, WireResponse } from '../../machinery/http.ts';
import { isJsonObject, type JsonObject } from '../../machinery/object.ts';
import { textResponse, utf8 } from '../http/responses.ts';
import type { NonResourcePaths } from '../non-resource.ts';
import type { Catalog } from '../registry/catalog.ts';
import { Documents } from './documents.ts';
import { contentType, formFor } from './forms.ts';
import { joined } from './merge.ts';
import { PeerDocuments, type Peers } from './peers.ts';
import type { Dialect } from './schemas.ts';

interface Built {
  readonly body: Uint8Array;
  /** Of its JSON, also for protobuf: that the forms differ is told by Vary. */
  readonly etag: string;
}

/** In protobuf. The encoders are loaded when first asked for. */
async function inProtobuf({ body, etag }: Built, dialect: Dialect): Promise<Built> {
  const document = parseExact(Buffer.from(body).toString('utf8'));
  if (!isJsonObject(document)) throw new Error('an OpenAPI document is an object');
  const encode =
    dialect === 'v2'
      ? (await import('./swagger-protobuf.ts')).encodeSwagger
      : (await import('./document-protobuf.ts')).encodeDocument;
  return { body: encode(document), etag };
}

function built(value: unknown): Built {
  const body = utf8(jsonText(value));
  return { body, etag: `"${createHash('sha512').update(body).digest('hex').toUpperCase()}"` };
}

class OpenApi {
  private readonly known = new Map<string, Promise<Built>>();
  private readonly encoded = new WeakMap<Built, Promise<Built>>();
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
    if (this.documents.has(name)) return this.answer(request, 'v3', await this.third(name));
    const elsewhere = await this.peers.third(name);
    return elsewhere === undefined ? undefined : this.answer(request, 'v3', built(elsewhere));
  }

  private third(name: string): Promise<Built> {
    return this.remembered(`v3 ${name}`, () => this.documents.third(name));
  }

  private async answer(request: WireRequest, dialect: Dialect, json: Built): Promise<WireResponse> {
    const form = formFor(request.headers.accept, dialect);
    if (form === undefined) return { status: 406, headers: { vary: 'Accept' }, body: new Uint8Array(0) };
    const { etag } = json;
    const type = contentType(dialect, form);
    const headers = { 'content-type': type, etag, 'cache-control': 'no-cache, private', vary: 'Accept' };
    if (request.headers['if-none-match'] === etag) return { status: 304, headers, body: new Uint8Array(0) };
    const { body } = form === 'json' ? json : await this.protobuf(json, dialect);
    return { status: 200, headers, body };
  }

  /** Made once for as long as there is the JSON that it is made of. */
  private protobuf(json: Built, dialect: Dialect): Promise<Built> {
    let known = this.encoded.get(json);
    if (known === undefined) {
      known = inProtobuf(json, dialect);
      this.encoded.set(json, known);
      known.catch(() => this.encoded.delete(json));
    }
    return known;
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
    return this.answer(request, 'v2', await this.secondBuilt());
  }

  /** Made anew when another server says something else. */
  private async secondBuilt(): Promise<Built> {
    const others = await this.peers.second();
    if (others.some((one, i) => one !== this.others[i]) || others.length !== this.others.length) {
      this.others = others;
      this.known.delete('v2');
    }
    return this.remembered('v2', async () => others.reduce(joined, await this.documents.second()));
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
