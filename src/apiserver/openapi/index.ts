// Answers /openapi/v3 (an index and a document for each group version) and /openapi/v2, made when first asked for.
// Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition

import { createHash } from 'node:crypto';
import type { Clock, Random } from '../../host/clock.ts';
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

/** In a bundle the name of this very piece bears a hash of what it is made of; elsewhere every process counts as another program. */
const PIECE = /-([0-9A-Z]{8})\.mjs$/.exec(import.meta.url)?.[1];

const YEAR_MS = 365 * 86_400_000;

/** What is asked for by a hash: `url` is where it is, with the hash that it has by now. */
interface Place {
  readonly url: string;
  readonly hash: string | undefined;
}

function placeOf(url: string): Place {
  return { url, hash: new URLSearchParams(url.split('?')[1]).get('hash') ?? undefined };
}

class OpenApi {
  private readonly hashes = new Map<string, string>();
  private readonly known = new Map<string, Promise<Built>>();
  private readonly encoded = new WeakMap<Built, Promise<Built>>();
  private readonly documents: Documents;
  private readonly made: string;
  private generation = 0;
  /** What the joined document of v2 has of other servers. */
  private others: readonly JsonObject[] = [];

  constructor(
    private readonly parts: Omit<OpenApiParts, 'peers'>,
    private readonly peers: PeerDocuments,
  ) {
    const { catalog, version, random } = parts;
    this.documents = new Documents(catalog, { title: 'Kubernetes', version });
    // What clients keep for good must not outlive the program that made it.
    this.made = `${version} ${PIECE ?? random.uuid()}`;
  }

  /** undefined when the path is none of OpenAPI's. */
  async handle(request: WireRequest): Promise<WireResponse | undefined> {
    const { catalog } = this.parts;
    if (this.generation !== catalog.generation) {
      this.known.clear();
      this.hashes.clear();
      this.generation = catalog.generation;
    }
    if (request.path === '/openapi/v2') return this.second(request);
    if (request.path === '/openapi/v3') return this.index();
    const name = request.path.slice('/openapi/v3/'.length);
    if (!request.path.startsWith('/openapi/v3/')) return undefined;
    if (this.documents.has(name)) return this.kept(request, placeOf(this.urlOf(name)), await this.third(name));
    const elsewhere = await this.peers.third(name);
    if (elsewhere === undefined) return undefined;
    return this.kept(request, placeOf((await this.peers.urlOf(name)) ?? ''), built(elsewhere));
  }

  /** By its hash it may be kept for good; by one that it had before, or never, the client is sent to where it is now. */
  private async kept(request: WireRequest, { url, hash }: Place, json: Built): Promise<WireResponse> {
    const answer = await this.answer(request, 'v3', json);
    const asked = request.query.get('hash') ?? '';
    if (answer.status === 406 || asked === '' || hash === undefined) return answer;
    const { headers } = answer;
    if (asked !== hash) return { status: 301, headers: { ...headers, location: url }, body: new Uint8Array(0) };
    // Go's name of the zone.
    const expires = new Date(this.parts.clock.now() + YEAR_MS).toUTCString().replace('GMT', 'UTC');
    return { ...answer, headers: { ...headers, 'cache-control': 'public, immutable', expires } };
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

  /** The hash tells clients when to fetch anew. It is known without making the document. */
  private urlOf(name: string): string {
    let hash = this.hashes.get(name);
    if (hash === undefined) {
      const at = this.documents.versionOf(name);
      const { catalog } = this.parts;
      const rows =
        at === undefined
          ? catalog.groups()
          : catalog
              .ofVersion(at.group, at.version)
              .map(({ row, schemaHash = '' }) => [
                row.plural,
                row.verbs,
                Object.keys(row.subresources ?? {}),
                schemaHash,
              ]);
      hash = createHash('sha512')
        .update(jsonText([this.made, name, rows]))
        .digest('hex')
        .toUpperCase();
      this.hashes.set(name, hash);
    }
    return `/openapi/v3/${name}?hash=${hash}`;
  }

  private async index(): Promise<WireResponse> {
    const paths: JsonObject = {};
    for (const name of this.documents.names()) paths[name] = { serverRelativeURL: this.urlOf(name) };
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
  readonly random: Random;
}

export function addOpenApi(paths: NonResourcePaths, parts: OpenApiParts): void {
  const openApi = new OpenApi(parts, new PeerDocuments(parts.peers, () => parts.clock.now()));
  paths.add('/openapi/v2', (request) => openApi.handle(request));
  paths.add('/openapi/v3', (request) => openApi.handle(request));
  paths.addPrefix('/openapi/v3/', (request) => openApi.handle(request));
}
