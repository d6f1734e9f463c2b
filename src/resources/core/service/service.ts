// Services: the row of the table.
// Source: https://kubernetes.io/docs/concepts/services-networking/service/
import { FieldPath } from '../../../machinery/field-error.ts';
import { ageColumn, column, nameColumn, statusSubresource } from '../../checks/index.ts';
import { addressWarnings, formatLabels, rangeWarnings } from '../../common/index.ts';
import { ALL_VERBS, defineResource } from '../../definition.ts';
import type { Service } from '../../generated/core-v1.ts';
import { defaultService, dropUseless, isHeadless, keepAllocated, syncClusterIPs } from './fields.ts';
import { validateService, validateServiceStatus, validateServiceUpdate } from './validate.ts';

function prepareForCreate(service: Service): void {
  service.status = { loadBalancer: {} };
  syncClusterIPs(service.spec ?? {}, undefined);
}

function prepareForUpdate(draft: Service, old: Service): void {
  draft.spec ??= {};
  const oldSpec = old.spec ?? {};
  draft.status = old.status ?? { loadBalancer: {} };
  keepAllocated(draft.spec, oldSpec);
  syncClusterIPs(draft.spec, oldSpec);
  dropUseless(draft.spec, oldSpec);
  if (draft.spec.type !== 'LoadBalancer') draft.status = { ...draft.status, loadBalancer: {} };
}

const SPEC = FieldPath.of('spec');
const CLUSTER_IPS = SPEC.child('clusterIPs');
const EXTERNAL_IPS = SPEC.child('externalIPs');
const LOAD_BALANCER_IP = SPEC.child('loadBalancerIP');
const SOURCE_RANGES = SPEC.child('loadBalancerSourceRanges');

function warnings(service: Service): string[] {
  const found: string[] = [];
  if (service.metadata.annotations?.['service.kubernetes.io/topology-aware-hints'] !== undefined)
    found.push(
      'metadata.annotations[service.kubernetes.io/topology-aware-hints]: deprecated in v1.27+; use "service.kubernetes.io/topology-mode" instead',
    );
  if (service.spec?.type !== 'ExternalName' && !isHeadless(service.spec))
    found.push(...(service.spec?.clusterIPs ?? []).flatMap((ip, i) => addressWarnings(ip, CLUSTER_IPS.index(i))));
  if (service.spec?.clusterIP === 'None') {
    if (service.spec.loadBalancerIP)
      found.push('spec.loadBalancerIP: LoadBalancerIP has no effect on headless services');
    if ((service.spec.externalIPs ?? []).length > 0)
      found.push('spec.externalIPs is ignored when spec.clusterIP is "None"');
    if (service.spec.sessionAffinity !== 'None') found.push('spec.SessionAffinity is ignored for headless services');
  }
  for (const [i, ip] of (service.spec?.externalIPs ?? []).entries())
    found.push(...addressWarnings(ip, EXTERNAL_IPS.index(i)));
  if (service.spec?.loadBalancerIP) found.push(...addressWarnings(service.spec.loadBalancerIP, LOAD_BALANCER_IP));
  for (const [i, range] of (service.spec?.loadBalancerSourceRanges ?? []).entries())
    found.push(...rangeWarnings(range.trim(), SOURCE_RANGES.index(i)));
  return found;
}

function loadBalancerAddresses(service: Service): string {
  const found = (service.status?.loadBalancer?.ingress ?? []).map((point) => point.ip || (point.hostname ?? ''));
  return [...new Set(found.filter((text) => text !== ''))].sort().join(',');
}

function externalIP(service: Service): string {
  const given = (service.spec?.externalIPs ?? []).join(',');
  switch (service.spec?.type) {
    case 'ClusterIP':
    case 'NodePort':
      return given || '<none>';
    case 'LoadBalancer':
      return [loadBalancerAddresses(service), given].filter((text) => text !== '').join(',') || '<pending>';
    case 'ExternalName':
      return service.spec.externalName ?? '';
    default:
      return '<unknown>';
  }
}

function shownPorts(service: Service): string {
  const ports = (service.spec?.ports ?? []).map((port) =>
    port.nodePort ? `${port.port}:${port.nodePort}/${port.protocol}` : `${port.port}/${port.protocol}`,
  );
  return ports.join(',') || '<none>';
}

export const services = defineResource<Service>({
  group: '',
  version: 'v1',
  kind: 'Service',
  plural: 'services',
  singular: 'service',
  shortNames: ['svc'],
  categories: ['all'],
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.core.v1.Service',
  nameRule: 'dns-label',
  generation: 'none',
  resetFields: ['status'],
  deleteAnswersObject: true,
  createOnUpdate: true,
  selectableFields: {
    labels: ['spec.clusterIP', 'spec.type'],
    values: (service) => ({
      'spec.clusterIP': service.spec?.clusterIP ?? '',
      'spec.type': service.spec?.type ?? '',
    }),
  },
  strategy: {
    applyDefaults: defaultService,
    prepareForCreate,
    prepareForUpdate,
    validate: validateService,
    validateUpdate: validateServiceUpdate,
    warnings,
  },
  subresources: {
    status: statusSubresource<Service>({
      applyDefaults: defaultService,
      validateUpdate: validateServiceStatus,
    }),
    proxy: { type: 'connect', verbs: ['create', 'delete', 'get', 'patch', 'update'], kind: 'ServiceProxyOptions' },
  },
  columns: [
    nameColumn(),
    column({
      name: 'Type',
      description: ['core/v1', 'ServiceSpec', 'type'],
      cell: (service) => service.spec?.type ?? '',
    }),
    column({
      name: 'Cluster-IP',
      description: ['core/v1', 'ServiceSpec', 'clusterIP'],
      cell: (service) => service.spec?.clusterIPs?.[0] ?? '<none>',
    }),
    column({ name: 'External-IP', description: ['core/v1', 'ServiceSpec', 'externalIPs'], cell: externalIP }),
    column({ name: 'Port(s)', description: ['core/v1', 'ServiceSpec', 'ports'], cell: shownPorts }),
    ageColumn(),
    column({
      name: 'Selector',
      wide: true,
      description: ['core/v1', 'ServiceSpec', 'selector'],
      cell: (service) => formatLabels(service.spec?.selector),
    }),
  ],
});
