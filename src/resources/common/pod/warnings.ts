// Warnings about pod specs that are valid but will surprise their author.
// Source: https://kubernetes.io/blog/2020/09/03/warnings/
import { FieldPath } from '../../../machinery/field-error.ts';
import { isValidLabelValue } from '../../../machinery/names.ts';
import { parseQuantity } from '../../../machinery/quantity.ts';
import type {
  ContainerPort,
  NodeSelectorTerm,
  PodAffinity,
  PodSpec,
  PodTemplateSpec,
  Volume,
} from '../../generated/core-v1.ts';
import { addressWarnings } from '../addresses.ts';
import { sortedKeys } from '../collect.ts';
import { semanticEqual } from '../equality.ts';
import type { StringMap } from '../labels.ts';
import { APPARMOR_CONTAINER, profileOf } from './annotations.ts';
import { overlapWarnings } from './overlaps.ts';
import { type AnyContainer, allContainers, visitContainers } from './visit.ts';

const OLD_NODE_LABELS: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region': 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone': 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type': 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
  'app.kubernetes.io/created-by': 'deprecated since v1.9',
  'scheduler.alpha.kubernetes.io/preferAvoidPods': 'deprecated since v1.22; use Taints and Tolerations instead',
  'node-role.kubernetes.io/master': 'use "node-role.kubernetes.io/control-plane" instead',
};

