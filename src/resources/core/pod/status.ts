// The status of a pod, as kubelets write it: what stays fixed, and what an address or a state may be.

import { isIPv4 } from 'node:net';
import { type FieldError, FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import type { Int64 } from '../../../machinery/int64.ts';
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
import { checkUnixId } from '../../common/names.ts';
import { checkAnnotationUpdates, checkPodAnnotations } from '../../common/pod/annotations.ts';
import { INTERNAL_ADDRESS, internalForm } from '../../common/pod/internal-form.ts';
import { podRules } from '../../common/pod/rules.ts';
import type { Container, ContainerRestartRule, ContainerStatus, Pod } from '../../generated/core-v1.ts';
import { checkAllocatedResources, checkExtendedClaims } from './status-resources.ts';

const METADATA = FieldPath.of('metadata');
const STATUS = FieldPath.of('status');

export function preparePodStatus(draft: Pod, old: Pod): void {
  keepSpec(draft, old);
  delete draft.metadata.deletionTimestamp;
  if (old.metadata.ownerReferences === undefined) delete draft.metadata.ownerReferences;
  else draft.metadata.ownerReferences = old.metadata.ownerReferences;
  const status = withoutGated({ ...draft.status }, old);
  if (!status.qosClass && old.status?.qosClass) status.qosClass = old.status.qosClass;
  if (!status.observedGeneration && old.status?.observedGeneration)
    status.observedGeneration = old.status.observedGeneration;
  status.conditions = keepGenerations(status.conditions, old.status?.conditions);
  if (status.conditions === undefined) delete status.conditions;
  draft.status = status;
}

type Status = NonNullable<Pod['status']>;

/** What gates of v1.36 leave off is not kept: digests of image volumes (KEP-5365), node resources of claims (KEP-5517). */
function withoutGated(status: Status, old: Pod): Status {
  if (old.status?.nodeAllocatableResourceClaimStatuses === undefined)
    delete status.nodeAllocatableResourceClaimStatuses;
  for (const list of STATUS_LISTS) {
    const statuses = status[list];
    if (statuses?.some((one) => one.volumeMounts?.some((mount) => mount.volumeStatus !== undefined)))
      status[list] = statuses.map((one) =>
        one.volumeMounts === undefined
          ? one
          : { ...one, volumeMounts: one.volumeMounts.map(({ volumeStatus: _dropped, ...mount }) => mount) },
      );
  }
  return status;
}

type Conditions = Status['conditions'];

/** Old clients do not know `observedGeneration`: what they leave out stays as it was. Source: KEP-5067. */
function keepGenerations(conditions: Conditions, old: Conditions): Conditions {
  const before = new Map<string, Int64[]>();
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
  checkConditions(pod, out);
  checkNomination(pod, old, out);
  if ((pod.status?.observedGeneration ?? 0) < 0)
    out.push(
      fieldErrors.invalid(STATUS.child('observedGeneration'), pod.status?.observedGeneration, NEGATIVE_GENERATION),
    );
  out.push(...immutable(pod.status?.qosClass ?? '', old.status?.qosClass ?? '', STATUS.child('qosClass')));
  checkTransitions(pod, old, out);
  checkClaimStatuses(pod, out);
  checkExtendedClaims(pod, out);
  checkPodIPs(pod, old, out);
  checkHostIPs(pod, old, out);
  checkUsers(pod, out);
  checkAllocatedResources(pod, out);
  return out;
}

const NEGATIVE_GENERATION = 'must be a non-negative integer';

function checkConditions(pod: Pod, out: Findings): void {
  for (const [i, condition] of (pod.status?.conditions ?? []).entries()) {
    const at = STATUS.child('conditions').index(i);
    const generation = condition.observedGeneration ?? 0;
    if (generation < 0) out.push(fieldErrors.invalid(at.child('observedGeneration'), generation, NEGATIVE_GENERATION));
    if (!SYSTEM_CONDITIONS.has(condition.type)) checkQualifiedName(condition.type, at.child('Type'), out);
  }
}

function checkNomination(pod: Pod, old: Pod, out: Findings): void {
  const nominated = pod.status?.nominatedNodeName ?? '';
  if (nominated === '' || nominated === (old.status?.nominatedNodeName ?? '')) return;
  const at = STATUS.child('nominatedNodeName');
  checkDnsSubdomain(nominated, at, out);
  if (old.spec?.nodeName)
    out.push(fieldErrors.forbidden(at, 'may not be set on pods that are already bound to a node'));
}

function checkTransitions(pod: Pod, old: Pod, out: Findings): void {
  const { containers = [], initContainers = [], restartPolicy: policy = 'Always' } = old.spec ?? {};
  // Where one may have all start over, every container may run again (KEP-5532).
  const all = [...containers, ...initContainers].some((c) =>
    c.restartPolicyRules?.some((rule) => rule.action === 'RestartAllContainers'),
  );
  if (!all)
    for (const [list, known] of [
      ['containerStatuses', containers],
      ['initContainerStatuses', initContainers],
    ] as const)
      checkStates(pod.status?.[list], old.status?.[list], STATUS.child(list), { policy, containers: known, out });
  checkStates(
    pod.status?.ephemeralContainerStatuses,
    old.status?.ephemeralContainerStatuses,
    STATUS.child('ephemeralContainerStatuses'),
    { policy: 'Never', containers: [], out },
  );
}

interface Restarting {
  readonly policy: string;
  readonly containers: readonly Container[];
  readonly out: Findings;
}

/** May this container run again after it has ended? */
function mayRestart(status: ContainerStatus, { policy, containers }: Restarting): boolean {
  const container = containers.find((c) => c.name === status.name);
  if (container === undefined) return false;
  const code = status.state?.terminated?.exitCode ?? 0;
  if (container.restartPolicy !== undefined && (container.restartPolicyRules ?? []).some((rule) => meets(rule, code)))
    return true;
  const effective = container.restartPolicy ?? policy;
  return effective === 'Always' || (effective === 'OnFailure' && code !== 0);
}

/** A rule of KEP-5307: restart for some exit codes, or for all others. */
function meets(rule: ContainerRestartRule, code: number): boolean {
  if (rule.action !== 'Restart' || !rule.exitCodes) return false;
  const named = (rule.exitCodes.values ?? []).includes(code);
  return rule.exitCodes.operator === 'In' ? named : rule.exitCodes.operator === 'NotIn' && !named;
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
    if (status.resourceClaimName !== undefined)
      checkDnsSubdomain(
        status.resourceClaimName,
        STATUS.child('resourceClaimStatuses').index(i).child('resourceClaimName'),
        out,
      );
  }
}

