// Which sysctls a pod may set. https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/
import type { Pod } from '../../resources/generated/core-v1.ts';
import { specOf } from '../pod/identity.ts';

const SAFE: ReadonlySet<string> = new Set([
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

const IPC = /^(kernel\.(shm|msg|sem)|fs\.mqueue\.)/;

function normal(name: string): string {
  return name.replaceAll('/', '.');
}

function listed(name: string, allowed: readonly string[]): boolean {
  if (SAFE.has(name)) return true;
  return allowed.some((a) => (a.endsWith('*') ? name.startsWith(a.slice(0, -1)) : a === name));
}

export interface Refusal {
  readonly reason: string;
  readonly message: string;
}

/** A `+` or a line break in a value could reach other settings through a runtime's parser. */
export function refuseSysctls(pod: Pod, allowed: readonly string[]): Refusal | undefined {
  const spec = specOf(pod);
  for (const { name, value } of spec.securityContext?.sysctls ?? []) {
    const plain = normal(name);
    const refusal = (why: string): Refusal => ({
      reason: 'SysctlForbidden',
      message: `forbidden sysctl: "${name}" ${why}`,
    });
    if (!listed(plain, allowed)) return refusal('not allowlisted');
    if (plain.startsWith('net.') && spec.hostNetwork === true) return refusal('not allowed with host net enabled');
    if (IPC.test(plain) && spec.hostIPC === true) return refusal('not allowed with host ipc enabled');
    if (/[\n\r\0+]/.test(value)) return refusal('has a value with forbidden characters');
  }
  return undefined;
}

export function sysctlsOf(pod: Pod): Readonly<Record<string, string>> {
  return Object.fromEntries((specOf(pod).securityContext?.sysctls ?? []).map((s) => [normal(s.name), s.value]));
}
