// The default cluster roles, as a compact table of rules.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings

/** API groups, resources, verbs, and names where the rule is for some only; words apart by blanks, `core` for the empty group. */
export type RuleRow = readonly [groups: string, resources: string, verbs: string, names?: string];

export interface RoleRow {
  readonly name: string;
  readonly rules: readonly RuleRow[];
  /** Paths that are no resource, and the verbs on them. */
  readonly urls?: readonly (readonly [paths: string, verbs: string])[];
  readonly labels?: Readonly<Record<string, string>>;
  /** Gathers the roles with this label. */
  readonly aggregates?: string;
}

const READ = 'get list watch';
const WRITE = 'create delete deletecollection patch update';
const READ_WRITE = 'create delete deletecollection get list patch update watch';
const into = (role: string) => ({ [`rbac.authorization.k8s.io/aggregate-to-${role}`]: 'true' });

const DISCOVERY_PATHS = '/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/';

const VIEW: readonly RuleRow[] = [
  [
    'core',
    'configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status',
    READ,
  ],
  [
    'core',
    'bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status',
    READ,
  ],
  ['core', 'namespaces', READ],
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
];

const EDIT: readonly RuleRow[] = [
  ['core', 'pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy', READ],
  ['core', 'serviceaccounts', 'impersonate'],
  ['core', 'pods pods/attach pods/exec pods/portforward pods/proxy', WRITE],
  ['core', 'pods/eviction', 'create'],
  [
    'core',
    'configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy',
    WRITE,
  ],
  ['core', 'serviceaccounts/token', 'create'],
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
];

const ADMIN: readonly RuleRow[] = [
  ['authorization.k8s.io', 'localsubjectaccessreviews', 'create'],
  ['rbac.authorization.k8s.io', 'rolebindings roles', READ_WRITE],
];

const EVENTS: RuleRow = ['core events.k8s.io', 'events', 'create patch update'];

const NODE: readonly RuleRow[] = [
  ['authentication.k8s.io', 'tokenreviews', 'create'],
  ['authorization.k8s.io', 'localsubjectaccessreviews subjectaccessreviews', 'create'],
  ['core', 'services', READ],
  ['core', 'nodes', 'create get list watch'],
  ['core', 'nodes/status', 'patch update'],
  ['core', 'nodes', 'patch update'],
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
  EVENTS,
];

const SCHEDULER: readonly RuleRow[] = [
  EVENTS,
  ['coordination.k8s.io', 'leases', 'create get list update watch'],
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
  ['storage.k8s.io', 'csidrivers csinodes csistoragecapacities storageclasses volumeattachments', READ],
];

const CONTROLLER_MANAGER: readonly RuleRow[] = [
  EVENTS,
  ['coordination.k8s.io', 'leases', 'create get list update watch'],
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
    urls: [['/.well-known/openid-configuration /openid/v1/jwks', 'get']],
  },
  {
    name: 'system:monitoring',
    rules: [],
    urls: [['/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*', 'get']],
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
      ['discovery.k8s.io', 'endpointslices', 'list watch'],
      ['networking.k8s.io', 'servicecidrs', 'list watch'],
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
      ['core', 'nodes/configz nodes/healthz nodes/log nodes/metrics nodes/pods nodes/proxy nodes/stats', '*'],
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
];

/** Role → the groups, users (`User:…`) or service accounts (`ServiceAccount:ns/name`) that have it everywhere. */
export const CLUSTER_ROLE_BINDINGS: readonly (readonly [name: string, role: string, subjects: readonly string[]])[] = [
  ['cluster-admin', 'cluster-admin', ['Group:system:masters']],
  ['system:monitoring', 'system:monitoring', ['Group:system:monitoring']],
  ['system:discovery', 'system:discovery', ['Group:system:authenticated']],
  ['system:basic-user', 'system:basic-user', ['Group:system:authenticated']],
  [
    'system:public-info-viewer',
    'system:public-info-viewer',
    ['Group:system:authenticated', 'Group:system:unauthenticated'],
  ],
  ['system:node-proxier', 'system:node-proxier', ['User:system:kube-proxy']],
  ['system:kube-controller-manager', 'system:kube-controller-manager', ['User:system:kube-controller-manager']],
  ['system:kube-dns', 'system:kube-dns', ['ServiceAccount:kube-system/kube-dns']],
  ['system:kube-scheduler', 'system:kube-scheduler', ['User:system:kube-scheduler']],
  ['system:volume-scheduler', 'system:volume-scheduler', ['User:system:kube-scheduler']],
  ['system:node', 'system:node', []],
  [
    'system:service-account-issuer-discovery',
    'system:service-account-issuer-discovery',
    ['Group:system:serviceaccounts'],
  ],
];

/** Namespaced roles: namespace, name, rules. */
export const ROLES: readonly (readonly [namespace: string, name: string, rules: readonly RuleRow[]])[] = [
  [
    'kube-system',
    'extension-apiserver-authentication-reader',
    [['core', 'configmaps', READ, 'extension-apiserver-authentication']],
  ],
  [
    'kube-system',
    'system::leader-locking-kube-controller-manager',
    [
      ['core', 'configmaps', 'watch'],
      ['core', 'configmaps', 'get update', 'kube-controller-manager'],
    ],
  ],
  [
    'kube-system',
    'system::leader-locking-kube-scheduler',
    [
      ['core', 'configmaps', 'watch'],
      ['core', 'configmaps', 'get update', 'kube-scheduler'],
    ],
  ],
  ['kube-system', 'system:controller:bootstrap-signer', [['core', 'secrets', READ]]],
  ['kube-system', 'system:controller:cloud-provider', [['core', 'configmaps', 'create get list watch']]],
  ['kube-system', 'system:controller:token-cleaner', [['core', 'secrets', 'delete get list watch'], EVENTS]],
  [
    'kube-public',
    'system:controller:bootstrap-signer',
    [['core', 'configmaps', READ], ['core', 'configmaps', 'update', 'cluster-info'], EVENTS],
  ],
];

/** Namespaced bindings: namespace, name, role, subjects. */
export const ROLE_BINDINGS: readonly (readonly [
  namespace: string,
  name: string,
  role: string,
  subjects: readonly string[],
])[] = [
  [
    'kube-system',
    'system::extension-apiserver-authentication-reader',
    'extension-apiserver-authentication-reader',
    ['User:system:kube-controller-manager', 'User:system:kube-scheduler'],
  ],
  [
    'kube-system',
    'system::leader-locking-kube-controller-manager',
    'system::leader-locking-kube-controller-manager',
    ['User:system:kube-controller-manager', 'ServiceAccount:kube-system/kube-controller-manager'],
  ],
  [
    'kube-system',
    'system::leader-locking-kube-scheduler',
    'system::leader-locking-kube-scheduler',
    ['User:system:kube-scheduler', 'ServiceAccount:kube-system/kube-scheduler'],
  ],
  [
    'kube-system',
    'system:controller:bootstrap-signer',
    'system:controller:bootstrap-signer',
    ['ServiceAccount:kube-system/bootstrap-signer'],
  ],
  [
    'kube-system',
    'system:controller:cloud-provider',
    'system:controller:cloud-provider',
    ['ServiceAccount:kube-system/cloud-provider'],
  ],
  [
    'kube-system',
    'system:controller:token-cleaner',
    'system:controller:token-cleaner',
    ['ServiceAccount:kube-system/token-cleaner'],
  ],
  [
    'kube-public',
    'system:controller:bootstrap-signer',
    'system:controller:bootstrap-signer',
    ['ServiceAccount:kube-system/bootstrap-signer'],
  ],
];
