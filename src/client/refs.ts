// Names every built-in kind of the stable groups on the wire, with its type.

import type { KubeObject } from '../machinery/object.ts';
import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingWebhookConfiguration,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
} from '../resources/generated/admissionregistration-v1.ts';
import type { CustomResourceDefinition } from '../resources/generated/apiextensions-v1.ts';
import type { APIService } from '../resources/generated/apiregistration-v1.ts';
import type {
  ControllerRevision,
  DaemonSet,
  Deployment,
  ReplicaSet,
  StatefulSet,
} from '../resources/generated/apps-v1.ts';
import type { TokenReview } from '../resources/generated/authentication-v1.ts';
import type { SubjectAccessReview } from '../resources/generated/authorization-v1.ts';
import type { HorizontalPodAutoscaler as HorizontalPodAutoscalerV1 } from '../resources/generated/autoscaling-v1.ts';
import type { HorizontalPodAutoscaler } from '../resources/generated/autoscaling-v2.ts';
import type { CronJob, Job } from '../resources/generated/batch-v1.ts';
import type { CertificateSigningRequest } from '../resources/generated/certificates-v1.ts';
import type { ClusterTrustBundle, PodCertificateRequest } from '../resources/generated/certificates-v1beta1.ts';
import type { Lease } from '../resources/generated/coordination-v1.ts';
import type {
  ComponentStatus,
  ConfigMap,
  Event as CoreEvent,
  Endpoints,
  LimitRange,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodTemplate,
  ReplicationController,
  ResourceQuota,
  Secret,
  Service,
  ServiceAccount,
} from '../resources/generated/core-v1.ts';
import type { EndpointSlice } from '../resources/generated/discovery-v1.ts';
import type { Event as EventV1 } from '../resources/generated/events-v1.ts';
import type { FlowSchema, PriorityLevelConfiguration } from '../resources/generated/flowcontrol-v1.ts';
import type {
  Ingress,
  IngressClass,
  IPAddress,
  NetworkPolicy,
  ServiceCIDR,
} from '../resources/generated/networking-v1.ts';
import type { RuntimeClass } from '../resources/generated/node-v1.ts';
import type { PodDisruptionBudget } from '../resources/generated/policy-v1.ts';
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '../resources/generated/rbac-v1.ts';
import type {
  DeviceClass,
  ResourceClaim,
  ResourceClaimTemplate,
  ResourceSlice,
} from '../resources/generated/resource-v1.ts';
import type { PriorityClass } from '../resources/generated/scheduling-v1.ts';
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
  VolumeAttributesClass,
} from '../resources/generated/storage-v1.ts';
import type { ResourceRef } from './port.ts';

type Where = 'namespaced' | 'cluster';

/** `groupVersion` is `v1` or `group/version`. */
function ref<T extends KubeObject>(groupVersion: string, plural: string, kind: string, where: Where): ResourceRef<T> {
  const slash = groupVersion.indexOf('/');
  return {
    group: slash < 0 ? '' : groupVersion.slice(0, slash),
    version: groupVersion.slice(slash + 1),
    plural,
    kind,
    namespaced: where === 'namespaced',
  };
}

