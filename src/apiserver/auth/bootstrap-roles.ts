// The default cluster roles, as a compact table of rules.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings

import { CONTROLLER_ROLES } from './controller-roles.ts';
import { EVENT_GROUPS, EVENTS, into, READ, READ_WRITE, type RoleRow, type RuleRow, WRITE } from './role-rows.ts';

const DISCOVERY_PATHS = '/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/';

const VIEW: readonly RuleRow[] = [
  [
    'core',
    'configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status',
    READ,
  ],
  [
    'core',
    'bindings limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status',
    READ,
  ],
  ['core', 'namespaces', READ],
  [EVENT_GROUPS, 'events', READ],
  ['discovery.k8s.io', 'endpointslices', READ],
  [
    'apps',
    'controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status',
    READ,
  ],
  ['autoscaling', 'horizontalpodautoscalers horizontalpodautoscalers/status', READ],
  ['batch', 'cronjobs cronjobs/status jobs jobs/status', READ],
  [
    'extensions',
    'daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale',
    READ,
  ],
  ['policy', 'poddisruptionbudgets poddisruptionbudgets/status', READ],
  ['networking.k8s.io', 'ingresses ingresses/status networkpolicies', READ],
  ['resource.k8s.io', 'resourceclaims resourceclaims/status resourceclaimtemplates', READ],
];

const EDIT: readonly RuleRow[] = [
  ['core', 'pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy', READ],
  ['core', 'serviceaccounts', 'impersonate'],
  ['core', 'pods pods/attach pods/exec pods/portforward pods/proxy', WRITE],
  ['core', 'pods/eviction', 'create'],
  [
    'core',
    'configmaps persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy',
    WRITE,
  ],
  ['core', 'serviceaccounts/token', 'create'],
  [EVENT_GROUPS, 'events', WRITE],
  [
    'apps',
    'daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale',
    WRITE,
  ],
  ['autoscaling', 'horizontalpodautoscalers', WRITE],
  ['batch', 'cronjobs jobs', WRITE],
  [
    'extensions',
    'daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets replicasets/scale replicationcontrollers/scale',
    WRITE,
  ],
  ['policy', 'poddisruptionbudgets', WRITE],
  ['networking.k8s.io', 'ingresses networkpolicies', WRITE],
  ['coordination.k8s.io', 'leases', READ_WRITE],
  ['resource.k8s.io', 'resourceclaims resourceclaimtemplates', WRITE],
];

const ADMIN: readonly RuleRow[] = [
  ['authorization.k8s.io', 'localsubjectaccessreviews', 'create'],
  ['rbac.authorization.k8s.io', 'rolebindings roles', READ_WRITE],
];

const NODE: readonly RuleRow[] = [
  ['authentication.k8s.io', 'tokenreviews', 'create'],
  ['authorization.k8s.io', 'localsubjectaccessreviews subjectaccessreviews', 'create'],
  ['core', 'services', READ],
  ['core', 'nodes', 'create get list watch'],
  ['core', 'nodes/status', 'patch update'],
  ['core', 'nodes', 'patch update'],
  EVENTS,
  ['core', 'pods', READ],
  ['core', 'pods', 'create delete'],
  ['core', 'pods/status', 'patch update'],
  ['core', 'pods/eviction', 'create'],
  ['core', 'configmaps secrets', READ],
  ['core', 'persistentvolumeclaims persistentvolumes', 'get'],
  ['core', 'endpoints', 'get'],
  ['certificates.k8s.io', 'certificatesigningrequests', 'create get list watch'],
  ['coordination.k8s.io', 'leases', 'create delete get patch update'],
  ['storage.k8s.io', 'volumeattachments', 'get'],
  ['core', 'serviceaccounts/token', 'create'],
  ['core', 'persistentvolumeclaims/status', 'get patch update'],
  ['storage.k8s.io', 'csidrivers', READ],
  ['storage.k8s.io', 'csinodes', 'create delete get patch update'],
  ['node.k8s.io', 'runtimeclasses', READ],
  ['resource.k8s.io', 'resourceclaims', 'get'],
  ['resource.k8s.io', 'resourceslices', 'deletecollection'],
  ['core', 'serviceaccounts', 'get'],
];

