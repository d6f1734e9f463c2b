// The face of the client: what every program inside the house uses to reach the API.
export { Backoff, type BackoffOptions } from './backoff.ts';
export { type ClientOptions, createClient } from './client.ts';
export { type EventDetails, EventRecorder, type EventRecorderOptions, objectReference } from './event-recorder.ts';
export { type FakeApi, fakeApi } from './fake/fake-api.ts';
export { HandClock } from './fake/hand-clock.ts';
export { type HttpsTransport, type HttpsTransportOptions, httpsTransport } from './https-transport.ts';
export { createInformerFactory, followCollection, type InformerFactoryOptions } from './informer-factory.ts';
export type { ContainerTarget, NodeApi, NodeConnector } from './node-api.ts';
export { accountUser, type PartClients, partClients } from './parts.ts';
export {
  type Client,
  type DeleteOptions,
  type Informer,
  type InformerFactory,
  type InformerHandler,
  type Lister,
  type ListOptions,
  objectKey,
  type PatchType,
  type ResourceClient,
  type ResourceRef,
  type WriteOptions,
} from './port.ts';
export {
  API_SERVICES,
  CERTIFICATE_SIGNING_REQUESTS,
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  CLUSTER_TRUST_BUNDLES,
  COMPONENT_STATUSES,
  CONFIG_MAPS,
  CONTROLLER_REVISIONS,
  CRON_JOBS,
  CSI_DRIVERS,
  CSI_NODES,
  CSI_STORAGE_CAPACITIES,
  CUSTOM_RESOURCE_DEFINITIONS,
  DAEMON_SETS,
  DEPLOYMENTS,
  DEVICE_CLASSES,
  ENDPOINT_SLICES,
  ENDPOINTS,
  EVENTS,
  EVENTS_V1,
  FLOW_SCHEMAS,
  HORIZONTAL_POD_AUTOSCALERS,
  HORIZONTAL_POD_AUTOSCALERS_V1,
  INGRESS_CLASSES,
  INGRESSES,
  IP_ADDRESSES,
  JOBS,
  LEASES,
  LIMIT_RANGES,
  MUTATING_ADMISSION_POLICIES,
  MUTATING_ADMISSION_POLICY_BINDINGS,
  MUTATING_WEBHOOK_CONFIGURATIONS,
  NAMESPACES,
  NETWORK_POLICIES,
  NODES,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  POD_CERTIFICATE_REQUESTS,
  POD_DISRUPTION_BUDGETS,
  POD_TEMPLATES,
  PODS,
  PRIORITY_CLASSES,
  PRIORITY_LEVEL_CONFIGURATIONS,
  REPLICA_SETS,
  REPLICATION_CONTROLLERS,
  RESOURCE_CLAIM_TEMPLATES,
  RESOURCE_CLAIMS,
  RESOURCE_QUOTAS,
  RESOURCE_SLICES,
  ROLE_BINDINGS,
  ROLES,
  RUNTIME_CLASSES,
  SECRETS,
  SERVICE_ACCOUNTS,
  SERVICE_CIDRS,
  SERVICES,
  STATEFUL_SETS,
  STORAGE_CLASSES,
  SUBJECT_ACCESS_REVIEWS,
  TOKEN_REVIEWS,
  VALIDATING_ADMISSION_POLICIES,
  VALIDATING_ADMISSION_POLICY_BINDINGS,
  VALIDATING_WEBHOOK_CONFIGURATIONS,
  VOLUME_ATTACHMENTS,
  VOLUME_ATTRIBUTES_CLASSES,
} from './refs.ts';
export {
  type NodeFacts,
  namedNodes,
  nodeSelectorMatches,
  nodeTermMatches,
  podWantsNode,
} from './rules/node-affinity.ts';
export { attributesClasses, claimInScope, hasScopes, isTerminating, podInScope } from './rules/quota-scopes.ts';
export { addUsage, claimUsage, deviceClaimUsage, podUsage, serviceUsage, type Usage } from './rules/quota-usage.ts';
export {
  type ClaimOfPod,
  claimOfPod,
  claimsOfPod,
  isReservedFor,
  notMadeFor,
} from './rules/resource-claims.ts';
export { tolerates, untolerated } from './rules/taints.ts';
export { bestVolume, isKeptFor, type MatchOptions, mismatch, storageClassOf } from './rules/volume-matching.ts';
export { type ControllerOptions, type ReconcileResult, runController } from './run-controller.ts';
export { WorkQueue, type WorkQueueOptions } from './work-queue.ts';