export const TOKEN_REVIEWS = ref<TokenReview>('authentication.k8s.io/v1', 'tokenreviews', 'TokenReview', 'cluster');
export const SUBJECT_ACCESS_REVIEWS = ref<SubjectAccessReview>(
  'authorization.k8s.io/v1',
  'subjectaccessreviews',
  'SubjectAccessReview',
  'cluster',
);
export const COMPONENT_STATUSES = ref<ComponentStatus>('v1', 'componentstatuses', 'ComponentStatus', 'cluster');
export const CONFIG_MAPS = ref<ConfigMap>('v1', 'configmaps', 'ConfigMap', 'namespaced');
export const ENDPOINTS = ref<Endpoints>('v1', 'endpoints', 'Endpoints', 'namespaced');
export const EVENTS = ref<CoreEvent>('v1', 'events', 'Event', 'namespaced');
export const LIMIT_RANGES = ref<LimitRange>('v1', 'limitranges', 'LimitRange', 'namespaced');
export const NAMESPACES = ref<Namespace>('v1', 'namespaces', 'Namespace', 'cluster');
export const NODES = ref<Node>('v1', 'nodes', 'Node', 'cluster');
export const PERSISTENT_VOLUMES = ref<PersistentVolume>('v1', 'persistentvolumes', 'PersistentVolume', 'cluster');
export const PERSISTENT_VOLUME_CLAIMS = ref<PersistentVolumeClaim>(
  'v1',
  'persistentvolumeclaims',
  'PersistentVolumeClaim',
  'namespaced',
);
export const PODS = ref<Pod>('v1', 'pods', 'Pod', 'namespaced');
export const POD_TEMPLATES = ref<PodTemplate>('v1', 'podtemplates', 'PodTemplate', 'namespaced');
export const REPLICATION_CONTROLLERS = ref<ReplicationController>(
  'v1',
  'replicationcontrollers',
  'ReplicationController',
  'namespaced',
);
export const RESOURCE_QUOTAS = ref<ResourceQuota>('v1', 'resourcequotas', 'ResourceQuota', 'namespaced');
export const SECRETS = ref<Secret>('v1', 'secrets', 'Secret', 'namespaced');
export const SERVICES = ref<Service>('v1', 'services', 'Service', 'namespaced');
export const SERVICE_ACCOUNTS = ref<ServiceAccount>('v1', 'serviceaccounts', 'ServiceAccount', 'namespaced');
export const MUTATING_ADMISSION_POLICIES = ref<MutatingAdmissionPolicy>(
  'admissionregistration.k8s.io/v1',
  'mutatingadmissionpolicies',
  'MutatingAdmissionPolicy',
  'cluster',
);
export const MUTATING_ADMISSION_POLICY_BINDINGS = ref<MutatingAdmissionPolicyBinding>(
  'admissionregistration.k8s.io/v1',
  'mutatingadmissionpolicybindings',
  'MutatingAdmissionPolicyBinding',
  'cluster',
);
export const MUTATING_WEBHOOK_CONFIGURATIONS = ref<MutatingWebhookConfiguration>(
  'admissionregistration.k8s.io/v1',
  'mutatingwebhookconfigurations',
  'MutatingWebhookConfiguration',
  'cluster',
);
export const VALIDATING_ADMISSION_POLICIES = ref<ValidatingAdmissionPolicy>(
  'admissionregistration.k8s.io/v1',
  'validatingadmissionpolicies',
  'ValidatingAdmissionPolicy',
  'cluster',
);
export const VALIDATING_ADMISSION_POLICY_BINDINGS = ref<ValidatingAdmissionPolicyBinding>(
  'admissionregistration.k8s.io/v1',
  'validatingadmissionpolicybindings',
  'ValidatingAdmissionPolicyBinding',
  'cluster',
);
export const VALIDATING_WEBHOOK_CONFIGURATIONS = ref<ValidatingWebhookConfiguration>(
  'admissionregistration.k8s.io/v1',
  'validatingwebhookconfigurations',
  'ValidatingWebhookConfiguration',
  'cluster',
);
export const CUSTOM_RESOURCE_DEFINITIONS = ref<CustomResourceDefinition>(
  'apiextensions.k8s.io/v1',
  'customresourcedefinitions',
  'CustomResourceDefinition',
  'cluster',
);
export const API_SERVICES = ref<APIService>('apiregistration.k8s.io/v1', 'apiservices', 'APIService', 'cluster');
export const CONTROLLER_REVISIONS = ref<ControllerRevision>(
  'apps/v1',
  'controllerrevisions',
  'ControllerRevision',
  'namespaced',
);
export const DAEMON_SETS = ref<DaemonSet>('apps/v1', 'daemonsets', 'DaemonSet', 'namespaced');
export const DEPLOYMENTS = ref<Deployment>('apps/v1', 'deployments', 'Deployment', 'namespaced');
export const REPLICA_SETS = ref<ReplicaSet>('apps/v1', 'replicasets', 'ReplicaSet', 'namespaced');
export const STATEFUL_SETS = ref<StatefulSet>('apps/v1', 'statefulsets', 'StatefulSet', 'namespaced');
export const HORIZONTAL_POD_AUTOSCALERS_V1 = ref<HorizontalPodAutoscalerV1>(
  'autoscaling/v1',
  'horizontalpodautoscalers',
  'HorizontalPodAutoscaler',
  'namespaced',
);
export const HORIZONTAL_POD_AUTOSCALERS = ref<HorizontalPodAutoscaler>(
  'autoscaling/v2',
  'horizontalpodautoscalers',
  'HorizontalPodAutoscaler',
  'namespaced',
);
export const CRON_JOBS = ref<CronJob>('batch/v1', 'cronjobs', 'CronJob', 'namespaced');
export const JOBS = ref<Job>('batch/v1', 'jobs', 'Job', 'namespaced');
export const CERTIFICATE_SIGNING_REQUESTS = ref<CertificateSigningRequest>(
  'certificates.k8s.io/v1',
  'certificatesigningrequests',
  'CertificateSigningRequest',
  'cluster',
);
export const CLUSTER_TRUST_BUNDLES = ref<ClusterTrustBundle>(
  'certificates.k8s.io/v1beta1',
  'clustertrustbundles',
  'ClusterTrustBundle',
  'cluster',
);
export const POD_CERTIFICATE_REQUESTS = ref<PodCertificateRequest>(
  'certificates.k8s.io/v1beta1',
  'podcertificaterequests',
  'PodCertificateRequest',
  'namespaced',
);
export const LEASES = ref<Lease>('coordination.k8s.io/v1', 'leases', 'Lease', 'namespaced');
export const ENDPOINT_SLICES = ref<EndpointSlice>(
  'discovery.k8s.io/v1',
  'endpointslices',
  'EndpointSlice',
  'namespaced',
);
export const EVENTS_V1 = ref<EventV1>('events.k8s.io/v1', 'events', 'Event', 'namespaced');
export const FLOW_SCHEMAS = ref<FlowSchema>('flowcontrol.apiserver.k8s.io/v1', 'flowschemas', 'FlowSchema', 'cluster');
export const PRIORITY_LEVEL_CONFIGURATIONS = ref<PriorityLevelConfiguration>(
  'flowcontrol.apiserver.k8s.io/v1',
  'prioritylevelconfigurations',
  'PriorityLevelConfiguration',
  'cluster',
);
export const IP_ADDRESSES = ref<IPAddress>('networking.k8s.io/v1', 'ipaddresses', 'IPAddress', 'cluster');
export const INGRESSES = ref<Ingress>('networking.k8s.io/v1', 'ingresses', 'Ingress', 'namespaced');
export const INGRESS_CLASSES = ref<IngressClass>('networking.k8s.io/v1', 'ingressclasses', 'IngressClass', 'cluster');
export const NETWORK_POLICIES = ref<NetworkPolicy>(
  'networking.k8s.io/v1',
  'networkpolicies',
  'NetworkPolicy',
  'namespaced',
);
export const SERVICE_CIDRS = ref<ServiceCIDR>('networking.k8s.io/v1', 'servicecidrs', 'ServiceCIDR', 'cluster');
export const RUNTIME_CLASSES = ref<RuntimeClass>('node.k8s.io/v1', 'runtimeclasses', 'RuntimeClass', 'cluster');
export const POD_DISRUPTION_BUDGETS = ref<PodDisruptionBudget>(
  'policy/v1',
  'poddisruptionbudgets',
  'PodDisruptionBudget',
  'namespaced',
);
export const CLUSTER_ROLES = ref<ClusterRole>('rbac.authorization.k8s.io/v1', 'clusterroles', 'ClusterRole', 'cluster');
export const CLUSTER_ROLE_BINDINGS = ref<ClusterRoleBinding>(
  'rbac.authorization.k8s.io/v1',
  'clusterrolebindings',
  'ClusterRoleBinding',
  'cluster',
);
export const ROLES = ref<Role>('rbac.authorization.k8s.io/v1', 'roles', 'Role', 'namespaced');
export const ROLE_BINDINGS = ref<RoleBinding>(
  'rbac.authorization.k8s.io/v1',
  'rolebindings',
  'RoleBinding',
  'namespaced',
);
export const DEVICE_CLASSES = ref<DeviceClass>('resource.k8s.io/v1', 'deviceclasses', 'DeviceClass', 'cluster');
export const RESOURCE_CLAIMS = ref<ResourceClaim>(
  'resource.k8s.io/v1',
  'resourceclaims',
  'ResourceClaim',
  'namespaced',
);
export const RESOURCE_CLAIM_TEMPLATES = ref<ResourceClaimTemplate>(
  'resource.k8s.io/v1',
  'resourceclaimtemplates',
  'ResourceClaimTemplate',
  'namespaced',
);
export const RESOURCE_SLICES = ref<ResourceSlice>('resource.k8s.io/v1', 'resourceslices', 'ResourceSlice', 'cluster');
export const PRIORITY_CLASSES = ref<PriorityClass>(
  'scheduling.k8s.io/v1',
  'priorityclasses',
  'PriorityClass',
  'cluster',
);
export const CSI_DRIVERS = ref<CSIDriver>('storage.k8s.io/v1', 'csidrivers', 'CSIDriver', 'cluster');
export const CSI_NODES = ref<CSINode>('storage.k8s.io/v1', 'csinodes', 'CSINode', 'cluster');
export const CSI_STORAGE_CAPACITIES = ref<CSIStorageCapacity>(
  'storage.k8s.io/v1',
  'csistoragecapacities',
  'CSIStorageCapacity',
  'namespaced',
);
export const STORAGE_CLASSES = ref<StorageClass>('storage.k8s.io/v1', 'storageclasses', 'StorageClass', 'cluster');
export const VOLUME_ATTACHMENTS = ref<VolumeAttachment>(
  'storage.k8s.io/v1',
  'volumeattachments',
  'VolumeAttachment',
  'cluster',
);
export const VOLUME_ATTRIBUTES_CLASSES = ref<VolumeAttributesClass>(
  'storage.k8s.io/v1',
  'volumeattributesclasses',
  'VolumeAttributesClass',
  'cluster',
);