const SCHEDULER: readonly RuleRow[] = [
  EVENTS,
  ['coordination.k8s.io', 'leases', 'create'],
  ['coordination.k8s.io', 'leases', 'get list update watch', 'kube-scheduler'],
  ['coordination.k8s.io', 'leasecandidates', READ_WRITE],
  ['core', 'nodes', READ],
  ['core', 'pods', 'delete get list watch'],
  ['core', 'bindings pods/binding', 'create'],
  ['core', 'pods/status', 'patch update'],
  ['core', 'replicationcontrollers services', READ],
  ['apps extensions', 'replicasets', READ],
  ['apps', 'statefulsets', READ],
  ['policy', 'poddisruptionbudgets', READ],
  ['core', 'persistentvolumeclaims persistentvolumes', READ],
  ['authentication.k8s.io', 'tokenreviews', 'create'],
  ['authorization.k8s.io', 'subjectaccessreviews', 'create'],
  ['storage.k8s.io', 'csinodes', READ],
  ['storage.k8s.io', 'volumeattachments', READ],
  ['core', 'namespaces', READ],
  ['storage.k8s.io', 'csidrivers', READ],
  ['storage.k8s.io', 'csistoragecapacities', READ],
  ['resource.k8s.io', 'deviceclasses', READ],
  ['resource.k8s.io', 'resourceclaims', 'get list patch update watch'],
  ['resource.k8s.io', 'resourceclaims/status', 'get list patch update watch'],
  ['core', 'pods/finalizers', 'update'],
  ['resource.k8s.io', 'resourceslices', READ],
  ['resource.k8s.io', 'resourceclaims', 'create delete'],
  ['resource.k8s.io', 'resourceclaims/binding', 'patch update'],
];

const CONTROLLER_MANAGER: readonly RuleRow[] = [
  EVENTS,
  ['coordination.k8s.io', 'leases', 'create'],
  ['coordination.k8s.io', 'leases', 'get update', 'kube-controller-manager'],
  ['core', 'secrets serviceaccounts', 'create'],
  ['core', 'secrets', 'delete'],
  ['core', 'configmaps namespaces secrets serviceaccounts', 'get'],
  ['core', 'secrets serviceaccounts', 'update'],
  ['authentication.k8s.io', 'tokenreviews', 'create'],
  ['authorization.k8s.io', 'subjectaccessreviews', 'create'],
  ['*', '*', 'list watch'],
  ['core', 'serviceaccounts/token', 'create'],
];

