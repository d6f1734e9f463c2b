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

function warnings({ metadata, spec = {} }: Service): string[] {
  const found: string[] = [];
  const external = spec.externalIPs ?? [];
  const headless = spec.type === 'ClusterIP' && spec.clusterIP === 'None';
  if (metadata.annotations?.['service.kubernetes.io/topology-aware-hints'] !== undefined)
    found.push(
      'annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead',
    );
  if (spec.type !== 'ExternalName' && !isHeadless(spec))
    found.push(...(spec.clusterIPs ?? []).flatMap((ip, i) => addressWarnings(ip, CLUSTER_IPS.index(i))));
  if (headless) {
    if (spec.loadBalancerIP) found.push('spec.loadBalancerIP is ignored for headless services');
    if (external.length > 0) found.push('spec.externalIPs is ignored for headless services');
    if (spec.sessionAffinity !== 'None') found.push('spec.SessionAffinity is ignored for headless services');
  }
  for (const [i, ip] of external.entries()) found.push(...addressWarnings(ip, EXTERNAL_IPS.index(i)));
  if (external.length > 0 && !headless && spec.type !== 'ExternalName')
    found.push('spec.externalIPs is deprecated and may no longer be implemented in some clusters');
  if (spec.loadBalancerIP) found.push(...addressWarnings(spec.loadBalancerIP, LOAD_BALANCER_IP));
  for (const [i, range] of (spec.loadBalancerSourceRanges ?? []).entries())
    found.push(...rangeWarnings(range.trim(), SOURCE_RANGES.index(i)));
  if (spec.type === 'ExternalName' && external.length > 0)
    found.push('spec.externalIPs is ignored when spec.type is "ExternalName"');
  if (spec.type !== 'ExternalName' && spec.externalName)
    found.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  if (spec.trafficDistribution === 'PreferClose')
    found.push('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"');
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
