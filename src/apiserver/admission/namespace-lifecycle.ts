// NamespaceLifecycle: nothing new in a namespace that is absent or going away; the namespaces of the system stay.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#namespacelifecycle
import { ApiError, forbidden, notFound } from '../../machinery/errors.ts';
import type { Namespace } from '../../resources/generated/core-v1.ts';
import type { LiveCache } from '../registry/live-cache.ts';
import { shownName } from './match.ts';
import type { AdmissionPlugin, AdmissionRequest } from './plugin.ts';

const IMMORTAL: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);
const NAMESPACES = { group: '', resource: 'namespaces' };

function terminating(request: AdmissionRequest): ApiError {
  const { row } = request.entry;
  const resource = { group: row.group, resource: row.plural };
  const why = `unable to create new content in namespace ${request.namespace} because it is being terminated`;
  const error = forbidden(resource, shownName(request), why);
  const cause = {
    reason: 'NamespaceTerminating',
    message: `namespace ${request.namespace} is being terminated`,
    field: 'metadata.namespace',
  };
  return new ApiError({ reason: 'Forbidden', message: error.message, details: { ...error.details, causes: [cause] } });
}

export function namespaceLifecycle(namespaces: LiveCache<Namespace>): AdmissionPlugin {
  return {
    name: 'NamespaceLifecycle',
    operations: ['CREATE', 'DELETE'],
    admit(request) {
      const { row } = request.entry;
      if (request.operation !== 'CREATE' || !row.namespaced || row.plural === 'localsubjectaccessreviews') return;
      const namespace = namespaces.get(request.namespace);
      if (namespace === undefined) throw notFound(NAMESPACES, request.namespace);
      if (namespace.status?.phase === 'Terminating' || namespace.metadata?.deletionTimestamp !== undefined) {
        throw terminating(request);
      }
    },
    validate(request) {
      const { row } = request.entry;
      if (request.operation !== 'DELETE' || row.plural !== 'namespaces' || row.group !== '') return;
      if (IMMORTAL.has(request.name)) throw forbidden(NAMESPACES, request.name, 'this namespace may not be deleted');
    },
  };
}
