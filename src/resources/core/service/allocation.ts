// What an API server must hand out for a Service: address families, addresses, node ports. Pure: says what is needed and what cannot be.
// Source: https://kubernetes.io/docs/concepts/services-networking/dual-stack/
import { type FieldError, FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import type { Findings } from '../../common/index.ts';
import type { Service, ServiceSpec } from '../../generated/core-v1.ts';
import { HEADLESS, isHeadless, needsClusterIP, needsHealthCheckPort, needsNodePorts } from './fields.ts';

export type IPFamily = 'IPv4' | 'IPv6';

const SPEC = FieldPath.of('spec');
const FAMILIES = SPEC.child('ipFamilies');
const POLICY = SPEC.child('ipFamilyPolicy');

function familyOf(ip: string): IPFamily {
  return ip.includes(':') ? 'IPv6' : 'IPv4';
}

/** Settles `ipFamilies` and `ipFamilyPolicy` for a cluster that has these families, the first being its default. */
export function settleFamilies(service: Service, families: readonly IPFamily[]): FieldError[] {
  const spec = service.spec ?? {};
  if (!needsClusterIP(spec)) return [];
  const out: Findings = [];
  inferFamilies(spec, families, out);
  if (out.length > 0) return out;
  if (isHeadless(spec) && Object.keys(spec.selector ?? {}).length === 0) {
    settleWithoutSelector(spec, families);
    return out;
  }
  checkFamilies(spec, families, out);
  if (out.length > 0) return out;
  if ((spec.ipFamilies ?? []).length === 0) spec.ipFamilies = families.slice(0, 1);
  spec.ipFamilyPolicy ??= 'SingleStack';
  if (spec.ipFamilyPolicy !== 'SingleStack' && spec.ipFamilies?.length === 1)
    spec.ipFamilies = [...spec.ipFamilies, ...families.filter((family) => family !== spec.ipFamilies?.[0])];
  return out;
}

function inferFamilies(spec: ServiceSpec, families: readonly IPFamily[], out: Findings): void {
  for (const [i, ip] of (spec.clusterIPs ?? []).entries()) {
    if (ip === HEADLESS) return;
    if (i < (spec.ipFamilies ?? []).length) continue;
    const family = familyOf(ip);
    if (families.includes(family)) spec.ipFamilies = [...(spec.ipFamilies ?? []), family];
    else
      out.push(
        fieldErrors.invalid(
          SPEC.child('clusterIPs').index(i),
          spec.clusterIPs,
          `${family} is not configured on this cluster`,
        ),
      );
  }
}

/** Without a selector somebody else writes the endpoints, of any family. */
function settleWithoutSelector(spec: ServiceSpec, families: readonly IPFamily[]): void {
  spec.ipFamilyPolicy ??= 'RequireDualStack';
  const own = (spec.ipFamilies ?? []).length > 0 ? (spec.ipFamilies ?? []) : families.slice(0, 1);
  const both = own.length === 1 && spec.ipFamilyPolicy !== 'SingleStack';
  spec.ipFamilies = both ? [...own, own[0] === 'IPv4' ? 'IPv6' : 'IPv4'] : [...own];
}

function checkFamilies(spec: ServiceSpec, families: readonly IPFamily[], out: Findings): void {
  const policy = spec.ipFamilyPolicy;
  if (policy === 'RequireDualStack' && families.length < 2)
    out.push(fieldErrors.invalid(POLICY, policy, 'this cluster is not configured for dual-stack services'));
  for (const [i, family] of (spec.ipFamilies ?? []).entries())
    if (!families.includes(family as IPFamily))
      out.push(fieldErrors.invalid(FAMILIES.index(i), family, 'not configured on this cluster'));
  if (out.length > 0 || (policy !== undefined && policy !== 'SingleStack')) return;
  for (const field of ['clusterIPs', 'ipFamilies'] as const)
    if ((spec[field] ?? []).length === 2) {
      const why = `must be RequireDualStack or PreferDualStack when multiple '${field}' are specified`;
      out.push(policy === undefined ? fieldErrors.required(POLICY, why) : fieldErrors.invalid(POLICY, policy, why));
      return;
    }
}

/** What is still to be handed out. Ports are indices into `spec.ports`. */
export interface ServiceNeeds {
  /** One address of each of these families. */
  readonly clusterIPs: readonly IPFamily[];
  /** Addresses the client chose: to be reserved. */
  readonly givenIPs: readonly string[];
  readonly nodePorts: readonly number[];
  readonly givenNodePorts: readonly { readonly index: number; readonly port: number; readonly protocol: string }[];
  readonly healthCheckNodePort: boolean;
}

export function serviceNeeds(service: Service): ServiceNeeds {
  const spec = service.spec ?? {};
  const headless = isHeadless(spec);
  const given = headless ? [] : (spec.clusterIPs ?? []).filter((ip) => ip !== '');
  const wanted = needsClusterIP(spec) && !headless ? (spec.ipFamilies ?? []).slice(given.length) : [];
  const withNodePorts = needsNodePorts(spec);
  const ports = (spec.ports ?? []).map((port, index) => ({
    index,
    port: port.nodePort ?? 0,
    protocol: port.protocol ?? 'TCP',
  }));
  return {
    clusterIPs: wanted.map((family) => (family === 'IPv6' ? 'IPv6' : 'IPv4')),
    givenIPs: given,
    nodePorts: withNodePorts ? ports.filter((p) => p.port === 0).map((p) => p.index) : [],
    givenNodePorts: ports.filter((p) => p.port !== 0),
    healthCheckNodePort: needsHealthCheckPort(spec) && !spec.healthCheckNodePort,
  };
}
