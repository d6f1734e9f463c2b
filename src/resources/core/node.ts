// Nodes: taints, pod ranges that are given once, and what kubelets report.
// Source: https://kubernetes.io/docs/concepts/architecture/nodes/
import { type FieldError, FieldPath, fieldErrors } from '../../machinery/field-error.ts';
import { goQuote } from '../../machinery/json.ts';
import { isValidLabelValue, parseCIDR } from '../../machinery/names.ts';
import { ageColumn, column, keepStatus, nameColumn, statusSubresource } from '../checks/index.ts';
import {
  addInvalid,
  checkLabelName,
  checkResourceAmount,
  checkTaintEffect,
  type Findings,
  rangeProblems,
  roundUpToMilli,
  semanticEqual,
  sortedKeys,
  validateObjectMetaUpdate,
} from '../common/index.ts';
import { ALL_VERBS, defineResource } from '../definition.ts';
import type { Node, Taint } from '../generated/core-v1.ts';

/** Taints are reported at the metadata: so Kubernetes does. */
const TAINTS = FieldPath.of('metadata', 'taints');
const POD_CIDRS = FieldPath.of('spec', 'podCIDRs');

function applyDefaults(node: Node): void {
  node.spec ??= {};
  // `podCIDR` is the first of `podCIDRs`; the old field wins.
  const { podCIDR, podCIDRs } = node.spec;
  if (podCIDR && podCIDR !== podCIDRs?.[0]) node.spec.podCIDRs = [podCIDR];
  else if (!podCIDR && podCIDRs?.[0]) node.spec.podCIDR = podCIDRs[0];
  node.status ??= {};
  roundUpToMilli(node.status.capacity);
  roundUpToMilli(node.status.allocatable);
  if (node.status.allocatable === undefined && node.status.capacity !== undefined)
    node.status.allocatable = { ...node.status.capacity };
}

function checkTaints(taints: readonly Taint[], out: Findings): void {
  const seen = new Set<string>();
  for (const [i, taint] of taints.entries()) {
    const at = TAINTS.index(i);
    checkLabelName(taint.key ?? '', at.child('key'), out);
    const messages = isValidLabelValue(taint.value ?? '');
    if (messages.length > 0) out.push(fieldErrors.invalid(at.child('value'), taint.value ?? '', messages.join(';')));
    if (!taint.effect) out.push(fieldErrors.required(at.child('effect')));
    else checkTaintEffect(taint.effect, at.child('effect'), out);
    const key = `${taint.effect}\0${taint.key}`;
    if (seen.has(key)) {
      const error = fieldErrors.duplicate(at, taint);
      out.push({ ...error, body: `${error.body}: taints must be unique by key and effect pair` });
    }
    seen.add(key);
  }
}

function checkResources(node: Node, out: Findings): void {
  for (const which of ['capacity', 'allocatable'] as const) {
    const list = node.status?.[which];
    for (const name of sortedKeys(list))
      checkResourceAmount({ name, amount: String(list?.[name]) }, FieldPath.of('status', which, name), out);
  }
}

const FEATURE = /^[A-Z][a-zA-Z0-9]*(?:\/[a-zA-Z][a-zA-Z0-9]*)*$/;

function checkFeatures(names: readonly string[], out: Findings): void {
  const path = FieldPath.of('status', 'declaredFeatures');
  for (const [i, name] of names.entries()) {
    if (name.length > 253)
      out.push(
        fieldErrors.invalid(
          path.index(i),
          name,
          `invalid feature name ${goQuote(name)}: must be no more than 253 characters`,
        ),
      );
    else if (!FEATURE.test(name))
      out.push(
        fieldErrors.invalid(
          path.index(i),
          name,
          `invalid feature name ${goQuote(name)}: must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes`,
        ),
      );
    const next = names[i + 1];
    if (next === name) out.push(fieldErrors.duplicate(path.index(i + 1), next));
    else if (next !== undefined && name > next)
      out.push(fieldErrors.invalid(path.index(i + 1), next, 'list must be sorted alphabetically'));
  }
}

function checkPodCidrs(cidrs: readonly string[], out: Findings): void {
  for (const [i, cidr] of cidrs.entries()) addInvalid(cidr, POD_CIDRS.index(i), rangeProblems(cidr), out);
  if (cidrs.length < 2) return;
  const bad = cidrs.findIndex((cidr) => parseCIDR(cidr) === undefined);
  if (bad >= 0)
    out.push(
      fieldErrors.internal(
        POD_CIDRS,
        `invalid PodCIDRs. failed to check with dual stack with error:invalid CIDR[${bad}]: <nil> (invalid CIDR address: ${cidrs[bad]})`,
      ),
    );
  const families = new Set(cidrs.map((cidr) => parseCIDR(cidr)?.family));
  if (families.size !== 2 || cidrs.length > 2)
    out.push(fieldErrors.invalid(POD_CIDRS, cidrs, 'may specify no more than one CIDR for each IP family'));
}

function validate(node: Node): FieldError[] {
  const out: Findings = [];
  checkTaints(node.spec?.taints ?? [], out);
  checkResources(node, out);
  const swap = node.status?.nodeInfo?.swap?.capacity;
  if (swap !== undefined && swap <= 0)
    out.push(
      fieldErrors.invalid(FieldPath.of('metadata', 'nodeSwapStatus', 'capacity'), swap, 'must be greater than zero'),
    );
  checkFeatures(node.status?.declaredFeatures ?? [], out);
  checkPodCidrs(node.spec?.podCIDRs ?? [], out);
  return out;
}

