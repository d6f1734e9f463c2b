// The `request` that webhooks are sent and that CEL expressions see. Source: admission.k8s.io/v1 AdmissionRequest.
import type { JsonObject } from '../../../machinery/object.ts';
import type { AdmissionRequest } from '../plugin.ts';

export function requestDocument(request: AdmissionRequest, uid: string): JsonObject {
  const { row } = request.entry;
  const kind = { group: row.group, version: row.version, kind: row.kind };
  const resource = { group: row.group, version: row.version, resource: row.plural };
  const { username, uid: userUid, groups, extra } = request.user;
  const doc: JsonObject = {
    uid,
    kind,
    resource,
    requestKind: kind,
    requestResource: resource,
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
