// The cluster roles of the controllers: each is bound to the service account of its name in kube-system, which `--use-service-account-credentials` uses.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#controller-roles
import { EVENTS, READ, type RoleRow } from './role-rows.ts';

export const CONTROLLER_ROLES: readonly RoleRow[] = [
  {
    name: 'system:controller:attachdetach-controller',
    rules: [
      ['core', 'persistentvolumeclaims persistentvolumes', 'list watch'],
      ['core', 'nodes', READ],
      ['core', 'nodes/status', 'patch update'],
      ['core', 'pods', 'list watch'],
      EVENTS,
      ['storage.k8s.io', 'volumeattachments', 'create delete get list watch'],
      ['storage.k8s.io', 'csidrivers', READ],
      ['storage.k8s.io', 'csinodes', READ],
    ],
  },
  {
    name: 'system:controller:certificate-controller',
    rules: [
      ['certificates.k8s.io', 'certificatesigningrequests', 'delete get list watch'],
      ['certificates.k8s.io', 'certificatesigningrequests/approval certificatesigningrequests/status', 'update'],
      ['certificates.k8s.io', 'signers', 'approve', 'kubernetes.io/kube-apiserver-client-kubelet'],
      [
        'certificates.k8s.io',
        'signers',
        'sign',
        'kubernetes.io/kube-apiserver-client kubernetes.io/kube-apiserver-client-kubelet kubernetes.io/kubelet-serving kubernetes.io/legacy-unknown',
      ],
      ['authorization.k8s.io', 'subjectaccessreviews', 'create'],
      EVENTS,
    ],
  },
  {
    name: 'system:controller:clusterrole-aggregation-controller',
    rules: [['rbac.authorization.k8s.io', 'clusterroles', 'escalate get list patch update watch']],
  },
  {
    name: 'system:controller:cronjob-controller',
    rules: [
      ['batch', 'cronjobs', 'get list update watch'],
      ['batch', 'jobs', 'create delete get list patch update watch'],
      ['batch', 'cronjobs/status', 'update'],
      ['batch', 'cronjobs/finalizers', 'update'],
      ['core', 'pods', 'delete list watch'],
      EVENTS,
    ],
  },
  {
    name: 'system:controller:daemon-set-controller',
    rules: [
      ['apps extensions', 'daemonsets', READ],
      ['apps extensions', 'daemonsets/status', 'update'],
      ['apps extensions', 'daemonsets/finalizers', 'update'],
      ['core', 'nodes', 'list watch'],
      ['core', 'pods', 'create delete list patch watch'],
      ['core', 'pods/binding', 'create'],
      ['apps', 'controllerrevisions', 'create delete get list patch update watch'],
      EVENTS,
    ],
  },
  {
    name: 'system:controller:deployment-controller',
    rules: [
      ['apps extensions', 'deployments', 'get list update watch'],
      ['apps extensions', 'deployments/status', 'update'],
      ['apps extensions', 'deployments/finalizers', 'update'],
      ['apps extensions', 'replicasets', 'create delete get list patch update watch'],
      ['core', 'pods', 'get list update watch'],
      EVENTS,
    ],
  },
  {
    name: 'system:controller:device-taint-eviction-controller',
    rules: [
      ['core', 'pods', 'delete get list watch'],
      ['core', 'pods/status', 'patch update'],
      ['resource.k8s.io', 'resourceclaims', READ],
      ['resource.k8s.io', 'resourceslices', READ],
      ['resource.k8s.io', 'deviceclasses', READ],
      EVENTS,
    ],
  },
  {
    name: 'system:controller:disruption-controller',
    rules: [
      ['apps extensions', 'deployments', READ],
      ['apps extensions', 'replicasets', READ],
      ['core', 'replicationcontrollers', READ],
      ['policy', 'poddisruptionbudgets', READ],
      ['apps', 'statefulsets', READ],
      ['policy', 'poddisruptionbudgets/status', 'update'],
      ['core', 'pods/status', 'patch update'],
      ['*', '*/scale', 'get'],
      EVENTS,
    ],
  },
  {
    name: 'system:controller:endpoint-controller',
    rules: [
      ['core', 'pods services', READ],
      ['core', 'endpoints', 'create delete get list update watch'],
      ['core', 'endpoints/restricted', 'create'],
      EVENTS,
    ],
  },
  {
    name: 'system:controller:endpointslice-controller',
    rules: [
      ['core', 'nodes pods services', READ],
      ['core', 'services/finalizers', 'update'],
      ['discovery.k8s.io', 'endpointslices', 'create delete get list update watch'],
      ['discovery.k8s.io', 'endpointslices/restricted', 'create'],
      EVENTS,
    ],
  },
  {
    name: 'system:controller:endpointslicemirroring-controller',
    rules: [
      ['core', 'endpoints services', READ],
      ['core', 'services/finalizers', 'update'],
      ['core', 'endpoints/finalizers', 'update'],
      ['discovery.k8s.io', 'endpointslices', 'create delete get list update watch'],
      ['discovery.k8s.io', 'endpointslices/restricted', 'create'],
      EVENTS,
    ],
  },
  {
    name: 'system:controller:ephemeral-volume-controller',
    rules: [
      ['core', 'pods', READ],
      ['core', 'pods/finalizers', 'update'],
      ['core', 'persistentvolumeclaims', 'create get list watch'],
      EVENTS,
    ],
  },
  {
    name: 'system:controller:expand-controller',
    rules: [
      ['core', 'persistentvolumes', 'get list patch update watch'],
      ['core', 'persistentvolumeclaims/status', 'patch update'],
      ['core', 'persistentvolumeclaims', READ],
      EVENTS,
    ],
  },
  {
    name: 'system:controller:generic-garbage-collector',
    rules: [['*', '*', 'delete get list patch update watch'], EVENTS],
  },
  {
    name: 'system:controller:horizontal-pod-autoscaler',
    rules: [
      ['autoscaling', 'horizontalpodautoscalers', READ],
      ['autoscaling', 'horizontalpodautoscalers/status', 'update'],
      ['*', '*/scale', 'get update'],
      ['core', 'pods', 'list watch'],
      ['metrics.k8s.io', 'pods', 'list watch'],
      ['custom.metrics.k8s.io', '*', READ],
      ['external.metrics.k8s.io', '*', READ],
      EVENTS,
    ],
  },
  {
    name: 'system:controller:job-controller',
    rules: [
      ['batch', 'jobs', 'get list patch update watch'],
      ['batch', 'jobs/status', 'update'],
      ['batch', 'jobs/finalizers', 'update'],
      ['core', 'pods', 'create delete list patch watch'],
      EVENTS,
    ],
  },
  {
    name: 'system:controller:legacy-service-account-token-cleaner',
    rules: [
      ['core', 'configmaps', 'get', 'kube-apiserver-legacy-service-account-token-tracking'],
      ['core', 'secrets', 'delete patch'],
    ],
  },
  {
    name: 'system:controller:namespace-controller',
    rules: [
      ['core', 'namespaces', 'delete get list watch'],
      ['core', 'namespaces/finalize namespaces/status', 'update'],
      ['*', '*', 'delete deletecollection get list watch'],
    ],
  },
  {
    name: 'system:controller:node-controller',
    rules: [
      ['core', 'nodes', 'delete get list patch update watch'],
      ['core', 'nodes/status', 'patch update'],
      ['core', 'pods/status', 'patch update'],
      ['core', 'pods', 'delete get list watch'],
      EVENTS,
    ],
  },
  {
    name: 'system:controller:persistent-volume-binder',
    rules: [
      ['core', 'persistentvolumes', 'create delete get list update watch'],
      ['core', 'persistentvolumes/status', 'update'],
      ['core', 'persistentvolumeclaims', 'get list update watch'],
      ['core', 'persistentvolumeclaims/status', 'update'],
      ['core', 'pods', 'create delete get list watch'],
      ['storage.k8s.io', 'storageclasses', READ],
      ['core', 'nodes', 'list watch'],
      EVENTS,
      ['core', 'events', 'watch'],
    ],
  },
  {
    name: 'system:controller:pod-garbage-collector',
    rules: [
      ['core', 'pods', 'delete list watch'],
      ['core', 'nodes', READ],
      ['core', 'pods/status', 'patch'],
    ],
  },
  {
    name: 'system:controller:pv-protection-controller',
    rules: [['core', 'persistentvolumes', 'get list update watch'], EVENTS],
  },
  {
    name: 'system:controller:pvc-protection-controller',
    rules: [
      ['core', 'persistentvolumeclaims', 'get list update watch'],
      ['core', 'persistentvolumeclaims/status', 'update'],
      ['core', 'pods', READ],
      EVENTS,
    ],
  },
  {
    name: 'system:controller:replicaset-controller',
    rules: [
      ['apps extensions', 'replicasets', 'get list update watch'],
      ['apps extensions', 'replicasets/status', 'update'],
      ['apps extensions', 'replicasets/finalizers', 'update'],
      ['core', 'pods', 'create delete list patch watch'],
      EVENTS,
    ],
  },
  {
    name: 'system:controller:replication-controller',
    rules: [
      ['core', 'replicationcontrollers', 'get list update watch'],
      ['core', 'replicationcontrollers/status', 'update'],
      ['core', 'replicationcontrollers/finalizers', 'update'],
      ['core', 'pods', 'create delete list patch watch'],
      EVENTS,
    ],
  },
  {
    name: 'system:controller:resource-claim-controller',
    rules: [
      ['core', 'pods', READ],
      ['core', 'pods/finalizers', 'update'],
      ['resource.k8s.io', 'resourceclaims', 'create delete get list watch'],
      ['resource.k8s.io', 'resourceclaims resourceclaims/status', 'patch update'],
      ['core', 'pods/status', 'patch update'],
      EVENTS,
      ['resource.k8s.io', 'resourceclaims/binding', 'patch update'],
    ],
  },
  {
    name: 'system:controller:resourcequota-controller',
    rules: [['*', '*', 'list watch'], ['core', 'resourcequotas/status', 'update'], EVENTS],
  },
  {
    name: 'system:controller:root-ca-cert-publisher',
    rules: [['core', 'configmaps', 'create update'], EVENTS],
  },
  {
    name: 'system:controller:route-controller',
    rules: [['core', 'nodes', 'list watch'], ['core', 'nodes/status', 'patch'], EVENTS],
  },
  {
    name: 'system:controller:selinux-warning-controller',
    rules: [
      EVENTS,
      ['core', 'persistentvolumes', READ],
      ['core', 'persistentvolumeclaims', READ],
      ['core', 'pods', READ],
      ['storage.k8s.io', 'csidrivers', READ],
    ],
  },
  {
    name: 'system:controller:service-account-controller',
    rules: [['core', 'serviceaccounts', 'create'], EVENTS],
  },
  {
    name: 'system:controller:service-cidrs-controller',
    rules: [
      ['networking.k8s.io', 'servicecidrs', 'get list patch update watch'],
      ['networking.k8s.io', 'servicecidrs/finalizers', 'patch update'],
      ['networking.k8s.io', 'servicecidrs/status', 'patch update'],
      ['networking.k8s.io', 'ipaddresses', READ],
      EVENTS,
    ],
  },
  {
    name: 'system:controller:service-controller',
    rules: [
      ['core', 'services', READ],
      ['core', 'services/status', 'patch update'],
      ['core', 'nodes', 'list watch'],
      EVENTS,
    ],
  },
  {
    name: 'system:controller:statefulset-controller',
    rules: [
      ['core', 'pods', 'list watch'],
      ['apps', 'statefulsets', READ],
      ['apps', 'statefulsets/status', 'update'],
      ['apps', 'statefulsets/finalizers', 'update'],
      ['core', 'pods', 'create delete get patch update'],
      ['apps', 'controllerrevisions', 'create delete get list patch update watch'],
      ['core', 'persistentvolumeclaims', 'create get list watch'],
      ['core', 'persistentvolumeclaims', 'delete update'],
      ['core', 'pods/finalizers', 'update'],
      EVENTS,
    ],
  },
  {
    name: 'system:controller:ttl-after-finished-controller',
    rules: [['batch', 'jobs', 'delete get list watch'], EVENTS],
  },
  {
    name: 'system:controller:ttl-controller',
    rules: [['core', 'nodes', 'list patch update watch'], EVENTS],
  },
  {
    name: 'system:controller:validatingadmissionpolicy-status-controller',
    rules: [
      ['admissionregistration.k8s.io', 'validatingadmissionpolicies', READ],
      ['admissionregistration.k8s.io', 'validatingadmissionpolicies/status', 'get patch update'],
      EVENTS,
    ],
  },
  {
    name: 'system:controller:volumeattributesclass-protection-controller',
    rules: [
      ['core', 'persistentvolumeclaims', READ],
      ['core', 'persistentvolumes', READ],
      ['storage.k8s.io', 'volumeattributesclasses', 'get list update watch'],
      EVENTS,
    ],
  },
];
