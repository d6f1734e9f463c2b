// The spec of a pod, checked part by part in the order in which Kubernetes reports errors.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodSpec
import { type FieldError, type FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import { rangeMessage } from '../../../machinery/names.ts';
import type { PodResourceClaim, PodSpec, PodTemplateSpec } from '../../generated/core-v1.ts';
import { checkOneOf, type Findings } from '../collect.ts';
import { checkAnnotations, checkLabels } from '../labels.ts';
import { checkDnsLabel, checkDnsSubdomain } from '../names.ts';
import { checkContainerResourceName, checkResourceRequirements } from '../resource-lists.ts';
import { checkPodAnnotations, checkProfileAnnotations } from './annotations.ts';
import { checkContainers, checkEphemeralContainers, checkInitContainers } from './containers.ts';
import { checkDnsConfig, checkDnsPolicy, checkHostAliases, checkHostname, checkHostnameOverride } from './dns.ts';
import { checkFileVolumes } from './env.ts';
import { INTERNAL_RESOURCE_CLAIM, internalForm } from './internal-form.ts';
import { checkPodResources } from './pod-resources.ts';
import { checkHostNetworkPorts } from './ports.ts';
import { podRules } from './rules.ts';
import {
  checkAffinity,
  checkReadinessGates,
  checkSchedulingGates,
  checkSpread,
  checkTolerations,
} from './scheduling.ts';
import { type PodRules, type PodScope, podScope } from './scope.ts';
import { checkHostUsers, checkPodSecurityContext } from './security.ts';
import { checkVolumes } from './volumes.ts';
import { checkHostProcess, checkOperatingSystem } from './windows.ts';

/** `podName` is '' for a template, whose pods have no names yet. */
export function checkPodSpec(
  spec: PodSpec,
  path: FieldPath,
  pod: { readonly rules: PodRules; readonly podName: string },
  out: Findings,
): void {
  const scope = podScope(spec, pod.rules, pod.podName, out);
  if (spec.terminationGracePeriodSeconds === undefined)
    out.push(fieldErrors.required(path.child('terminationGracePeriodSeconds')));
  if (spec.volumes) checkVolumes(spec.volumes, path.child('volumes'), scope);
  if (spec.resourceClaims) checkResourceClaims(spec.resourceClaims, path.child('resourceClaims'), out);
  checkContainers(path.child('containers'), scope);
  if (spec.initContainers) checkInitContainers(path.child('initContainers'), scope);
  if (spec.ephemeralContainers) checkEphemeralContainers(path.child('ephemeralContainers'), scope);
  if (spec.resources) checkPodResources(spec.resources, path.child('resources'), scope);
  checkHostNetworkPorts(spec, path, pod.rules.isPod, out);
  checkRestartPolicy(spec.restartPolicy ?? '', path.child('restartPolicy'), out);
  checkDnsPolicy(spec.dnsPolicy ?? '', path.child('dnsPolicy'), out);
  if (spec.nodeSelector) checkLabels(spec.nodeSelector, path.child('nodeSelector'), out);
  if (spec.securityContext) checkPodSecurityContext(spec.securityContext, path.child('securityContext'), scope);
  checkPlacement(spec, path, scope);
  checkHostProcess(spec, path, out);
  checkHostUsers(path, scope);
  checkHostnameOverride(spec, path, out);
  checkNamesAndLimits(spec, path, scope);
  if (spec.os) checkOperatingSystem(spec, path, out);
  checkFileVolumes(spec, path, out);
}

function checkPlacement(spec: PodSpec, path: FieldPath, scope: PodScope): void {
  const { out } = scope;
  if (spec.affinity) checkAffinity(spec.affinity, path.child('affinity'), scope);
  checkDnsConfig(spec, path.child('dnsConfig'), out);
  if (spec.readinessGates) checkReadinessGates(spec.readinessGates, path.child('readinessGates'), out);
  if (spec.schedulingGates) checkSchedulingGates(spec.schedulingGates, path.child('schedulingGates'), out);
  if (spec.topologySpreadConstraints)
    checkSpread(spec.topologySpreadConstraints, path.child('topologySpreadConstraints'), scope);
}

const RESTART_POLICIES = { supported: ['Always', 'OnFailure', 'Never'] };
const PREEMPTION_POLICIES = { supported: ['PreemptLowerPriority', 'Never'] };
const MAX_DEADLINE = 2147483647;

function checkRestartPolicy(policy: string, path: FieldPath, out: Findings): void {
  if (policy === '') out.push(fieldErrors.required(path));
  else checkOneOf(policy, path, RESTART_POLICIES, out);
}

function checkNamesAndLimits(spec: PodSpec, path: FieldPath, scope: PodScope): void {
  const { out } = scope;
  if (spec.serviceAccountName) checkDnsSubdomain(spec.serviceAccountName, path.child('serviceAccountName'), out);
  if (spec.nodeName) checkDnsSubdomain(spec.nodeName, path.child('nodeName'), out);
  const deadline = spec.activeDeadlineSeconds;
  if (deadline !== undefined && (deadline < 1 || deadline > MAX_DEADLINE))
    out.push(fieldErrors.invalid(path.child('activeDeadlineSeconds'), deadline, rangeMessage(1, MAX_DEADLINE)));
  checkHostname(spec, path, out);
  if (spec.tolerations) checkTolerations(spec.tolerations, path.child('tolerations'), out);
  if (spec.hostAliases) checkHostAliases(spec.hostAliases, path.child('hostAliases'), out);
  if (spec.priorityClassName) checkDnsSubdomain(spec.priorityClassName, path.child('priorityClassName'), out);
  if (spec.runtimeClassName !== undefined)
    checkDnsSubdomain(spec.runtimeClassName, path.child('runtimeClassName'), out);
  if (spec.preemptionPolicy !== undefined) {
    if (spec.preemptionPolicy === '') out.push(fieldErrors.required(path.child('preemptionPolicy')));
    else checkOneOf(spec.preemptionPolicy, path.child('preemptionPolicy'), PREEMPTION_POLICIES, out);
  }
  if (spec.overhead !== undefined)
    checkResourceRequirements(
      { limits: spec.overhead },
      path.child('overhead'),
      {
        checkName: checkContainerResourceName,
        claimNames: scope.claimNames,
        allowIndivisibleHugePages: scope.rules.allowIndivisibleHugePages,
      },
      out,
    );
}

function checkResourceClaims(claims: readonly PodResourceClaim[], path: FieldPath, out: Findings): void {
  const names = new Set<string>();
  for (const [i, claim] of claims.entries()) {
    const at = path.index(i);
    if (!claim.name) out.push(fieldErrors.required(at.child('name')));
    else if (names.has(claim.name)) out.push(fieldErrors.duplicate(at.child('name'), claim.name));
    else {
      checkDnsLabel(claim.name, at.child('name'), out);
      names.add(claim.name);
    }
    const { resourceClaimName, resourceClaimTemplateName } = claim;
    if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined)
      out.push(
        fieldErrors.invalid(
          at,
          internalForm(claim, INTERNAL_RESOURCE_CLAIM),
          'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified',
        ),
      );
    if (resourceClaimName === undefined && resourceClaimTemplateName === undefined)
      out.push(
        fieldErrors.invalid(
          at,
          internalForm(claim, INTERNAL_RESOURCE_CLAIM),
          'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`',
        ),
      );
    for (const field of ['resourceClaimName', 'resourceClaimTemplateName'] as const)
      if (claim[field] !== undefined) checkDnsSubdomain(claim[field] ?? '', at.child(field), out);
  }
}

