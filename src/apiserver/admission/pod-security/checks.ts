// The Pod Security Standards: what each level forbids, in the words of Kubernetes. Pure.
// Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
import type { Container, PodSpec, SecurityContext, Volume } from '../../../resources/generated/core-v1.ts';

export type Level = 'privileged' | 'baseline' | 'restricted';

export interface Violation {
  readonly reason: string;
  readonly detail: string;
}

export interface PodToCheck {
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
}

type Check = (pod: PodToCheck) => Violation | undefined;

const quote = (items: Iterable<string>): string => [...items].map((item) => JSON.stringify(item)).join(', ');
const plural = (one: string, many: string, count: number): string => (count === 1 ? one : many);

function containersOf(spec: PodSpec): Container[] {
  return [...(spec.initContainers ?? []), ...spec.containers, ...((spec.ephemeralContainers ?? []) as Container[])];
}

function named(containers: readonly Container[]): string {
  return `${plural('container', 'containers', containers.length)} ${quote(containers.map((c) => c.name))}`;
}

function bad(pod: PodToCheck, forbidden: (context: SecurityContext, container: Container) => boolean): Container[] {
  return containersOf(pod.spec).filter((container) => forbidden(container.securityContext ?? {}, container));
}

function isWindows(pod: PodToCheck): boolean {
  return pod.spec.os?.name === 'windows';
}

function found(reason: string, details: readonly string[], separator = ', '): Violation | undefined {
  return details.length === 0 ? undefined : { reason, detail: details.join(separator) };
}

const allowPrivilegeEscalation: Check = (pod) => {
  if (isWindows(pod)) return undefined;
  const containers = bad(pod, (context) => context.allowPrivilegeEscalation !== false);
  if (containers.length === 0) return undefined;
  return {
    reason: 'allowPrivilegeEscalation != false',
    detail: `${named(containers)} must set securityContext.allowPrivilegeEscalation=false`,
  };
};

const APPARMOR_PREFIX = 'container.apparmor.security.beta.kubernetes.io/';

const appArmorProfile: Check = (pod) => {
  const details: string[] = [];
  const values: string[] = [];
  if (pod.spec.securityContext?.appArmorProfile?.type === 'Unconfined') {
    details.push('pod must not set AppArmor profile type to "Unconfined"');
    values.push('Unconfined');
  }
  const containers = bad(pod, (context) => context.appArmorProfile?.type === 'Unconfined');
  if (containers.length > 0) details.push(`${named(containers)} must not set AppArmor profile type to "Unconfined"`);
  for (const [key, value] of Object.entries(pod.annotations)) {
    const allowed = value === '' || value === 'runtime/default' || value.startsWith('localhost/');
    if (key.startsWith(APPARMOR_PREFIX) && !allowed) {
      details.push(`annotation ${key}=${JSON.stringify(value)}`);
      values.push(value);
    }
  }
  return found(
    plural('forbidden AppArmor profile', 'forbidden AppArmor profiles', Math.max(values.length, 1)),
    details,
  );
};

const DEFAULT_CAPABILITIES: ReadonlySet<string> = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
]);

function addedBeyond(
  pod: PodToCheck,
  allowed: ReadonlySet<string>,
): { containers: Container[]; capabilities: Set<string> } {
  const capabilities = new Set<string>();
  const containers = bad(pod, (context) => {
    const beyond = (context.capabilities?.add ?? []).filter((capability) => !allowed.has(capability));
    for (const capability of beyond) capabilities.add(capability);
    return beyond.length > 0;
  });
  return { containers, capabilities: new Set([...capabilities].sort()) };
}

const capabilitiesBaseline: Check = (pod) => {
  const { containers, capabilities } = addedBeyond(pod, DEFAULT_CAPABILITIES);
  if (containers.length === 0) return undefined;
  return {
    reason: 'non-default capabilities',
    detail: `${named(containers)} must not include ${quote(capabilities)} in securityContext.capabilities.add`,
  };
};

const capabilitiesRestricted: Check = (pod) => {
  if (isWindows(pod)) return undefined;
  const details: string[] = [];
  const missing = bad(pod, (context) => !(context.capabilities?.drop ?? []).includes('ALL'));
  if (missing.length > 0) details.push(`${named(missing)} must set securityContext.capabilities.drop=["ALL"]`);
  const { containers, capabilities } = addedBeyond(pod, new Set(['NET_BIND_SERVICE']));
  if (containers.length > 0) {
    details.push(`${named(containers)} must not include ${quote(capabilities)} in securityContext.capabilities.add`);
  }
  return found('unrestricted capabilities', details, '; ');
};

