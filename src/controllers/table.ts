// All controllers, in one visible table.
import { certificateCleaner, certificateSigning } from './certificates/controller.ts';
import { clusterRoleAggregation } from './cluster-role-aggregation/controller.ts';
import { cronJob } from './cron-job/controller.ts';
import { daemonSet } from './daemon-set/controller.ts';
import { deployment } from './deployment/controller.ts';
import { disruption } from './disruption/controller.ts';
import { endpointSliceMirroring } from './endpoint-slice-mirroring/controller.ts';
import { endpointSlices, endpoints } from './endpoints/controller.ts';
import { ephemeralVolumes } from './ephemeral-volume/controller.ts';
import { garbageCollector } from './garbage-collector/controller.ts';
import { horizontalPodAutoscaler } from './horizontal-pod-autoscaler/controller.ts';
import { job } from './job/controller.ts';
import { namespaceController } from './namespace/controller.ts';
import { nodeLifecycle } from './node-lifecycle/controller.ts';
import { persistentVolumeBinder } from './persistent-volume/controller.ts';
import { podGarbageCollector } from './pod-gc/controller.ts';
import { replicaSet, replicationController } from './replica-set/controller.ts';
import { resourceClaim } from './resource-claim/controller.ts';
import { resourceQuota } from './resource-quota/controller.ts';
import { rootCaPublisher } from './root-ca/controller.ts';
import { serviceAccountController } from './service-account/controller.ts';
import type { ControllerRow } from './shared/context.ts';
import { statefulSet } from './stateful-set/controller.ts';
import { claimProtection, classProtection, volumeProtection } from './storage-protection/controller.ts';
import { taintEviction } from './taint-eviction/controller.ts';
import { ttlAfterFinished } from './ttl-after-finished/controller.ts';

export const CONTROLLERS: readonly ControllerRow[] = [
  namespaceController,
  serviceAccountController,
  rootCaPublisher,
  certificateSigning,
  certificateCleaner,
  clusterRoleAggregation,
  garbageCollector,
  nodeLifecycle,
  taintEviction,
  podGarbageCollector,
  ttlAfterFinished,
  disruption,
  resourceQuota,
  replicaSet,
  replicationController,
  deployment,
  endpoints,
  endpointSlices,
  job,
  cronJob,
  daemonSet,
  statefulSet,
  endpointSliceMirroring,
  persistentVolumeBinder,
  ephemeralVolumes,
  resourceClaim,
  claimProtection,
  volumeProtection,
  classProtection,
  horizontalPodAutoscaler,
];
