// Which Linux capabilities a container gets: containerd's default set, what the pod adds and drops, and no more than this host has.
import type { LinuxSecurity } from '../../port.ts';

/** In the kernel's order; the position is the bit. https://man7.org/linux/man-pages/man7/capabilities.7.html */
export const CAPABILITIES =
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'
    .split(' ')
    .map((name) => `CAP_${name}`);

/** https://github.com/containerd/containerd/blob/main/pkg/oci/spec.go (defaultUnixCaps) */
export const DEFAULT_CAPABILITIES =
  'CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE'
    .split(' ')
    .map((name) => `CAP_${name}`);

export function capabilitiesOf(mask: bigint): string[] {
  return CAPABILITIES.filter((_, bit) => ((mask >> BigInt(bit)) & 1n) === 1n);
}

/** Names go without the prefix; with it they name nothing. */
function normal(name: string): string {
  const upper = name.toUpperCase();
  return upper === 'ALL' ? upper : `CAP_${upper}`;
}

/**
 * `available`: what this host can give at all; asking for more would keep the container from starting.
 * What names no capability is passed over, as containerd and crun have it.
 */
export function containerCapabilities(security: LinuxSecurity, available: readonly string[]): string[] {
  const can = new Set(available);
  if (security.privileged) return CAPABILITIES.filter((c) => can.has(c));
  const add = (security.capabilities?.add ?? []).map(normal);
  const drop = (security.capabilities?.drop ?? []).map(normal);
  let set = new Set(DEFAULT_CAPABILITIES);
  // As the CRI says: "ALL" first, then the single names.
  if (add.includes('ALL')) set = new Set(CAPABILITIES);
  if (drop.includes('ALL')) set = new Set();
  for (const name of add) if (name !== 'ALL') set.add(name);
  for (const name of drop) set.delete(name);
  return CAPABILITIES.filter((c) => set.has(c) && can.has(c));
}