export interface TemplateOptions {
  /** The template before the update: what it had wrong may stay. */
  readonly old?: PodTemplateSpec | undefined;
}

/** Templates of pods in Deployments, Jobs and the like. */
export function validatePodTemplateSpec(
  template: PodTemplateSpec,
  path: FieldPath,
  options: TemplateOptions = {},
): FieldError[] {
  const out: Findings = [];
  const old = options.old;
  const rules = podRules(
    false,
    old?.spec === undefined ? undefined : { spec: old.spec, annotations: old.metadata?.annotations },
  );
  const meta = template.metadata;
  const spec = template.spec ?? { containers: [] };
  checkLabels(meta?.labels, path.child('labels'), out);
  checkAnnotations(meta?.annotations, path.child('annotations'), out);
  checkPodAnnotations({ annotations: meta?.annotations, spec, rules }, path.child('annotations'), out);
  checkPodSpec(spec, path.child('spec'), { rules, podName: '' }, out);
  checkProfileAnnotations(meta?.annotations, spec, path.child('spec'), out);
  if ((spec.ephemeralContainers ?? []).length > 0)
    out.push(
      fieldErrors.forbidden(
        path.child('spec', 'ephemeralContainers'),
        'ephemeral containers not allowed in pod template',
      ),
    );
  return out;
}
