// Content negotiation: which form of the answer the Accept header asks for, and what a Content-Type says of a body.
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources
import { ApiError } from '../../machinery/errors.ts';

export type MediaType = 'application/json' | 'application/yaml' | 'application/vnd.kubernetes.protobuf';
export type Transform = 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList';

export interface OutputType {
  readonly mediaType: MediaType;
  readonly as?: Transform;
  /** Version of meta.k8s.io for a transformed answer. */
  readonly metaVersion?: 'v1' | 'v1beta1';
  readonly pretty: boolean;
}

export interface AcceptClause {
  readonly type: string;
  readonly params: ReadonlyMap<string, string>;
  readonly quality: number;
}

export interface NegotiationScope {
  /** Whether a Table can be made of this answer. */
  readonly transforms: boolean;
  /** False where there is no metadata to be sent alone. */
  readonly metadata?: boolean;
  readonly list: boolean;
  /** Whether the refusal names the streamed forms. */
  readonly stream: boolean;
  /** What the refusal of an unknown media type names; all that objects are sent in, unless said. None: it is refused like a wrong parameter. */
  readonly produces?: readonly string[];
  /** Whether the answer has a protobuf form. */
  readonly protobuf?: () => boolean;
  /** Go's name of the answer, for refusals of PartialObjectMetadata on a list and of a PartialObjectMetadataList of one object. */
  readonly goName?: () => string;
}

const JSON_OUTPUT: OutputType = { mediaType: 'application/json', pretty: false };
const MEDIA_TYPES: readonly MediaType[] = [
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
];
const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';
const TRANSFORMS: ReadonlySet<string> = new Set(['Table', 'PartialObjectMetadata', 'PartialObjectMetadataList']);

function parseClause(text: string): AcceptClause | undefined {
  const [head, ...rest] = text.split(';');
  const type = (head ?? '').trim();
  if (type === '') return undefined;
  const params = new Map<string, string>();
  let quality = 1;
  for (const part of rest) {
    const eq = part.indexOf('=');
    if (eq < 0) continue;
    const key = part.slice(0, eq).trim().toLowerCase();
    const value = part.slice(eq + 1).trim();
    if (key === 'q') quality = Number(value);
    else params.set(key, value);
  }
  return { type, params, quality: Number.isFinite(quality) ? quality : 1 };
}

/** The clauses of an Accept header, as they stand. */
export function acceptClauses(header: string): AcceptClause[] {
  const clauses: AcceptClause[] = [];
  for (const part of header.split(',')) {
    const clause = parseClause(part);
    if (clause !== undefined) clauses.push(clause);
  }
  return clauses;
}

/** The clauses of an Accept header, best first (stable for equal quality). */
export function parseAccept(header: string): AcceptClause[] {
  const clauses = acceptClauses(header);
  if (clauses.some((c) => c.quality !== 1)) clauses.sort((a, b) => b.quality - a.quality);
  return clauses;
}

function matchMediaType(type: string): MediaType | undefined {
  if (type === '*/*') return 'application/json';
  return MEDIA_TYPES.find((m) => m === type);
}

/** Tables have no protobuf form; metadata alone has one whatever the kind. */
function allowsTransform(clause: AcceptClause, mediaType: MediaType, scope: NegotiationScope): boolean {
  const as = clause.params.get('as') ?? '';
  const version = clause.params.get('v');
  if (!TRANSFORMS.has(as) || clause.params.get('g') !== 'meta.k8s.io') return false;
  if (version !== 'v1' && version !== 'v1beta1') return false;
  return as === 'Table' ? scope.transforms && mediaType !== PROTOBUF_TYPE : scope.metadata !== false;
}

/** undefined: this clause cannot be served. */
function acceptClause(clause: AcceptClause, scope: NegotiationScope, pretty: boolean): OutputType | undefined {
  const { params } = clause;
  const mediaType = matchMediaType(clause.type);
  if (mediaType === undefined) return undefined;
  const stream = params.get('stream') ?? '';
  if (stream !== '' && stream !== 'watch') return undefined;
  const wantsPretty = pretty || params.get('pretty') === '1';
  if (!params.has('as') && !params.has('g') && !params.has('v')) {
    if (mediaType === PROTOBUF_TYPE && scope.protobuf?.() !== true) return undefined;
    return { mediaType, pretty: wantsPretty };
  }
  if (!allowsTransform(clause, mediaType, scope)) return undefined;
  const metaVersion = params.get('v') === 'v1' ? 'v1' : 'v1beta1';
  return { mediaType, as: params.get('as') as Transform, metaVersion, pretty: wantsPretty };
}

