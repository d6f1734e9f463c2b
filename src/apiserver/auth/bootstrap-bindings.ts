// Who has the default cluster roles, and the default roles and bindings of single namespaces.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings
import { CONTROLLER_ROLES } from './controller-roles.ts';
import { EVENTS, READ, type RuleRow } from './role-rows.ts';

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
  ...CONTROLLER_ROLES.map(({ name }): readonly [string, string, readonly string[]] => [
    name,
    name,
    [`ServiceAccount:kube-system/${name.replace('system:controller:', '')}`],
  ]),
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
      ['coordination.k8s.io', 'leases', 'create get list update watch'],
      ['coordination.k8s.io', 'leasecandidates', 'create get list update watch'],
    ],
  ],
  [
    'kube-system',
    'system::leader-locking-kube-scheduler',
    [
      ['coordination.k8s.io', 'leases', 'create get list update watch'],
      ['coordination.k8s.io', 'leasecandidates', 'create get list update watch'],
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
    [
      'User:system:kube-controller-manager',
      'ServiceAccount:kube-system/kube-controller-manager',
      'ServiceAccount:kube-system/leader-election-controller',
    ],
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