export const CLUSTER_ROLES: readonly RoleRow[] = [
  { name: 'cluster-admin', rules: [['*', '*', '*']], urls: [['*', '*']] },
  { name: 'admin', rules: [], aggregates: 'admin' },
  { name: 'edit', rules: [], aggregates: 'edit', labels: into('admin') },
  { name: 'view', rules: [], aggregates: 'view', labels: into('edit') },
  { name: 'system:aggregate-to-admin', rules: ADMIN, labels: into('admin') },
  { name: 'system:aggregate-to-edit', rules: EDIT, labels: into('edit') },
  { name: 'system:aggregate-to-view', rules: VIEW, labels: into('view') },
  { name: 'system:discovery', rules: [], urls: [[DISCOVERY_PATHS, 'get']] },
  {
    name: 'system:basic-user',
    rules: [
      ['authorization.k8s.io', 'selfsubjectaccessreviews selfsubjectrulesreviews', 'create'],
      ['authentication.k8s.io', 'selfsubjectreviews', 'create'],
    ],
  },
  { name: 'system:public-info-viewer', rules: [], urls: [['/healthz /livez /readyz /version /version/', 'get']] },
  {
    name: 'system:service-account-issuer-discovery',
    rules: [],
    urls: [
      ['/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/', 'get'],
    ],
  },
  {
    name: 'system:monitoring',
    rules: [['core', 'nodes/metrics', 'get']],
    urls: [['/flagz /healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/* /statusz', 'get']],
  },
  { name: 'system:node', rules: NODE },
  { name: 'system:kube-scheduler', rules: SCHEDULER },
  { name: 'system:kube-controller-manager', rules: CONTROLLER_MANAGER },
  {
    name: 'system:volume-scheduler',
    rules: [
      ['core', 'persistentvolumes', 'get list patch update watch'],
      ['storage.k8s.io', 'storageclasses', READ],
      ['core', 'persistentvolumeclaims', 'get list patch update watch'],
    ],
  },
  {
    name: 'system:node-proxier',
    rules: [
      ['core', 'endpoints services', 'list watch'],
      ['core', 'nodes', READ],
      EVENTS,
      ['networking.k8s.io', 'servicecidrs', 'list watch'],
      ['discovery.k8s.io', 'endpointslices', 'list watch'],
    ],
  },
  {
    name: 'system:node-problem-detector',
    rules: [['core', 'nodes', 'get'], ['core', 'nodes/status', 'patch'], EVENTS],
  },
  {
    name: 'system:node-bootstrapper',
    rules: [['certificates.k8s.io', 'certificatesigningrequests', 'create get list watch']],
  },
  {
    name: 'system:kubelet-api-admin',
    rules: [
      ['core', 'nodes', 'get list watch'],
      ['core', 'nodes', 'proxy'],
      ['core', 'nodes/log nodes/metrics nodes/proxy nodes/stats', '*'],
      ['core', 'nodes/configz nodes/healthz nodes/pods', '*'],
    ],
  },
  {
    name: 'system:auth-delegator',
    rules: [
      ['authentication.k8s.io', 'tokenreviews', 'create'],
      ['authorization.k8s.io', 'subjectaccessreviews', 'create'],
    ],
  },
  {
    name: 'system:heapster',
    rules: [
      ['core', 'events namespaces nodes pods', READ],
      ['extensions', 'deployments', READ],
    ],
  },
  { name: 'system:kube-aggregator', rules: [['core', 'endpoints services', READ]] },
  { name: 'system:kube-dns', rules: [['core', 'endpoints services', 'list watch']] },
  {
    name: 'system:persistent-volume-provisioner',
    rules: [
      ['core', 'persistentvolumes', 'create delete get list watch'],
      ['core', 'persistentvolumeclaims', 'get list update watch'],
      ['storage.k8s.io', 'storageclasses', READ],
      ['core', 'events', 'watch'],
      EVENTS,
    ],
  },
  {
    name: 'system:certificates.k8s.io:certificatesigningrequests:nodeclient',
    rules: [['certificates.k8s.io', 'certificatesigningrequests/nodeclient', 'create']],
  },
  {
    name: 'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient',
    rules: [['certificates.k8s.io', 'certificatesigningrequests/selfnodeclient', 'create']],
  },
  {
    name: 'system:certificates.k8s.io:kube-apiserver-client-approver',
    rules: [['certificates.k8s.io', 'signers', 'approve', 'kubernetes.io/kube-apiserver-client']],
  },
  {
    name: 'system:certificates.k8s.io:kube-apiserver-client-kubelet-approver',
    rules: [['certificates.k8s.io', 'signers', 'approve', 'kubernetes.io/kube-apiserver-client-kubelet']],
  },
  {
    name: 'system:certificates.k8s.io:kubelet-serving-approver',
    rules: [['certificates.k8s.io', 'signers', 'approve', 'kubernetes.io/kubelet-serving']],
  },
  {
    name: 'system:certificates.k8s.io:legacy-unknown-approver',
    rules: [['certificates.k8s.io', 'signers', 'approve', 'kubernetes.io/legacy-unknown']],
  },
  ...CONTROLLER_ROLES,
];
