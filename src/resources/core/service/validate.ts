// Validation of Services: types, ports, addresses and traffic policies, and what may change.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/
import { isIPv4 } from 'node:net';
import { type FieldError, FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import { canonicalIP } from '../../../machinery/names.ts';
import {
  addInvalid,
  checkDnsLabel,
  checkDnsSubdomain,
  checkIP,
  checkLabels,
  checkOneOf,
  checkPortNumber,
  checkPortNumberOrName,
  checkProtocol,
  checkQualifiedName,
  type Findings,
  rangeProblems,
  semanticEqual,
  validateObjectMetaUpdate,
} from '../../common/index.ts';
import type { Service, ServicePort, ServiceSpec } from '../../generated/core-v1.ts';
import { checkNotSpecialIP } from '../special-ip.ts';
import { HEADLESS, isExternallyAccessible, isHeadless, needsHealthCheckPort } from './fields.ts';

const SPEC = FieldPath.of('spec');
const CLUSTER_IPS = SPEC.child('clusterIPs');
const TOPOLOGY_HINTS = 'service.kubernetes.io/topology-aware-hints';
const TOPOLOGY_MODE = 'service.kubernetes.io/topology-mode';
const SOURCE_RANGES = 'service.beta.kubernetes.io/load-balancer-source-ranges';
const ONLY_LOAD_BALANCER = "may only be used when `type` is 'LoadBalancer'";

const TYPES: readonly string[] = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const AFFINITIES: readonly string[] = ['ClientIP', 'None'];
const FAMILIES = { supported: ['IPv4', 'IPv6'] };
const FAMILY_POLICIES = { supported: ['PreferDualStack', 'RequireDualStack', 'SingleStack'] };
const TRAFFIC_POLICIES = { supported: ['Cluster', 'Local'] };
const DISTRIBUTIONS = { supported: ['PreferClose', 'PreferSameZone', 'PreferSameNode'] };

export function validateService(service: Service): FieldError[] {
  const out: Findings = [];
  const spec = service.spec ?? {};
  // Addresses are handed out before anything else is looked at.
  checkAddressFields(spec, out);
  if (out.length > 0) return out;
  checkTopology(service, out);
  checkType(spec, out);
  checkPorts(spec, out);
  if (spec.selector) checkLabels(spec.selector, SPEC.child('selector'), out);
  checkAffinity(spec, out);
  for (const [i, ip] of (spec.externalIPs ?? []).entries()) {
    const path = SPEC.child('externalIPs').index(i);
    if (checkIP(ip, path, out)) checkNotSpecialIP(ip, path, out);
  }
  if (!spec.type) out.push(fieldErrors.required(SPEC.child('type')));
  else checkOneOf(spec.type, SPEC.child('type'), { supported: TYPES }, out);
  checkNodePorts(spec, out);
  checkDuplicatePorts(spec.ports ?? [], out);
  checkSourceRanges(service, out);
  checkLoadBalancer(spec, out);
  checkTraffic(spec, out);
  return out;
}

function checkTopology(service: Service, out: Findings): void {
  const hints = service.metadata.annotations?.[TOPOLOGY_HINTS];
  const mode = service.metadata.annotations?.[TOPOLOGY_MODE];
  if (hints === undefined || mode === undefined || hints === mode) return;
  out.push(
    fieldErrors.invalid(
      FieldPath.of('metadata', 'annotations').key(TOPOLOGY_MODE),
      mode,
      `must match annotations[${TOPOLOGY_HINTS}] when both are specified`,
    ),
  );
}

function checkType(spec: ServiceSpec, out: Findings): void {
  const headless = isHeadless(spec);
  if ((spec.ports ?? []).length === 0 && !headless && spec.type !== 'ExternalName')
    out.push(fieldErrors.required(SPEC.child('ports')));
  if (headless && (spec.type === 'LoadBalancer' || spec.type === 'NodePort'))
    out.push(fieldErrors.invalid(CLUSTER_IPS.index(0), HEADLESS, `may not be set to 'None' for ${spec.type} services`));
  if (spec.type === 'ExternalName') checkExternalName(spec, out);
}

function checkExternalName(spec: ServiceSpec, out: Findings): void {
  const refused = 'may not be set for ExternalName services';
  for (const field of ['clusterIPs', 'ipFamilies'] as const)
    if ((spec[field] ?? []).length > 0) out.push(fieldErrors.forbidden(SPEC.child(field), refused));
  if (spec.ipFamilyPolicy !== undefined) out.push(fieldErrors.forbidden(SPEC.child('ipFamilyPolicy'), refused));
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  if (name === '') out.push(fieldErrors.required(SPEC.child('externalName')));
  else checkDnsSubdomain(name, SPEC.child('externalName'), out);
}

function checkPorts(spec: ServiceSpec, out: Findings): void {
  const ports = spec.ports ?? [];
  const names = new Set<string>();
  for (const [i, port] of ports.entries()) {
    const path = SPEC.child('ports').index(i);
    if (port.name) {
      checkDnsLabel(port.name, path.child('name'), out);
      if (names.has(port.name)) out.push(fieldErrors.duplicate(path.child('name'), port.name));
      names.add(port.name);
    } else if (ports.length > 1) out.push(fieldErrors.required(path.child('name')));
    checkPortNumber(port.port ?? 0, path.child('port'), out);
    checkProtocol(port.protocol, path.child('protocol'), out);
    checkPortNumberOrName(port.targetPort, path.child('targetPort'), out);
    if (port.appProtocol !== undefined) checkQualifiedName(port.appProtocol, path.child('appProtocol'), out);
  }
}

const MAX_AFFINITY_SECONDS = 86400;

function checkAffinity(spec: ServiceSpec, out: Findings): void {
  const affinity = spec.sessionAffinity ?? '';
  if (affinity === '') out.push(fieldErrors.required(SPEC.child('sessionAffinity')));
  else checkOneOf(affinity, SPEC.child('sessionAffinity'), { supported: AFFINITIES }, out);
  const path = SPEC.child('sessionAffinityConfig');
  if (affinity === 'None' && spec.sessionAffinityConfig)
    out.push(fieldErrors.forbidden(path, 'must not be set when session affinity is None'));
  if (affinity !== 'ClientIP') return;
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
  const at = path.child('clientIP', 'timeoutSeconds');
  if (seconds === undefined) out.push(fieldErrors.required(at, 'when session affinity type is ClientIP'));
  else if (seconds <= 0 || seconds > MAX_AFFINITY_SECONDS)
    out.push(fieldErrors.invalid(at, seconds, `must be greater than 0 and less than ${MAX_AFFINITY_SECONDS}`));
}

/** Cluster addresses and their families. */
export function checkAddressFields(spec: ServiceSpec, out: Findings): void {
  if (spec.type === 'ExternalName') return;
  const ips = spec.clusterIPs ?? [];
  if (spec.clusterIP) {
    if (ips.length === 0) out.push(fieldErrors.required(CLUSTER_IPS));
    else if (ips[0] !== spec.clusterIP)
      out.push(fieldErrors.invalid(CLUSTER_IPS, ips, 'first value must match `clusterIP`'));
  } else if (ips.length > 0)
    out.push(fieldErrors.invalid(CLUSTER_IPS, ips, 'must be empty when `clusterIP` is not specified'));
  const seen = new Set<string>();
  for (const [i, family] of (spec.ipFamilies ?? []).entries()) {
    const path = SPEC.child('ipFamilies').index(i);
    checkOneOf(family, path, FAMILIES, out);
    if (seen.has(family)) out.push(fieldErrors.duplicate(path, family));
    seen.add(family);
  }
  if (spec.ipFamilyPolicy !== undefined)
    checkOneOf(spec.ipFamilyPolicy, SPEC.child('ipFamilyPolicy'), FAMILY_POLICIES, out);
  checkClusterIPs(spec, ips, out);
}

function checkClusterIPs(spec: ServiceSpec, ips: readonly string[], out: Findings): void {
  let bad = false;
  for (const [i, ip] of ips.entries()) {
    if (i === 0 && ip === HEADLESS) {
      if (ips.length > 1) {
        bad = true;
        out.push(fieldErrors.invalid(CLUSTER_IPS, ips, "'None' must be the first and only value"));
      }
    } else if (!checkIP(ip, CLUSTER_IPS.index(i), out)) bad = true;
  }
  if (ips.length > 2) out.push(fieldErrors.invalid(CLUSTER_IPS, ips, 'may only hold up to 2 values'));
  if (bad) return;
  const isV6 = (ip: string): boolean => !isIPv4(canonicalIP(ip) ?? '');
  if (ips.length > 1 && new Set(ips.map(isV6)).size !== 2)
    out.push(fieldErrors.invalid(CLUSTER_IPS, ips, 'may specify no more than one IP for each IP family'));
  if (isHeadless(spec)) return;
  for (const [i, ip] of ips.entries()) {
    const family = spec.ipFamilies?.[i];
    if (family === undefined || (family === 'IPv6') === isV6(ip)) continue;
    out.push(
      fieldErrors.invalid(CLUSTER_IPS.index(i), ip, `expected an ${family} value as indicated by \`ipFamilies[${i}]\``),
    );
  }
}

function checkNodePorts(spec: ServiceSpec, out: Findings): void {
  const seen = new Set<string>();
  for (const [i, port] of (spec.ports ?? []).entries())
    if (spec.type === 'ClusterIP' && port.nodePort)
      out.push(
        fieldErrors.forbidden(
          SPEC.child('ports').index(i).child('nodePort'),
          "may not be used when `type` is 'ClusterIP'",
        ),
      );
  for (const [i, port] of (spec.ports ?? []).entries()) {
    if (!port.nodePort) continue;
    const key = `${port.protocol}/${port.nodePort}`;
    if (seen.has(key)) out.push(fieldErrors.duplicate(SPEC.child('ports').index(i).child('nodePort'), port.nodePort));
    seen.add(key);
  }
}

function checkDuplicatePorts(ports: readonly ServicePort[], out: Findings): void {
  const seen = new Set<string>();
  for (const [i, { protocol, port }] of ports.entries()) {
    const key = `${protocol}/${port}`;
    // Kubernetes prints its internal form of the port.
    const shown = { Name: '', Protocol: protocol, AppProtocol: null, Port: port, TargetPort: 0, NodePort: 0 };
    if (seen.has(key)) out.push(fieldErrors.duplicate(SPEC.child('ports').index(i), shown));
    seen.add(key);
  }
}

function checkSourceRanges(service: Service, out: Findings): void {
  const ranges = service.spec?.loadBalancerSourceRanges ?? [];
  const isLoadBalancer = service.spec?.type === 'LoadBalancer';
  if (ranges.length > 0) {
    const path = SPEC.child('LoadBalancerSourceRanges');
    if (!isLoadBalancer) out.push(fieldErrors.forbidden(path, ONLY_LOAD_BALANCER));
    for (const [i, range] of ranges.entries())
      addInvalid(range.trim(), path.index(i), rangeProblems(range.trim()), out);
    return;
  }
  const annotation = service.metadata.annotations?.[SOURCE_RANGES];
  if (annotation === undefined) return;
  const path = FieldPath.of('metadata', 'annotations').key(SOURCE_RANGES);
  if (!isLoadBalancer) out.push(fieldErrors.forbidden(path, ONLY_LOAD_BALANCER));
  if (annotation.trim() === '') return;
  for (const range of annotation.trim().split(',')) addInvalid(range.trim(), path, rangeProblems(range.trim()), out);
}

function checkLoadBalancer(spec: ServiceSpec, out: Findings): void {
  if (spec.type === 'LoadBalancer') {
    if (spec.allocateLoadBalancerNodePorts === undefined)
      out.push(fieldErrors.required(FieldPath.of('allocateLoadBalancerNodePorts')));
    if (spec.loadBalancerClass !== undefined)
      checkQualifiedName(spec.loadBalancerClass, SPEC.child('loadBalancerClass'), out);
    return;
  }
  for (const field of ['allocateLoadBalancerNodePorts', 'loadBalancerClass'] as const)
    if (spec[field] !== undefined) out.push(fieldErrors.forbidden(SPEC.child(field), ONLY_LOAD_BALANCER));
}

function checkTraffic(spec: ServiceSpec, out: Findings): void {
  const external = spec.externalTrafficPolicy ?? '';
  const path = SPEC.child('externalTrafficPolicy');
  if (!isExternallyAccessible(spec)) {
    if (external !== '')
      out.push(fieldErrors.invalid(path, external, 'may only be set for externally-accessible services'));
  } else if (external === '') out.push(fieldErrors.required(path));
  else checkOneOf(external, path, TRAFFIC_POLICIES, out);
  // A health check port that is needed and not given is handed out with the other ports.
  const port = spec.healthCheckNodePort ?? 0;
  if (port !== 0 && !needsHealthCheckPort(spec))
    out.push(
      fieldErrors.invalid(
        SPEC.child('healthCheckNodePort'),
        port,
        "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
      ),
    );
  else if (port !== 0) checkPortNumber(port, SPEC.child('healthCheckNodePort'), out);
  if (spec.internalTrafficPolicy !== undefined)
    checkOneOf(spec.internalTrafficPolicy, SPEC.child('internalTrafficPolicy'), TRAFFIC_POLICIES, out);
  if (spec.trafficDistribution !== undefined)
    checkOneOf(spec.trafficDistribution, SPEC.child('trafficDistribution'), DISTRIBUTIONS, out);
}

const ONCE = 'may not change once set';

export function validateServiceUpdate(service: Service, old: Service): FieldError[] {
  const spec = service.spec ?? {};
  const addresses: Findings = [];
  checkAddressFields(spec, addresses);
  if (addresses.length > 0) return addresses;
  const out: Findings = validateObjectMetaUpdate(service.metadata, old.metadata);
  const before = old.spec ?? {};
  if (spec.type !== 'ExternalName' && before.type !== 'ExternalName') {
    checkClusterIPChange(spec, before, out);
    checkFamilyChange(spec, before, out);
  }
  checkClassChange(spec, before, out);
  if (needsHealthCheckPort(before) && needsHealthCheckPort(spec))
    if ((before.healthCheckNodePort ?? 0) !== (spec.healthCheckNodePort ?? 0))
      out.push(fieldErrors.forbidden(SPEC.child('healthCheckNodePort'), 'field is immutable'));
  out.push(...validateService(service));
  return out;
}

function checkClassChange(spec: ServiceSpec, old: ServiceSpec, out: Findings): void {
  const path = SPEC.child('loadBalancerClass');
  const bothBalance = spec.type === 'LoadBalancer' && old.type === 'LoadBalancer';
  if (bothBalance && !semanticEqual(spec.loadBalancerClass, old.loadBalancerClass))
    out.push(fieldErrors.invalid(path, spec.loadBalancerClass ?? null, ONCE));
  if (spec.loadBalancerClass === undefined) return;
  if (spec.type === 'LoadBalancer') checkQualifiedName(spec.loadBalancerClass, path, out);
  else out.push(fieldErrors.forbidden(path, ONLY_LOAD_BALANCER));
}

function checkClusterIPChange(spec: ServiceSpec, old: ServiceSpec, out: Findings): void {
  if (isHeadless(spec) && isHeadless(old)) return;
  const ips = spec.clusterIPs ?? [];
  const before = old.clusterIPs ?? [];
  if (ips.length === before.length) {
    for (const [i, ip] of before.entries())
      if (ip !== ips[i]) out.push(fieldErrors.invalid(CLUSTER_IPS.index(i), ips, ONCE));
    return;
  }
  if (ips.length === 0 && before.length > 0)
    out.push(fieldErrors.invalid(CLUSTER_IPS.index(0), ips, 'primary clusterIP can not be unset'));
  else if (before.length > 0 && ips[0] !== before[0]) out.push(fieldErrors.invalid(CLUSTER_IPS.index(0), ips, ONCE));
  if (ips.length === 1 && before.length > 1 && spec.ipFamilyPolicy !== 'SingleStack')
    out.push(
      fieldErrors.invalid(
        SPEC.child('ipFamilyPolicy'),
        spec.ipFamilyPolicy ?? null,
        "must be set to 'SingleStack' when releasing the secondary clusterIP",
      ),
    );
}

function checkFamilyChange(spec: ServiceSpec, old: ServiceSpec, out: Findings): void {
  if (isHeadless(spec) || isHeadless(old)) return;
  const families = spec.ipFamilies ?? [];
  const before = old.ipFamilies ?? [];
  const first = SPEC.child('ipFamilies').index(0);
  if (families.length === before.length) {
    for (const [i, family] of before.entries())
      if (family !== families[i]) out.push(fieldErrors.invalid(first, families, ONCE));
    return;
  }
  if (families.length > 0 && before.length > 0 && families[0] !== before[0])
    out.push(fieldErrors.invalid(first, spec.clusterIPs ?? [], ONCE));
  if (families.length === 1 && before.length > 1 && spec.ipFamilyPolicy !== 'SingleStack')
    out.push(
      fieldErrors.invalid(
        SPEC.child('ipFamilyPolicy'),
        spec.ipFamilyPolicy ?? null,
        "must be set to 'SingleStack' when releasing the secondary ipFamily",
      ),
    );
}

const IP_MODES = { supported: ['Proxy', 'VIP'] };

export function validateServiceStatus(service: Service, old: Service): FieldError[] {
  const out: Findings = validateObjectMetaUpdate(service.metadata, old.metadata);
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  const path = FieldPath.of('status', 'loadBalancer', 'ingress');
  if (service.spec?.type !== 'LoadBalancer' && ingress.length > 0) {
    out.push(fieldErrors.forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'"));
    return out;
  }
  for (const [i, point] of ingress.entries()) {
    const at = path.index(i);
    if (point.ip) checkIP(point.ip, at.child('ip'), out);
    if (point.ipMode === undefined) {
      if (point.ip) out.push(fieldErrors.required(at.child('ipMode'), 'must be specified when `ip` is set'));
    } else if (!point.ip)
      out.push(fieldErrors.forbidden(at.child('ipMode'), 'may not be specified when `ip` is not set'));
    else checkOneOf(point.ipMode, at.child('ipMode'), IP_MODES, out);
    if (!point.hostname) continue;
    checkDnsSubdomain(point.hostname, at.child('hostname'), out);
    if (canonicalIP(point.hostname) !== undefined)
      out.push(fieldErrors.invalid(at.child('hostname'), point.hostname, 'must be a DNS name, not an IP address'));
  }
  return out;
}
