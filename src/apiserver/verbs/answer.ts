// Turns the outcome of a verb into an answer in the form that the client asked for.
import { jsonText, parseExact } from '../../machinery/exact-json.ts';
import type { WireResponse } from '../../machinery/http.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { isPretty, negotiateOutput, type OutputType } from '../http/negotiation.ts';
import { utf8 } from '../http/responses.ts';
import { encodeYaml } from '../http/yaml.ts';
import { encodeObject as encodeMessage, hasProtobuf, PROTOBUF } from '../protobuf/index.ts';
import type { CatalogEntry } from '../registry/catalog.ts';
import type { RequestContext, Target } from '../registry/context.ts';
import { objectBytes, objectText } from '../registry/objects.ts';
import { partialMetadata } from './partial.ts';
import { tableOf } from './table.ts';

/** Negotiates the form of an answer that is one object. Kubernetes makes no tables of `approval`, nor of reviews (`tables: false`). */
export function outputOfObject(
  context: RequestContext,
  target: { entry: CatalogEntry; subresource?: string | undefined; tables?: boolean },
): OutputType {
  const { headers, query } = context.request;
  const pretty = query.size > 0 || headers['user-agent'] !== undefined ? isPretty(query, headers['user-agent']) : false;
  return negotiateOutput(
    headers.accept,
    {
      transforms: target.subresource !== 'approval' && target.tables !== false,
      list: false,
      stream: false,
      protobuf: () => speaksProtobuf(target.entry),
      goName: () => goName(target.entry),
    },
    pretty,
  );
}

/** `*core.ConfigMap`, as Go prints the type. */
export function goName({ custom, row }: CatalogEntry, suffix = ''): string {
  if (custom) return suffix === '' ? '*unstructured.Unstructured' : `*unstructured.Unstructured${suffix}`;
  return `*${row.group === '' ? 'core' : (row.group.split('.')[0] ?? '')}.${row.kind}${suffix}`;
}

/** Built-in kinds have a protobuf form; what plain objects answer (Status) always has one. */
export function speaksProtobuf(entry: CatalogEntry): boolean {
  return !entry.custom && hasProtobuf(entry.row.schema);
}

/** Any JSON value in the media type asked for. */
export function encodeValue(value: unknown, output: OutputType, schema?: string): Uint8Array {
  if (output.mediaType === PROTOBUF && schema !== undefined) return encodeMessage(schema, value as object);
  if (output.mediaType === 'application/yaml') return utf8(encodeYaml(value));
  return utf8(output.pretty ? `${jsonText(value, 2)}\n` : jsonText(value));
}

function encodeObject(object: KubeObject, output: OutputType, schema: string): Uint8Array {
  if (output.mediaType === PROTOBUF) return encodeMessage(schema, object);
  if (output.mediaType === 'application/json' && !output.pretty) return objectBytes(object);
  return encodeValue(parseExact(objectText(object)), output);
}

export interface ObjectAnswer {
  readonly status: number;
  readonly object: KubeObject;
  /** The object's bytes, if they exist already. */
  readonly bytes?: Uint8Array;
  readonly output: OutputType;
}

const JSON_HEADERS: Readonly<Record<string, string>> = { 'content-type': 'application/json' };

export function objectAnswer(context: RequestContext, target: Target, answer: ObjectAnswer): WireResponse {
  const { output, status, object } = answer;
  if (output.as === 'Table') {
    const table = tableOf(context, target.entry, { objects: [object], output, list: undefined });
    return { status, headers: { 'content-type': output.mediaType }, body: encodeValue(table, output) };
  }
  if (output.as === 'PartialObjectMetadata') {
    const body = encodeValue(partialMetadata(object, output.metaVersion ?? 'v1'), output, PARTIAL_SCHEMA);
    return { status, headers: { 'content-type': output.mediaType }, body };
  }
  if (output.mediaType === 'application/json' && !output.pretty) {
    return { status, headers: JSON_HEADERS, body: answer.bytes ?? objectBytes(object) };
  }
  return {
    status,
    headers: { 'content-type': output.mediaType },
    body: encodeObject(object, output, target.entry.row.schema),
  };
}

/** Metadata alone, which both versions of meta.k8s.io write alike. */
export const PARTIAL_SCHEMA = 'io.k8s.apimachinery.pkg.apis.meta.v1.PartialObjectMetadata';
export const STATUS_SCHEMA = 'io.k8s.apimachinery.pkg.apis.meta.v1.Status';

/** A value that is no stored object (a Status, a review). */
export function valueAnswer(status: number, value: unknown, output: OutputType, schema = STATUS_SCHEMA): WireResponse {
  return { status, headers: { 'content-type': output.mediaType }, body: encodeValue(value, output, schema) };
}
