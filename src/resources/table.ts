// The one visible list of all resources: a line per API group. To add a resource is to add a row to its group's folder.
import { ADMISSIONREGISTRATION_ROWS } from './admissionregistration/index.ts';
import { APIEXTENSIONS_ROWS } from './apiextensions/index.ts';
import { APIREGISTRATION_ROWS } from './apiregistration/index.ts';
import { APISERVERINTERNAL_ROWS } from './apiserverinternal/index.ts';
import { APPS_ROWS } from './apps/index.ts';
import { AUTHENTICATION_ROWS } from './authentication/index.ts';
import { AUTHORIZATION_ROWS } from './authorization/index.ts';
import { AUTOSCALING_ROWS } from './autoscaling/index.ts';
import { BATCH_ROWS } from './batch/index.ts';
import { CERTIFICATES_ROWS } from './certificates/index.ts';
import { COORDINATION_ROWS } from './coordination/index.ts';
import { CORE_ROWS } from './core/index.ts';
import { type AnyResource, resourceKey } from './definition.ts';
import { DISCOVERY_ROWS } from './discovery/index.ts';
import { EVENTS_ROWS } from './events/index.ts';
import { FLOWCONTROL_ROWS } from './flowcontrol/index.ts';
import { NETWORKING_ROWS } from './networking/index.ts';
import { NODE_ROWS } from './node/index.ts';
import { POLICY_ROWS } from './policy/index.ts';
import { RBAC_ROWS } from './rbac/index.ts';
import { RESOURCE_ROWS } from './resource/index.ts';
import { SCHEDULING_ROWS } from './scheduling/index.ts';
import { STORAGE_ROWS } from './storage/index.ts';
import { STORAGEMIGRATION_ROWS } from './storagemigration/index.ts';

/** In the order in which discovery names them, which is that of their priority. */
const GROUPS: readonly (readonly AnyResource[])[] = [
  CORE_ROWS,
  APIREGISTRATION_ROWS,
  APPS_ROWS,
  EVENTS_ROWS,
  AUTHENTICATION_ROWS,
  AUTHORIZATION_ROWS,
  AUTOSCALING_ROWS,
  BATCH_ROWS,
  CERTIFICATES_ROWS,
  NETWORKING_ROWS,
  POLICY_ROWS,
  RBAC_ROWS,
  STORAGE_ROWS,
  ADMISSIONREGISTRATION_ROWS,
  APIEXTENSIONS_ROWS,
  SCHEDULING_ROWS,
  COORDINATION_ROWS,
  NODE_ROWS,
  DISCOVERY_ROWS,
  RESOURCE_ROWS,
  FLOWCONTROL_ROWS,
  APISERVERINTERNAL_ROWS,
  STORAGEMIGRATION_ROWS,
];

export const RESOURCES: readonly AnyResource[] = GROUPS.flat();

const BY_KEY = new Map(RESOURCES.map((row) => [resourceKey(row), row]));

export function findResource(group: string, version: string, plural: string): AnyResource | undefined {
  return BY_KEY.get(resourceKey({ group, version, plural }));
}

/** By kind, as manifests name it. */
export function findKind(group: string, version: string, kind: string): AnyResource | undefined {
  return RESOURCES.find((row) => row.group === group && row.version === version && row.kind === kind);
}
