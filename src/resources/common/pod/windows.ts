// Rules for Windows pods, and for the operating system a pod says it is for.
// Source: https://kubernetes.io/docs/concepts/windows/intro/#compatibility-v1-pod
import { type FieldPath, fieldErrors } from '../../../machinery/field-error.ts';
import type {
  PodSecurityContext,
  PodSpec,
  SecurityContext,
  WindowsSecurityContextOptions,
} from '../../generated/core-v1.ts';
import type { Findings } from '../collect.ts';
import { checkDnsSubdomain } from '../names.ts';
import { visitContainers } from './visit.ts';

const MAX_SPEC_KIB = 64;
const MAX_DOMAIN = 256;
const MAX_USER = 104;

export function checkWindowsOptions(options: WindowsSecurityContextOptions, path: FieldPath, out: Findings): void {
  if (options.gmsaCredentialSpecName !== undefined)
    checkDnsSubdomain(options.gmsaCredentialSpecName, path.child('gmsaCredentialSpecName'), out);
  const spec = options.gmsaCredentialSpec;
  if (spec !== undefined) {
    const at = path.child('gmsaCredentialSpec');
    if (spec === '') out.push(fieldErrors.invalid(at, spec, 'gmsaCredentialSpec cannot be an empty string'));
    else if (Buffer.byteLength(spec) > MAX_SPEC_KIB * 1024)
      out.push(fieldErrors.invalid(at, spec, `gmsaCredentialSpec size must be under ${MAX_SPEC_KIB} KiB`));
  }
  const user = options.runAsUserName;
  if (user === undefined) return;
  for (const problem of userNameProblems(user))
    out.push(fieldErrors.invalid(path.child('runAsUserName'), user, problem));
}

const NETBIOS = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const DNS_DOMAIN =
  /^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;

function hasAsciiControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

function userNameProblems(name: string): string[] {
  if (name === '') return ['runAsUserName cannot be an empty string'];
  if (hasAsciiControl(name)) return ['runAsUserName cannot contain control characters'];
  const parts = name.split('\\');
  if (parts.length > 2) return ['runAsUserName cannot contain more than one backslash'];
  const domain = parts.length === 2 ? (parts[0] ?? '') : undefined;
  const user = parts.at(-1) ?? '';
  const problems: string[] = [];
  if (domain !== undefined && domain.length >= MAX_DOMAIN)
    problems.push(`runAsUserName's Domain length must be under ${MAX_DOMAIN} characters`);
  if (domain !== undefined && !NETBIOS.test(domain) && !DNS_DOMAIN.test(domain))
    problems.push("runAsUserName's Domain doesn't match the NetBios nor the DNS format");
  if (user === '') problems.push("runAsUserName's User cannot be empty");
  else if (user.length > MAX_USER)
    problems.push(`runAsUserName's User length must not be longer than ${MAX_USER} characters`);
  if (/^[. ]+$/.test(user)) problems.push("runAsUserName's User cannot contain only periods or spaces");
  if (/["/\\:;|=,+*?<>@[\]]/.test(user))
    problems.push(`runAsUserName's User cannot contain the following characters: "/\\:;|=,+*?<>@[]`);
  return problems;
}

/** All containers of a pod run as processes of the host, or none does. */
export function checkHostProcess(spec: PodSpec, path: FieldPath, out: Findings): void {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess;
  let total = 0;
  let hostProcesses = 0;
  visitContainers(spec, path, (container, at) => {
    total++;
    const own = container.securityContext?.windowsOptions?.hostProcess;
    if (ofPod !== undefined && own !== undefined && own !== ofPod)
      out.push(
        fieldErrors.invalid(
          at.child('securityContext', 'windowsOptions', 'hostProcess'),
          own,
          `pod hostProcess value must be identical if both are specified, was ${ofPod}`,
        ),
      );
    if (own ?? ofPod) hostProcesses++;
  });
  if (hostProcesses === 0) return;
  if (hostProcesses !== total)
    out.push(
      fieldErrors.invalid(
        path,
        '',
        'If pod contains any hostProcess containers then all containers must be HostProcess containers',
      ),
    );
  if (spec.hostNetwork !== true)
    out.push(
      fieldErrors.invalid(
        path.child('hostNetwork'),
        false,
        'hostNetwork must be true if pod contains any hostProcess containers',
      ),
    );
}

const SYSTEMS: readonly string[] = ['linux', 'windows'];

export function checkOperatingSystem(spec: PodSpec, path: FieldPath, out: Findings): void {
  if (spec.os === undefined) return;
  const name = spec.os.name ?? '';
  if (name === '') out.push(fieldErrors.required(path.child('os', 'name')));
  else if (!SYSTEMS.includes(name)) out.push(fieldErrors.notSupported(path.child('os'), name, SYSTEMS));
  else if (name === 'linux') checkLinux(spec, path, out);
  else checkWindows(spec, path, out);
}

function checkLinux(spec: PodSpec, path: FieldPath, out: Findings): void {
  const why = 'windows options cannot be set for a linux pod';
  if (spec.securityContext?.windowsOptions)
    out.push(fieldErrors.forbidden(path.child('securityContext', 'windowsOptions'), why));
  visitContainers(spec, path, (container, at) => {
    if (container.securityContext?.windowsOptions)
      out.push(fieldErrors.forbidden(at.child('securityContext', 'windowsOptions'), why));
  });
}

/** What a Windows pod may not have, in the order in which Kubernetes reports it: of the security context, or of the spec itself. */
const NOT_FOR_WINDOWS_PODS: readonly (
  | { readonly context: keyof PodSecurityContext }
  | { readonly spec: 'hostUsers' | 'hostPID' | 'hostIPC' | 'shareProcessNamespace' }
)[] = [
  { context: 'appArmorProfile' },
  { context: 'seLinuxOptions' },
  { spec: 'hostUsers' },
  { spec: 'hostPID' },
  { spec: 'hostIPC' },
  { context: 'seccompProfile' },
  { context: 'fsGroup' },
  { context: 'fsGroupChangePolicy' },
  { context: 'sysctls' },
  { spec: 'shareProcessNamespace' },
  { context: 'runAsUser' },
  { context: 'runAsGroup' },
  { context: 'supplementalGroups' },
  { context: 'supplementalGroupsPolicy' },
  { context: 'seLinuxChangePolicy' },
];

const NOT_FOR_WINDOWS_CONTAINERS = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'capabilities',
  'readOnlyRootFilesystem',
  'privileged',
  'allowPrivilegeEscalation',
  'procMount',
  'runAsUser',
  'runAsGroup',
] as const satisfies readonly (keyof SecurityContext)[];

function checkWindows(spec: PodSpec, path: FieldPath, out: Findings): void {
  const why = 'cannot be set for a windows pod';
  for (const rule of NOT_FOR_WINDOWS_PODS) {
    if ('spec' in rule) {
      const value = spec[rule.spec];
      const set = rule.spec === 'hostPID' || rule.spec === 'hostIPC' ? value === true : value !== undefined;
      if (set) out.push(fieldErrors.forbidden(path.child(rule.spec), why));
    } else if (spec.securityContext?.[rule.context] !== undefined)
      out.push(fieldErrors.forbidden(path.child('securityContext', rule.context), why));
  }
  visitContainers(spec, path, (container, at) => {
    for (const field of NOT_FOR_WINDOWS_CONTAINERS)
      if (container.securityContext?.[field] !== undefined)
        out.push(fieldErrors.forbidden(at.child('securityContext', field), why));
  });
}
