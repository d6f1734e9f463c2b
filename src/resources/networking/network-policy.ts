// NetworkPolicy: who may talk to whom. https://kubernetes.io/docs/concepts/services-networking/network-policies/
import { type FieldError, FieldPath } from '../../machinery/field-error.ts';
import { isCIDR, isValidPortName, isValidPortNumber, parseCIDR } from '../../machinery/names.ts';
import { ageColumn, column, ErrorList, nameColumn, selectorText } from '../checks/index.ts';
import { checkLabelSelector } from '../common/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '../generated/networking-v1.ts';
import { isStrictlyInside } from './cidr.ts';

const PROTOCOLS = ['TCP', 'UDP', 'SCTP'];
const POLICY_TYPES = ['Egress', 'Ingress'];

function applyDefaults(draft: NetworkPolicy): void {
  draft.spec ??= { podSelector: {} };
  const { spec } = draft;
  const rules = [...(spec.ingress ?? []), ...(spec.egress ?? [])];
  for (const rule of rules) for (const port of rule.ports ?? []) port.protocol ??= 'TCP';
  if ((spec.policyTypes ?? []).length === 0)
    spec.policyTypes = (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
}

function checkPort(found: ErrorList, rule: NetworkPolicyPort, path: FieldPath): void {
  const { protocol, port, endPort } = rule;
  const end = path.child('endPort');
  if (protocol !== undefined) found.oneOf(path.child('protocol'), protocol, PROTOCOLS);
  if (port === undefined) {
    if (endPort !== undefined) found.invalid(end, endPort, 'may not be specified when `port` is not specified');
  } else if (typeof port === 'string') {
    if (endPort !== undefined) found.invalid(end, endPort, 'may not be specified when `port` is non-numeric');
    found.text(path.child('port'), port, isValidPortName);
  } else {
    for (const message of isValidPortNumber(port)) found.invalid(path.child('port'), port, message);
    if (endPort === undefined) return;
    // Kubernetes shows the port here, not the end port.
    if (endPort < port) found.invalid(end, port, 'must be greater than or equal to `port`');
    for (const message of isValidPortNumber(endPort)) found.invalid(end, endPort, message);
  }
}

function checkBlock(found: ErrorList, block: IPBlock, path: FieldPath): void {
  const cidr = block.cidr ?? '';
  if (cidr === '') {
    found.required(path.child('cidr'));
    return;
  }
  found.text(path.child('cidr'), cidr, isCIDR);
  const outer = parseCIDR(cidr);
  if (outer === undefined) return;
  block.except?.forEach((text, i) => {
    const at = path.child('except').index(i);
    const inner = parseCIDR(text);
    if (inner === undefined) found.text(at, text, isCIDR);
    else if (!isStrictlyInside(inner, outer)) found.invalid(at, text, 'must be a strict subset of `cidr`');
  });
}

function checkPeer(found: ErrorList, peer: NetworkPolicyPeer, path: FieldPath): void {
  const { podSelector, namespaceSelector, ipBlock } = peer;
  checkLabelSelector(podSelector, path.child('podSelector'), {}, found.errors);
  checkLabelSelector(namespaceSelector, path.child('namespaceSelector'), {}, found.errors);
  if (ipBlock !== undefined) checkBlock(found, ipBlock, path.child('ipBlock'));
  const selectors = podSelector !== undefined || namespaceSelector !== undefined;
  if (!selectors && ipBlock === undefined) found.required(path, 'must specify a peer');
  else if (selectors && ipBlock !== undefined) found.forbidden(path, 'may not specify both ipBlock and another peer');
}

interface Rule {
  readonly ports: readonly NetworkPolicyPort[] | undefined;
  readonly peers: readonly NetworkPolicyPeer[] | undefined;
  readonly peerField: 'from' | 'to';
}

function checkRule(found: ErrorList, rule: Rule, path: FieldPath): void {
  rule.ports?.forEach((port, i) => {
    checkPort(found, port, path.child('ports').index(i));
  });
  rule.peers?.forEach((peer, i) => {
    checkPeer(found, peer, path.child(rule.peerField).index(i));
  });
}

function validate(policy: NetworkPolicy): FieldError[] {
  const found = new ErrorList();
  const path = FieldPath.of('spec');
  const { podSelector, ingress, egress, policyTypes = [] } = policy.spec ?? {};
  checkLabelSelector(podSelector, path.child('podSelector'), {}, found.errors);
  ingress?.forEach((rule, i) => {
    const { ports, from } = rule;
    checkRule(found, { ports, peers: from, peerField: 'from' }, path.child('ingress').index(i));
  });
  egress?.forEach((rule, i) => {
    checkRule(found, { ports: rule.ports, peers: rule.to, peerField: 'to' }, path.child('egress').index(i));
  });
  const types = path.child('policyTypes');
  if (policyTypes.length > POLICY_TYPES.length)
    found.invalid(types, policyTypes, 'may not specify more than two policyTypes');
  else
    policyTypes.forEach((type, i) => {
      found.oneOf(types.index(i), type, POLICY_TYPES);
    });
  return found.errors;
}

export const networkPolicies = defineResource<NetworkPolicy>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
  singular: 'networkpolicy',
  shortNames: ['netpol'],
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.networking.v1.NetworkPolicy',
  strategy: { applyDefaults, validate, validateUpdate: validate },
  generation: 'spec',
  columns: [
    nameColumn(),
    column({
      name: 'Pod-Selector',
      description: ['networking/v1', 'NetworkPolicySpec', 'podSelector'],
      cell: (o) => selectorText(o.spec?.podSelector),
    }),
    ageColumn(),
  ],
});