/** What a pod had may stay as it is spelled. */
function checkAddresses(
  ips: readonly { ip?: string }[],
  old: readonly { ip?: string }[] | undefined,
  path: FieldPath,
  out: Findings,
): void {
  const before = new Set((old ?? []).map(({ ip }) => ip ?? ''));
  for (const [i, { ip }] of ips.entries()) if (!before.has(ip ?? '')) checkIP(ip ?? '', path.index(i), out);
  if (ips.length < 2) return;
  const parsed = ips.map(({ ip }) => canonicalIP(ip ?? ''));
  const bad = parsed.indexOf(undefined);
  if (bad >= 0)
    out.push(
      fieldErrors.internal(
        path,
        `failed to check for dual stack with error:invalid IP address ${JSON.stringify(ips[bad]?.ip ?? '')}`,
      ),
    );
  const families = new Set(parsed.map((ip) => isIPv4(ip ?? '')));
  if (bad >= 0 || families.size < 2 || ips.length > 2)
    out.push(
      fieldErrors.invalid(
        path,
        internalForm(ips, INTERNAL_ADDRESS),
        'may specify no more than one IP for each IP family',
      ),
    );
}

function checkPodIPs(pod: Pod, old: Pod, out: Findings): void {
  checkAddresses(pod.status?.podIPs ?? [], old.status?.podIPs, STATUS.child('podIPs'), out);
}

function checkHostIPs(pod: Pod, old: Pod, out: Findings): void {
  const ips = pod.status?.hostIPs ?? [];
  const path = STATUS.child('hostIPs');
  const first = ips[0];
  if (first === undefined) return;
  if ((pod.status?.hostIP ?? '') !== (first.ip ?? ''))
    out.push(fieldErrors.invalid(path.index(0).child('ip'), first.ip ?? '', 'must be equal to `hostIP`'));
  checkAddresses(ips, old.status?.hostIPs, path, out);
}

const STATUS_LISTS = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const;

function checkUsers(pod: Pod, out: Findings): void {
  const isWindows = pod.spec?.os?.name === 'windows';
  for (const list of STATUS_LISTS)
    for (const [i, status] of (pod.status?.[list] ?? []).entries()) {
      const user = status.user?.linux;
      if (!user) continue;
      const at = STATUS.child(list).index(i).child('user', 'linux');
      if (isWindows) {
        out.push(fieldErrors.forbidden(at, 'cannot be set for a windows pod'));
        continue;
      }
      checkUnixId(user.uid, at.child('uid'), out);
      checkUnixId(user.gid, at.child('gid'), out);
      for (const [j, group] of (user.supplementalGroups ?? []).entries())
        checkUnixId(group, at.child('supplementalGroups').index(j), out);
    }
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
