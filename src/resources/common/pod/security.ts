// Security contexts of pods and containers: users, seccomp, AppArmor, sysctls and the combinations that cannot be.
// Source: https://kubernetes.io/docs/tasks/configure-pod-container/security-context/
import { type FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import type {
  AppArmorProfile,
  PodSecurityContext,
  PodSpec,
  SeccompProfile,
  SecurityContext,
  Sysctl,
} from '../../generated/core-v1.ts';
import { checkOneOf, type Findings } from '../collect.ts';
import { checkUnixId } from '../names.ts';
import { checkDescendingPath } from '../paths.ts';
import { INTERNAL_PROFILE, INTERNAL_SECURITY_CONTEXT, internalForm } from './internal-form.ts';
import type { PodScope } from './scope.ts';
import { visitContainers } from './visit.ts';
import { checkWindowsOptions } from './windows.ts';

const PROC_MOUNTS = { supported: ['Default', 'Unmasked'] };

export function checkSecurityContext(context: SecurityContext, path: FieldPath, scope: PodScope): void {
  const { out } = scope;
  checkUnixId(context.runAsUser, path.child('runAsUser'), out);
  checkUnixId(context.runAsGroup, path.child('runAsGroup'), out);
  if (context.procMount !== undefined) {
    checkOneOf(context.procMount, path.child('procMount'), PROC_MOUNTS, out);
    if (context.procMount === 'Unmasked' && scope.hostUsers)
      out.push(
        fieldErrors.invalid(path.child('procMount'), context.procMount, '`hostUsers` must be false to use `Unmasked`'),
      );
  }
  if (context.seccompProfile) checkSeccompProfile(context.seccompProfile, path.child('seccompProfile'), out);
  if (context.allowPrivilegeEscalation === false) checkNoEscalation(context, path, out);
  if (context.windowsOptions) checkWindowsOptions(context.windowsOptions, path.child('windowsOptions'), out);
  if (context.appArmorProfile) checkAppArmorProfile(context.appArmorProfile, path.child('appArmorProfile'), out);
}

function checkNoEscalation(context: SecurityContext, path: FieldPath, out: Findings): void {
  const whole = (): unknown => internalForm(context, INTERNAL_SECURITY_CONTEXT);
  if (context.privileged === true)
    out.push(
      fieldErrors.invalid(path, whole(), 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'),
    );
  for (const capability of context.capabilities?.add ?? []) {
    if (capability === 'CAP_SYS_ADMIN')
      out.push(
        fieldErrors.invalid(
          path,
          whole(),
          'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN',
        ),
      );
  }
}

const PROFILE_TYPES = { supported: ['Localhost', 'RuntimeDefault', 'Unconfined'] };

function checkSeccompProfile(profile: SeccompProfile, path: FieldPath, out: Findings): void {
  const type = profile.type ?? '';
  if (type === '') out.push(fieldErrors.required(path.child('type'), 'type is required when seccompProfile is set'));
  else checkOneOf(type, path.child('type'), PROFILE_TYPES, out);
  const file = profile.localhostProfile;
  const at = path.child('localhostProfile');
  if (type !== 'Localhost') {
    if (file !== undefined)
      out.push(
        fieldErrors.invalid(
          at,
          internalForm(profile, INTERNAL_PROFILE),
          'can only be set when seccomp type is Localhost',
        ),
      );
  } else if (file === undefined) out.push(fieldErrors.required(at, 'must be set when seccomp type is Localhost'));
  else checkDescendingPath(file, at, out);
}

const MAX_PROFILE_LENGTH = 4095;

function checkAppArmorProfile(profile: AppArmorProfile, path: FieldPath, out: Findings): void {
  const type = profile.type ?? '';
  const file = profile.localhostProfile;
  const at = path.child('localhostProfile');
  if (type === '') out.push(fieldErrors.required(path.child('type'), 'type is required when appArmorProfile is set'));
  else if (!checkOneOf(type, path.child('type'), PROFILE_TYPES, out)) return;
  else if (type !== 'Localhost') {
    if (file !== undefined) out.push(fieldErrors.invalid(at, file, 'can only be set when AppArmor type is Localhost'));
  } else if (file === undefined || file === '')
    out.push(fieldErrors.required(at, 'must be set when AppArmor type is Localhost'));
  else {
    if (file.trim() !== file) out.push(fieldErrors.invalid(at, file, 'must not be padded with whitespace'));
    if (file.length > MAX_PROFILE_LENGTH) out.push(fieldErrors.tooLong(at, MAX_PROFILE_LENGTH));
  }
}

const GROUP_POLICIES = { supported: ['Always', 'OnRootMismatch'] };
const SUPPLEMENTAL_POLICIES = { supported: ['Merge', 'Strict'] };
const SELINUX_POLICIES = { supported: ['MountOption', 'Recursive'] };
/** Mounting with a label is behind the gate SELinuxMount, off by default: only objects that have a policy may have any. Source: KEP-1710. */
const NEW_SELINUX_POLICIES = { supported: ['Recursive'] };

export function checkPodSecurityContext(context: PodSecurityContext, path: FieldPath, scope: PodScope): void {
  const { out, spec } = scope;
  checkUnixId(context.fsGroup, path.child('fsGroup'), out);
  checkUnixId(context.runAsUser, path.child('runAsUser'), out);
  checkUnixId(context.runAsGroup, path.child('runAsGroup'), out);
  for (const [i, id] of (context.supplementalGroups ?? []).entries())
    checkUnixId(id, path.child('supplementalGroups').index(i), out);
  checkSharedProcesses(spec, path, out);
  if (context.sysctls) checkSysctls(context.sysctls, path.child('sysctls'), scope);
  if (context.fsGroupChangePolicy !== undefined)
    checkOneOf(context.fsGroupChangePolicy, path.child('fsGroupChangePolicy'), GROUP_POLICIES, out);
  if (context.seccompProfile) checkSeccompProfile(context.seccompProfile, path.child('seccompProfile'), out);
  if (context.windowsOptions) checkWindowsOptions(context.windowsOptions, path.child('windowsOptions'), out);
  if (context.appArmorProfile) checkAppArmorProfile(context.appArmorProfile, path.child('appArmorProfile'), out);
  if (context.supplementalGroupsPolicy !== undefined)
    checkOneOf(context.supplementalGroupsPolicy, path.child('supplementalGroupsPolicy'), SUPPLEMENTAL_POLICIES, out);
  if (context.seLinuxChangePolicy !== undefined)
    checkOneOf(
      context.seLinuxChangePolicy,
      path.child('seLinuxChangePolicy'),
      scope.rules.allowAnySELinuxPolicy ? SELINUX_POLICIES : NEW_SELINUX_POLICIES,
      out,
    );
}

/** Reported in the security context, where Kubernetes keeps the field inside. */
function checkSharedProcesses(spec: PodSpec, path: FieldPath, out: Findings): void {
  if (spec.hostPID === true && spec.shareProcessNamespace === true)
    out.push(
      fieldErrors.invalid(
        path.child('shareProcessNamespace'),
        true,
        'ShareProcessNamespace and HostPID cannot both be enabled',
      ),
    );
}

const SYSCTL_NAME = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/;
const SYSCTL_RULE =
  'must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$';

function checkSysctls(sysctls: readonly Sysctl[], path: FieldPath, scope: PodScope): void {
  const { out, spec, rules } = scope;
  const seen = new Set<string>();
  for (const [i, sysctl] of sysctls.entries()) {
    const name = sysctl.name ?? '';
    const at = path.index(i).child('name');
    if (name === '') out.push(fieldErrors.required(at));
    else if (name.length > 253 || !SYSCTL_NAME.test(name)) out.push(fieldErrors.invalid(at, name, SYSCTL_RULE));
    else if (seen.has(name)) out.push(fieldErrors.duplicate(at, name));
    seen.add(name);
    const field = rules.allowHostSysctls ? undefined : sharedWithHost(name, spec);
    if (field !== undefined) out.push(fieldErrors.invalid(at, name, `may not be specified when '${field}' is true`));
  }
}

/** The field by which a pod shares with the host what a sysctl is about. */
export function sharedWithHost(sysctl: string, spec: PodSpec): 'hostNetwork' | 'hostIPC' | undefined {
  const namespace = sysctlNamespace(sysctl);
  if (spec.hostNetwork === true && namespace === 'net') return 'hostNetwork';
  return spec.hostIPC === true && namespace === 'ipc' ? 'hostIPC' : undefined;
}

function sysctlNamespace(name: string): 'ipc' | 'net' | '' {
  const dotted = name.replaceAll('/', '.');
  if (dotted.startsWith('net.')) return 'net';
  if (dotted === 'kernel.sem' || /^(kernel\.shm|kernel\.msg|fs\.mqueue\.)/.test(dotted)) return 'ipc';
  return '';
}

/** A user namespace of its own does not go with the host's other namespaces. Source: KEP-127. */
export function checkHostUsers(path: FieldPath, { spec, rules, out }: PodScope): void {
  if (spec.hostUsers !== false) return;
  const why = 'when `hostUsers` is false';
  if (spec.hostNetwork === true) out.push(fieldErrors.forbidden(path.child('hostNetwork'), why));
  if (spec.hostPID === true) out.push(fieldErrors.forbidden(path.child('HostPID'), why));
  if (spec.hostIPC === true) out.push(fieldErrors.forbidden(path.child('HostIPC'), why));
  if (rules.allowDevicesInUserNamespace) return;
  visitContainers(spec, path, (container, at) => {
    if ((container.volumeDevices ?? []).length > 0) out.push(fieldErrors.forbidden(at.child('volumeDevices'), why));
  });
}