const hostNamespaces: Check = ({ spec }) => {
  const details: string[] = [];
  for (const field of ['hostNetwork', 'hostPID', 'hostIPC'] as const)
    if (spec[field] === true) details.push(`${field}=true`);
  return found('host namespaces', details);
};

const hostPathVolumes: Check = ({ spec }) => {
  const volumes = (spec.volumes ?? []).filter((volume) => volume.hostPath !== undefined).map((volume) => volume.name);
  if (volumes.length === 0) return undefined;
  return { reason: 'hostPath volumes', detail: `${plural('volume', 'volumes', volumes.length)} ${quote(volumes)}` };
};

const hostPorts: Check = (pod) => {
  const ports = new Set<number>();
  const containers = bad(pod, (_context, container) => {
    const used = (container.ports ?? []).map((port) => port.hostPort ?? 0).filter((port) => port !== 0);
    for (const port of used) ports.add(port);
    return used.length > 0;
  });
  if (containers.length === 0) return undefined;
  const word = plural('hostPort', 'hostPorts', ports.size);
  const use = plural('uses', 'use', containers.length);
  const shown = [...ports].map(String).sort().join(', ');
  return { reason: word, detail: `${named(containers)} ${use} ${word} ${shown}` };
};

const privileged: Check = (pod) => {
  const containers = bad(pod, (context) => context.privileged === true);
  if (containers.length === 0) return undefined;
  return { reason: 'privileged', detail: `${named(containers)} must not set securityContext.privileged=true` };
};

const procMount: Check = (pod) => {
  const values = new Set<string>();
  const containers = bad(pod, (context) => {
    const value = context.procMount ?? 'Default';
    if (value === 'Default') return false;
    values.add(value);
    return true;
  });
  if (containers.length === 0) return undefined;
  return {
    reason: 'procMount',
    detail: `${named(containers)} must not set securityContext.procMount to ${quote([...values].sort())}`,
  };
};

const RESTRICTED_VOLUMES: ReadonlySet<string> = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
  'image',
]);

function volumeType(volume: Volume): string {
  return Object.keys(volume).find((key) => key !== 'name') ?? 'unknown';
}

const restrictedVolumes: Check = ({ spec }) => {
  const volumes = (spec.volumes ?? []).filter((volume) => !RESTRICTED_VOLUMES.has(volumeType(volume)));
  if (volumes.length === 0) return undefined;
  const types = [...new Set(volumes.map(volumeType))].sort();
  const use = plural('uses', 'use', volumes.length);
  const word = plural('type', 'types', types.length);
  const names = quote(volumes.map((volume) => volume.name));
  return {
    reason: 'restricted volume types',
    detail: `${plural('volume', 'volumes', volumes.length)} ${names} ${use} restricted volume ${word} ${quote(types)}`,
  };
};

const runAsNonRoot: Check = (pod) => {
  const details: string[] = [];
  const own = pod.spec.securityContext?.runAsNonRoot;
  if (own === false) details.push('pod must not set securityContext.runAsNonRoot=false');
  const explicit = bad(pod, (context) => context.runAsNonRoot === false);
  if (explicit.length > 0) details.push(`${named(explicit)} must not set securityContext.runAsNonRoot=false`);
  if (details.length > 0) return found('runAsNonRoot != true', details);
  if (own === true) return undefined;
  const implicit = bad(pod, (context) => context.runAsNonRoot === undefined);
  if (implicit.length === 0) return undefined;
  return {
    reason: 'runAsNonRoot != true',
    detail: `pod or ${named(implicit)} must set securityContext.runAsNonRoot=true`,
  };
};

const runAsUser: Check = (pod) => {
  const details: string[] = [];
  if (pod.spec.securityContext?.runAsUser === 0) details.push('pod must not set runAsUser=0');
  const containers = bad(pod, (context) => context.runAsUser === 0);
  if (containers.length > 0) details.push(`${named(containers)} must not set runAsUser=0`);
  return found('runAsUser=0', details);
};

const SELINUX_TYPES: ReadonlySet<string> = new Set([
  '',
  'container_t',
  'container_init_t',
  'container_kvm_t',
  'container_engine_t',
]);

