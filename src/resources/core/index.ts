// The rows of the core group, and what others need to know of its kinds: which addresses and ports a Service must be given.
import type { AnyResource } from '../definition.ts';
import { configMaps } from './config-map.ts';
import { endpoints } from './endpoints.ts';
import { events } from './event.ts';
import { limitRanges } from './limit-range.ts';
import { namespaces } from './namespace.ts';
import { nodes } from './node.ts';
import { pods } from './pod/pod.ts';
import { podTemplates } from './pod-template.ts';
import { replicationControllers } from './replication-controller.ts';
import { resourceQuotas } from './resource-quota.ts';
import { secrets } from './secret.ts';
import { services } from './service/service.ts';
import { serviceAccounts } from './service-account.ts';
import { bindings, componentStatuses } from './virtual.ts';
import { persistentVolumes } from './volume/persistent-volume.ts';
import { persistentVolumeClaims } from './volume/persistent-volume-claim.ts';

export { type IPFamily, type ServiceNeeds, serviceNeeds, settleFamilies } from './service/allocation.ts';

export const CORE_ROWS: readonly AnyResource[] = [
  bindings,
  componentStatuses,
  configMaps,
  endpoints,
  events,
  limitRanges,
  namespaces,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  podTemplates,
  replicationControllers,
  resourceQuotas,
  secrets,
  serviceAccounts,
  services,
];