function validateUpdate(node: Node, old: Node): FieldError[] {
  const out: Findings = validateObjectMetaUpdate(node.metadata, old.metadata);
  checkResources(node, out);
  checkFeatures(node.status?.declaredFeatures ?? [], out);
  const seen = new Set<string>();
  for (const [i, address] of (node.status?.addresses ?? []).entries()) {
    const key = `${address.type}\0${address.address}`;
    if (seen.has(key)) out.push(fieldErrors.duplicate(FieldPath.of('status', 'addresses').index(i), address));
    seen.add(key);
  }
  const cidrs = old.spec?.podCIDRs ?? [];
  if (cidrs.length > 0 && !semanticEqual(node.spec?.podCIDRs, cidrs))
    out.push(fieldErrors.forbidden(POD_CIDRS, 'node updates may not change podCIDR except from "" to valid'));
  if (old.spec?.providerID && old.spec.providerID !== node.spec?.providerID)
    out.push(
      fieldErrors.forbidden(
        FieldPath.of('spec', 'providerID'),
        'node updates may not change providerID except from "" to valid',
      ),
    );
  checkTaints(node.spec?.taints ?? [], out);
  if ((node.spec?.externalID ?? '') !== (old.spec?.externalID ?? ''))
    out.push(fieldErrors.forbidden(FieldPath.of('spec', 'externalID'), 'may not be updated'));
  return out;
}

function status(node: Node): string {
  const ready = (node.status?.conditions ?? []).findLast((condition) => condition.type === 'Ready');
  const words = [ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'];
  if (node.spec?.unschedulable === true) words.push('SchedulingDisabled');
  return words.join(',');
}

const ROLE_PREFIX = 'node-role.kubernetes.io/';

function roles(node: Node): string {
  const found = new Set<string>();
  for (const [key, value] of Object.entries(node.metadata.labels ?? {})) {
    if (key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length) found.add(key.slice(ROLE_PREFIX.length));
    else if (key === 'kubernetes.io/role' && value !== '') found.add(value);
  }
  return [...found].sort().join(',') || '<none>';
}

function address(node: Node, type: string): string {
  return (node.status?.addresses ?? []).find((a) => a.type === type)?.address ?? '<none>';
}

function warnings(node: Node): string[] {
  return [
    ...(node.spec?.configSource ? ['spec.configSource: the feature is removed'] : []),
    ...(node.spec?.externalID ? ['spec.externalID: this field is deprecated, and is unused by Kubernetes'] : []),
  ];
}

export const nodes = defineResource<Node>({
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  singular: 'node',
  shortNames: ['no'],
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.core.v1.Node',
  generation: 'none',
  resetFields: ['status'],
  selectableFields: {
    labels: ['spec.unschedulable'],
    values: (node) => ({ 'spec.unschedulable': String(node.spec?.unschedulable === true) }),
  },
  strategy: {
    applyDefaults,
    prepareForCreate: (draft) => {
      delete draft.spec?.configSource;
      delete draft.status?.config;
    },
    prepareForUpdate: (draft, old) => {
      keepStatus(draft, old);
      delete draft.spec?.configSource;
    },
    validate,
    // Kubernetes asks both: the rules of an update, and those of a node as such.
    validateUpdate: (node, old) => [...validate(node), ...validateUpdate(node, old)],
    warnings,
  },
  subresources: {
    status: statusSubresource<Node>({
      applyDefaults,
      validateUpdate,
    }),
    proxy: { type: 'connect', verbs: ['create', 'delete', 'get', 'patch', 'update'], kind: 'NodeProxyOptions' },
  },
  columns: [
    nameColumn(),
    column({ name: 'Status', description: 'The status of the node', cell: status }),
    column({ name: 'Roles', description: 'The roles of the node', cell: roles }),
    ageColumn(),
    column({
      name: 'Version',
      description: ['core/v1', 'NodeSystemInfo', 'kubeletVersion'],
      cell: (node) => node.status?.nodeInfo?.kubeletVersion ?? '',
    }),
    column({
      name: 'Internal-IP',
      wide: true,
      description: ['core/v1', 'NodeStatus', 'addresses'],
      cell: (node) => address(node, 'InternalIP'),
    }),
    column({
      name: 'External-IP',
      wide: true,
      description: ['core/v1', 'NodeStatus', 'addresses'],
      cell: (node) => address(node, 'ExternalIP'),
    }),
    column({
      name: 'OS-Image',
      wide: true,
      description: ['core/v1', 'NodeSystemInfo', 'osImage'],
      cell: (node) => node.status?.nodeInfo?.osImage || '<unknown>',
    }),
    column({
      name: 'Kernel-Version',
      wide: true,
      description: ['core/v1', 'NodeSystemInfo', 'kernelVersion'],
      cell: (node) => node.status?.nodeInfo?.kernelVersion || '<unknown>',
    }),
    column({
      name: 'Container-Runtime',
      wide: true,
      description: ['core/v1', 'NodeSystemInfo', 'containerRuntimeVersion'],
      cell: (node) => node.status?.nodeInfo?.containerRuntimeVersion || '<unknown>',
    }),
  ],
});
