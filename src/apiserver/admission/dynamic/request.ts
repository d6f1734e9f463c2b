// The `request` that webhooks are sent and that CEL expressions see. Source: admission.k8s.io/v1 AdmissionRequest.
import type { JsonObject } from '../../../machinery/object.ts';
import type { AdmissionRequest } from '../plugin.ts';

/** Subresources have kinds of their own: a Scale, an Eviction, the options of an attach. */
function kindOf({ entry: { row }, object, old }: AdmissionRequest): JsonObject {
  const { apiVersion = '', kind = '' } = object ?? old ?? {};
  if (apiVersion === '' || kind === '') return { group: row.group, version: row.version, kind: row.kind };
  const slash = apiVersion.indexOf('/');
  return { group: slash < 0 ? '' : apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1), kind };
}

function resourceOf({ entry: { row } }: AdmissionRequest): JsonObject {
  return { group: row.group, version: row.version, resource: row.plural };
}

/** `original` is the request as the client made it, where the one that is told of it sees another version. */
export function requestDocument(request: AdmissionRequest, uid: string, original = request): JsonObject {
  const kind = kindOf(request);
  const resource = resourceOf(request);
  const { username, uid: userUid, groups, extra } = request.user;
  const doc: JsonObject = {
    uid,
    kind,
    resource,
    requestKind: original === request ? kind : kindOf(original),
    requestResource: original === request ? resource : resourceOf(original),
    operation: request.operation,
    userInfo: {
      username,
      groups,
      ...(userUid === undefined ? {} : { uid: userUid }),
      ...(extra === undefined ? {} : { extra }),
    },
    object: request.object ?? null,
    oldObject: request.old ?? null,
    dryRun: request.dryRun,
    options: request.options,
  };
  if (request.subresource !== '') {
    doc.subResource = request.subresource;
    doc.requestSubResource = request.subresource;
  }
  if (request.name !== '') doc.name = request.name;
  if (request.namespace !== '') doc.namespace = request.namespace;
  return doc;
}
