// What a kubelet may change of its own node: not what leads pods to it, and not who owns it.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
import { deepEqual } from '../../../machinery/json.ts';
import type { KubeObject } from '../../../machinery/object.ts';
import type { Node } from '../../../resources/generated/core-v1.ts';
import { refuse } from '../match.ts';
import type { AdmissionRequest } from '../plugin.ts';

type StoredNode = Node & KubeObject;

const KUBELET_LABELS = new Set([
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/instance-type',
  'beta.kubernetes.io/os',
  'failure-domain.beta.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'kubernetes.io/arch',
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'node.kubernetes.io/instance-type',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
]);

const within = (domain: string, of: string): boolean => domain === of || domain.endsWith(`.${of}`);

/** Labels of Kubernetes' own domains are not a node's to give itself, but for those that kubelets have always set. */
function isForbidden(key: string): boolean {
  const slash = key.indexOf('/');
  const domain = slash < 0 ? '' : key.slice(0, slash);
  if (within(domain, 'node-restriction.kubernetes.io')) return true;
  if (!within(domain, 'kubernetes.io') && !within(domain, 'k8s.io')) return false;
  return !KUBELET_LABELS.has(key) && !within(domain, 'kubelet.kubernetes.io') && !within(domain, 'node.kubernetes.io');
}

function forbiddenLabels(now: StoredNode, before: StoredNode | undefined): string {
  const a = now.metadata.labels ?? {};
  const b = before?.metadata.labels ?? {};
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys]
    .filter((key) => a[key] !== b[key] && isForbidden(key))
    .sort()
    .join(', ');
}

function checkNew(request: AdmissionRequest, node: string): void {
  const now = request.object as StoredNode;
  const who = `node ${JSON.stringify(node)}`;
  if ((now.spec?.configSource ?? undefined) !== undefined)
    throw refuse(request, `${who} is not allowed to create pods with a non-nil configSource`);
  const labels = forbiddenLabels(now, undefined);
  if (labels !== '') throw refuse(request, `${who} is not allowed to set the following labels: ${labels}`);
}

function checkChange(request: AdmissionRequest, node: string): void {
  const now = request.object as StoredNode;
  const before = request.old as StoredNode;
  const who = `node ${JSON.stringify(node)}`;
  const source = now.spec?.configSource ?? undefined;
  if (source !== undefined && !deepEqual(source, before.spec?.configSource))
    throw refuse(request, `${who} is not allowed to update configSource to a new non-nil configSource`);
  if (!deepEqual(now.spec?.taints ?? [], before.spec?.taints ?? []))
    throw refuse(request, `${who} is not allowed to modify taints`);
  // An owner that does not exist would have the node deleted (CVE-2025-5187).
  if (!deepEqual(now.metadata.ownerReferences ?? [], before.metadata.ownerReferences ?? []))
    throw refuse(request, `${who} is not allowed to modify ownerReferences`);
  const labels = forbiddenLabels(now, before);
  if (labels !== '') throw refuse(request, `is not allowed to modify labels: ${labels}`);
}

export function checkNode(request: AdmissionRequest, node: string): void {
  if (request.name !== node)
    throw refuse(request, `node ${JSON.stringify(node)} is not allowed to modify node ${JSON.stringify(request.name)}`);
  if (request.operation === 'CREATE') checkNew(request, node);
  else if (request.operation === 'UPDATE') checkChange(request, node);
}
