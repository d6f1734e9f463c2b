// NodeRestriction: a kubelet changes its own node, the pods bound to it, what is named after it, and nothing else.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
import type { KubeObject } from '../../../machinery/object.ts';
import type { ResourceSlice } from '../../../resources/generated/resource-v1.ts';
import type { Authorizer } from '../../auth/authorizer.ts';
import { nodeOf } from '../../auth/node-authorizer.ts';
import type { LiveLookup } from '../lookup.ts';
import { refuse } from '../match.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../plugin.ts';
import { checkCertificateRequest, checkPodCertificateRequest } from './certificates.ts';
import { checkClaim } from './claims.ts';
import { checkNode } from './nodes.ts';
import { checkPod } from './pods.ts';
import { checkToken } from './tokens.ts';

export interface NodeRestrictionParts {
  readonly lookup: LiveLookup;
  /** Asked for audiences of tokens that no pod names. */
  readonly authorizer: Authorizer;
}

type Check = (request: AdmissionRequest, node: string, parts: NodeRestrictionParts) => void | Promise<void>;

const LEASES = 'kube-node-lease';

const nameOf = (request: AdmissionRequest): string =>
  request.operation === 'CREATE' ? (request.object?.metadata.name ?? '') : request.name;

const checkLease: Check = (request, node) => {
  if (request.namespace !== LEASES)
    throw refuse(request, `can only access leases in the ${JSON.stringify(LEASES)} system namespace`);
  if (nameOf(request) !== node)
    throw refuse(request, 'can only access node lease with the same name as the requesting node');
};

const checkCsiNode: Check = (request, node) => {
  if (nameOf(request) !== node)
    throw refuse(request, 'can only access CSINode with the same name as the requesting node');
};

/** The authorizer knows neither what is created nor each of many that are deleted. */
const checkSlice: Check = (request, node) => {
  if (request.operation === 'UPDATE') return;
  const [object, verb] =
    request.operation === 'CREATE' ? ([request.object, 'create'] as const) : ([request.old, 'delete'] as const);
  if ((object as (ResourceSlice & KubeObject) | undefined)?.spec?.nodeName !== node)
    throw refuse(request, `can only ${verb} ResourceSlice with the same NodeName as the requesting node`);
};

/** By group and resource, whatever the subresource. */
const CHECKS: Readonly<Record<string, Check>> = {
  '/nodes': checkNode,
  '/persistentvolumeclaims': checkClaim,
  '/pods': (request, node, { lookup }) => checkPod(request, node, lookup),
  '/serviceaccounts': checkToken,
  'certificates.k8s.io/certificatesigningrequests': checkCertificateRequest,
  'certificates.k8s.io/podcertificaterequests': (request, node, { lookup }) =>
    checkPodCertificateRequest(request, node, lookup),
  'coordination.k8s.io/leases': checkLease,
  'resource.k8s.io/resourceslices': checkSlice,
  'storage.k8s.io/csinodes': checkCsiNode,
};

function check(request: AdmissionRequest, parts: NodeRestrictionParts): void | Promise<void> {
  const node = nodeOf(request.user);
  if (node === undefined) return;
  if (node === '') throw refuse(request, `could not determine node from user ${JSON.stringify(request.user.username)}`);
  const { row } = request.entry;
  return CHECKS[`${row.group}/${row.plural}`]?.(request, node, parts);
}

export function nodeRestriction(parts: NodeRestrictionParts): AdmissionPlugin {
  return {
    name: 'NodeRestriction',
    operations: ['CREATE', 'UPDATE', 'DELETE'],
    admit: (request) => check(request, parts),
    // Deletions change nothing that could be admitted: they come here alone.
    validate: (request) => (request.operation === 'DELETE' ? check(request, parts) : undefined),
  };
}