const OLD_ANNOTATIONS: readonly (readonly [string, string])[] = [
  ['scheduler.alpha.kubernetes.io/critical-pod', 'non-functional in v1.16+; use the "priorityClassName" field instead'],
  ['security.alpha.kubernetes.io/sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
  ['security.alpha.kubernetes.io/unsafe-sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
];

const OLD_VOLUMES: readonly (readonly [keyof Volume, string, string])[] = [
  ['photonPersistentDisk', 'photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  ['gitRepo', 'gitRepo', 'deprecated in v1.11, and disabled by default in v1.33+'],
  ['scaleIO', 'scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['flocker', 'flocker', 'deprecated in v1.22, non-functional in v1.25+'],
  ['storageos', 'storageOS', 'deprecated in v1.22, non-functional in v1.25+'],
  ['quobyte', 'quobyte', 'deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['cephfs', 'cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['rbd', 'rbd', 'deprecated in v1.28, non-functional in v1.31+'],
];

export function oldNodeLabel(key: string): string | undefined {
  return Object.hasOwn(OLD_NODE_LABELS, key) ? OLD_NODE_LABELS[key] : undefined;
}

/** Also for node selectors of volumes and storage classes. */
export function nodeTermWarnings(term: NodeSelectorTerm | undefined, path: FieldPath, checkValues = false): string[] {
  const warnings: string[] = [];
  for (const [i, expression] of (term?.matchExpressions ?? []).entries()) {
    const at = path.child('matchExpressions').index(i);
    const message = oldNodeLabel(expression.key);
    if (message !== undefined) warnings.push(`${at.child('key')}: ${expression.key} is ${message}`);
    if (!checkValues) continue;
    for (const [j, value] of (expression.values ?? []).entries())
      for (const problem of isValidLabelValue(value))
        warnings.push(`${at.child('values').index(j)}: ${value} is invalid, ${problem}`);
  }
  return warnings;
}

interface Warned {
  readonly spec: PodSpec;
  readonly annotations: StringMap | undefined;
  /** Where the pod stands in the object: nowhere for a Pod itself. */
  readonly path: FieldPath;
  readonly isTemplate: boolean;
  readonly out: string[];
}

export function podWarnings(spec: PodSpec, annotations: StringMap | undefined): string[] {
  return allWarnings({ spec, annotations, path: FieldPath.of(), isTemplate: false, out: [] });
}

export function podTemplateWarnings(template: PodTemplateSpec | undefined, path: FieldPath): string[] {
  if (!template?.spec) return [];
  return allWarnings({
    spec: template.spec,
    annotations: template.metadata?.annotations,
    path,
    isTemplate: true,
    out: [],
  });
}

/** Most pods have little of what is looked at: for what is not there no path is made. */
function allWarnings(warned: Warned): string[] {
  const { spec } = warned;
  warnPlacement(warned);
  if (warned.annotations) warnAnnotations(warned);
  if (spec.volumes) warnVolumes(warned);
  if (spec.hostAliases) warnHostAliases(warned);
  if (spec.imagePullSecrets) warnPullSecrets(warned);
  if (spec.overhead) warnFractions(spec.overhead, warned.path.child('spec', 'overhead'), warned.out);
  warnContainers(warned);
  warnPorts(warned);
  const grace = spec.terminationGracePeriodSeconds;
  if (grace !== undefined && grace < 0)
    warned.out.push(
      `${warned.path.child('spec', 'terminationGracePeriodSeconds')}: must be >= 0; negative values are invalid and will be treated as 1`,
    );
  for (const name of ['podAffinity', 'podAntiAffinity'] as const) {
    const affinity = spec.affinity?.[name];
    if (affinity) warnAffinity(affinity, warned.path.child('spec', 'affinity', name), warned.out);
  }
  warnAddresses(warned);
  return warned.out;
}

function warnAddresses({ spec, path, out }: Warned): void {
  for (const [i, server] of (spec.dnsConfig?.nameservers ?? []).entries())
    out.push(...addressWarnings(server, path.child('spec', 'dnsConfig', 'nameservers').index(i)));
  for (const [i, alias] of (spec.hostAliases ?? []).entries())
    out.push(...addressWarnings(alias.ip ?? '', path.child('spec', 'hostAliases').index(i).child('ip')));
}

const MATCHES_NOTHING = 'a null labelSelector results in matching no pod';

function warnPlacement({ spec, path, out }: Warned): void {
  if (spec.nodeSelector)
    for (const key of sortedKeys(spec.nodeSelector)) {
      const message = oldNodeLabel(key);
      if (message !== undefined) out.push(`${path.child('spec', 'nodeSelector').key(key)}: ${message}`);
    }
  const affinity = spec.affinity?.nodeAffinity;
  if (affinity) {
    const base = path.child('spec', 'affinity', 'nodeAffinity');
    const required = base.child('requiredDuringSchedulingIgnoredDuringExecution', 'nodeSelectorTerms');
    const terms = affinity.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
    for (const [i, term] of terms.entries()) out.push(...nodeTermWarnings(term, required.index(i)));
    const preferred = base.child('preferredDuringSchedulingIgnoredDuringExecution');
    for (const [i, term] of (affinity.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries())
      out.push(...nodeTermWarnings(term.preference, preferred.index(i).child('preference'), true));
  }
  for (const [i, constraint] of (spec.topologySpreadConstraints ?? []).entries()) {
    const at = path.child('spec', 'topologySpreadConstraints').index(i);
    const message = oldNodeLabel(constraint.topologyKey);
    if (message !== undefined) out.push(`${at.child('topologyKey')}: ${constraint.topologyKey} is ${message}`);
    if (!constraint.labelSelector) out.push(`${at.child('labelSelector')}: ${MATCHES_NOTHING}`);
  }
}

function warnAnnotations({ annotations, path, out }: Warned): void {
  for (const [key, message] of OLD_ANNOTATIONS)
    if (annotations?.[key] !== undefined) out.push(`${path.child('metadata', 'annotations').key(key)}: ${message}`);
}

function warnVolumes({ spec, path, out }: Warned): void {
  const volumes = spec.volumes ?? [];
  for (const [i, volume] of volumes.entries()) {
    for (const [field, name, message] of OLD_VOLUMES)
      if (volume[field]) out.push(`${path.child('spec', 'volumes').index(i).child(name)}: ${message}`);
    const claim = volume.ephemeral?.volumeClaimTemplate?.spec;
    for (const which of ['requests', 'limits'] as const) {
      const storage = claim?.resources?.[which]?.storage;
      if (storage !== undefined && isFraction(storage))
        out.push(
          `${path.child('spec', 'volumes').index(i).child('ephemeral', 'volumeClaimTemplate', 'spec', 'resources', which).key('storage')}: fractional byte value ${JSON.stringify(storage)} is invalid, must be an integer`,
        );
    }
  }
  out.push(...overlapWarnings(volumes));
}

function warnHostAliases({ spec, path, out }: Warned): void {
  const ips = new Set<string>();
  for (const [i, alias] of (spec.hostAliases ?? []).entries()) {
    if (ips.has(alias.ip))
      out.push(`${path.child('spec', 'hostAliases').index(i).child('ip')}: duplicate ip ${JSON.stringify(alias.ip)}`);
    ips.add(alias.ip);
  }
}

function warnPullSecrets({ spec, path, out }: Warned): void {
  const names = new Set<string>();
  const secrets = (spec.imagePullSecrets ?? []).map((s) => s.name ?? '');
  const at = path.child('spec', 'imagePullSecrets');
  for (const [i, name] of secrets.entries()) {
    if (names.has(name)) out.push(`${at.index(i).child('name')}: duplicate name ${JSON.stringify(name)}`);
    names.add(name);
  }
  for (const [i, name] of secrets.entries())
    if (name === '') out.push(`${at.index(i).child('name')}: invalid empty name ""`);
}

export function isFraction(amount: string): boolean {
  return parseQuantity(String(amount)).milliValue() % 1000n !== 0n;
}

/** Bytes come whole. */
function warnFractions(list: Record<string, string> | undefined, path: FieldPath, out: string[]): void {
  for (const name of ['memory', 'ephemeral-storage']) {
    const amount = list?.[name];
    if (amount === undefined || !isFraction(amount)) continue;
    const text = JSON.stringify(parseQuantity(String(amount)).toString());
    out.push(`${path.key(name)}: fractional byte value ${text} is invalid, must be an integer`);
  }
}

const SECCOMP_POD = 'seccomp.security.alpha.kubernetes.io/pod';
const SECCOMP_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/';
const USE_SECCOMP_FIELD = 'non-functional in v1.27+; use the "seccompProfile" field instead';

function warnContainers({ spec, annotations, path, isTemplate, out }: Warned): void {
  const at = path.child('metadata', 'annotations');
  if (!spec.securityContext?.seccompProfile && annotations?.[SECCOMP_POD] !== undefined)
    out.push(`${at.key(SECCOMP_POD)}: ${USE_SECCOMP_FIELD}`);
  const ofPod = spec.securityContext?.appArmorProfile;
  visitContainers(spec, path.child('spec'), (container, place) => {
    const seccomp = SECCOMP_CONTAINER + container.name;
    if (!container.securityContext?.seccompProfile && annotations?.[seccomp] !== undefined)
      out.push(`${at.key(seccomp)}: ${USE_SECCOMP_FIELD}`);
    const appArmor = APPARMOR_CONTAINER + container.name;
    const profile = annotations?.[appArmor];
    const hasField = container.securityContext?.appArmorProfile !== undefined;
    // An annotation that says what the pod's own field says is no news.
    const isSame = ofPod !== undefined && semanticEqual(ofPod, profileOf(profile ?? ''));
    if (isTemplate && !hasField && profile !== undefined && !isSame)
      out.push(`${at.key(appArmor)}: deprecated since v1.30; use the "appArmorProfile" field instead`);
    warnContainerFractions(container, place, out);
    warnHiddenVariables(container, place, out);
  });
}

function warnContainerFractions(container: AnyContainer, path: FieldPath, out: string[]): void {
  for (const name of ['memory', 'ephemeral-storage'])
    for (const which of ['limits', 'requests'] as const) {
      const amount = container.resources?.[which]?.[name];
      if (amount !== undefined) warnFractions({ [name]: amount }, path.child('resources', which), out);
    }
}

function warnHiddenVariables(container: AnyContainer, path: FieldPath, out: string[]): void {
  if (!container.env || container.env.length < 2) return;
  const seen = new Set<string>();
  for (const [i, variable] of container.env.entries()) {
    if (!seen.has(variable.name)) {
      seen.add(variable.name);
      continue;
    }
    const reference = `$(${variable.name})`;
    const value = variable.value ?? '';
    const builds = !variable.valueFrom && value !== reference && value.includes(reference);
    if (!builds)
      out.push(
        `${path.child('env').index(i)}: hides previous definition of ${JSON.stringify(variable.name)}, which may be dropped when using apply`,
      );
  }
}

interface PlacedPort {
  readonly port: ContainerPort;
  readonly path: FieldPath;
}

function warnPorts({ spec, path, out }: Warned): void {
  if (!allContainers(spec).some(({ ports }) => ports?.length)) return;
  const seen = new Map<string, PlacedPort[]>();
  visitContainers(spec, path.child('spec'), (container, place) => {
    for (const [i, port] of (container.ports ?? []).entries()) {
      const at = place.child('ports').index(i);
      if (port.hostIP && !port.hostPort) out.push(`${at}: hostIP set without hostPort: ${goPort(port)}`);
      const key = `${port.containerPort}/${port.protocol ?? ''}`;
      const others = seen.get(key) ?? [];
      for (const other of others) {
        const how = portClash(port, other.port);
        if (how !== '') out.push(`${at}: ${how} port definition with ${other.path}`);
      }
      others.push({ port, path: at });
      seen.set(key, others);
    }
  });
  warnPortNames(spec, path, out);
}

function warnPortNames(spec: PodSpec, path: FieldPath, out: string[]): void {
  const names = new Map<string, FieldPath>();
  visitContainers(spec, path.child('spec'), (container, place) => {
    for (const [i, port] of (container.ports ?? []).entries()) {
      if (!port.name) continue;
      const at = place.child('ports').index(i);
      const other = names.get(port.name);
      if (other === undefined) names.set(port.name, at);
      else
        out.push(
          `${at}: duplicate port name ${JSON.stringify(port.name)} with ${other}, services and probes that select ports by name will use ${other}`,
        );
    }
  });
}

/** The structure as Kubernetes prints it there. */
function goPort(port: ContainerPort): string {
  return `{Name:${port.name ?? ''} HostPort:${port.hostPort ?? 0} ContainerPort:${port.containerPort ?? 0} Protocol:${port.protocol ?? ''} HostIP:${port.hostIP ?? ''}}`;
}

function portClash(a: ContainerPort, b: ContainerPort): string {
  const hostA = a.hostPort ?? 0;
  const hostB = b.hostPort ?? 0;
  const ipA = a.hostIP ?? '';
  const ipB = b.hostIP ?? '';
  if (ipA === ipB && hostA === hostB) return 'duplicate';
  if (hostA === 0 || hostB === 0) return 'overlapping';
  return hostA === hostB && (ipA === '') !== (ipB === '') ? 'dangerously ambiguous' : '';
}

function warnAffinity(affinity: PodAffinity, path: FieldPath, out: string[]): void {
  const required = path.child('requiredDuringSchedulingIgnoredDuringExecution');
  for (const [i, term] of (affinity.requiredDuringSchedulingIgnoredDuringExecution ?? []).entries())
    if (!term.labelSelector) out.push(`${required.index(i).child('labelSelector')}: ${MATCHES_NOTHING}`);
  const preferred = path.child('preferredDuringSchedulingIgnoredDuringExecution');
  for (const [i, term] of (affinity.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries())
    if (!term.podAffinityTerm?.labelSelector)
      out.push(`${preferred.index(i).child('podAffinityTerm', 'labelSelector')}: ${MATCHES_NOTHING}`);
}
