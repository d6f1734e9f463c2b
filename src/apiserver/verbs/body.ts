// The body of a request: its size, and whether names and namespaces in it agree with the path.
import { badRequest } from '../../machinery/errors.ts';
import type { WireRequest } from '../../machinery/http.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { apiVersionOf } from '../../resources/definition.ts';
import { isPlainYaml } from '../../resources/schema/index.ts';
import { tooLarge } from '../http/responses.ts';
import type { CatalogEntry } from '../registry/catalog.ts';
import type { Target } from '../registry/context.ts';

export const MAX_BODY_BYTES = 3 * 1024 * 1024;

/** Such YAML as is not plain takes a hundred times as long to read as JSON, and nobody else is served meanwhile. */
export const MAX_YAML_BYTES = 512 * 1024;

export function checkYamlSize(body: Uint8Array): void {
  if (body.length <= MAX_YAML_BYTES || isPlainYaml(body)) return;
  throw tooLarge(
    `limit is ${MAX_YAML_BYTES} for YAML with anchors, tags or flow collections; plain YAML and JSON may be longer`,
  );
}

const EMPTY = new Uint8Array(0);

export function bodyOf(request: WireRequest): Uint8Array {
  const body = request.body ?? EMPTY;
  if (body.length > MAX_BODY_BYTES) throw tooLarge(`limit is ${MAX_BODY_BYTES}`);
  return body;
}

/** Go's words for a body that does not fit the kind. */
export function cannotBeHandled(entry: CatalogEntry, object: KubeObject, problem: string): string {
  const version = object.apiVersion ?? apiVersionOf(entry.row);
  const short = version.includes('/') ? version.slice(version.indexOf('/') + 1) : version;
  return `${object.kind ?? entry.row.kind} in version ${JSON.stringify(short)} cannot be handled as a ${entry.row.kind}: ${problem}`;
}

/** An object that names no namespace is in that of its path. */
export function checkNamespace(target: Target, draft: KubeObject): void {
  if (!target.entry.row.namespaced) return;
  const sent = draft.metadata.namespace ?? '';
  if (sent !== '' && sent !== target.namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  if (sent === '' && target.namespace !== '') draft.metadata.namespace = target.namespace;
}

export function checkName(target: Target, draft: KubeObject): void {
  const sent = draft.metadata.name ?? '';
  if (sent === '') {
    throw badRequest(`the name of the object (${target.name} based on URL) was undeterminable: name must be provided`);
  }
  if (sent !== target.name) {
    throw badRequest(`the name of the object (${sent}) does not match the name on the URL (${target.name})`);
  }
}

/** What only the server may say is dropped before anybody comes to own it. */
export function wipeSystemFields({ metadata }: KubeObject): void {
  delete metadata.selfLink;
  delete metadata.uid;
  delete metadata.creationTimestamp;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
}
