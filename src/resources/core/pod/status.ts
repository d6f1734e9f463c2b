// The status of a pod, as kubelets write it: what stays fixed, and what an address or a state may be.

import { isIPv4 } from 'node:net';
import { type FieldError, FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import { canonicalIP } from '../../../machinery/names.ts';
import { keepSpec } from '../../checks/index.ts';
import {
  checkDnsSubdomain,
  checkIP,
  checkQualifiedName,
  type Findings,
  immutable,
  validateObjectMetaUpdate,
} from '../../common/index.ts';
import { checkAnnotationUpdates, checkPodAnnotations } from '../../common/pod/annotations.ts';
import { podRules } from '../../common/pod/rules.ts';
import type { ContainerStatus, Pod, PodSpec } from '../../generated/core-v1.ts';

const METADATA = FieldPath.of('metadata');
const STATUS = FieldPath.of('status');

export function preparePodStatus(draft: Pod, old: Pod): void {
  keepSpec(draft, old);
  delete draft.metadata.deletionTimestamp;
  if (old.metadata.ownerReferences === undefined) delete draft.metadata.ownerReferences;
  else draft.metadata.ownerReferences = old.metadata.ownerReferences;
  const status = { ...draft.status };
  if (!status.qosClass && old.status?.qosClass) status.qosClass = old.status.qosClass;
  if (!status.observedGeneration && old.status?.observedGeneration)
    status.observedGeneration = old.status.observedGeneration;
  status.conditions = keepGenerations(status.conditions, old.status?.conditions);
  if (status.conditions === undefined) delete status.conditions;
  draft.status = status;
}

type Conditions = NonNullable<Pod['status']>['conditions'];

/** Old clients do not know `observedGeneration`: what they leave out stays as it was. Source: KEP-5067. */
function keepGenerations(conditions: Conditions, old: Conditions): Conditions {
  const before = new Map<string, number[]>();
  for (const condition of old ?? []) {
    const list = before.get(condition.type) ?? [];
    list.push(condition.observedGeneration ?? 0);
    before.set(condition.type, list);
  }
  return conditions?.map((condition) => {
    const was = before.get(condition.type)?.shift() ?? 0;
    return condition.observedGeneration || was === 0 ? condition : { ...condition, observedGeneration: was };
  });
}

const SYSTEM_CONDITIONS = new Set(['PodScheduled', 'Ready', 'Initialized']);

export function validatePodStatusUpdate(pod: Pod, old: Pod): FieldError[] {
  const out: Findings = validateObjectMetaUpdate(pod.metadata, old.metadata);
  const spec = pod.spec ?? { containers: [] };
  const rules = podRules(true, { spec, annotations: old.metadata.annotations });
  const at = METADATA.child('annotations');
  checkAnnotationUpdates(pod.metadata.annotations, old.metadata.annotations, at, out);
  checkPodAnnotations({ annotations: pod.metadata.annotations, spec, rules }, at, out);
  for (const [i, condition] of (pod.status?.conditions ?? []).entries())
    if (!SYSTEM_CONDITIONS.has(condition.type))
      checkQualifiedName(condition.type, METADATA.child('conditions').index(i).child('Type'), out);
  const nominated = pod.status?.nominatedNodeName ?? '';
  if (nominated !== '' && nominated !== (old.status?.nominatedNodeName ?? ''))
    checkDnsSubdomain(nominated, STATUS.child('nominatedNodeName'), out);
  out.push(...immutable(pod.status?.qosClass ?? '', old.status?.qosClass ?? '', STATUS.child('qosClass')));
  checkTransitions(pod, old, out);
  checkClaimStatuses(pod, out);
  checkPodIPs(pod, out);
  checkHostIPs(pod, out);
  checkUsers(pod, out);
  return out;
}

function checkTransitions(pod: Pod, old: Pod, out: Findings): void {
  const policy = old.spec?.restartPolicy ?? 'Always';
  const containers = { policy, spec: old.spec };
  checkStates(pod.status?.containerStatuses, old.status?.containerStatuses, STATUS.child('containerStatuses'), {
    ...containers,
    out,
  });
  checkStates(
    pod.status?.initContainerStatuses,
    old.status?.initContainerStatuses,
    STATUS.child('initContainerStatuses'),
    { ...containers, out },
  );
  checkStates(
    pod.status?.ephemeralContainerStatuses,
    old.status?.ephemeralContainerStatuses,
    STATUS.child('ephemeralContainerStatuses'),
    { policy: 'Never', spec: undefined, out },
  );
}

interface Restarting {
  readonly policy: string;
  readonly spec: PodSpec | undefined;
  readonly out: Findings;
}

/** May this container run again after it has ended? */
function mayRestart(status: ContainerStatus, { policy, spec }: Restarting): boolean {
  const all = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  // Where one may have all start over, every container may run again (KEP-5532).
  if (all.some((c) => c.restartPolicyRules?.some((r) => r.action === 'RestartAllContainers'))) return true;
  const container = all.find((c) => c.name === status.name);
  if ((container?.restartPolicyRules ?? []).length > 0) return true;
  const effective = container?.restartPolicy ?? policy;
  if (effective === 'Always') return true;
  return effective === 'OnFailure' && (status.state?.terminated?.exitCode ?? 0) !== 0;
}

function checkStates(
  statuses: readonly ContainerStatus[] | undefined,
  old: readonly ContainerStatus[] | undefined,
  path: FieldPath,
  restarting: Restarting,
): void {
  for (const [i, was] of (old ?? []).entries()) {
    if (was.state?.terminated === undefined || mayRestart(was, restarting)) continue;
    for (const is of statuses ?? [])
      if (is.name === was.name && is.state?.terminated === undefined)
        restarting.out.push(
          fieldErrors.forbidden(path.index(i).child('state'), 'may not be transitioned to non-terminated state'),
        );
  }
}

function checkClaimStatuses(pod: Pod, out: Findings): void {
  const known = new Set((pod.spec?.resourceClaims ?? []).map((claim) => claim.name));
  const seen = new Set<string>();
  for (const [i, status] of (pod.status?.resourceClaimStatuses ?? []).entries()) {
    const at = STATUS.child('resourceClaimStatuses').index(i).child('name');
    if (!known.has(status.name))
      out.push(fieldErrors.invalid(at, status.name, 'must match the name of an entry in `spec.resourceClaims`'));
    if (seen.has(status.name)) out.push(fieldErrors.duplicate(at, status.name));
    seen.add(status.name);
    if (status.resourceClaimName !== undefined) checkDnsSubdomain(status.resourceClaimName, at, out);
  }
}

function isDualStack(ips: readonly string[]): boolean {
  const families = new Set(ips.map((ip) => isIPv4(canonicalIP(ip) ?? '')));
  return families.size === 2;
}

function checkAddresses(ips: readonly { ip?: string }[], path: FieldPath, out: Findings): void {
  for (const [i, { ip }] of ips.entries()) checkIP(ip ?? '', path.index(i), out);
  if (ips.length < 2) return;
  const texts = ips.map(({ ip }) => ip ?? '');
  if (!isDualStack(texts) || ips.length > 2)
    out.push(fieldErrors.invalid(path, ips, 'may specify no more than one IP for each IP family'));
  const seen = new Set<string>();
  for (const [i, text] of texts.entries()) {
    if (seen.has(text)) out.push(fieldErrors.duplicate(path.index(i), ips[i]));
    seen.add(text);
  }
}

function checkPodIPs(pod: Pod, out: Findings): void {
  checkAddresses(pod.status?.podIPs ?? [], STATUS.child('podIPs'), out);
}

function checkHostIPs(pod: Pod, out: Findings): void {
  const ips = pod.status?.hostIPs ?? [];
  const path = STATUS.child('hostIPs');
  const first = ips[0];
  if (first === undefined) return;
  if ((pod.status?.hostIP ?? '') !== (first.ip ?? ''))
    out.push(fieldErrors.invalid(path.index(0).child('ip'), first.ip ?? '', 'must be equal to `hostIP`'));
  checkAddresses(ips, path, out);
}

function checkUsers(pod: Pod, out: Findings): void {
  if (pod.spec?.os?.name !== 'windows') return;
  for (const list of ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const)
    for (const [i, status] of (pod.status?.[list] ?? []).entries())
      if (status.user?.linux)
        out.push(fieldErrors.forbidden(STATUS.child(list).index(i).child('linux'), 'cannot be set for a windows pod'));
}

/** `podIP` and `hostIP` are the first of the longer lists: whichever the client wrote fills in the other. */
export function syncAddresses(pod: Pod): void {
  const status = pod.status;
  if (status === undefined) return;
  if (status.podIP && (status.podIPs ?? []).length === 0) status.podIPs = [{ ip: status.podIP }];
  else if (status.podIP && status.podIPs?.[0] !== undefined && status.podIPs[0].ip !== status.podIP)
    status.podIPs = [{ ip: status.podIP }];
  else if (!status.podIP && status.podIPs?.[0]?.ip) status.podIP = status.podIPs[0].ip;
}