const seLinuxOptions: Check = (pod) => {
  const types = new Set<string>();
  let user = false;
  let role = false;
  const look = (options: SecurityContext['seLinuxOptions']): boolean => {
    if (options === undefined) return false;
    const type = options.type ?? '';
    if (!SELINUX_TYPES.has(type)) types.add(type);
    user ||= (options.user ?? '') !== '';
    role ||= (options.role ?? '') !== '';
    return !SELINUX_TYPES.has(type) || (options.user ?? '') !== '' || (options.role ?? '') !== '';
  };
  const setters: string[] = [];
  if (look(pod.spec.securityContext?.seLinuxOptions)) setters.push('pod');
  const containers = bad(pod, (context) => look(context.seLinuxOptions));
  if (containers.length > 0) setters.push(named(containers));
  if (setters.length === 0) return undefined;
  const details: string[] = [];
  if (types.size > 0) details.push(`${plural('type', 'types', types.size)} ${quote([...types].sort())}`);
  if (user) details.push('user may not be set');
  if (role) details.push('role may not be set');
  return {
    reason: 'seLinuxOptions',
    detail: `${setters.join(' and ')} set forbidden securityContext.seLinuxOptions: ${details.join('; ')}`,
  };
};

function unconfinedSeccomp(pod: PodToCheck): string[] {
  const setters: string[] = [];
  if (pod.spec.securityContext?.seccompProfile?.type === 'Unconfined') setters.push('pod');
  const containers = bad(pod, (context) => context.seccompProfile?.type === 'Unconfined');
  if (containers.length > 0) setters.push(named(containers));
  if (setters.length === 0) return [];
  return [`${setters.join(' and ')} must not set securityContext.seccompProfile.type to "Unconfined"`];
}

const seccompBaseline: Check = (pod) => found('seccompProfile', unconfinedSeccomp(pod));

const seccompRestricted: Check = (pod) => {
  if (isWindows(pod)) return undefined;
  const details = unconfinedSeccomp(pod);
  const type = pod.spec.securityContext?.seccompProfile?.type;
  if (details.length === 0 && type !== 'RuntimeDefault' && type !== 'Localhost') {
    const containers = bad(pod, (context) => context.seccompProfile === undefined);
    if (containers.length > 0) {
      details.push(
        `pod or ${named(containers)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
      );
    }
  }
  return found('seccompProfile', details);
};

const SAFE_SYSCTLS: ReadonlySet<string> = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_wmem',
]);

const sysctls: Check = ({ spec }) => {
  const names = (spec.securityContext?.sysctls ?? []).map((one) => one.name).filter((name) => !SAFE_SYSCTLS.has(name));
  return found('forbidden sysctls', names);
};

const windowsHostProcess: Check = (pod) => {
  const setters: string[] = [];
  if (pod.spec.securityContext?.windowsOptions?.hostProcess === true) setters.push('pod');
  const containers = bad(pod, (context) => context.windowsOptions?.hostProcess === true);
  if (containers.length > 0) setters.push(named(containers));
  if (setters.length === 0) return undefined;
  return {
    reason: 'hostProcess',
    detail: `${setters.join(' and ')} must not set securityContext.windowsOptions.hostProcess=true`,
  };
};

/** In the order in which violations are told. */
const BASELINE: readonly Check[] = [
  appArmorProfile,
  capabilitiesBaseline,
  hostNamespaces,
  hostPathVolumes,
  hostPorts,
  privileged,
  procMount,
  seLinuxOptions,
  seccompBaseline,
  sysctls,
  windowsHostProcess,
];
const RESTRICTED: readonly Check[] = [
  allowPrivilegeEscalation,
  appArmorProfile,
  capabilitiesRestricted,
  hostNamespaces,
  hostPorts,
  privileged,
  procMount,
  restrictedVolumes,
  runAsNonRoot,
  runAsUser,
  seLinuxOptions,
  seccompRestricted,
  sysctls,
  windowsHostProcess,
];

export function violations(level: Level, pod: PodToCheck): Violation[] {
  if (level === 'privileged') return [];
  const checks = level === 'baseline' ? BASELINE : RESTRICTED;
  return checks.map((check) => check(pod)).filter((violation) => violation !== undefined);
}

/** `host namespaces (hostNetwork=true), privileged (…)` */
export function violationsText(all: readonly Violation[]): string {
  return all.map(({ reason, detail }) => `${reason} (${detail})`).join(', ');
}