/** A clause that names a media type we serve, with parameters we do not: Kubernetes words the refusal differently. */
function refusal(clauses: readonly AcceptClause[], scope: NegotiationScope): ApiError {
  const produces: readonly string[] = scope.produces ?? MEDIA_TYPES;
  if (produces.length === 0 || clauses.some((c) => c.type === '*/*' || produces.includes(c.type))) {
    return new ApiError({
      reason: 'NotAcceptable',
      message: `only the following media types are accepted: ${MEDIA_TYPES.join(', ')}`,
    });
  }
  const shown = [...produces];
  if (scope.stream) shown.push('application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch');
  return new ApiError({
    reason: 'NotAcceptable',
    message: `406: Not Acceptable\n\nAvailable representations: ${shown.join(', ')}`,
    details: {},
  });
}

function checkTransform(output: OutputType, scope: NegotiationScope): OutputType {
  if (output.as === 'PartialObjectMetadata' && scope.list) {
    throw new ApiError({
      reason: 'NotAcceptable',
      message: `you requested PartialObjectMetadata, but the requested object is a list (${scope.goName?.() ?? ''})`,
    });
  }
  if (output.as === 'PartialObjectMetadataList' && !scope.list) {
    throw new ApiError({
      reason: 'NotAcceptable',
      message: `you requested PartialObjectMetadataList, but the requested object is not a list (${scope.goName?.() ?? ''})`,
    });
  }
  return output;
}

/** Where a form must be named in full, or any will do: `application/*` is no name. */
export function requireAccept(header: string | undefined, produces: readonly string[]): void {
  if (header === undefined || header === '') return;
  const types = parseAccept(header).map(({ type }) => type);
  if (!types.some((type) => type === '*/*' || produces.includes(type)))
    throw refusal([], { transforms: false, list: false, stream: false, produces });
}

export function isPretty(query: URLSearchParams, userAgent: string | undefined): boolean {
  const pretty = query.get('pretty');
  if (pretty !== null) return pretty !== 'false' && pretty !== '0' && pretty !== '';
  return userAgent !== undefined && /^(curl|Wget|Mozilla\/5\.0)/.test(userAgent);
}

export function negotiateOutput(header: string | undefined, scope: NegotiationScope, pretty = false): OutputType {
  if (header === undefined || header === '' || header === 'application/json') {
    return pretty ? { mediaType: 'application/json', pretty } : JSON_OUTPUT;
  }
  const clauses = parseAccept(header);
  for (const clause of clauses) {
    const output = acceptClause(clause, scope, pretty);
    if (output !== undefined) return checkTransform(output, scope);
  }
  throw refusal(clauses, scope);
}

/** In what form a refusal is sent: the first clause that can be served, else JSON. */
export function refusalType(header: string | undefined): MediaType {
  if (header === undefined || !/yaml|protobuf/.test(header)) return 'application/json';
  for (const { type, params } of parseAccept(header)) {
    const mediaType = matchMediaType(type);
    if (mediaType !== undefined && !params.has('as') && !params.has('g') && !params.has('v')) return mediaType;
  }
  return 'application/json';
}

export function bareType(contentType: string | undefined): string {
  if (contentType === undefined) return '';
  const semi = contentType.indexOf(';');
  return (semi < 0 ? contentType : contentType.slice(0, semi)).trim().toLowerCase();
}

export function unsupportedMediaType(message: string): ApiError {
  return new ApiError({ reason: 'UnsupportedMediaType', message, details: {} });
}

/** As Go's mime package reads it: parameters are pairs. */
const WELL_FORMED = /^[^\s;/]+\/[^\s;/]+\s*(?:;\s*[^\s;=]+=[^;]+\s*)*;?\s*$/;

/** The media type of a request body that holds an object. */
export function inputType(contentType: string | undefined): MediaType {
  if (contentType === undefined || contentType === '') return 'application/json';
  const bare = bareType(contentType);
  const found = MEDIA_TYPES.find((m) => m === bare);
  if (found === contentType || (found !== undefined && WELL_FORMED.test(contentType))) return found;
  throw unknownBody();
}

function unknownBody(): ApiError {
  return new ApiError({
    reason: 'UnsupportedMediaType',
    message: `the body of the request was in an unknown format - accepted media types include: ${MEDIA_TYPES.join(', ')}`,
  });
}
