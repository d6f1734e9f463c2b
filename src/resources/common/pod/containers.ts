// Containers of a pod: what all share, and what sets regular, init and ephemeral ones apart.
// Source: https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#differences-from-regular-containers
import { type FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import type {
  Container,
  ContainerResizePolicy,
  ContainerRestartRule,
  EphemeralContainer,
} from '../../generated/core-v1.ts';
import { checkOneOf } from '../collect.ts';
import { checkDnsLabel } from '../names.ts';
import { checkContainerResourceName, checkResourceRequirements } from '../resource-lists.ts';
import { checkEnv, checkEnvFrom } from './env.ts';
import { checkLifecycle, checkProbes } from './handlers.ts';
import { checkMounts } from './mounts.ts';
import { checkContainerPorts, checkHostPortConflicts } from './ports.ts';
import type { PodScope } from './scope.ts';
import { checkSecurityContext } from './security.ts';
import { checkPullPolicy } from './volumes.ts';

const MESSAGE_POLICIES = { supported: ['File', 'FallbackToLogsOnError'] };

function checkCommon(container: Container, path: FieldPath, scope: PodScope): void {
  const { out } = scope;
  if (!container.name) out.push(fieldErrors.required(path.child('name')));
  else checkDnsLabel(container.name, path.child('name'), out);
  if (!container.image) out.push(fieldErrors.required(path.child('image')));
  if (!container.terminationMessagePolicy) out.push(fieldErrors.required(path.child('terminationMessagePolicy')));
  else checkOneOf(container.terminationMessagePolicy, path.child('terminationMessagePolicy'), MESSAGE_POLICIES, out);
  if (container.ports) checkContainerPorts(container.ports, path.child('ports'), out);
  if (container.env) checkEnv(container.env, path.child('env'), scope);
  if (container.envFrom) checkEnvFrom(container.envFrom, path.child('envFrom'), out);
  if (container.volumeMounts || container.volumeDevices) checkMounts(container, path, scope);
  checkPullPolicy(container.imagePullPolicy, path.child('imagePullPolicy'), out);
  checkResourceRequirements(
    container.resources,
    path.child('resources'),
    {
      checkName: checkContainerResourceName,
      claimNames: scope.claimNames,
      allowIndivisibleHugePages: scope.rules.allowIndivisibleHugePages,
    },
    out,
  );
  if (container.resizePolicy) checkResizePolicy(container.resizePolicy, path.child('resizePolicy'), scope);
  if (container.securityContext) checkSecurityContext(container.securityContext, path.child('securityContext'), scope);
}

const RESIZABLE: readonly string[] = ['cpu', 'memory'];
const RESIZE_POLICIES: readonly string[] = ['NotRequired', 'RestartContainer'];

/** Source: KEP-1287. The paths have no index: so Kubernetes reports them. */
function checkResizePolicy(policies: readonly ContainerResizePolicy[], path: FieldPath, scope: PodScope): void {
  const { out } = scope;
  const seen = new Set<string>();
  for (const [i, policy] of policies.entries()) {
    const name = policy.resourceName ?? '';
    const restart = policy.restartPolicy ?? '';
    if (seen.has(name)) out.push(fieldErrors.duplicate(path.index(i), name));
    seen.add(name);
    if (name === '') out.push(fieldErrors.required(path));
    else if (!RESIZABLE.includes(name)) out.push(fieldErrors.notSupported(path, name, RESIZABLE));
    if (restart === '') out.push(fieldErrors.required(path));
    else if (!RESIZE_POLICIES.includes(restart)) out.push(fieldErrors.notSupported(path, restart, RESIZE_POLICIES));
    if (scope.spec.restartPolicy === 'Never' && restart !== 'NotRequired')
      out.push(fieldErrors.invalid(path, restart, "must be 'NotRequired' when pod `restartPolicy` is 'Never'"));
  }
}

const RESTART_POLICIES = { supported: ['Always', 'Never', 'OnFailure'] };
const RULE_ACTIONS = { supported: ['Restart', 'RestartAllContainers'] };
const RULE_OPERATORS = { supported: ['In', 'NotIn'] };
const MAX_RULES = 20;
const MAX_EXIT_CODES = 255;

/** A restart policy of the container's own. Source: KEP-5307. */
function checkRestartPolicy(container: Container, path: FieldPath, isInit: boolean, scope: PodScope): void {
  const { out } = scope;
  const policy = container.restartPolicy;
  const rules = container.restartPolicyRules ?? [];
  if (policy !== undefined) checkOneOf(policy, path.child('restartPolicy'), RESTART_POLICIES, out);
  else if (rules.length > 0)
    out.push(
      fieldErrors.required(path.child('restartPolicy'), 'must specify restartPolicy when restart rules are used'),
    );
  // Of an init container without a policy the rules are not looked at.
  if (policy === undefined && isInit) return;
  const at = path.child('restartPolicyRules');
  if (rules.length > MAX_RULES) out.push(fieldErrors.tooMany(at, rules.length, MAX_RULES));
  for (const [i, rule] of rules.entries()) checkRestartRule(rule, at.index(i), scope);
}

function checkRestartRule(rule: ContainerRestartRule, path: FieldPath, scope: PodScope): void {
  const { out } = scope;
  checkOneOf(rule.action ?? '', path.child('action'), RULE_ACTIONS, out);
  if (!rule.exitCodes) {
    out.push(fieldErrors.required(path.child('exitCodes'), 'must be specified'));
    return;
  }
  const at = path.child('exitCodes');
  checkOneOf(rule.exitCodes.operator ?? '', at.child('operator'), RULE_OPERATORS, out);
  const values = rule.exitCodes.values ?? [];
  if (values.length > MAX_EXIT_CODES) out.push(fieldErrors.tooMany(at.child('values'), values.length, MAX_EXIT_CODES));
}

export function checkContainers(path: FieldPath, scope: PodScope): void {
  const containers = scope.spec.containers ?? [];
  if (containers.length === 0) {
    scope.out.push(fieldErrors.required(path));
    return;
  }
  const names = new Set<string>();
  for (const [i, container] of containers.entries()) {
    const at = path.index(i);
    checkCommon(container, at, scope);
    if (names.has(container.name)) scope.out.push(fieldErrors.duplicate(at.child('name'), container.name));
    else names.add(container.name);
    if (container.lifecycle) checkLifecycle(container.lifecycle, at.child('lifecycle'), scope);
    checkProbes(container, at, scope);
    checkRestartPolicy(container, at, false, scope);
  }
  checkHostPortConflicts(containers, path, scope.out);
}

export function checkInitContainers(path: FieldPath, scope: PodScope): void {
  const containers = scope.spec.initContainers ?? [];
  const names = new Set((scope.spec.containers ?? []).map((c) => c.name));
  for (const [i, container] of containers.entries()) {
    const at = path.index(i);
    checkCommon(container, at, scope);
    checkRestartPolicy(container, at, true, scope);
    if (names.has(container.name)) scope.out.push(fieldErrors.duplicate(at.child('name'), container.name));
    else if (container.name) names.add(container.name);
    checkHostPortConflicts([container], path, scope.out);
    if (container.restartPolicy === 'Always') {
      if (container.lifecycle) checkLifecycle(container.lifecycle, at.child('lifecycle'), scope);
      checkProbes(container, at, scope);
    } else checkNotSidecar(container, at, scope);
  }
}

function checkNotSidecar(container: Container, path: FieldPath, scope: PodScope): void {
  for (const field of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const)
    if (container[field])
      scope.out.push(
        fieldErrors.forbidden(path.child(field), 'may not be set for init containers without restartPolicy=Always'),
      );
  if (scope.rules.allowRestartingInitContainers) return;
  for (const [i, policy] of (container.resizePolicy ?? []).entries())
    if (policy.restartPolicy === 'RestartContainer')
      scope.out.push(
        fieldErrors.invalid(
          path.child('resizePolicy').index(i).child('restartPolicy'),
          policy.restartPolicy,
          "must not be set to 'RestartContainer' for non-sidecar initContainers",
        ),
      );
}

/** An init container that would start again to be resized: what runs once cannot. */
export function restartsToResize(container: Container): boolean {
  return (
    container.restartPolicy !== 'Always' &&
    (container.resizePolicy ?? []).some((policy) => policy.restartPolicy === 'RestartContainer')
  );
}

/** What a container made for debugging may not have: it must never become part of the workload. */
const NOT_EPHEMERAL = [
  'ports',
  'resources',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
] as const satisfies readonly (keyof EphemeralContainer)[];

export function checkEphemeralContainers(path: FieldPath, scope: PodScope): void {
  const containers = scope.spec.ephemeralContainers ?? [];
  if (containers.length === 0) return;
  const others = new Set([...(scope.spec.containers ?? []), ...(scope.spec.initContainers ?? [])].map((c) => c.name));
  const names = new Set(others);
  for (const [i, container] of containers.entries()) {
    const at = path.index(i);
    checkCommon(container, at, scope);
    checkImagePadding(container.image, at.child('image'), scope);
    if (names.has(container.name)) scope.out.push(fieldErrors.duplicate(at.child('name'), container.name));
    else names.add(container.name);
    const target = container.targetContainerName ?? '';
    if (target !== '' && !others.has(target))
      scope.out.push(fieldErrors.notFound(at.child('targetContainerName'), target));
    checkEphemeralFields(container, at, scope);
  }
}

const ONLY_FOR_OTHERS = 'cannot be set for an Ephemeral Container';

function checkEphemeralFields(container: EphemeralContainer, path: FieldPath, scope: PodScope): void {
  for (const field of NOT_EPHEMERAL) {
    const value = container[field];
    const empty =
      value === undefined ||
      (Array.isArray(value) && value.length === 0) ||
      (field === 'resources' && Object.keys(value).length === 0);
    if (!empty) scope.out.push(fieldErrors.forbidden(path.child(field), ONLY_FOR_OTHERS));
  }
  for (const [i, mount] of (container.volumeMounts ?? []).entries())
    for (const field of ['subPath', 'subPathExpr'] as const)
      if (mount[field])
        scope.out.push(fieldErrors.forbidden(path.child('volumeMounts').index(i).child(field), ONLY_FOR_OTHERS));
}

/** Pods only: templates may carry images with spaces, which some tools use as a placeholder. */
export function checkImagePadding(image: string | undefined, path: FieldPath, scope: PodScope): void {
  if (image !== undefined && image.trim() !== image)
    scope.out.push(fieldErrors.invalid(path, image, 'must not have leading or trailing whitespace'));
}
