// As whom the cluster's DNS acts, and what it may: the account and the role that kubeadm gives CoreDNS, and a role for what Minke's does beyond.
// Source: https://kubernetes.io/docs/reference/setup-tools/kubeadm/implementation-details/#dns
import type { KubeObject } from '../machinery/object.ts';
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '../resources/generated/rbac-v1.ts';

const API = 'rbac.authorization.k8s.io/v1';
const GROUP = 'rbac.authorization.k8s.io';
const NAMESPACE = 'kube-system';
export const DNS_ACCOUNT = 'coredns';
const ROLE = 'system:coredns';
/** kubeadm's administrator makes the Service `kube-dns`, and CoreDNS' pods its endpoints; here nobody but the DNS itself knows where it listens. */
const SERVICE_ROLE = 'minke:dns-service';
const SERVICE = 'kube-dns';

/** Made at start where they are missing. */
export function dnsPolicy(): KubeObject[] {
  const subjects = [{ kind: 'ServiceAccount', namespace: NAMESPACE, name: DNS_ACCOUNT }];
  const reads = { verbs: ['list', 'watch'] };
  const clusterRole: ClusterRole & KubeObject = {
    apiVersion: API,
    kind: 'ClusterRole',
    metadata: { name: ROLE },
    rules: [
      { apiGroups: [''], resources: ['endpoints', 'services', 'pods', 'namespaces'], ...reads },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], ...reads },
    ],
  };
  const clusterBinding: ClusterRoleBinding & KubeObject = {
    apiVersion: API,
    kind: 'ClusterRoleBinding',
    metadata: { name: ROLE },
    subjects,
    roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name: ROLE },
  };
  const metadata = { namespace: NAMESPACE, name: SERVICE_ROLE };
  const resourceNames = [SERVICE];
  const [services, slices] = [
    { apiGroups: [''], resources: ['services'] },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'] },
  ];
  const role: Role & KubeObject = {
    apiVersion: API,
    kind: 'Role',
    metadata,
    rules: [
      { ...services, verbs: ['create'] },
      { ...services, verbs: ['update'], resourceNames },
      { ...slices, verbs: ['create'] },
      { ...slices, verbs: ['update', 'delete'], resourceNames },
    ],
  };
  const binding: RoleBinding & KubeObject = {
    apiVersion: API,
    kind: 'RoleBinding',
    metadata,
    subjects,
    roleRef: { apiGroup: GROUP, kind: 'Role', name: SERVICE_ROLE },
  };
  return [clusterRole, clusterBinding, role, binding];
}
