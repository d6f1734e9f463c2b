// What a Service of each type needs, and what the registry fills in or clears when it changes.
// Source: https://kubernetes.io/docs/concepts/services-networking/service/
import { semanticEqual } from '../../common/index.ts';
import type { Service, ServicePort, ServiceSpec } from '../../generated/core-v1.ts';

export const HEADLESS = 'None';

export function isHeadless(spec: ServiceSpec | undefined): boolean {
  return spec?.clusterIPs?.length === 1 && spec.clusterIPs[0] === HEADLESS;
}

/** `None` counts as a value too. */
export function needsClusterIP(spec: ServiceSpec | undefined): boolean {
  return spec?.type === 'ClusterIP' || spec?.type === 'NodePort' || spec?.type === 'LoadBalancer';
}

export function needsNodePorts(spec: ServiceSpec | undefined): boolean {
  return spec?.type === 'NodePort' || (spec?.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);
}

/** Even of a type that nobody knows: validation is to name that problem alone. */
function mayHaveClusterIP(spec: ServiceSpec): boolean {
  return spec.type !== 'ExternalName';
}

function mayHaveNodePorts(spec: ServiceSpec): boolean {
  return spec.type === 'NodePort' || spec.type === 'LoadBalancer';
}

export function needsHealthCheckPort(spec: ServiceSpec | undefined): boolean {
  return spec?.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
}

export function isExternallyAccessible(spec: ServiceSpec | undefined): boolean {
  if (spec?.type === 'NodePort' || spec?.type === 'LoadBalancer') return true;
  return spec?.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0;
}

const AFFINITY_SECONDS = 10800;

export function defaultService(service: Service): void {
  service.spec ??= {};
  const { spec } = service;
  spec.sessionAffinity ||= 'None';
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  if (spec.sessionAffinity === 'ClientIP' && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined)
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: AFFINITY_SECONDS } };
  spec.type ||= 'ClusterIP';
  for (const port of spec.ports ?? []) {
    port.protocol ||= 'TCP';
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '') port.targetPort = port.port;
  }
  if (isExternallyAccessible(spec)) spec.externalTrafficPolicy ||= 'Cluster';
  if (needsClusterIP(spec)) spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.type === 'LoadBalancer') {
    spec.allocateLoadBalancerNodePorts ??= true;
    for (const ingress of service.status?.loadBalancer?.ingress ?? []) if (ingress.ip) ingress.ipMode ??= 'VIP';
  }
}

function sameList(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  return semanticEqual(a ?? [], b ?? []);
}

/** `clusterIP` is the first of `clusterIPs`: old clients write only the one. */
export function syncClusterIPs(spec: ServiceSpec, old: ServiceSpec | undefined): void {
  const ip = spec.clusterIP ?? '';
  if (ip !== '' && (spec.clusterIPs ?? []).length === 0) {
    spec.clusterIPs = [ip];
    return;
  }
  if (old === undefined || ip === (old.clusterIP ?? '') || !sameList(spec.clusterIPs, old.clusterIPs)) return;
  if (ip === '') delete spec.clusterIPs;
  else spec.clusterIPs = [ip, ...(spec.clusterIPs ?? []).slice(1)];
}

/** What was given out once and is not mentioned now stays. */
export function keepAllocated(spec: ServiceSpec, old: ServiceSpec): void {
  if (mayHaveClusterIP(old) && mayHaveClusterIP(spec)) {
    if (!spec.clusterIP && old.clusterIP) spec.clusterIP = old.clusterIP;
    if ((spec.clusterIPs ?? []).length === 0 && spec.clusterIP === old.clusterIP && old.clusterIPs)
      spec.clusterIPs = [...old.clusterIPs];
    if ((spec.ipFamilies ?? []).length === 0 && old.ipFamilies && spec.clusterIP === old.clusterIP)
      spec.ipFamilies = [...old.ipFamilies];
    if (spec.ipFamilyPolicy === undefined && old.ipFamilyPolicy !== undefined) spec.ipFamilyPolicy = old.ipFamilyPolicy;
  }
  if (mayHaveNodePorts(old) && mayHaveNodePorts(spec)) keepNodePorts(spec.ports ?? [], old.ports ?? []);
  if (needsHealthCheckPort(old) && needsHealthCheckPort(spec) && !spec.healthCheckNodePort && old.healthCheckNodePort)
    spec.healthCheckNodePort = old.healthCheckNodePort;
}

function keepNodePorts(ports: readonly ServicePort[], old: readonly ServicePort[]): void {
  const now = new Set(ports.map((port) => port.nodePort ?? 0));
  const used = new Set(old.map((port) => port.nodePort ?? 0).filter((port) => port !== 0 && now.has(port)));
  const byName = new Map(old.map((port) => [port.name ?? '', port.nodePort ?? 0]));
  for (const port of ports) {
    if (port.nodePort) continue;
    const before = byName.get(port.name ?? '') ?? 0;
    if (before === 0 || used.has(before)) continue;
    port.nodePort = before;
    used.add(before);
  }
}

function same<K extends keyof ServiceSpec>(spec: ServiceSpec, old: ServiceSpec, field: K): boolean {
  return semanticEqual(spec[field], old[field]);
}

/** A change of type leaves behind what the new type has no use for, unless the client changed that too (then it is an error). */
export function dropUseless(spec: ServiceSpec, old: ServiceSpec): void {
  if (mayHaveClusterIP(old) && !mayHaveClusterIP(spec)) {
    if (same(spec, old, 'clusterIPs') && same(spec, old, 'clusterIP')) {
      delete spec.clusterIP;
      delete spec.clusterIPs;
    }
    if (same(spec, old, 'ipFamilies')) delete spec.ipFamilies;
    if (same(spec, old, 'ipFamilyPolicy')) delete spec.ipFamilyPolicy;
  }
  if (mayHaveNodePorts(old) && !mayHaveNodePorts(spec)) {
    const before = new Set((old.ports ?? []).map((port) => port.nodePort ?? 0));
    if ((spec.ports ?? []).every((port) => !port.nodePort || before.has(port.nodePort)))
      for (const port of spec.ports ?? []) delete port.nodePort;
  }
  if (needsHealthCheckPort(old) && !needsHealthCheckPort(spec) && same(spec, old, 'healthCheckNodePort'))
    delete spec.healthCheckNodePort;
  if (old.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    if (same(spec, old, 'allocateLoadBalancerNodePorts')) delete spec.allocateLoadBalancerNodePorts;
    if (same(spec, old, 'loadBalancerClass')) delete spec.loadBalancerClass;
  }
  if (isExternallyAccessible(old) && !isExternallyAccessible(spec) && same(spec, old, 'externalTrafficPolicy'))
    delete spec.externalTrafficPolicy;
}
