// NetworkPolicy: who may talk to whom. https://kubernetes.io/docs/concepts/services-networking/network-policies/
import { type FieldError, FieldPath } from '../../machinery/field-error.ts';
import { isValidPortName, isValidPortNumber, parseCIDR } from '../../machinery/names.ts';
import { ageColumn, column, ErrorList, nameColumn, selectorText } from '../checks/index.ts';
import { checkLabelSelector, rangeProblems, rangeWarnings } from '../common/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '../generated/networking-v1.ts';
import { isStrictlyInside } from './cidr.ts';

const PROTOCOLS = ['TCP', 'UDP', 'SCTP'];
const POLICY_TYPES = ['Ingress', 'Egress'];

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

/** Ranges of the policy as it was: they may stay as they are written. */
type OldRanges = ReadonlySet<string>;

function checkRange(
  found: ErrorList,
  range: string,
  where: { readonly path: FieldPath; readonly old: OldRanges },
): void {
  if (!where.old.has(range)) found.text(where.path, range, rangeProblems);
}

function checkBlock(
  found: ErrorList,
  block: IPBlock,
  where: { readonly path: FieldPath; readonly old: OldRanges },
): void {
  const { path, old } = where;
  const cidr = block.cidr ?? '';
  if (cidr === '') {
    found.required(path.child('cidr'));
    return;
  }
  checkRange(found, cidr, { path: path.child('cidr'), old });
  const outer = parseCIDR(cidr);
  if (outer === undefined) return;
  block.except?.forEach((text, i) => {
    const at = path.child('except').index(i);
    const inner = parseCIDR(text);
    const before = found.errors.length;
    checkRange(found, text, { path: at, old });
    if (inner !== undefined && found.errors.length === before && !isStrictlyInside(inner, outer))
      found.invalid(at, text, 'must be a strict subset of `cidr`');
  });
}

function checkPeer(
  found: ErrorList,
  peer: NetworkPolicyPeer,
  { path, old }: { readonly path: FieldPath; readonly old: OldRanges },
): void {
  const { podSelector, namespaceSelector, ipBlock } = peer;
  checkLabelSelector(podSelector, path.child('podSelector'), {}, found.errors);
  checkLabelSelector(namespaceSelector, path.child('namespaceSelector'), {}, found.errors);
  if (ipBlock !== undefined) checkBlock(found, ipBlock, { path: path.child('ipBlock'), old });
  const selectors = podSelector !== undefined || namespaceSelector !== undefined;
  if (!selectors && ipBlock === undefined) found.required(path, 'must specify a peer');
  else if (selectors && ipBlock !== undefined) found.forbidden(path, 'may not specify both ipBlock and another peer');
}

interface Rule {
  readonly ports: readonly NetworkPolicyPort[] | undefined;
  readonly peers: readonly NetworkPolicyPeer[] | undefined;
  readonly peerField: 'from' | 'to';
  readonly old: OldRanges;
}

function checkRule(found: ErrorList, rule: Rule, path: FieldPath): void {
  rule.ports?.forEach((port, i) => {
    checkPort(found, port, path.child('ports').index(i));
  });
  rule.peers?.forEach((peer, i) => {
    checkPeer(found, peer, { path: path.child(rule.peerField).index(i), old: rule.old });
  });
}

function blocksOf(policy: NetworkPolicy): { block: IPBlock; path: FieldPath }[] {
  const spec = FieldPath.of('spec');
  const rules = [
    ...(policy.spec?.ingress ?? []).map(({ from }, i) => ({
      peers: from,
      path: spec.child('ingress').index(i).child('from'),
    })),
    ...(policy.spec?.egress ?? []).map(({ to }, i) => ({ peers: to, path: spec.child('egress').index(i).child('to') })),
  ];
  return rules.flatMap(({ peers, path }) =>
    (peers ?? []).flatMap(({ ipBlock }, i) =>
      ipBlock === undefined ? [] : [{ block: ipBlock, path: path.index(i).child('ipBlock') }],
    ),
  );
}

function rangesOf(policy: NetworkPolicy | undefined): OldRanges {
  if (policy === undefined) return new Set();
  return new Set(blocksOf(policy).flatMap(({ block }) => [block.cidr, ...(block.except ?? [])]));
}

function warnings(policy: NetworkPolicy): string[] {
  return blocksOf(policy).flatMap(({ block, path }) => [
    ...rangeWarnings(block.cidr ?? '', path.child('cidr')),
    ...(block.except ?? []).flatMap((range, i) => rangeWarnings(range, path.child('except').index(i))),
  ]);
}

function validate(policy: NetworkPolicy, before?: NetworkPolicy): FieldError[] {
  const found = new ErrorList();
  const path = FieldPath.of('spec');
  const { podSelector, ingress, egress, policyTypes = [] } = policy.spec ?? {};
  const old = rangesOf(before);
  checkLabelSelector(podSelector, path.child('podSelector'), {}, found.errors);
  ingress?.forEach((rule, i) => {
    const { ports, from } = rule;
    checkRule(found, { ports, peers: from, peerField: 'from', old }, path.child('ingress').index(i));
  });
  egress?.forEach((rule, i) => {
    checkRule(found, { ports: rule.ports, peers: rule.to, peerField: 'to', old }, path.child('egress').index(i));
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
  strategy: {
    applyDefaults,
    validate: (policy) => validate(policy),
    validateUpdate: (policy, old) => validate(policy, old),
    warnings,
  },
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
